import numpy as np
import numpy.typing as npt

def greedy_cover(
    sets: npt.NDArray[np.uint64], weights: npt.NDArray[np.float64], order: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]: ...
def greedy_packing(
    sets: npt.NDArray[np.uint64], energies: npt.NDArray[np.float64], members: npt.NDArray[np.uint64]
) -> float: ...
