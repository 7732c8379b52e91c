"""Whether energies are superadditive, and whether the pruning is safe: models of all sets of the clusters.

In every cluster of at most so many atoms that is not solved directly, a model is fitted to each connected set of atoms,
without any pruning. The table tells in how many of the divisions of a set into two sets the energies of the parts
exceed that of the whole, and how many clusters have a better cover among all sets than the search found.
"""

import itertools
from collections.abc import Iterator
from typing import Any

from common import arguments, image_path, print_table, reference_times

from superdsm.api import segment
from superdsm.core.candidate_regions import Regions
from superdsm.core.exact_cover import minimum_cover
from superdsm.core.model import ModelParams, fit
from superdsm.io import read_image

STAGE = "global-energy-minimization"


def connected_sets(atoms: list[int], edges: list[list[int]]) -> Iterator[frozenset[int]]:
    """Yield all connected sets of atoms."""
    neighbours: dict[int, set[int]] = {atom: set() for atom in atoms}
    for a, b in edges:
        neighbours[a].add(b)
        neighbours[b].add(a)
    found = {frozenset({atom}) for atom in atoms}
    while found:
        yield from found
        found = {x | {b} for x in found for a in x for b in neighbours[a] - x}


def examine(fields: dict[str, Any], most: int) -> dict[str, Any]:
    """Fit models to all sets of the clusters of an image; return the counts."""
    params = ModelParams(**{name: fields["dsm_cfg"][name] for name in ModelParams.__dataclass_fields__})
    beta = fields["certificate"]["search"]["beta"]
    known = {frozenset(item.atoms): item.energy for item in fields["objects"]}
    regions = Regions.of(fields["y"], fields["y_mask"], fields["atoms"], len(fields["seeds"]), params.background_margin)
    counts = {"clusters": 0, "sets": 0, "fitted": 0, "divisions": 0, "violations": 0, "worst": 0.0, "better": 0}
    for detail in fields["certificate"]["details"]:
        atoms = detail["atoms"]
        if detail["method"] in ("single", "criterion") or len(atoms) > most:
            continue
        sets = [*dict.fromkeys([*connected_sets(atoms, detail["edges"]), frozenset(atoms)])]
        energies = {}
        for members in sets:
            region, y, offset = regions.cut(tuple(sorted(members)))
            energies[members] = known.get(members)
            if energies[members] is None:
                energies[members] = fit(y, region, offset, fields["y"].shape, params).energy if region.size else 0.0
        for whole, part in itertools.product(sets, sets):
            if part < whole and min(whole) in part and whole - part in energies:
                parts = energies[part] + energies[whole - part]
                counts["divisions"] += 1
                excess = (parts - energies[whole]) / max(1.0, parts)
                counts["violations"] += excess > 1e-6
                counts["worst"] = max(counts["worst"], excess)
        place = {atom: i for i, atom in enumerate(atoms)}
        masks = [sum(1 << place[atom] for atom in members) for members in sets]
        best = minimum_cover(masks, [energies[members] + beta for members in sets])
        counts["clusters"] += 1
        counts["sets"] += len(sets)
        counts["fitted"] += sum(members in known for members in sets)
        counts["better"] += best.cost < detail["upper"] - 1e-6 * max(1.0, detail["upper"])
    return counts


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__)
    parser.add_argument("--atoms", type=int, default=8, help="largest number of atoms of a cluster (default: 8)")
    args = parser.parse_args()
    sums: dict[str, dict[str, Any]] = {}
    for reference in reference_times(args.data):
        image = read_image(image_path(args.data, reference))
        counts = examine(
            segment(image, {STAGE: {"cover": "exact"}}, profile="published", last=STAGE).fields, args.atoms
        )
        total = sums.setdefault(reference["set"], dict.fromkeys(counts, 0))
        for name, value in counts.items():
            total[name] = max(total[name], value) if name == "worst" else total[name] + value
    rows = [(name, *(f"{v:.1e}" if key == "worst" else v for key, v in total.items())) for name, total in sums.items()]
    print_table(
        (
            "data set",
            "clusters",
            "connected sets",
            "fitted by the search",
            "divisions",
            "violations",
            "largest relative excess",
            "better covers missed",
        ),
        rows,
    )


if __name__ == "__main__":
    main()
