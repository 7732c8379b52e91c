"""Score profiles and their ingredients against true label images, and print a table in Markdown.

    python benchmarks/score_profiles.py FOLDER [FOLDER ...] [--skip 603x1272] [--rows adaptive published] [--images]

Each FOLDER has images/, and masks/ with the true label images under the same names. Scores are AP50 / SEG, pooled over
the images of a folder, and seconds of one core per image.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tune_adaptive import pairs, pooled, score

from superdsm.api import segment
from superdsm.core.normalise import weighted_quantile

ADAPTIVE: dict[str, Any] = {"profile": "adaptive"}
EVIDENCE = dict.fromkeys(("min_amplitude", "min_significance", "min_sharpness", "min_area"), 0)
ROWS: Mapping[str, Any] = {
    "ten lines": None,
    "published": {"profile": "published"},
    "adaptive": ADAPTIVE,
    "adaptive, true radius": {**ADAPTIVE, "nucleus_radius": "true"},
    "adaptive, radius of blobs": {**ADAPTIVE, "nucleus-size": {"outline_trust": 0}},
    "adaptive, greedy cover": {**ADAPTIVE, "global-energy-minimization": {"cover": "greedy"}},
    "adaptive, no fitted outlines": {**ADAPTIVE, "contours": {"level": 0}},
    "adaptive, no price of necks": {**ADAPTIVE, "object-prices": {"neck": 0}},
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
    args = parser.parse_args()
    data = {
        folder.name: [(image, truth) for image, truth in pairs(folder) if sized(truth) not in args.skip]
        for folder in args.folders
    }
    empty = [name for name, found in data.items() if not found]
    if empty:
        sys.exit(f"{empty[0]}: no image in images/ has a true label image of the same name in masks/")
    print("| |", " | ".join(data), "|\n|---|" + "---:|" * len(data))
    for row in args.rows:
        print(f"| {row} |", end="", flush=True)
        single: list[tuple[float, str]] = []
        for name, found in data.items():
            results, start = [], time.process_time()
            for index, (image, truth) in enumerate(found):
                results.append(score(labelled(image, truth, ROWS[row]), truth))
                one = pooled(results[-1:])
                text = f"{name}[{index}] {sized(truth)}: AP50 {one['AP50']:.3f}, SEG {one['SEG']:.3f}"
                single.append((one["AP50"] + one["SEG"], text))
            seconds = (time.process_time() - start) / len(found)
            total = pooled(results)
            print(f" {total['AP50']:.3f} / {total['SEG']:.3f} ({seconds:.2f} s) |", end="", flush=True)
        print()
        for _, text in sorted(single) if args.images else []:
            print("   ", text)


def sized(truth: Any) -> str:
    """Say the size of an image."""
    return f"{truth.shape[0]}x{truth.shape[1]}"


def labelled(image: Any, truth: Any, config: Mapping[str, Any] | None) -> Any:
    """Segment an image with a configuration; None stands for ten lines of scikit-image."""
    if config is None:
        return ten_lines(np.asarray(image, np.float64))
    if config.get("nucleus_radius") == "true":
        areas = np.bincount(np.unique(truth, return_inverse=True)[1].ravel())[1:].astype(np.float64)
        config = {**config, "nucleus_radius": float(np.sqrt(weighted_quantile(areas, areas, 0.5) / np.pi))}
    return segment(image, config).labels


def ten_lines(image: Any) -> Any:
    """Gaussian, Otsu, filled holes, watershed of the distances."""
    from scipy import ndimage
    from skimage import feature, filters, segmentation

    smooth = ndimage.gaussian_filter(image if image.ndim == 2 else image[..., :3].mean(axis=2), 1)
    mask = ndimage.binary_fill_holes(smooth > filters.threshold_otsu(smooth))
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), 1)
    labels, _ = ndimage.label(mask)
    seeds = np.zeros(image.shape[:2], np.int32)
    places = feature.peak_local_max(distance, min_distance=5, labels=labels)
    seeds[tuple(places.T)] = np.arange(1, len(places) + 1)
    return segmentation.watershed(-distance, seeds, mask=mask)


if __name__ == "__main__":
    main()
