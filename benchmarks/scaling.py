"""How time and memory grow with pixels and nuclei, and throughput with workers; writes PNG plots.

Mosaics of one real image have the density of its nuclei at any size. Each size runs in a process of its own, so that
its peak of memory is its own. The throughput is that of processes that segment image after image, one thread each.
"""

import json
import resource
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from common import STAGES, arguments, print_table

from superdsm.api import segment
from superdsm.io import read_image

CONFIG = {"AF_scale": 40}  # the same for all sizes: the estimate takes part in the timings, but does not vary the work


def mosaic(path, megapixels):
    """Return mirrored copies of an image side by side, cut to a square of so many megapixels."""
    side = round((megapixels * 1e6) ** 0.5)
    image = read_image(path)
    image = image if image.ndim == 2 else image[..., 0]
    pad = [(0, max(0, side - size)) for size in image.shape]
    return np.pad(image, pad, mode="symmetric")[:side, :side]


def measure(path, megapixels, jobs):
    """Segment a mosaic in this process; print the figures as JSON."""
    segment(mosaic(path, 0.1), CONFIG, profile="published")
    image = mosaic(path, megapixels)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    result = segment(image, CONFIG, profile="published", jobs=jobs)
    n_objects = int(result.labels.max())
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "seconds": seconds,
                "peak": peak,
                "before": before,
                "objects": n_objects,
                **{stage: result.timings[stage] for stage in STAGES},
            }
        )
    )


def work(path, n):
    """Segment an image `n` times."""
    image = read_image(path)
    for _ in range(n):
        segment(image, profile="published").labels.max()
    return n


def throughput(path, workers, n=12):
    """Return images per second of so many worker processes."""
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(work, [path] * workers, [1] * workers))
        start = time.perf_counter()
        done = sum(pool.map(work, [path] * workers, [n] * workers))
        return done / (time.perf_counter() - start)


def plot(rows, rates, folder):
    """Write the plots."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 4, figsize=(16, 3.8), layout="constrained")
    pixels = [row[0] for row in rows]
    for ax, x, index, x_label, y_label in (
        (axes[0], pixels, 2, "megapixels", "seconds"),
        (axes[1], pixels, 4, "megapixels", "peak memory (MB)"),
        (axes[2], [row[1] for row in rows], 2, "nuclei", "seconds"),
    ):
        values = [row[index] for row in rows]
        ax.loglog(x, values, "o-")
        ax.loglog(x, [values[-1] * v / x[-1] for v in x], "k:", label="linear")
        ax.set(xlabel=x_label, ylabel=y_label)
        ax.legend()
    axes[3].plot(list(rates), list(rates.values()), "o-")
    axes[3].plot([0, *rates], [0, *(rates[1] * n for n in rates)], "k:", label="linear")
    axes[3].set(xlabel="worker processes", ylabel="images per second", xticks=list(rates))
    axes[3].legend()
    path = folder / "scaling.png"
    figure.savefig(path, dpi=100)
    print(f"\n{path}")


def main():
    """Print the tables and write the plots."""
    parser = arguments(__doc__)
    parser.add_argument("--image", default="NIH3T3/images/dna-0.png", help="image, relative to the data")
    parser.add_argument("--sizes", type=float, nargs="+", default=[1, 4, 16, 64], help="megapixels of the mosaics")
    parser.add_argument("--jobs", type=int, default=2, help="threads (default: 2)")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="numbers of worker processes")
    parser.add_argument("--out", type=Path, default=Path(), help="folder of the plots (default: here)")
    parser.add_argument("--measure", type=float, metavar="MEGAPIXELS", help="measure one size in this process")
    args = parser.parse_args()
    path = args.data / args.image
    if args.measure:
        measure(path, args.measure, args.jobs)
        return
    rows = []
    for size in args.sizes:
        command = [
            sys.executable,
            __file__,
            "--data",
            args.data,
            "--image",
            args.image,
            "--jobs",
            args.jobs,
            "--measure",
            size,
        ]
        output = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout
        found = json.loads(output)
        rows.append(
            (
                size,
                found["objects"],
                found["seconds"],
                found["seconds"] / size,
                found["peak"],
                *(found[stage] for stage in STAGES),
            )
        )
    print_table(("megapixels", "nuclei", "s", "s per Mpx", "peak MB", *STAGES), rows)
    rates = {workers: throughput(path, workers) for workers in args.workers}
    print()
    print_table(("workers", "images per second", "ratio"), [(n, rate, rate / rates[1]) for n, rate in rates.items()])
    plot(rows, rates, args.out)


if __name__ == "__main__":
    main()
