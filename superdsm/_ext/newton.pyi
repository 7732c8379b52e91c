import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

class Objective:
    def derivatives(self, x: Array, alpha: float = ..., epsilon: float = ...) -> tuple[float, Array, Array]: ...
