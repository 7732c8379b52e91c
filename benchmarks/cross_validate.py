"""Cross-validate the defaults of the profile "adaptive" between kinds of images.

    python benchmarks/cross_validate.py FOLDER [FOLDER ...] [--processes 2] [--out scores.json]

Each FOLDER has images/, and masks/ with the true label images under the same names. For what a kind is, see
`tune_adaptive.kind`.

The candidates are the defaults, and what differs from them in one value of the search and in one of what follows it.
For each kind, the candidate that is the best on all other kinds is scored on it: what is to be expected of images of a
new kind. The optimism is how much more the best candidate of all reaches on the images that it was chosen on.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Mapping
from multiprocessing import Pool
from pathlib import Path
from typing import Any

from tune_adaptive import described, kind, pairs, pooled, score, worth

from superdsm.api import segment

SEARCH: Mapping[str, Mapping[str, Any]] = {
    "defaults": {},
    "AF_beta 1.5": {"global-energy-minimization": {"AF_beta": 1.5}},
    "AF_neck 1.5": {"object-prices": {"AF_neck": 1.5}},
}
OUTLINES: Mapping[str, Mapping[str, Any]] = {
    "defaults": {},
    "level 0.34": {"contours": {"level": 0.34}},
    "level 0.4": {"contours": {"level": 0.4}},
    "narrow 0": {"contours": {"narrow": 0}},
    "narrow 0.8": {"contours": {"narrow": 0.8}},
    "min_amplitude 0.33": {"evidence": {"min_amplitude": 0.33}},
    "min_amplitude 0.46": {"evidence": {"min_amplitude": 0.46}},
    "min_solidity 0": {"evidence": {"min_solidity": 0}},
    "min_solidity 0.8": {"evidence": {"min_solidity": 0.8}},
}
Result = tuple[list[float], int, int]


def main() -> None:
    """Score all candidates, and print what each kind reaches with those chosen on the others."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, help="folders with images/ and masks/")
    parser.add_argument("--processes", type=int, default=2, help="how many images at a time")
    parser.add_argument("--out", type=Path, help="where the scores of all candidates are written")
    args = parser.parse_args()
    images = [pair for folder in args.folders for pair in pairs(folder)]
    if not images:
        sys.exit("no image in images/ has a true label image of the same name in masks/")
    jobs = [(search, image, truth) for search in SEARCH for image, truth in images]
    with Pool(args.processes) as pool:
        found = pool.starmap(scores_of_search, jobs, chunksize=1)
    scores: dict[str, dict[str, list[Result]]] = defaultdict(lambda: defaultdict(list))
    for (search, _, truth), by_outline in zip(jobs, found, strict=True):
        for outline, result in by_outline.items():
            scores[f"{search}, {outline}"][kind(truth)].append(result)
    by_kind = {name: {one: pooled(results) for one, results in kinds.items()} for name, kinds in scores.items()}
    if args.out:
        args.out.write_text(json.dumps(by_kind, indent=1) + "\n", encoding="utf-8")
    report(by_kind)


def scores_of_search(search: str, image: Any, truth: Any) -> dict[str, Result]:
    """Segment an image with the hyperparameters of a search, and score it with all that may follow."""
    config = {"profile": "adaptive", **SEARCH[search]}
    before = segment(image, config, last="restore")
    return {
        name: score(segment(None, {**config, **outline}, fields=before.fields, first="contours").labels, truth)
        for name, outline in OUTLINES.items()
    }


def report(by_kind: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    """Print a table in Markdown: by kind, the defaults, and the candidate that is the best on the other kinds."""
    kinds = sorted(next(iter(by_kind.values())))
    defaults = by_kind["defaults, defaults"]
    gains = {name: worth(found) - worth(defaults) for name, found in by_kind.items()}
    print("| candidate | mean of AP50 and SEG, beside that of the defaults |\n|---|---:|")
    for name in sorted(gains, key=gains.__getitem__, reverse=True)[:8]:
        print(f"| {name} | {gains[name]:+.4f} |")
    print("\n| kind | defaults | chosen on the other kinds | chosen |\n|---|---:|---:|---|")
    apart = {}
    for left_out in kinds:
        chosen = best(by_kind, [name for name in kinds if name != left_out] or kinds)
        apart[left_out] = by_kind[chosen][left_out]
        print(f"| {left_out} | {described(defaults[left_out])} | {described(apart[left_out])} | {chosen} |")
    together = by_kind[best(by_kind, kinds)]
    print(f"\nmean of AP50 and SEG over the kinds: defaults {worth(defaults):.4f}, best {worth(together):.4f}, "
          f"left out {worth(apart):.4f}; optimism {worth(together) - worth(apart):.4f}")  # fmt: skip


def best(by_kind: Mapping[str, Mapping[str, Mapping[str, float]]], kinds: list[str]) -> str:
    """Return the candidate of the largest worth on some kinds."""
    return max(by_kind, key=lambda name: worth({one: by_kind[name][one] for one in kinds}))


if __name__ == "__main__":
    main()
