"""Instructions of the kernels, counted with callgrind: a regression check that the noise of a machine cannot hide.

Each kernel runs in two processes under valgrind, with few and with many calls; the difference is what the calls cost.
Compares with the counts in instructions.json (``--update`` writes them) and fails if a kernel needs 3 % more.
The counts hold for one compiler; another one may need an update first. Valgrind does not know AVX-512.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

COUNTS = Path(__file__).with_name("instructions.json")
TOLERANCE = 1.03


def blob():
    """Return intensities and region of a synthetic nucleus of about 10,000 pixels."""
    r, c = np.mgrid[:130, :100]
    u, v = (r - 65) / 65, (c - 50) / 50
    return np.where(2 * u**2 + 2.4 * v**2 + u * v < 1, 0.6, -0.4) + 0.1 * np.sin(r) * np.cos(c), u**2 + v**2 < 1


def elliptical(calls):
    """Energy and derivatives of the elliptical model."""
    from superdsm._ext.model import EllipticalModel
    from superdsm._ext.region_layout import RegionLayout

    fitted = EllipticalModel(RegionLayout(*blob()))
    for _ in range(calls):
        fitted.derivatives(np.zeros(6))


def derivatives(calls):
    """Energy and derivatives of the deformable model."""
    from superdsm._ext.model import DeformableModel
    from superdsm._ext.region_layout import RegionLayout
    from superdsm.core.model import gaussian_kernel

    fitted = DeformableModel(RegionLayout(*blob()), gaussian_kernel(8, 2.0), 16)
    x = np.zeros(fitted.n_centres + 6)
    for _ in range(calls):
        fitted.derivatives(x, 0.5, 1.0)


def layout(calls):
    """A region and its Gaussians, laid out."""
    from superdsm._ext.region_layout import CentreLayout, RegionLayout
    from superdsm.core.model import gaussian_kernel

    for _ in range(calls):
        CentreLayout(RegionLayout(*blob()), gaussian_kernel(8, 2.0), 16)


def gaussian(calls):
    """Gaussian filter of a large sigma."""
    from superdsm.core.filters import gaussian

    for _ in range(calls):
        gaussian(blob()[0], 20.0)


def flood(calls):
    """Watershed."""
    from superdsm.core.watershed import watershed

    y, _ = blob()
    markers = np.zeros(y.shape, np.int32)
    markers[30, 30], markers[90, 60] = 1, 2
    for _ in range(calls):
        watershed(-y, markers)


KERNELS = {"elliptical": elliptical, "derivatives": derivatives, "layout": layout, "gaussian": gaussian, "watershed": flood}
WIDTHS = ("avx2", "sse2")


def count(name, width, calls):
    """Return the instructions of a process that calls a kernel so often."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, __file__,
               "--call", name, str(calls)]
    environment = {**os.environ, "SUPERDSM_SIMD": width, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    match = re.search(r"Collected : (\d+)", done.stderr)
    if not match:
        sys.exit(f"valgrind did not count: {done.stderr[-300:]}")
    return int(match[1])


def names():
    """Yield each kernel with each width; those that are not written for widths once."""
    for name in KERNELS:
        for width in WIDTHS if name != "watershed" else WIDTHS[:1]:
            yield name, width


def main():
    """Count, compare, and tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true", help="write the counts instead of comparing with them")
    parser.add_argument("--call", nargs=2, metavar=("KERNEL", "CALLS"), help="what runs under valgrind")
    args = parser.parse_args()
    if args.call:
        KERNELS[args.call[0]](int(args.call[1]))
        return 0
    counts = {f"{name} {width}": (count(name, width, 41) - count(name, width, 1)) // 40 for name, width in names()}
    if args.update:
        COUNTS.write_text(json.dumps(counts, indent=2) + "\n")
    known = json.loads(COUNTS.read_text())
    slower = [name for name in counts if counts[name] > TOLERANCE * known[name]]
    for name, value in counts.items():
        print(f"{name}: {value:,} instructions per call (recorded: {known[name]:,}, {value / known[name]:.3f} times)")
    if slower:
        print(f"more than before: {', '.join(slower)}")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
