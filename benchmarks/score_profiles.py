"""Score profiles and their ingredients against true label images, and print a table in Markdown.

    python benchmarks/score_profiles.py FOLDER [FOLDER ...] [--skip 603x1272] [--rows adaptive published] [--images]
    python benchmarks/score_profiles.py FOLDER [FOLDER ...] --rows "ten lines" published adaptive --kinds

Each FOLDER has images/, and masks/ with the true label images under the same names. Scores are AP50 / SEG, pooled over
the images of a folder, and seconds of one core per image. With --kinds, images are grouped by size and true radius
(`tune_adaptive.kind`) instead of by folder.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np
from tune_adaptive import kind, pairs, pooled, score, typical_radius

from superdsm.api import segment

ADAPTIVE: dict[str, Any] = {"profile": "adaptive"}
EVIDENCE = dict.fromkeys(("min_amplitude", "min_significance", "min_sharpness", "min_area", "min_solidity"), 0)
ROWS: Mapping[str, Any] = {
    "ten lines": None,
    "published": {"profile": "published"},
    "adaptive": ADAPTIVE,
    "adaptive, true radius": {**ADAPTIVE, "nucleus_radius": "true"},
    "adaptive, radius of blobs": {**ADAPTIVE, "nucleus-size": {"outline_trust": 0}},
    "adaptive, greedy cover": {**ADAPTIVE, "global-energy-minimization": {"cover": "greedy"}},
    "adaptive, no fitted outlines": {**ADAPTIVE, "contours": {"level": 0}},
    "adaptive, no price of necks": {**ADAPTIVE, "object-prices": {"neck": 0}},
    "adaptive, no division": {**ADAPTIVE, "contours": {"narrow": 0}},
    "adaptive, no prices": {**ADAPTIVE, "object-prices": dict.fromkeys(("brightness", "outline", "size", "neck"), 0)},
    "adaptive, no evidence": {**ADAPTIVE, "evidence": EVIDENCE},
    "adaptive, no local mean": {**ADAPTIVE, "normalise": {"offset_weight": 0}},
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, help="folders with images/ and masks/")
    parser.add_argument("--skip", nargs="*", default=[], help="leave out images of these sizes, as ROWSxCOLUMNS")
    parser.add_argument("--rows", nargs="*", default=list(ROWS), choices=list(ROWS), help="what to score")
    parser.add_argument("--images", action="store_true", help="print the scores of each image as well, worst first")
    parser.add_argument(
        "--kinds", action="store_true", help="a row for each kind of images, a column for each of --rows"
    )
    parser.add_argument("--processes", type=int, default=1, help="how many images at a time")
    args = parser.parse_args()
    data = {
        folder.name: [(image, truth) for image, truth in pairs(folder) if sized(truth) not in args.skip]
        for folder in args.folders
    }
    empty = [name for name, found in data.items() if not found]
    if empty:
        sys.exit(f"{empty[0]}: no image in images/ has a true label image of the same name in masks/")
    images = [(name, index, *pair) for name, found in data.items() for index, pair in enumerate(found)]
    with Pool(args.processes) as pool:
        table = {
            row: pool.starmap(scored, [(row, image, truth) for _, _, image, truth in images], chunksize=1)
            for row in args.rows
        }
    groups: dict[str, list[int]] = {}
    for at, (name, _, _, truth) in enumerate(images):
        groups.setdefault(kind(truth) if args.kinds else name, []).append(at)
    cells = {row: [cell([results[at] for at in group]) for group in groups.values()] for row, results in table.items()}
    if args.kinds:
        print("| kind | images |", " | ".join(args.rows), "|\n|---|---:|" + "---:|" * len(args.rows))
        for at, (name, group) in sorted(enumerate(groups.items()), key=lambda one: one[1][0]):
            print(f"| {name} | {len(group)} |", " | ".join(cells[row][at] for row in args.rows), "|")
    else:
        print("| |", " | ".join(groups), "|\n|---|" + "---:|" * len(groups))
        for row in args.rows:
            print(f"| {row} |", " | ".join(cells[row]), "|")
    for row in args.rows if args.images else []:
        print(f"\n{row}, the images of most errors first")
        order = sorted(range(len(images)), key=lambda at: -errors(table[row][at]))
        for at in order:
            name, index, _, truth = images[at]
            print(f"    {name}[{index}] {sized(truth)}: {errors(table[row][at])} errors, {cell([table[row][at]])}")


Scored = tuple[tuple[list[float], int, int], float]


def scored(row: str, image: Any, truth: Any) -> Scored:
    """Score an image; return the seconds, too."""
    start = time.process_time()
    labels = labelled(image, truth, ROWS[row])
    seconds = time.process_time() - start
    return score(labels, truth), seconds


def cell(results: list[Scored]) -> str:
    """Say the scores of some images."""
    total = pooled([result for result, _ in results])
    seconds = sum(seconds for _, seconds in results) / len(results)
    return f"{total['AP50']:.3f} / {total['SEG']:.3f} ({seconds:.2f} s)"


def errors(result: Scored) -> int:
    """Return the number of objects that are missed or wrong at an IoU of 0.5."""
    (seg, matches, found), _ = result
    return len(seg) + found - 2 * matches


def sized(truth: Any) -> str:
    """Say the size of an image."""
    return f"{truth.shape[0]}x{truth.shape[1]}"


def labelled(image: Any, truth: Any, config: Mapping[str, Any] | None) -> Any:
    """Segment an image with a configuration; None stands for ten lines of scikit-image."""
    if config is None:
        return ten_lines(np.asarray(image, np.float64))
    if config.get("nucleus_radius") == "true":
        config = {**config, "nucleus_radius": typical_radius(truth)}
    return segment(image, config).labels


def ten_lines(image: Any) -> Any:
    """Gaussian, Otsu, filled holes, watershed of the distances; with what scores best of some settings."""
    from scipy import ndimage
    from skimage import feature, filters, segmentation

    smooth = ndimage.gaussian_filter(image if image.ndim == 2 else image[..., :3].mean(axis=2), 1)
    mask = ndimage.binary_fill_holes(smooth > filters.threshold_otsu(smooth))
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), 1.5)
    places = feature.peak_local_max(
        distance, min_distance=5, footprint=np.ones((7, 7)), exclude_border=False, labels=ndimage.label(mask)[0]
    )
    seeds = np.zeros(image.shape[:2], np.int32)
    seeds[tuple(places.T)] = np.arange(1, len(places) + 1)
    labels = segmentation.watershed(-distance, seeds, mask=mask)
    return np.where(np.bincount(labels.ravel())[labels] < 30, 0, labels)


if __name__ == "__main__":
    main()
