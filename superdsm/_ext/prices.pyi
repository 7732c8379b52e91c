import numpy as np
import numpy.typing as npt

def outside_ellipse(mask: npt.NDArray[np.uint8]) -> float: ...
