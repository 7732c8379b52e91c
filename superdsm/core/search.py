"""The search for the objects of a cluster: which sets of its atoms need a model, and which of them cover it best.

The energy nu is superadditive, so that energies of disjoint subsets bound the energy of a set from below; sets that
cannot belong to a minimal cover are ruled out by this (TPAMI 2023, Sec. 3.3; the pruning "isbi24" follows ISBI 2024).

Whatever is not looked at, because it is ruled out or because the budget of the cluster is spent, leaves a bound behind:
what a cover with such a set, or with any larger one, costs at least. The smallest of them is the `floor` of the search.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from superdsm.core.exact_cover import minimum_cover
from superdsm.core.graph import ClusterGraph, bits
from superdsm.core.setcover import Cover, ExactPacking, Packing, min_weight_cover

STOPPING_RULE = 1e-10  # of the fits: half of the squared Newton decrement, relative to max(1, energy)
TIMEOUT, BUDGET, ISBI24 = "cluster_timeout", "max_cluster_sets", "isbi24"


@dataclass(frozen=True, slots=True)
class SetEnergy:
    """The energy of a set of atoms.

    Attributes
    ----------
    energy : float
        The energy nu of the fit.
    is_optimal : bool
        Whether the fit has converged.
    lower : float
        The minimal energy is at least this.
    """

    energy: float
    is_optimal: bool
    lower: float

    @classmethod
    def of(cls, energy: float, is_optimal: bool, lower: float | None = None) -> "SetEnergy":
        """Make an energy; without a `lower` bound it is taken from the rule by which the solver stops."""
        if lower is None:
            # The gap of a converged fit is at most the squared decrement; of another one nothing is known.
            lower = energy - 2 * STOPPING_RULE * max(1.0, energy) if is_optimal else 0.0
        return cls(energy, is_optimal, min(energy, max(0.0, lower)))


class TooMuchWork(ValueError):  # noqa: N818 - what it says is not that something is broken
    """A cluster has so many connected sets of atoms that the search could take for ever."""


@dataclass(frozen=True, slots=True)
class SearchParams:
    """Hyperparameters of the search; see `superdsm.core.energy_minimization.minimise_energies`."""

    pruning: str
    beta: float
    max_iter: int
    gamma: float
    max_work_amount: float
    cover: str
    cover_timeout: float
    max_cluster_sets: int | None

    @property
    def work_limit(self) -> int:
        """Number of sets of a cluster at which counting may stop."""
        return int(min(self.max_work_amount, 2**62))


@dataclass(slots=True)
class Candidates:
    """What is known about the sets of a cluster.

    Attributes
    ----------
    graph : ClusterGraph
        The atoms.
    params : SearchParams
        The hyperparameters.
    energies, lower : dict of int to float
        Energies of all fitted sets, by their bit masks, in the order of the fits, and their lower bounds.
    optimal : list of int
        Sets with optimal fits.
    kept : list of int
        Candidates of the cover: the atoms, the universe, and what each generation kept.
    floor : float
        What a cover costs at least that has a set without a fit.
    stopped : list of str
        Why the search ended early.
    """

    graph: ClusterGraph
    params: SearchParams
    energies: dict[int, float] = field(default_factory=dict)
    lower: dict[int, float] = field(default_factory=dict)
    optimal: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    floor: float = math.inf
    stopped: list[str] = field(default_factory=list)

    def add(self, members: int, fit: SetEnergy) -> None:
        """Take note of a fit."""
        self.energies[members] = fit.energy
        self.lower[members] = fit.lower
        if fit.is_optimal:
            self.optimal.append(members)

    def cover(self) -> Cover:
        """Cover the cluster with the candidates."""
        params = self.params
        energies = [self.energies[members] for members in self.kept]
        greedy = min_weight_cover(self.kept, energies, params.beta, max_iter=params.max_iter, gamma=params.gamma)
        if params.cover == "greedy":
            return greedy
        weights = [energy + params.beta for energy in energies]
        return minimum_cover(self.kept, weights, incumbent=greedy.chosen, timeout=params.cover_timeout)

    @property
    def trusted(self) -> dict[int, float]:
        """What decides on the growth: lower bounds, or (as in the reference) energies as if every fit was optimal."""
        return self.lower if self.params.cover == "exact" else self.energies

    def atoms_outside(self, members: int) -> float:
        """Lower bound of the energies of all atoms that do not belong to a set."""
        return sum(self.lower[1 << i] for i in bits(self.graph.universe & ~members))

    def leave_out(self, potential: float) -> None:
        """Take note of what the covers cost at least that are not looked at."""
        self.floor = min(self.floor, potential)

    def least_cost_with(self, members: int) -> float:
        """What a cover costs at least that has a set with these members and more, but not all atoms."""
        return self.lower[members] + self.atoms_outside(members) + 2 * self.params.beta


@dataclass(frozen=True, slots=True)
class ClusterResult:
    """The outcome for one cluster.

    Attributes
    ----------
    cover : tuple of int
        Bit masks of the sets of the cover.
    known : Candidates
        What the search has found out.
    tried_directly, solved_directly, iterated : bool
        Whether Criterion 2 was tested, whether it held, and whether sets were grown.
    """

    cover: tuple[int, ...]
    known: Candidates
    tried_directly: bool
    solved_directly: bool
    iterated: bool

    @property
    def fitted(self) -> tuple[int, ...]:
        """Bit masks of all sets to which a model was fitted, in the order of the fits."""
        return tuple(self.known.energies)


@dataclass(frozen=True, slots=True)
class Growth:
    """A set of the next generation: it is kept if its energy is below `bound`; `potential` is for `leave_out`."""

    bound: float
    potential: float


Search = Generator[list[int], Sequence[SetEnergy | None], ClusterResult]


def search(graph: ClusterGraph, params: SearchParams) -> Search:
    """Minimise the energy of a cluster.

    A generator, so that the fits of many clusters can be made at the same time: it yields lists of sets (bit masks) to
    fit, and is sent their energies in the same order; None for sets that were not fitted because the time for the
    cluster was over (never in the first list). Within a generation no fit depends on another one, since all sets of a
    generation have the same size.

    Parameters
    ----------
    graph : ClusterGraph
        The cluster.
    params : SearchParams
        The hyperparameters.

    Returns
    -------
    ClusterResult

    Raises
    ------
    TooMuchWork
        The cluster is not solved directly, and there are more sets than ``max_work_amount``.
    """
    universe, n = graph.universe, len(graph.atoms)
    known = Candidates(graph, params)
    singles = [1 << i for i in range(n)]
    whole = graph.whole or n == 1
    first = singles if n == 1 or not whole else [*singles, universe]
    for members, fit in zip(first, (yield first), strict=True):
        assert fit is not None
        known.add(members, fit)
    known.kept += first
    atom_sum = sum(known.energies[atom] for atom in singles)
    optimal = set(known.optimal)
    direct = whole and all(atom in optimal for atom in singles) and known.energies[universe] <= params.beta + atom_sum
    if direct:
        if n > 2:
            known.leave_out(known.atoms_outside(0) + 2 * params.beta)
        return ClusterResult((universe,), known, n > 1, True, False)
    if n > 2:
        if params.max_cluster_sets is None:
            _check_work(graph, params)
        yield from _grow(known, singles)
    chosen = tuple(known.kept[index] for index in known.cover().chosen)
    return ClusterResult(chosen, known, n > 1, False, n > 2)


def _grow(known: Candidates, generation: list[int]) -> Generator[list[int], Sequence[SetEnergy | None], None]:
    """Fit generation after generation, until none of a generation is kept, or the budget is spent."""
    exact = known.params.pruning == "exact"
    while generation:
        cost = known.cover().cost if exact else math.inf
        grown = _next_generation(known, generation, cost) if exact else _unpruned(known, generation)
        grown = _within_budget(known, grown)
        if not grown:
            return
        generation = []
        for (members, growth), fit in zip(grown.items(), (yield list(grown)), strict=True):
            if fit is None:
                known.leave_out(growth.potential)
                continue
            known.add(members, fit)
            if known.trusted[members] < growth.bound:
                generation.append(members)
            else:
                known.leave_out(known.least_cost_with(members))
        if any(members not in known.energies for members in grown):
            known.stopped.append(TIMEOUT)
        known.kept += generation
        if known.stopped:
            for members in generation:
                known.leave_out(known.least_cost_with(members))
            return


def _within_budget(known: Candidates, grown: dict[int, Growth]) -> dict[int, Growth]:
    """Choose the most promising sets of a generation, if there are more than the budget allows."""
    most = known.params.max_cluster_sets
    if most is None or len(known.energies) + len(grown) <= most:
        return grown
    known.stopped.append(BUDGET)
    order = sorted(grown, key=lambda members: (grown[members].potential, members))
    chosen = set(order[: max(0, most - len(known.energies))])
    for members in order[len(chosen) :]:
        known.leave_out(grown[members].potential)
    return {members: growth for members, growth in grown.items() if members in chosen}


def _unpruned(known: Candidates, generation: list[int]) -> dict[int, Growth]:
    """Sets of the next generation; each is kept if its energy is below that of its parts and beta (ISBI 2024)."""
    grown: dict[int, Growth] = {}
    beta = known.params.beta
    for parent in generation:
        least = known.least_cost_with(parent)  # the energy of the further atom counts there already
        for i in known.graph.extensions(parent):
            members = parent | 1 << i
            if members != known.graph.universe and members not in grown:
                grown[members] = Growth(known.energies[parent] + known.energies[1 << i] + beta, least)
    return grown


def _next_generation(known: Candidates, generation: list[int], cost: float) -> dict[int, Growth]:
    """Sets of the next generation that may belong to a better cover.

    A cover with such a set needs at least another one, which costs beta; hence beta counts twice.
    """
    graph, beta, energies = known.graph, known.params.beta, known.trusted
    atom_energies = [energies[1 << i] for i in range(len(graph.atoms))]
    atom_sum = sum(atom_energies)
    packing, slack = _packing(known)
    seen: set[int] = set()
    grown: dict[int, Growth] = {}
    for parent in generation:
        inside = sum(atom_energies[i] for i in bits(parent))
        least = known.least_cost_with(parent)
        for i in graph.extensions(parent):
            members = parent | 1 << i
            if members == graph.universe or members in seen:
                continue
            seen.add(members)
            bound = cost - (atom_sum - inside - atom_energies[i]) - 2 * beta
            if bound < energies[parent] + atom_energies[i]:
                known.leave_out(least)
                continue
            packed = packing.energy(members)
            potential = max(least, packed - slack + known.atoms_outside(members) + 2 * beta)
            if bound < packed:
                known.leave_out(potential)
            else:
                grown[members] = Growth(bound, potential)
    return grown


def _packing(known: Candidates) -> tuple[Packing | ExactPacking, float]:
    """Return how parts bound the energy of a set from below, and by how much the lower bounds of the parts may lack."""
    n = len(known.graph.atoms)
    if known.params.cover == "exact":
        return ExactPacking(list(known.lower), list(known.lower.values()), n), 0.0
    energies = [known.energies[members] for members in known.optimal]
    widths = [known.energies[members] - known.lower[members] for members in known.optimal]
    return Packing(known.optimal, energies, n), n * max(widths, default=0.0)


def _check_work(graph: ClusterGraph, params: SearchParams) -> None:
    limit = params.work_limit
    if graph.count_sets(limit) > limit:
        raise TooMuchWork(
            f"cluster {graph.cluster} has {len(graph.atoms)} atoms and more than {limit} sets of them that might be "
            "objects; raise c2f-region-analysis/min_atom_radius (or its AF_min_atom_radius) for fewer atoms, lower "
            "global-energy-minimization/max_seed_distance, raise global-energy-minimization/max_work_amount, or set "
            "global-energy-minimization/max_cluster_sets for the best cover that so many fits can find"
        )
