"""Certificates: how far the cover of a cluster is from the least energy at most, and what that rests on.

The bound of a cluster is the smaller one of two numbers: the least cost of a cover by sets to which a model was fitted,
with the lower bounds of their energies; and the `floor` of the search, below which no cover costs that has any other
set. Nothing but the superadditivity of the energies is assumed; how well that holds for the fits is part of the
certificate. See docs/optimality.md.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from superdsm.core.exact_cover import minimum_cover
from superdsm.core.graph import bits
from superdsm.core.search import BUDGET, ISBI24, TIMEOUT, Candidates, ClusterResult

Json: TypeAlias = dict[str, Any]

TOLERANCE = 1e-6  # relative to max(1, cost): a smaller gap is that of the fits, not of the choice
GREEDY, FALLBACK, MAX_SEED_DISTANCE, COVER_TIMEOUT = "greedy", "fits", "max_seed_distance", "cover_timeout"
PRICES, CORRECTIONS = "prices", "corrections"
REASONS = {
    GREEDY: "the greedy cover is not the best one",
    ISBI24: "the pruning of ISBI 2024 left sets out that a better cover may need",
    FALLBACK: "some fits did not converge, or have no bound",
    BUDGET: "max_cluster_sets was reached, the best cover so far was taken",
    TIMEOUT: "cluster_timeout was reached, the best cover so far was taken",
    COVER_TIMEOUT: "the branch and bound for the cover was stopped by its limit",
    PRICES: "with prices of objects, energies are not superadditive: what was left out may be better",
}


@dataclass(frozen=True, slots=True)
class ClusterCertificate:
    """What is known of the optimality of the cover of a cluster.

    Attributes
    ----------
    cluster : int
        Label of the cluster.
    atoms : tuple of int
        Labels of its atoms.
    edges : tuple of tuple of int
        Labels of adjacent atoms.
    far : tuple of tuple of int
        Labels of atoms that ``max_seed_distance`` does not allow in one set. The bound holds for the other sets.
    cover : tuple of tuple of int
        Labels of the atoms of each set of the cover.
    fits : int
        Number of sets to which a model was fitted.
    upper : float
        The cost of the cover: energies, and beta for each set.
    lower : float
        No cover costs less.
    method : str
        What the lower bound of the covers by fitted sets rests on: "single" (there is one atom), "criterion" (the
        universe against all that have two sets at least), "corrections" (of a cluster that was corrected by hand: no
        cover that the corrections allow costs less), or see `superdsm.core.exact_cover.ExactCover.method`.
    reasons : tuple of str
        Why the gap is not closed: keys of `REASONS`. Empty if the cover is optimal.
    excess : float
        Superadditivity of the fitted sets: by how much the energies of a set and of a further atom exceeded that of
        both together, at most. The bound holds if this is 0 for all sets.
    margins : tuple of float
        For each set of the cover: what every cover without it costs more, at least. Infinite if there is none.
    """

    cluster: int
    atoms: tuple[int, ...]
    edges: tuple[tuple[int, int], ...]
    far: tuple[tuple[int, int], ...]
    cover: tuple[tuple[int, ...], ...]
    fits: int
    upper: float
    lower: float
    method: str
    reasons: tuple[str, ...]
    excess: float
    margins: tuple[float, ...]

    @property
    def gap(self) -> float:
        """The cover costs at most this much too much."""
        return self.upper - self.lower

    @property
    def is_optimal(self) -> bool:
        """Whether the gap is closed, up to the accuracy of the fits."""
        return self.gap <= TOLERANCE * max(1.0, self.upper)

    def as_json(self) -> Json:
        """Return the certificate as JSON values; infinite margins are null."""
        return {
            "cluster": self.cluster,
            "atoms": list(self.atoms),
            "edges": [list(pair) for pair in self.edges],
            "far": [list(pair) for pair in self.far],
            "cover": [list(labels) for labels in self.cover],
            "fits": self.fits,
            "upper": self.upper,
            "lower": self.lower,
            "method": self.method,
            "reasons": list(self.reasons),
            "excess": self.excess,
            "margins": [margin if math.isfinite(margin) else None for margin in self.margins],
        }


def certify_cluster(result: ClusterResult) -> ClusterCertificate:
    """Make the certificate of a cluster.

    Parameters
    ----------
    result : ClusterResult
        The outcome of the search.

    Returns
    -------
    ClusterCertificate
    """
    known, beta = result.known, result.known.params.beta
    upper = math.fsum(known.energies[members] + beta for members in result.cover)
    lower, method, closed = _least_cost(result)
    lower = max(0.0, min(lower, known.floor, upper))
    return ClusterCertificate(
        known.graph.cluster,
        known.graph.atoms,
        known.graph.pairs(known.graph.neighbours),
        known.graph.pairs(tuple(known.graph.universe & ~mask for mask in known.graph.near)),
        tuple(known.graph.labels(members) for members in result.cover),
        len(known.energies),
        upper,
        lower,
        method,
        tuple(_reasons(known, upper, lower, closed)) if upper - lower > TOLERANCE * max(1.0, upper) else (),
        _excess(known),
        tuple(_margin(result, members, upper) for members in result.cover),
    )


def without_superadditivity(certificate: ClusterCertificate, beta: float) -> ClusterCertificate:
    """Return what is left of a certificate where energies are not superadditive, as with prices of objects.

    Of up to two atoms all sets have models. Otherwise all that is known is that there is an object at least.
    """
    if len(certificate.atoms) <= 2:
        return certificate
    lower = min(certificate.lower, beta)
    gap = certificate.upper - lower > TOLERANCE * max(1.0, certificate.upper)
    return replace(certificate, lower=lower, reasons=(PRICES,) if gap else ())


def _least_cost(result: ClusterResult) -> tuple[float, str, bool]:
    """Return a lower bound of the cost of all covers by fitted sets, what it rests on, and whether it is attained."""
    known, beta = result.known, result.known.params.beta
    universe, n = known.graph.universe, len(known.graph.atoms)
    if n == 1:
        return known.lower[universe] + beta, "single", True
    if not result.iterated:  # only atoms and the universe have models
        return min(known.lower[universe] + beta, known.atoms_outside(0) + n * beta), "criterion", True
    weights = [known.lower[members] + beta for members in known.energies]
    place = {members: index for index, members in enumerate(known.energies)}
    chosen = [place[members] for members in result.cover]
    best = minimum_cover(list(place), weights, incumbent=chosen, timeout=_time(known))
    return best.lower_bound, best.method, best.proven


def _time(known: Candidates) -> float:
    """Seconds for a branch and bound; none for the greedy cover of a large cluster, which must stay cheap."""
    return known.params.cover_timeout if known.params.cover == "exact" else 0.0


def _reasons(known: Candidates, upper: float, lower: float, closed: bool) -> Iterable[str]:
    """Yield what can be the cause of a gap."""
    greedy = known.params.cover == "greedy"
    if greedy and (lower < min(known.floor, upper) or not closed):
        yield GREEDY
    if not greedy and not closed:
        yield COVER_TIMEOUT
    yield from known.stopped
    if known.params.pruning == "isbi24" and lower >= known.floor:
        yield ISBI24
    widths = (energy - known.lower[members] for members, energy in known.energies.items())
    if max(widths) > TOLERANCE:
        yield FALLBACK


def _excess(known: Candidates) -> float:
    """By how much superadditivity was violated at most, among the fitted sets and their extensions by an atom."""
    energies, worst = known.energies, 0.0
    for members, energy in energies.items():
        for i in bits(members):
            rest = energies.get(members ^ 1 << i)
            if rest is not None:
                parts = rest + energies[1 << i]
                worst = max(worst, parts - energy - TOLERANCE * max(1.0, parts))
    return worst


def _margin(result: ClusterResult, members: int, upper: float) -> float:
    """Return what every cover without one of the sets costs more, at least."""
    known, beta = result.known, result.known.params.beta
    if len(known.graph.atoms) == 1:
        return math.inf
    if not result.iterated:
        universe = known.graph.universe
        other = (
            known.atoms_outside(0) + len(known.graph.atoms) * beta
            if members == universe
            else (known.lower[universe] + beta)
        )
        return max(0.0, min(other, known.floor) - upper)
    if known.floor <= upper:
        return 0.0
    weights = [known.lower[candidate] + beta for candidate in known.energies]
    best = minimum_cover(list(known.energies), weights, forbidden=(members,), timeout=_time(known))
    return max(0.0, min(best.lower_bound, known.floor) - upper)


def confidence(margin: float, beta: float) -> float:
    """Map the margin of an object to a number from 0 (something else explains the image as well) to 1.

    Parameters
    ----------
    margin : float
        By how much the energy rises at least without the object.
    beta : float
        What each object costs: the scale on which energies are compared.
    """
    return margin / (margin + beta) if margin > 0 else 0.0


def warnings(certificates: Iterable[ClusterCertificate]) -> list[str]:
    """Tell of the clusters for which a budget was spent."""
    texts = []
    for reason in (BUDGET, TIMEOUT, COVER_TIMEOUT):
        stopped = [item for item in certificates if reason in item.reasons]
        if stopped:
            worst = max(item.gap / max(1.0, item.upper) for item in stopped)
            noun = "cluster" if len(stopped) == 1 else "clusters"
            texts.append(f"{len(stopped)} {noun}: {REASONS[reason]} (at most {worst:.1%} above the least energy)")
    return texts


def describe(certificate: Json) -> list[str]:
    """Put a certificate into words: a line for the image, and one for each cluster with a gap."""
    upper, lower, gap = (certificate[name] for name in ("upper", "lower", "gap"))
    how = "duality" if certificate["fits"] == "duality" else "the stopping rule"
    lines = [
        f"energy {upper:.6g}, least energy at least {lower:.6g} (gap {gap:.2g}, {_percent(gap, upper)}); "
        f"{certificate['optimal']} of {certificate['clusters']} clusters optimal; fits bounded by {how}"
    ]
    if certificate["restricted"]:
        lines.append(f"{certificate['restricted']} clusters: only sets within max_seed_distance were allowed")
    if certificate["excess"] > 0:
        lines.append(f"energies are not superadditive by up to {certificate['excess']:.3g}: the bounds may not hold")
    for detail in certificate["details"]:
        if detail["reasons"]:
            above = _percent(detail["upper"] - detail["lower"], detail["upper"])
            why = "; ".join(REASONS[reason] for reason in detail["reasons"])
            lines.append(f"cluster {detail['cluster']} ({len(detail['atoms'])} atoms): gap {above}: {why}")
    return lines


def _percent(gap: float, upper: float) -> str:
    return f"{100 * gap / upper if upper > 0 else 0.0:.2g} %"


def certificate_of_image(
    certificates: Sequence[ClusterCertificate], fits: Sequence[float] | None, **search: Any
) -> Json:
    """Put the certificates of the clusters of an image together.

    Parameters
    ----------
    certificates : sequence of ClusterCertificate
        One per cluster.
    fits : sequence of float, optional
        Lower bounds of the energies of all fitted sets, where they were computed for each of them.
    **search
        Hyperparameters of the search, to be kept with the certificate.

    Returns
    -------
    dict
        The field ``certificate``, JSON values: ``upper``, ``lower`` and ``gap`` (sums over the clusters); the numbers
        of ``clusters``, and of those that are ``optimal`` or ``restricted`` by max_seed_distance; the largest
        ``excess``; ``reasons`` (number of clusters by reason), ``fits`` ("stopping rule" or "duality"),
        ``lower_energies``, ``search``, and the list ``details`` (see `ClusterCertificate`).
    """
    return {
        **totals([item.as_json() for item in certificates]),
        "fits": "stopping rule" if fits is None else "duality",
        "lower_energies": None if fits is None else list(fits),
        "search": search,
        "details": [item.as_json() for item in certificates],
    }


def totals(details: Sequence[Json]) -> Json:
    """Return what the certificate of an image says of all clusters together, given theirs as JSON values."""
    counts: dict[str, int] = {}
    for item in details:
        for reason in item["reasons"]:
            counts[reason] = counts.get(reason, 0) + 1
    upper = math.fsum(item["upper"] for item in details)
    lower = math.fsum(item["lower"] for item in details)
    return {
        "upper": upper,
        "lower": lower,
        "gap": max(0.0, upper - lower),
        "clusters": len(details),
        "optimal": sum(item["upper"] - item["lower"] <= TOLERANCE * max(1.0, item["upper"]) for item in details),
        "restricted": sum(bool(item["far"]) for item in details),
        "excess": max((item["excess"] for item in details), default=0.0),
        "reasons": counts,
    }
