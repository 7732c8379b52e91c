"""CPU seconds per image of both profiles, on one core, and which stages take them.

    python benchmarks/profile_speed.py FOLDER [FOLDER ...] [--skip 603x1272]

Each FOLDER has images/. Every image is segmented by one profile after the other, several times, and the least time
counts: other work on the machine can only add to it.
"""

import argparse
import time
from collections import Counter
from pathlib import Path

from common import print_table

from superdsm.api import segment
from superdsm.io import read_image
from superdsm.profiles import PROFILES


def run(image, profile):
    """Segment an image; return the CPU seconds, and the seconds of each stage as parts of all."""
    start = time.process_time()
    result = segment(image, profile=profile)
    result.labels  # noqa: B018 - is computed when it is asked for
    seconds = time.process_time() - start
    total = sum(result.timings.values())
    return seconds, {stage: seconds * wall / total for stage, wall in result.timings.items()}


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, help="folders with images/")
    parser.add_argument("--skip", nargs="*", default=[], help="leave out images of these sizes, as ROWSxCOLUMNS")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each image (default: 3)")
    args = parser.parse_args()
    rows = []
    for folder in args.folders:
        images = [read_image(path) for path in sorted((folder / "images").iterdir())]
        images = [image for image in images if f"{image.shape[0]}x{image.shape[1]}" not in args.skip]
        seconds, stages = Counter(), {profile: Counter() for profile in PROFILES}
        for image in images:
            for profile in PROFILES:
                best = min((run(image, profile) for _ in range(args.repeats)), key=lambda found: found[0])
                seconds[profile] += best[0] / len(images)
                stages[profile].update({stage: part / len(images) for stage, part in best[1].items()})
        rows.append((folder.name, len(images), *seconds.values(), seconds["published"] / seconds["adaptive"]))
        for profile, parts in stages.items():
            print(folder.name, profile, ", ".join(f"{stage} {part:.4f}" for stage, part in parts.items()), flush=True)
    print_table(("images", "number", *(f"{profile} s" for profile in PROFILES), "ratio"), rows)


if __name__ == "__main__":
    main()
