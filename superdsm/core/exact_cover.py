"""Minimum-weight set cover, solved exactly: a table for small clusters, integer linear programming for large ones.

Both start from the greedy cover and look for a better one only. A feasible solution of the dual linear program (prices
of the atoms) bounds every cover from below; it often proves the greedy cover at once, and otherwise rules out most of
the candidates and of the states of the table.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from superdsm._ext.exact_cover import atom_prices, table_cover
from superdsm.core.graph import bits
from superdsm.core.setcover import Cover, min_weight_cover

MAX_TABLE_ATOMS = 20
NODE_LIMIT = 200_000  # of the branch and bound: the same on every computer, other than a time limit
TOLERANCE = 1e-12  # relative; covers whose costs differ by less are equally good
MILP_TOLERANCE = 1e-9  # what the linear programs of HiGHS are solved to, relative to the cost
MILP_SCALE = 1e3  # of the cost: HiGHS stops at an absolute gap of 1e-6


@dataclass(frozen=True, slots=True)
class ExactCover(Cover):
    """A cover, and what is known of all others.

    Attributes
    ----------
    lower_bound : float
        No cover of these candidates costs less, up to rounding.
    method : str
        What the bound rests on: "prices" (the dual linear program), "table" (dynamic programming over all sets of
        covered atoms), or "milp" (branch and bound, HiGHS).
    proven : bool
        Whether the cover is minimal; False if the branch and bound was stopped by a limit.
    """

    lower_bound: float
    method: str
    proven: bool


def minimum_cover(
    sets: Sequence[int],
    weights: Sequence[float],
    *,
    required: Collection[int] = (),
    forbidden: Collection[int] = (),
    incumbent: Sequence[int] | None = None,
    timeout: float = math.inf,
) -> ExactCover:
    """Cover all atoms with candidates of least total weight.

    Parameters
    ----------
    sets : sequence of int
        The candidates as bit masks: bit ``i`` is set if atom ``i`` belongs to the set.
    weights : sequence of float
        Their weights, not negative.
    required : collection of int, optional
        Bit masks of candidates that have to be in the cover.
    forbidden : collection of int, optional
        Bit masks of candidates that must not be in the cover.
    incumbent : sequence of int, optional
        Indices of a cover that is returned unless there is a better one; by default the greedy one.
    timeout : float, optional
        Limit of the branch and bound for more than `MAX_TABLE_ATOMS` atoms, in seconds; 0: only the prices bound.

    Returns
    -------
    ExactCover
        Covers the union of all candidates, forbidden ones included. Never worse than the greedy cover. Equally good
        covers: the greedy one, or else the first by the order of the candidates.

    Raises
    ------
    ValueError
        The constraints cannot be met, or the incumbent is no cover that meets them.

    Notes
    -----
    The dynamic program is that for set covering over subsets of the elements [1]_; the dual linear program bounds a
    cover by weak duality [2]_.

    .. [1] F. V. Fomin, D. Kratsch: Exact Exponential Algorithms, Springer 2010, Sec. 3.3.
    .. [2] V. V. Vazirani: Approximation Algorithms, Springer 2001, Sec. 13.
    """
    wanted = _required(sets, required, forbidden)
    universe, covered = 0, 0
    for members in sets:
        universe |= members
    for index in wanted:
        covered |= sets[index]
    left = universe & ~covered
    banned = set(forbidden)
    free = [i for i, members in enumerate(sets) if members & left and members not in banned]
    problem = _Problem.of([sets[i] & left for i in free], [weights[i] for i in free], left)
    base = math.fsum(weights[i] for i in wanted)
    if incumbent is None:
        first = _greedy(problem)
    else:
        first = _positions(incumbent, free, wanted)
        _check(problem, first)
    inner = problem.solve(first, timeout)
    chosen = tuple(sorted([*wanted, *(free[i] for i in inner.chosen)]))
    cost = math.fsum(weights[i] for i in chosen)
    return ExactCover(chosen, cost, min(cost, inner.lower_bound + base), inner.method, inner.proven)


def _required(sets: Sequence[int], required: Collection[int], forbidden: Collection[int]) -> list[int]:
    """Return the indices of the candidates that have to be in the cover."""
    contradiction = sorted(set(required) & set(forbidden))
    if contradiction:
        raise ValueError(f"the set {_named(contradiction[0])} is required and forbidden at the same time")
    unknown = sorted(set(required) - set(sets))
    if unknown:
        raise ValueError(f"the set {_named(unknown[0])} is required, but is none of the candidates")
    return [sets.index(members) for members in sorted(set(required))]


def _named(members: int) -> str:
    return "{" + ", ".join(map(str, bits(members))) + "}"


def _positions(incumbent: Sequence[int], free: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """Return where the sets of an incumbent are among the free candidates; those that add nothing are left out."""
    missing = sorted(set(wanted) - set(incumbent))
    if missing:
        raise ValueError(f"the incumbent lacks the candidate {missing[0]}, which is required")
    place = {index: position for position, index in enumerate(free)}
    return [place[index] for index in incumbent if index in place and index not in set(wanted)]


@dataclass(frozen=True, slots=True)
class _Problem:
    """Candidates, with the atoms that are to be covered as the bits 0, ..., n - 1."""

    sets: list[int]
    weights: npt.NDArray[np.float64]
    n: int

    @classmethod
    def of(cls, sets: Sequence[int], weights: Sequence[float], atoms: int) -> "_Problem":
        place = {bit: i for i, bit in enumerate(bits(atoms))}
        union = 0
        for members in sets:
            union |= members
        if union != atoms:
            raise ValueError(f"the atoms {_named(atoms & ~union)} belong to no candidate that is allowed")
        closed_up = all(bit == i for bit, i in place.items())
        small = list(sets) if closed_up else [sum(1 << place[bit] for bit in bits(members)) for members in sets]
        return cls(small, np.array(weights, np.float64), len(place))

    def solve(self, incumbent: Sequence[int], timeout: float) -> ExactCover:
        """Return the incumbent, or the best of the better covers."""
        incumbent = sorted(incumbent)
        cost = math.fsum(self.weights[list(incumbent)])
        tolerance = TOLERANCE * max(1.0, cost)
        limit = cost - tolerance
        matrix = self._matrix()
        prices = self._prices(matrix)
        bound = math.fsum(prices)
        reduced = self.weights - matrix @ prices
        # A cover costs at least the prices, and the reduced weights of its sets on top of them.
        useful = np.flatnonzero(bound + reduced < limit)
        if bound >= limit or not matrix[useful].any(axis=0).all():
            return ExactCover(tuple(incumbent), cost, limit, "prices", True)
        if self.n <= MAX_TABLE_ATOMS:
            words = np.array([self.sets[i] for i in useful], np.uint64)
            found, _ = table_cover(words, self.weights[useful], prices, limit)
            if found is None:
                return ExactCover(tuple(incumbent), cost, limit, "table", True)
            chosen = useful[found].tolist()
            cost = math.fsum(self.weights[chosen])
            return ExactCover(tuple(chosen), cost, cost - tolerance, "table", True)
        if timeout <= 0:
            return ExactCover(tuple(incumbent), cost, bound - tolerance, "prices", False)
        return self._branch_and_bound(incumbent, cost, useful, matrix[useful], bound, timeout)

    def _matrix(self) -> npt.NDArray[np.bool_]:
        """Which atom belongs to which candidate: shape (candidates, atoms)."""
        n_bytes = (self.n + 7) // 8
        data = b"".join(members.to_bytes(n_bytes, "little") for members in self.sets)
        table = np.frombuffer(data, np.uint8).reshape(len(self.sets), n_bytes)
        return np.unpackbits(table, axis=1, count=self.n, bitorder="little").view(bool)

    def _prices(self, matrix: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        if not self.n:
            return np.zeros(0)
        if self.n <= 64:
            return atom_prices(np.array(self.sets, np.uint64), self.weights, self.n)
        shares = np.where(matrix, (self.weights / matrix.sum(axis=1))[:, None], np.inf)
        return np.asarray(shares.min(axis=0))

    def _branch_and_bound(
        self,
        incumbent: Sequence[int],
        cost: float,
        useful: npt.NDArray[np.intp],
        matrix: npt.NDArray[np.bool_],
        bound: float,
        timeout: float,
    ) -> ExactCover:
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import csc_array

        scale = MILP_SCALE / cost
        found = milp(
            self.weights[useful] * scale,
            integrality=np.ones(len(useful), np.int8),
            bounds=Bounds(0, 1),
            constraints=LinearConstraint(csc_array(matrix.T.astype(float)), lb=1),
            options={"mip_rel_gap": 0.0, "node_limit": NODE_LIMIT, "time_limit": timeout},
        )
        dual = found.mip_dual_bound
        margin = MILP_TOLERANCE * max(1.0, cost)
        if found.status == 2:  # no better cover among the useful candidates
            return ExactCover(tuple(incumbent), cost, cost - margin, "milp", True)
        if dual is not None and math.isfinite(dual):
            # covers with other candidates are no better than the incumbent
            bound = max(bound, min(dual / scale, cost) - margin)
        chosen = list(incumbent)
        if found.x is not None:
            other = useful[np.asarray(found.x) > 0.5].tolist()
            if matrix[np.isin(useful, other)].any(axis=0).all() and math.fsum(self.weights[other]) < cost - margin:
                chosen = other
        total = math.fsum(self.weights[chosen])
        return ExactCover(tuple(chosen), total, min(bound, total), "milp", bool(total - bound <= 2 * margin))


def _check(problem: _Problem, chosen: Sequence[int]) -> None:
    union = 0
    for index in chosen:
        union |= problem.sets[index]
    if union != (1 << problem.n) - 1:
        raise ValueError("the incumbent is no cover, or has a forbidden set")


def _greedy(problem: _Problem) -> list[int]:
    return list(min_weight_cover(problem.sets, problem.weights.tolist(), 0.0, max_iter=1, gamma=1.0).chosen)
