import numpy as np
import numpy.typing as npt

MAX_ATOMS: int

def atom_prices(
    sets: npt.NDArray[np.uint64], weights: npt.NDArray[np.float64], n_atoms: int
) -> npt.NDArray[np.float64]: ...
def table_cover(
    sets: npt.NDArray[np.uint64],
    weights: npt.NDArray[np.float64],
    prices: npt.NDArray[np.float64],
    limit: float,
) -> tuple[npt.NDArray[np.int64] | None, int]: ...
def exact_packing(sets: npt.NDArray[np.uint64], energies: npt.NDArray[np.float64], members: int) -> float: ...
