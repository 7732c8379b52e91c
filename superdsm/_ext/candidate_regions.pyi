import numpy as np
import numpy.typing as npt

def valid_labels(
    atoms: npt.NDArray[np.int32], mask: npt.NDArray[np.uint8], near: npt.NDArray[np.uint8], n_atoms: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32]]: ...
def union_region(
    labels: npt.NDArray[np.int32],
    chosen: npt.NDArray[np.uint8],
    first: int,
    r0: int,
    r1: int,
    c0: int,
    c1: int,
) -> npt.NDArray[np.bool_]: ...
def enclosing_labels(inner: npt.NDArray[np.int32], outer: npt.NDArray[np.int32], n: int) -> npt.NDArray[np.int32]: ...
