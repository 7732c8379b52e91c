"""Nanoseconds per pixel of each kernel, for each width of registers, and the least that one can do on this machine.

The floor is one pass over as many pixels with one exponential and one division each (vectorised, data in the cache);
the derivatives add their sums over pixels, and the filters and floods have floors of their own.
"""

import numpy as np
from common import arguments, median_seconds, print_table, real_regions

from superdsm._ext import simd
from superdsm._ext.model import DeformableModel, EllipticalModel, logistic
from superdsm._ext.region_layout import RegionLayout
from superdsm.api import segment
from superdsm.core import filters, model
from superdsm.core.distance import edt
from superdsm.core.watershed import watershed
from superdsm.io import read_image


def numpy_energy(y, s):
    """Energy of pixels, in plain NumPy."""
    return np.log1p(np.exp(-np.abs(y * s)))


def region_seconds(y, omega, params):
    """Return seconds of all that is done with a region, and of the floor; and how many parameters and iterations."""
    values = y[omega]
    surface = np.linspace(-3, 3, values.size)
    region = RegionLayout(y, omega)
    elliptical = EllipticalModel(region)
    q, _, _, iterations = elliptical.fit()
    kernel = model.gaussian_kernel(params.smooth_amount, 2.0)
    deformable = DeformableModel(region, kernel, params.smooth_subsample)
    x, _, _, steps = deformable.fit(q, params.alpha, params.epsilon)
    seconds = {
        "NumPy exp+log1p": median_seconds(21, numpy_energy, values, surface),
        "exp+division+log": median_seconds(21, logistic, values, surface),
        "set-up": median_seconds(11, RegionLayout, y, omega),
        "elliptical pass": median_seconds(21, elliptical.derivatives, q),
        "elliptical fit": median_seconds(11, elliptical.fit),
        "deformable pass": median_seconds(21, deformable.derivatives, x, params.alpha, 1.0),
        "deformable fit": median_seconds(5, deformable.fit, q, params.alpha, params.epsilon),
    }
    return seconds, (x.size, iterations, steps)


def image_seconds(g, y, clusters):
    """Return seconds of the kernels that work on whole images."""
    distance, markers = edt(clusters == 0), np.where(y > 0, clusters, 0).astype(np.int32)
    kernels = {
        "Gaussian, sigma 40 (both axes)": (filters.gaussian, g, 40.0),
        "Gaussian, sigma 1.4": (filters.gaussian, g, 2**0.5),
        "Euclidean distance transform": (edt, y > 0),
        "watershed": (watershed, distance, markers),
    }
    return {name: median_seconds(5, *call) for name, call in kernels.items()}


def print_widths(measure, n_pixels):
    """Print what `measure` returns, a column for each width."""
    columns = {}
    for width in simd.supported():
        simd.use(width)
        columns[width] = measure()
    first, *_ = columns.values()
    rows = [(name, *(1e9 * seconds[name] / n_pixels for seconds in columns.values())) for name in first]
    print_table(("ns per pixel", *columns), rows)


def main():
    """Print the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--image", default="NIH3T3/images/dna-0.png", help="image, relative to the data")
    args = parser.parse_args()
    for n_pixels, y, omega, params in real_regions(args.data, [5_000, 30_000, 100_000]):
        n_params, iterations, steps = region_seconds(y, omega, params)[1]
        print(f"a region of {n_pixels:,} pixels, {n_params} parameters, {iterations} and {steps} iterations:\n")
        print_widths(lambda region=(y, omega, params): region_seconds(*region)[0], n_pixels)
        print()
    fields = segment(read_image(args.data / args.image), last="c2f-region-analysis", profile="published").fields
    print("an image:\n")
    image = (fields["g_raw"], fields["y"], fields["clusters"])
    print_widths(lambda: image_seconds(*image), fields["g_raw"].size)


if __name__ == "__main__":
    main()
