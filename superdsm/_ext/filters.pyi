import numpy as np
import numpy.typing as npt

TILE: int

def correlate_columns(
    image: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    out: npt.NDArray[np.float64],
    first: int,
    last: int,
    wanted: npt.NDArray[np.int8] | None = None,
) -> None: ...
def column_maxima(image: npt.NDArray[np.float64], reach: int, out: npt.NDArray[np.float64]) -> None: ...
def subtract_offset(
    y: npt.NDArray[np.float64],
    clipped: npt.NDArray[np.float64],
    unclipped: npt.NDArray[np.float64],
    squared: npt.NDArray[np.float64],
    sigma: float,
    least: float,
    first: int,
    last: int,
) -> None: ...
