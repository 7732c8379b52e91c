"""An independent check of certificates: it shares no code with the solver, and can calculate with fractions.

A certificate claims that no cover of a cluster costs less than a bound. Two kinds of covers could: those by sets with
models, which are searched here by branching on the first atom that is not covered; and those with another set. For
these the sets are grown again from the atoms, one atom at a time. A set that is far too expensive already rules out all
that grows from it; any other one must have a model, or parts that make it too expensive.

That energies are superadditive is assumed, as in the method, and checked for all pairs of sets with models.
"""

import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

Number = Fraction | float
Atoms = frozenset[int]

TOLERANCE = 1e-9  # of costs, relative to max(1, cost)
CORRECTED = "corrections"  # the method of clusters that were corrected by hand
CLOSED = 1e-6  # a relative gap that counts as none
STOPPING_RULE = 2e-10  # of the fits: twice the bound of half of the squared Newton decrement


def verify_certificate(fields: Mapping[str, Any], *, exact: bool = False) -> list[str]:
    """Check the certificate of an image.

    Parameters
    ----------
    fields : mapping
        The fields ``certificate``, ``objects`` and ``cover`` (or ``work_cover``). With ``atoms``, ``clusters``,
        ``adjacencies`` and ``seeds``, the graph of the certificate is compared with them.
    exact : bool, optional
        Whether to calculate with fractions, which is slow.

    Returns
    -------
    list of str
        What is wrong; empty if everything is as the certificate says.
    """
    certificate = fields["certificate"]
    if not certificate:
        return [] if not fields["objects"] else ["there are objects, but the certificate is empty"]
    number = Fraction if exact else float
    energies, problems = _energies(certificate, fields["objects"], number)
    beta = number(certificate["search"]["beta"])
    for detail in certificate["details"]:
        cluster = _Cluster.of(detail, energies, beta)
        problems += [f"cluster {detail['cluster']}: {text}" for text in cluster.problems(detail)]
    # later stages may divide objects, or lose them
    problems += _totals(certificate, fields.get("work_cover", fields["cover"]))
    if "atoms" in fields:
        problems += _graph(certificate, fields)
    return problems


def _energies(
    certificate: Mapping[str, Any], objects: Sequence[Any], number: type
) -> tuple[dict[Atoms, tuple[Any, Any]], list[str]]:
    """Return energy and lower bound by set of atoms, and what is wrong with them."""
    given = certificate["lower_energies"]
    energies, problems = {}, []
    if given is not None and len(given) != len(objects):
        return {}, [f"there are {len(given)} lower bounds for {len(objects)} models"]
    for index, item in enumerate(objects):
        energy = item.energy
        if given is not None:
            lower = given[index]
        else:
            lower = max(0.0, energy - STOPPING_RULE * max(1.0, energy)) if item.is_optimal else 0.0
        if not 0 <= lower <= energy:
            problems.append(f"the energy {energy} of {sorted(item.atoms)} is below its lower bound {lower}")
        energies[frozenset(item.atoms)] = number(energy), number(lower)
    if len(energies) < len(objects):
        problems.append("a set of atoms has two models")
    return energies, problems


def _totals(certificate: Mapping[str, Any], cover: Iterable[Any]) -> Iterator[str]:
    details = certificate["details"]
    for name in ("upper", "lower"):
        if not _equal(certificate[name], math.fsum(detail[name] for detail in details)):
            yield f"{name} is not the sum over the clusters"
    if certificate["clusters"] != len(details):
        yield "the number of clusters is wrong"
    if certificate["optimal"] != sum(_is_closed(detail) for detail in details):
        yield "the number of optimal clusters is wrong"
    listed = sorted(sorted(labels) for detail in details for labels in detail["cover"])
    if listed != sorted(sorted(item.atoms) for item in cover):
        yield "the objects are not those of the covers"


def _is_closed(detail: Mapping[str, Any]) -> bool:
    return bool(detail["upper"] - detail["lower"] <= CLOSED * max(1.0, detail["upper"]))


def _equal(a: Any, b: Any) -> bool:
    return abs(float(a) - float(b)) <= TOLERANCE * max(1.0, abs(float(a)))


