"""Seconds per image and stage, from the file to the label image, against the reference's.

Every image is segmented several times in one warm process; the table shows medians. The ratios to the reference's times
hold for the kind of machine on which these were measured (two cores).
"""

import statistics
import time

from common import STAGES, arguments, image_path, print_table, reference_times

from superdsm.api import segment
from superdsm.io import read_image


def run(path, jobs):
    """Segment one image; return the seconds in all, the seconds per stage, and the records of the fits."""
    start = time.perf_counter()
    result = segment(read_image(path), profile="published", jobs=jobs)
    labels = result.labels
    seconds = time.perf_counter() - start
    fits = [record for record in result.log if record["stage"] == "global-energy-minimization" and "pixels" in record]
    return seconds, result.timings, fits, int(labels.max())


def main():
    """Print the table."""
    parser = arguments(__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="threads (default: 2)")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each image (default: 5)")
    args = parser.parse_args()
    references = reference_times(args.data)
    run(image_path(args.data, references[0]), args.jobs)  # imports and caches
    rows, n_fits, n_pixels, fit_seconds = [], 0, 0, 0.0
    for reference in references:
        runs = [run(image_path(args.data, reference), args.jobs) for _ in range(args.repeats)]
        seconds = statistics.median(run[0] for run in runs)
        stages = {stage: statistics.median(run[1][stage] for run in runs) for stage in STAGES}
        fits = runs[0][2]
        n_fits, n_pixels = n_fits + len(fits), n_pixels + sum(fit["pixels"] for fit in fits)
        fit_seconds += stages["global-energy-minimization"]
        total = float(reference["total"])
        rows.append(
            (
                f"{reference['set']} {reference['image']}",
                total,
                seconds,
                total / seconds,
                *stages.values(),
                len(fits),
                runs[0][3],
            )
        )
    sums = [sum(row[i] for row in rows) for i in range(1, 3)]
    rows.append(("sum", *sums, sums[0] / sums[1], *(sum(row[i] for row in rows) for i in range(4, 11))))
    print_table(("image", "reference s", "s", "ratio", *STAGES, "fits", "objects"), rows)
    print(f"\n{args.jobs} threads; median of {args.repeats} runs each; smallest ratio {min(r[3] for r in rows):.0f}")
    print(f"energy minimisation: {n_fits / fit_seconds:.0f} fits and {n_pixels / fit_seconds / 1e6:.1f} Mpx per second")


if __name__ == "__main__":
    main()
