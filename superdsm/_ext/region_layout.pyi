import numpy as np
import numpy.typing as npt

class RegionLayout:
    n_pixels: int
    n_foreground: int
    n_zeros: int
    def __init__(self, y: npt.NDArray[np.float64], omega: npt.NDArray[np.bool_]) -> None: ...
