import numpy as np
import numpy.typing as npt

def weighted_sums(
    image: npt.NDArray[np.float64],
    first_row: npt.NDArray[np.int32],
    row_weights: npt.NDArray[np.float64],
    first_column: npt.NDArray[np.int32],
    column_weights: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]: ...
def draw_degrees(
    labels: npt.NDArray[np.int32],
    best: npt.NDArray[np.float64],
    row: int,
    column: int,
    degrees: npt.NDArray[np.float64],
    label: int,
) -> None: ...
def largest_piece(mask: npt.NDArray[np.uint8]) -> tuple[int, int, npt.NDArray[np.uint8]]: ...
