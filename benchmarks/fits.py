"""One deformable fit: damped Newton with separable kernels against the cone solver of cvxopt with a stored matrix.

Both work on the same regions of real images in the same run, elliptical start included.
"""

from dataclasses import replace

from common import arguments, median_seconds, print_table, real_regions

from superdsm.core.model import fit


def main():
    """Print the table."""
    parser = arguments(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5_000, 30_000, 100_000], help="pixels of the regions")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each fit (default: 3)")
    args = parser.parse_args()
    rows = []
    for n_pixels, y, omega, params in real_regions(args.data, args.sizes):
        seconds, found = {}, {}
        for solver in ("newton", "cvxopt"):
            settings = replace(params, solver=solver)
            found[solver] = fit(y, omega, (0, 0), y.shape, settings)
            repeats = args.repeats if solver == "cvxopt" else 5 * args.repeats
            seconds[solver] = median_seconds(repeats, fit, y, omega, (0, 0), y.shape, settings)
        difference = abs(found["cvxopt"].energy - found["newton"].energy) / max(1.0, found["newton"].energy)
        rows.append(
            (
                n_pixels,
                found["newton"].n_params,
                found["newton"].iterations,
                1e3 * seconds["newton"],
                1e3 * seconds["cvxopt"],
                seconds["cvxopt"] / seconds["newton"],
                f"{difference:.1e}",
                found["cvxopt"].status,
            )
        )
    print_table(
        (
            "pixels",
            "parameters",
            "iterations",
            "newton ms",
            "cvxopt ms",
            "ratio",
            "energies differ by",
            "cvxopt status",
        ),
        rows,
    )


if __name__ == "__main__":
    main()
