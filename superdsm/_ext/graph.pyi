import numpy as np
import numpy.typing as npt

def count_connected(
    indptr: npt.NDArray[np.int32],
    indices: npt.NDArray[np.int32],
    compatible: npt.NDArray[np.uint8],
    limit: int,
) -> int: ...
