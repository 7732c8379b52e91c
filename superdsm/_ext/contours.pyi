import numpy as np
import numpy.typing as npt

def step_across(labels: npt.NDArray[np.int32], image: npt.NDArray[np.float64], label: int) -> float: ...
