import numpy as np
import numpy.typing as npt

def scale_maxima(smoothed: list[npt.NDArray[np.float64]], least: float) -> npt.NDArray[np.float64]: ...
def without_overlaps(
    blobs: npt.NDArray[np.float64],
    order: npt.NDArray[np.int32],
    starts: npt.NDArray[np.int32],
    largest: npt.NDArray[np.float64],
    overlap: float,
) -> npt.NDArray[np.bool_]: ...
