"""Tune hyperparameters of the profile "adaptive", cross-validated between kinds of images.

    python benchmarks/tune_adaptive.py FOLDER [FOLDER ...] --minutes 30 --out trials.jsonl

Each FOLDER has images/, and masks/ with the true label images under the same names; see `kind` for how they are
grouped. The search changes one hyperparameter at a time, up and then down, and keeps what improves the mean of AP50 and
SEG over the kinds: from good values, this came farther in an hour than random search. Every trial is a line of the
output. At the end, the best trial for all kinds but one is scored on the one that is left out: what is to be expected
of images of a new kind. `cross_validate.py` does that for a few candidates in minutes.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from superdsm.api import segment
from superdsm.core.normalise import weighted_quantile
from superdsm.io import read_image
from superdsm.profiles import get

# by which factor a hyperparameter is changed, and where it starts
STEPS: Mapping[str, tuple[float, float]] = {
    "resolution/target_radius": (1.15, 16.0),
    "normalise/amplitude_reach": (1.2, 1.0),
    "normalise/level": (1.1, 0.41),
    "normalise/offset_weight": (1.06, 1.12),
    "normalise/offset_scale": (1.15, 0.92),
    "normalise/noise_factor": (1.5, 3.0),
    "normalise/least_amplitude": (1.4, 0.12),
    "dsm/AF_alpha": (2.0, 2e-3),
    "c2f-region-analysis/max_atom_norm_energy": (1.5, 0.04),
    "global-energy-minimization/AF_beta": (1.25, 1.3),
    "object-prices/AF_brightness": (1.6, 15.0),
    "object-prices/AF_outline": (1.6, 10.0),
    "object-prices/AF_size": (2.0, 0.5),
    "object-prices/AF_neck": (1.6, 1.0),
    "nucleus-size/outline_trust": (1.3, 0.75),
    "contours/level": (1.08, 0.37),
    "contours/level_decay": (1.5, 0.5),
    "contours/narrow": (1.06, 0.88),
    "contours/least_divided": (1.4, 0.7),
    "evidence/min_amplitude": (1.15, 0.4),
    "evidence/min_solidity": (1.08, 0.72),
    "evidence/min_significance": (1.4, 8.0),
    "evidence/min_area": (1.5, 0.06),
}
Scores = dict[str, dict[str, float]]


def main() -> None:
    """Search, and print the best values and what they are worth on kinds that were left out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, help="folders with images/ and masks/")
    parser.add_argument("--minutes", type=float, default=30, help="how long to search")
    parser.add_argument("--every", type=int, default=1, help="take only every n-th image")
    parser.add_argument("--out", type=Path, default=Path("trials.jsonl"), help="where the trials are written")
    args = parser.parse_args()
    kinds: dict[str, list[tuple[Any, Any]]] = {}
    for folder in args.folders:
        found = list(pairs(folder))[:: args.every]
        if not found:
            sys.exit(f"{folder}: no image in images/ has a true label image of the same name in masks/")
        for image, truth in found:
            kinds.setdefault(kind(truth), []).append((image, truth))
    trials = list(search(kinds, time.monotonic() + 60 * args.minutes, args.out))
    best = max(trials, key=lambda trial: worth(trial["scores"]))
    print(json.dumps(best["values"], indent=2))
    for name in kinds:
        rest = [other for other in kinds if other != name] or [name]
        chosen = max(trials, key=lambda trial: worth({other: trial["scores"][other] for other in rest}))
        print(f"{name}: {described(best['scores'][name])}; left out: {described(chosen['scores'][name])}")


def pairs(folder: Path) -> Iterator[tuple[Any, Any]]:
    """Yield the images of a folder with their true labels."""
    for path in sorted((folder / "images").iterdir()):
        truth = next((folder / "masks").glob(f"{path.stem}.*"), None)
        if truth is not None:
            yield read_image(path), np.asarray(read_image(truth)).astype(np.int64)


