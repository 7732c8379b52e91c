"""Nanoseconds per pixel of each kernel, and what the least that one can do costs on this machine.

The floor is one pass over as many pixels with one exponential and one division each (vectorised, data in the cache);
the derivatives add their sums over pixels, and the filters and floods have floors of their own.
"""

import numpy as np
from common import arguments, median_seconds, print_table, real_regions

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


def main():
    """Print the table."""
    parser = arguments(__doc__)
    parser.add_argument("--image", default="NIH3T3/images/dna-0.png", help="image, relative to the data")
    args = parser.parse_args()
    path = args.data / args.image
    rows = []
    for n_pixels, y, omega, params in real_regions(args.data, [5_000, 30_000, 100_000]):
        values, surface = y[omega], np.linspace(-3, 3, n_pixels)
        floor = median_seconds(21, logistic, values, surface) / n_pixels
        numpy_floor = median_seconds(21, numpy_energy, values, surface) / n_pixels
        region = RegionLayout(y, omega)
        set_up = median_seconds(11, RegionLayout, y, omega) / n_pixels
        elliptical = EllipticalModel(region)
        q, _, _, iterations = elliptical.fit()
        start = median_seconds(11, elliptical.fit) / n_pixels
        polynomial = median_seconds(21, elliptical.derivatives, q) / n_pixels
        kernel = model.gaussian_kernel(params.smooth_amount, 2.0)
        deformable = DeformableModel(region, kernel, params.smooth_subsample)
        x, _, _, steps = deformable.fit(q, params.alpha, params.epsilon)
        full = median_seconds(21, deformable.derivatives, x, params.alpha, 1.0) / n_pixels
        rows.append((n_pixels, x.size, *(1e9 * value for value in (numpy_floor, floor, polynomial, full)),
                     1e9 * set_up, 1e9 * start, iterations, steps))
    print("ns per pixel of a region:")
    print_table(("pixels", "parameters", "NumPy exp+log1p", "exp+division+log", "elliptical pass", "deformable pass",
                 "set-up", "elliptical fit", "its", "deformable its"), rows)

    image = read_image(path)
    fields = segment(image, last="c2f-region-analysis").fields
    g, y, clusters = fields["g_raw"], fields["y"], fields["clusters"]
    distance, markers = edt(clusters == 0), np.where(y > 0, clusters, 0).astype(np.int32)
    kernels = {
        "Gaussian, sigma 40 (both axes)": (filters.gaussian, g, 40.0),
        "Gaussian, sigma 1.4": (filters.gaussian, g, 2**0.5),
        "Euclidean distance transform": (edt, y > 0),
        "watershed": (watershed, distance, markers),
    }
    print("\nns per pixel of the image:")
    print_table(("kernel", "ns"), [(name, 1e9 * median_seconds(5, *call) / g.size) for name, call in kernels.items()])


if __name__ == "__main__":
    main()
