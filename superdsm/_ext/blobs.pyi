from typing import Any

import numpy as np
import numpy.typing as npt

PADDING: int
WAVES: int
MAXIMUM: np.dtype[np.void]

def integral(image: npt.NDArray[np.float64], padding: int) -> npt.NDArray[np.float64]: ...
def maxima(
    image: npt.NDArray[np.float64],
    sums: npt.NDArray[np.float64],
    lengths: npt.NDArray[np.intp],
    filters: npt.NDArray[np.float64],
    radii: npt.NDArray[np.intp],
    waves: npt.NDArray[np.float32],
    spectra: npt.NDArray[np.float32],
    sizes: npt.NDArray[np.intp],
    margins: npt.NDArray[np.float32],
    first: int,
    last: int,
    least: float,
) -> npt.NDArray[Any]: ...
