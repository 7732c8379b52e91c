"""CPU seconds of whole images with the kernels for each width of registers, and whether the labels are the same.

Each width runs in a process of its own, with one thread, on the same images (the first run of an image does not count).
"""

import hashlib
import json
import os
import subprocess
import sys
import time

from common import STAGES, arguments, print_table

from superdsm._ext.simd import supported
from superdsm.api import instruction_set, segment
from superdsm.io import read_image

IMAGES = ("NIH3T3/images/dna-0.png", "NIH3T3/images/dna-30.png", "U2OS/images/dna-10.png")


def measure(data, names, repeats):
    """Return the width in use, CPU seconds by stage (the least of each image, summed), and digests of the labels."""
    least, digests = dict.fromkeys((*STAGES, "all"), 0.0), []
    for name in names:
        image = read_image(data / name)
        runs = []
        for _ in range(repeats + 1):
            start, ends = time.process_time(), {}

            def observe(event, ends=ends):
                if type(event).__name__ == "StageFinished":
                    ends[event.stage] = time.process_time()

            result = segment(image, profile="published", observe=observe)
            labels = result.labels
            times, previous = {}, start
            for stage, end in ends.items():
                times[stage] = end - previous
                previous = end
            runs.append({**{stage: times.get(stage, 0.0) for stage in STAGES}, "all": time.process_time() - start})
        digests.append(hashlib.sha256(labels.tobytes()).hexdigest())
        for stage in least:
            least[stage] += min(run[stage] for run in runs[1:])
    return {"width": instruction_set(), "seconds": least, "labels": digests}


def main():
    """Print the table."""
    parser = arguments(__doc__)
    parser.add_argument("--images", nargs="+", default=IMAGES, help="images, relative to the data")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each image (default: 3)")
    parser.add_argument("--one", action="store_true", help="only the width in use, as JSON")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.data, args.images, args.repeats)))
        return 0
    found = []
    for width in supported():
        command = [sys.executable, __file__, "--one", "--data", args.data, "--repeats", str(args.repeats)]
        environment = {**os.environ, "SUPERDSM_SIMD": width, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run([*command, "--images", *args.images], env=environment, stdout=subprocess.PIPE, check=True)
        found.append(json.loads(done.stdout))
    first = found[0]
    rows = [(stage, *(item["seconds"][stage] for item in found)) for stage in first["seconds"]]
    rows.append((f"times {first['width']}", *(item["seconds"]["all"] / first["seconds"]["all"] for item in found)))
    rows.append(("labels", *("same" if item["labels"] == first["labels"] else "DIFFERENT" for item in found)))
    print(f"CPU seconds, {len(args.images)} images:\n")
    print_table(("stage", *(item["width"] for item in found)), rows)
    return int(any(item["labels"] != first["labels"] for item in found))


if __name__ == "__main__":
    sys.exit(main())
