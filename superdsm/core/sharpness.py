"""How sharp the edges of objects are: of images out of focus they are wide."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from superdsm.core.objects import BoolArray, FloatArray, Object

MOST = 30  # objects that are looked at
FINE = 12  # pixels of a radius from which on only every second one is looked at, then every third, ...
LEAST_REACH = 3  # pixels to each side of the edge
REACH = 0.6  # the same, in radii of the object


def edge_width(objects: Sequence[Object], occupied: BoolArray, image: FloatArray) -> float | None:
    """Measure how wide the edges of objects are.

    The intensities around an object, averaged over the pixels at the same distance from its edge, are compared with an
    edge that was blurred by a Gaussian: its steepest slope is the step, divided by sqrt(2 pi) standard deviations.

    Parameters
    ----------
    objects : sequence of Object
        The objects, none of them empty. Of many, some are looked at.
    occupied : ndarray of bool, shape (rows, columns)
        The pixels of all objects.
    image : ndarray of float64, shape (rows, columns)
        Intensities.

    Returns
    -------
    float or None
        Standard deviation of the Gaussian, in pixels: the median of the objects. None if no object is brighter than
        what is around.
    """
    found = [_width(item, image, occupied) for item in objects[:: max(1, -(-len(objects) // MOST))]]
    known = [width for width in found if width is not None]
    return float(np.median(known)) if known else None


def _width(item: Object, image: FloatArray, occupied: BoolArray) -> float | None:
    radius = math.sqrt(item.area / math.pi)
    stride = max(1, int(radius / FINE))
    window, whole, around = _surroundings(item, image, occupied)
    values, mask, free = window[::stride, ::stride], whole[::stride, ::stride], around[::stride, ::stride]
    reach = max(LEAST_REACH, math.ceil(REACH * radius / stride))
    # from -1 just inside of the edge to 1 just outside; other objects are no surroundings
    outside, inside = (np.asarray(ndimage.distance_transform_edt(part)) for part in (~mask, mask))
    distance = outside - inside
    near = (np.abs(distance) <= reach) & (mask | free)
    bins = np.rint(distance[near]).astype(int) + reach
    counts = np.bincount(bins, minlength=2 * reach + 1)
    if not (counts[:reach].any() and counts[reach + 1 :].any()):
        return None
    profile = np.bincount(bins, values[near], minlength=2 * reach + 1)[counts > 0] / counts[counts > 0]
    step, slope = profile[0] - profile[-1], float(np.max(profile[:-1] - profile[1:]))
    return stride * float(step / (slope * math.sqrt(2 * math.pi))) if step > 0 and slope > 0 else None


def _surroundings(item: Object, image: FloatArray, occupied: BoolArray) -> tuple[FloatArray, BoolArray, BoolArray]:
    """Return intensities, the mask of an object, and where no object is, in a window around it."""
    reach = max(LEAST_REACH, math.ceil(REACH * math.sqrt(item.area / math.pi)))
    window = tuple(
        slice(max(0, part.start - reach), min(size, part.stop + reach))
        for part, size in zip(item.slices, image.shape, strict=True)
    )
    mask = np.zeros(image[window].shape, bool)
    inner = tuple(
        slice(part.start - outer.start, part.stop - outer.start)
        for part, outer in zip(item.slices, window, strict=True)
    )
    mask[inner] = item.fragment
    return image[window], mask, ~occupied[window]
