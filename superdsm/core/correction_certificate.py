"""What is known of the optimality of a cover after corrections by hand."""

import itertools
import math
from collections.abc import Mapping, Sequence

from superdsm.core.certificate import CORRECTIONS, TOLERANCE, ClusterCertificate, Json, totals
from superdsm.core.correction_scene import connected
from superdsm.core.objects import Object

Atoms = tuple[int, ...]


def corrected_certificate(
    before: Json,
    cover: Sequence[Object],
    touched: Sequence[Atoms],
    gaps: Mapping[Atoms, float],
    sets: Sequence[Atoms],
    bounds: Sequence[float] | None,
    beta: float,
) -> Json:
    """Return the certificate of an image after corrections: that of the clusters concerned is made anew.

    Parameters
    ----------
    before : dict
        The certificate without corrections.
    cover : sequence of Object
        The objects.
    touched : sequence of tuple of int
        Sets of atoms that belong together since a correction was about them.
    gaps : mapping
        By the atoms that were covered anew: what their cover may cost too much.
    sets : sequence of tuple of int
        The atoms of each model.
    bounds : sequence of float, optional
        Lower bounds of their energies, where they were computed.
    beta : float
        What each object costs.
    """
    details = before["details"]
    atoms_of = [tuple(item["atoms"]) for item in details] + list(touched)
    pairs = [pair for atoms in atoms_of for pair in itertools.pairwise(atoms)]
    groups = connected(sorted({atom for atoms in atoms_of for atom in atoms}), pairs)
    changed = {atom for atoms in touched for atom in atoms}
    groups = [group for group in groups if changed & set(group)]
    concerned = {atom for group in groups for atom in group}
    made = [item for item in details if not concerned & set(item["atoms"])]
    free = max((item["cluster"] for item in details), default=0)
    for group in groups:
        inside = [item for item in details if item["atoms"] and item["atoms"][0] in group]
        free += not inside
        own = [item for item in cover if item.atoms[0] in group]
        upper = math.fsum(item.energy + beta for item in own)
        gap = math.fsum([item["upper"] - item["lower"] for item in inside])
        gap += math.fsum(value for atoms, value in gaps.items() if atoms[0] in group)
        lower = max(0.0, upper - gap)
        closed = upper - lower <= TOLERANCE * max(1.0, upper)
        reasons = sorted({reason for item in inside for reason in item["reasons"]})
        one = ClusterCertificate(
            inside[0]["cluster"] if inside else free,
            tuple(group),
            (),
            (),
            tuple(sorted(item.atoms for item in own)),
            sum(set(atoms) <= set(group) for atoms in sets),
            upper,
            lower,
            CORRECTIONS,
            () if closed else tuple(reasons),
            max((item["excess"] for item in inside), default=0.0),
            (math.inf,) * len(own),
        )
        made.append(one.as_json())
    made.sort(key=lambda item: int(item["cluster"]))
    return {**before, **totals(made), "lower_energies": None if bounds is None else list(bounds), "details": made}
