"""A profile of one image: seconds per stage, and the functions that take most of them (one thread, warm process)."""

import cProfile
import pstats

from common import STAGES, arguments, print_table

from superdsm.api import segment
from superdsm.io import read_image


def main():
    """Print the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--image", default="NIH3T3/images/dna-0.png", help="image, relative to the data")
    parser.add_argument("--functions", type=int, default=25, help="how many functions to show (default: 25)")
    args = parser.parse_args()
    image = read_image(args.data / args.image)
    segment(image)
    profile = cProfile.Profile()
    with profile:
        result = segment(image)
        result.labels.max()
    seconds = [(name, result.timings[name]) for name in STAGES]
    total = sum(result.timings.values())
    print_table(("stage", "s", "%"), [(name, value, 100 * value / total) for name, value in seconds])
    pstats.Stats(profile).sort_stats("tottime").print_stats(args.functions)


if __name__ == "__main__":
    main()
