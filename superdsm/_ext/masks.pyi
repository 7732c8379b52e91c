import numpy as np
import numpy.typing as npt

def dilate(mask: npt.NDArray[np.uint8], radius: int) -> npt.NDArray[np.bool_]: ...
def erode(mask: npt.NDArray[np.uint8], radius: int) -> npt.NDArray[np.bool_]: ...
def contrast_sums(
    mask: npt.NDArray[np.uint8],
    g: npt.NDArray[np.float64],
    near: npt.NDArray[np.uint8],
    squared: npt.NDArray[np.float64],
    offset: float,
    scale: float,
) -> tuple[float, float, float]: ...
def fill_holes(mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]: ...
def refine(
    mask: npt.NDArray[np.uint8], smooth: npt.NDArray[np.float64], radius: int, stdamp: float
) -> npt.NDArray[np.bool_]: ...