def kind(truth: Any) -> str:
    """Say of which kind an image is: its size, and the octave of the typical radius of its true objects.

    So images of one microscope and one kind of cells are mostly together, and nothing but the images is asked.
    """
    radius = typical_radius(truth)
    if not radius:
        return f"{truth.shape[0]}x{truth.shape[1]}, empty"
    octave = 2 ** math.floor(math.log2(radius))
    return f"{truth.shape[0]}x{truth.shape[1]}, radius {octave}-{2 * octave}"


def typical_radius(truth: Any) -> float:
    """Return the median radius of the true objects, each of which counts by its area; 0 if there is none."""
    areas = np.bincount(np.unique(np.r_[0, truth.ravel()], return_inverse=True)[1][1:])[1:].astype(np.float64)
    return math.sqrt(weighted_quantile(areas, areas, 0.5) / math.pi) if areas.size else 0.0


def search(kinds: Mapping[str, Any], end: float, out: Path) -> Iterator[dict[str, Any]]:
    """Change one hyperparameter at a time until the time is over; yield all trials."""
    values = {name: start for name, (_, start) in STEPS.items()}
    best = trial(kinds, values, out)
    yield best
    while time.monotonic() < end:
        before = best
        for name, (factor, _) in STEPS.items():
            for step in (factor, 1 / factor):
                if time.monotonic() > end:
                    return
                found = trial(kinds, {**best["values"], name: best["values"][name] * step}, out)
                yield found
                if worth(found["scores"]) > worth(best["scores"]):
                    best = found
                    break
        if best is before:
            return


def trial(kinds: Mapping[str, Any], values: Mapping[str, float], out: Path) -> dict[str, Any]:
    """Segment all images with these values; write the scores down."""
    config = {"profile": get("adaptive").name, **values}
    scores = {
        name: pooled([score(segment(image, config).labels, truth) for image, truth in found])
        for name, found in kinds.items()
    }
    result = {"values": dict(values), "scores": scores}
    with out.open("a") as file:
        file.write(json.dumps(result) + "\n")
    texts = ", ".join(f"{name} {described(found)}" for name, found in scores.items())
    print(f"{worth(scores):.4f} {texts}", flush=True)
    return result


def worth(scores: Mapping[str, Mapping[str, float]]) -> float:
    """Mean of AP50 and SEG over the kinds."""
    return float(np.mean([found["AP50"] + found["SEG"] for found in scores.values()]) / 2)


def described(found: Mapping[str, float]) -> str:
    """Say the scores of a kind."""
    return f"AP50 {found['AP50']:.3f} SEG {found['SEG']:.3f}"


def score(labels: Any, truth: Any) -> tuple[list[float], int, int]:
    """Return the SEG values of the true objects, the matches at an IoU of 0.5, and the number of objects found."""
    truth = np.unique(np.r_[0, truth.ravel()], return_inverse=True)[1][1:]
    found = np.unique(np.r_[0, labels.ravel()], return_inverse=True)[1][1:]
    n_found = int(found.max()) + 1
    both = np.bincount(truth * n_found + found, minlength=(int(truth.max()) + 1) * n_found).reshape(-1, n_found)
    areas, found_areas = both.sum(axis=1)[1:], both.sum(axis=0)[1:]
    inside = both[1:, 1:]
    if not inside.size:
        return [0.0] * len(areas), 0, len(found_areas)
    iou = inside / (areas[:, None] + found_areas - inside)
    rows = np.arange(len(areas))
    best = inside.argmax(axis=1)
    seg = np.where(inside[rows, best] > 0.5 * areas, iou[rows, best], 0.0)
    return seg.tolist(), int(np.count_nonzero(iou > 0.5)), len(found_areas)


def pooled(results: list[tuple[list[float], int, int]]) -> dict[str, float]:
    """Pool the scores of the images of a kind."""
    seg = [value for values, _, _ in results for value in values]
    matches, found = (sum(result[i] for result in results) for i in (1, 2))
    return {"AP50": matches / max(1, len(seg) + found - matches), "SEG": float(np.mean(seg)) if seg else 1.0}


if __name__ == "__main__":
    main()
