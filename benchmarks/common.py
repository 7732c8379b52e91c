"""What the benchmarks share: the real images, timing, tables."""

import argparse
import csv
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from superdsm.api import segment
from superdsm.core.distance import within
from superdsm.core.model import ModelParams
from superdsm.io import read_image

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
STAGES = ("scale", "preprocess", "c2f-region-analysis", "global-energy-minimization", "postprocess")


def arguments(description: str) -> argparse.ArgumentParser:
    """Return a parser with the option that says where the real images are."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real images and reference times")
    return parser


def reference_times(data: Path) -> list[dict[str, str]]:
    """Return the rows of the table of the reference's seconds per stage."""
    path = data / "reference_times.csv"
    if not path.is_file():
        sys.exit(f"{path}: not found; give the folder of the real images with --data")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def image_path(data: Path, row: dict[str, str]) -> Path:
    """Return the file of an image of the table."""
    return next((data / row["set"] / "images").glob(f"{row['image']}.*"))


def median_seconds(repeats: int, function: Callable[..., Any], *args: Any) -> float:
    """Return the median of the seconds that `function` takes with these arguments."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function(*args)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def print_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table in Markdown."""

    def text(value: Any) -> str:
        return (
            f"{value:.3g}"
            if isinstance(value, float) and abs(value) < 100
            else (f"{value:.0f}" if isinstance(value, float) else str(value))
        )

    cells = [list(header), *([text(value) for value in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = [f"| {' | '.join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))} |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|")
    print("\n".join(lines))


IMAGES = tuple(
    f"{name}.png"
    for name in ("NIH3T3/images/dna-0", "NIH3T3/images/dna-30", "U2OS/images/dna-0", "BBBC033/images/bbbc033-z28")
)


def real_regions(data: Path, sizes: Sequence[int]) -> list[tuple[int, np.ndarray, np.ndarray, ModelParams]]:
    """Return regions of about the given numbers of pixels: those nearest in size among all fits of four real images.

    Each is a tuple of the number of pixels, the intensities, the region, and the hyperparameters.
    """
    found: dict[int, tuple[int, Any, dict[str, Any]]] = {}
    for name in IMAGES:
        fields = segment(read_image(data / name), last="global-energy-minimization", profile="published", jobs=2).fields
        for item in fields["objects"]:
            for size in sizes:
                if size not in found or abs(item.n_pixels - size) < abs(found[size][0] - size):
                    found[size] = (item.n_pixels, item, fields)
    return [_region(*found[size]) for size in sizes]


def _region(n_pixels: int, item: Any, fields: dict[str, Any]) -> tuple[int, np.ndarray, np.ndarray, ModelParams]:
    params = ModelParams.from_config(fields["dsm_cfg"])
    near = within(fields["y"] > 0, params.background_margin)
    omega = np.isin(fields["atoms"], item.atoms) & fields["y_mask"] & near
    box = tuple(slice(axis.min(), axis.max() + 1) for axis in np.nonzero(omega))
    assert np.count_nonzero(omega) == n_pixels
    return n_pixels, fields["y"][box].copy(), omega[box].copy(), params
