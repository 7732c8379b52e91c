"""Minimum-weight set cover: which of the candidate sets of atoms become objects (TPAMI 2023, Sec. 3.3, Eq. 6)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from superdsm._ext.exact_cover import exact_packing
from superdsm._ext.setcover import greedy_cover, greedy_packing


@dataclass(frozen=True, slots=True)
class Cover:
    """A family of candidates that covers all atoms.

    Attributes
    ----------
    chosen : tuple of int
        Indices of the candidates, ascending.
    cost : float
        Sum of their energies, plus beta for each.
    """

    chosen: tuple[int, ...]
    cost: float


def min_weight_cover(
    sets: Sequence[int], energies: Sequence[float], beta: float, *, max_iter: int, gamma: float
) -> Cover:
    """Cover all atoms with candidates of small total weight: greedily, with merges and retries.

    The weight of a candidate is its energy plus `beta`. The greedy choice is repeated with smaller and smaller values
    of beta, which favour smaller sets; the merges undo that where it does not pay under the beta at hand.

    Parameters
    ----------
    sets : sequence of int
        The candidates as bit masks: bit ``i`` is set if atom ``i`` belongs to the set. Ties take the first.
    energies : sequence of float
        The energies nu of the candidates, not negative.
    beta : float
        What each set of the cover costs in addition.
    max_iter : int
        Number of runs.
    gamma : float
        Factor of beta from run to run.

    Returns
    -------
    Cover
        The best cover found; it covers the union of all candidates.
    """
    words = _words(sets, max(1, (max(sets, default=0).bit_length() + 63) // 64))
    values = np.array(energies, np.float64)
    betas = [beta]
    while len(betas) < max_iter and betas[-1] * gamma != betas[-1]:
        betas.append(betas[-1] * gamma)
    best: list[int] = []
    for run_beta in reversed(betas):  # each run competes with the outcome of all runs with smaller beta, under its own
        weights = values + run_beta
        chosen = greedy_cover(words, weights, np.argsort(weights, kind="stable")).tolist()
        if not best or _cost(energies, run_beta, chosen) <= _cost(energies, run_beta, best):
            best = chosen
    return Cover(tuple(best), _cost(energies, beta, best))


def _cost(energies: Sequence[float], beta: float, chosen: Sequence[int]) -> float:
    return sum(energies[index] + beta for index in chosen)


class Packing:
    """Greedy max-weight set packing (TPAMI 2023, Sec. 3.3): a lower bound of the energies of sets, by their parts.

    Parameters
    ----------
    sets : sequence of int
        Bit masks of the parts, none of them empty.
    energies : sequence of float
        Their energies.
    n_atoms : int
        Number of bits.
    """

    __slots__ = ("_energies", "_n_words", "_words")

    def __init__(self, sets: Sequence[int], energies: Sequence[float], n_atoms: int) -> None:
        order = sorted(range(len(sets)), key=lambda i: (-energies[i], sets[i]))
        self._n_words = max(1, (n_atoms + 63) // 64)
        self._words = _words([sets[i] for i in order], self._n_words)
        self._energies = np.array([energies[i] for i in order], np.float64)

    def energy(self, members: int) -> float:
        """Total energy of the disjoint subsets of a set that are taken by descending energy."""
        return greedy_packing(self._words, self._energies, _words([members], self._n_words)[0])


class ExactPacking:
    """Set packing of maximum weight: the best lower bound of the energies of sets by those of their parts.

    Sets of more than `MAX_EXACT` atoms are packed greedily.

    Parameters
    ----------
    sets, energies, n_atoms
        See `Packing`.
    """

    MAX_EXACT = 10

    __slots__ = ("_energies", "_greedy", "_words")

    def __init__(self, sets: Sequence[int], energies: Sequence[float], n_atoms: int) -> None:
        self._greedy = Packing(sets, energies, n_atoms)
        self._words = np.array(sets, np.uint64) if n_atoms <= 64 else None
        self._energies = np.array(energies, np.float64)

    def energy(self, members: int) -> float:
        """Greatest total energy of disjoint subsets of a set."""
        if self._words is None or members.bit_count() > self.MAX_EXACT:
            return self._greedy.energy(members)
        return exact_packing(self._words, self._energies, members)


def _words(sets: Sequence[int], n_words: int) -> npt.NDArray[np.uint64]:
    """Return bit masks as rows of 64-bit words, the lowest bits first."""
    if n_words == 1:
        return np.array(sets, np.uint64).reshape(-1, 1)
    low = 2**64 - 1
    words = [[members >> 64 * k & low for k in range(n_words)] for members in sets]
    return np.array(words, np.uint64).reshape(-1, n_words)
