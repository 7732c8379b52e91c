import numpy as np
import numpy.typing as npt

from superdsm._ext.newton import Objective
from superdsm._ext.region_layout import CentreLayout, RegionLayout

Array = npt.NDArray[np.float64]
Solution = tuple[Array, float, str, int]

class Model(Objective):
    layout: RegionLayout
    def mask(self, x: Array) -> npt.NDArray[np.uint8]: ...
    def positive_on_frame(self, x: Array, r0: int, c0: int, height: int, width: int) -> bool: ...

class EllipticalModel(Model):
    def __init__(self, layout: RegionLayout) -> None: ...
    def fit(self, timeout: float = ...) -> Solution: ...

class DeformableModel(Model):
    centre_layout: CentreLayout
    n_centres: int
    def __init__(self, layout: RegionLayout, kernel: Array, spacing: int) -> None: ...
    def fit(self, q: Array, alpha: float, epsilon: float, timeout: float = ...) -> Solution: ...

def logistic(y: Array, s: Array) -> tuple[Array, Array, Array]: ...