def _graph(certificate: Mapping[str, Any], fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield how the graph of the certificate differs from the region analysis."""
    import numpy as np

    atoms, clusters = np.asarray(fields["atoms"]), np.asarray(fields["clusters"])
    labels, first = np.unique(atoms, return_index=True)
    members: dict[int, set[int]] = {}
    for label, position in zip(labels.tolist(), first.tolist(), strict=True):
        if label:
            members.setdefault(int(clusters.flat[position]), set()).add(label)
    corrected = {atom for detail in certificate["details"] if detail["method"] == CORRECTED for atom in detail["atoms"]}
    members = {cluster: group for cluster, group in members.items() if not group & corrected}
    untouched = [detail for detail in certificate["details"] if detail["method"] != CORRECTED]
    if members != {detail["cluster"]: set(detail["atoms"]) for detail in untouched}:
        yield "the atoms of the clusters are not those of the region analysis"
        return
    home = {label: cluster for cluster, group in members.items() for label in group}
    expected = {
        (min(a, b), max(a, b))
        for a, b in np.asarray(fields["adjacencies"]).tolist()
        if a != b and a in home and home[a] == home.get(b)
    }
    if expected != {(min(a, b), max(a, b)) for detail in untouched for a, b in detail["edges"]}:
        yield "the adjacencies are not those of the region analysis"
    limit = certificate["search"]["max_seed_distance"]
    for group in members.values() if limit is not None else ():
        far = {
            (a, b)
            for a, b in itertools.combinations(sorted(group), 2)
            if math.dist(fields["seeds"][a - 1], fields["seeds"][b - 1]) > limit
        }
        stated = next(detail for detail in untouched if set(detail["atoms"]) == group)["far"]
        if far != {(min(a, b), max(a, b)) for a, b in stated}:
            yield f"the atoms {sorted(group)}: the pairs that are too far from each other are others"
    if limit is None and any(detail["far"] for detail in certificate["details"]):
        yield "pairs of atoms are called too far from each other, but there is no max_seed_distance"


@dataclass
class _Cluster:
    """A cluster: the graph, the sets with models, and what each costs at least."""

    universe: Atoms
    neighbours: dict[int, set[int]]
    far: dict[int, set[int]]
    energies: dict[Atoms, tuple[Any, Any]]
    beta: Any

    @classmethod
    def of(cls, detail: Mapping[str, Any], energies: Mapping[Atoms, tuple[Any, Any]], beta: Any) -> "_Cluster":
        universe = frozenset(detail["atoms"])
        relations: list[dict[int, set[int]]] = []
        for name in ("edges", "far"):
            relation: dict[int, set[int]] = {atom: set() for atom in universe}
            for a, b in detail[name]:
                relation[a].add(b)
                relation[b].add(a)
            relations.append(relation)
        own = {members: values for members, values in energies.items() if members <= universe}
        return cls(universe, relations[0], relations[1], own, beta)

    def problems(self, detail: Mapping[str, Any]) -> Iterator[str]:
        """Yield what is wrong with the certificate of the cluster."""
        cover = [frozenset(labels) for labels in detail["cover"]]
        if detail["method"] == CORRECTED:
            yield from self._corrected(detail, cover)
            return
        needed = [*(frozenset({atom}) for atom in self.universe), self.universe, *cover]
        missing = [sorted(labels) for labels in needed if labels not in self.energies]
        if missing:
            yield f"there is no model of {missing[0]}"
            return
        if frozenset().union(*cover) != self.universe:
            yield "the cover leaves atoms out"
        upper = sum(self.energies[labels][0] + self.beta for labels in cover)
        if not _equal(upper, detail["upper"]):
            yield f"the cover costs {float(upper)}, not {detail['upper']}"
        if len(self.energies) != detail["fits"]:
            yield f"there are {len(self.energies)} models, not {detail['fits']}"
        if bool(detail["reasons"]) == _is_closed(detail):
            yield "reasons for a gap are given if and only if there is none"
        if len(detail["margins"]) != len(cover):
            yield f"there are {len(detail['margins'])} margins for {len(cover)} objects"
        if "prices" not in detail["reasons"]:
            yield from self._superadditivity(detail["excess"])
        below = detail["lower"] - TOLERANCE * max(1.0, detail["upper"])
        yield from self._cheaper(below, forbidden=())
        for labels, margin in zip(cover, detail["margins"], strict=False):
            if "prices" in detail["reasons"]:
                break  # margins rest on superadditive energies, and are no more than a measure of confidence here
            if margin is None:
                if len(self.universe) > 1:
                    yield f"{sorted(labels)} has an infinite margin, but there are other covers"
            elif margin > 0:
                below = detail["upper"] + margin - TOLERANCE * max(1.0, detail["upper"])
                yield from (f"margin of {sorted(labels)}: {text}" for text in self._cheaper(below, forbidden=(labels,)))

    def _corrected(self, detail: Mapping[str, Any], cover: Sequence[Atoms]) -> Iterator[str]:
        """Yield what is wrong with the cost of a cover that was corrected by hand; nothing is claimed of others."""
        if any(labels not in self.energies for labels in cover):
            yield "an object has no model"
            return
        upper = sum(self.energies[labels][0] + self.beta for labels in cover)
        if not _equal(upper, detail["upper"]):
            yield f"the cover costs {float(upper)}, not {detail['upper']}"

    def _superadditivity(self, excess: float) -> Iterator[str]:
        for whole, (energy, _) in self.energies.items():
            for part, (first, _) in self.energies.items():
                rest = whole - part
                if part < whole and rest in self.energies:
                    parts = first + self.energies[rest][0]
                    if parts - energy > excess + 2 * CLOSED * max(1.0, float(parts)):
                        yield f"the energies of {sorted(part)} and {sorted(rest)} exceed that of both together"

    def _cheaper(self, below: float, forbidden: Collection[Atoms]) -> Iterator[str]:
        """Yield how there may be a cover that costs less."""
        weights = {x: low + self.beta for x, (_, low) in self.energies.items() if x not in forbidden}
        if _has_cover(self.universe, weights, below):
            yield f"sets with models cover the atoms for less than {below}"
        yield from self._grow(below)

    def _grow(self, below: float) -> Iterator[str]:
        """Yield sets without models that may belong to a cover that costs less."""
        stack = [frozenset({atom}) for atom in sorted(self.universe)]
        seen = set(stack)
        while stack:
            members = stack.pop()
            if self._least_cost(members, self.energies[members][1]) >= below:
                continue  # and so are all larger sets
            for atom in sorted(set().union(*(self.neighbours[a] for a in members)) - members):
                larger = members | {atom}
                if larger == self.universe or larger in seen or any(atom in self.far[a] for a in members):
                    continue
                seen.add(larger)
                if larger in self.energies:
                    stack.append(larger)
                elif self._least_cost(larger, self._packing(larger)) < below:
                    yield f"{sorted(larger)} has no model, but may belong to a cover that costs less than {below}"

    def _least_cost(self, members: Atoms, energy: Any) -> Any:
        """What a cover with a set of this energy costs at least: there is another set at least, for the other atoms."""
        return energy + sum(self.energies[frozenset({atom})][1] for atom in self.universe - members) + 2 * self.beta

    def _packing(self, members: Atoms) -> Any:
        """Greatest total energy of disjoint parts."""
        parts = [(x, low) for x, (_, low) in self.energies.items() if x < members]
        best: dict[Atoms, Any] = {frozenset(): 0}

        def pack(left: Atoms) -> Any:
            if left not in best:
                atom = min(left)
                best[left] = max(low + pack(left - x) for x, low in parts if atom in x and x <= left)
            return best[left]

        return pack(members)


def _has_cover(universe: Atoms, weights: Mapping[Atoms, Any], below: float) -> bool:
    """Whether sets of a total weight below a limit cover all atoms."""
    by_atom = {atom: sorted((w, sorted(x)) for x, w in weights.items() if atom in x) for atom in universe}
    if not all(by_atom.values()):
        return False
    share = {atom: min(w / len(x) for w, x in choices) for atom, choices in by_atom.items()}
    reached: dict[Atoms, Any] = {}
    stack: list[tuple[Atoms, Any]] = [(universe, 0)]
    while stack:
        left, cost = stack.pop()
        if cost + sum(share[atom] for atom in left) >= below or cost >= reached.get(left, math.inf):
            continue
        if not left:
            return True
        reached[left] = cost
        # branch on the atom with the fewest sets
        atom = min(left, key=lambda a: (len(by_atom[a]), a))
        stack.extend((left.difference(x), cost + w) for w, x in reversed(by_atom[atom]))
    return False
