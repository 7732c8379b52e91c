"""Division of masks at their necks: where an outline narrows between two parts, as between disks that touch."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from superdsm.core.distance import edt
from superdsm.core.filters import gaussian
from superdsm.core.objects import BoolArray, FloatArray
from superdsm.core.prices import outside_ellipse
from superdsm.core.watershed import watershed

ELLIPTICAL = 0.02  # less than this part of a mask without a neck is outside of the ellipse of its moments
ROUNDING = 0.08  # standard deviation of the Gaussian of the distances, in radii of the mask; at least LEAST_ROUNDING
LEAST_ROUNDING = 0.5  # pixels
LEAST_SHARE = 0.2  # of a mask; what is smaller is no part of its own
TINY = 1e-9


def divide(mask: BoolArray, narrow: float) -> npt.NDArray[np.int32] | None:
    """Divide a mask where it is narrow.

    The width is twice the distance to the background. Parts are the basins of its maxima, but two that touch are one if
    the widest place between them is nearly as wide as the narrower of both, or if one of them is small.

    Parameters
    ----------
    mask : ndarray of bool, 2-D
        The mask, 4-connected; what is outside of the array is background.
    narrow : float
        Parts are divided where the width is less than this fraction of that of the narrower part.

    Returns
    -------
    ndarray of int32, same shape, or None
        Labels 1, 2, ... of the parts, 0 outside; None if there is only one.
    """
    if not mask.any() or outside_ellipse(mask) < ELLIPTICAL:
        return None
    area = np.count_nonzero(mask)
    sigma = max(LEAST_ROUNDING, ROUNDING * float(np.sqrt(area / np.pi)))
    padded = np.pad(mask, 1)
    width = np.where(padded, gaussian(edt(padded), sigma), 0.0)
    peaks, n = ndimage.label((width == ndimage.maximum_filter(width, 3)) & padded, np.ones((3, 3)))
    if n < 2:
        return None
    parts = _joined(watershed(-width, peaks, padded), width, narrow, LEAST_SHARE * area)
    return parts[1:-1, 1:-1] if parts.max() > 1 else None


def _joined(
    basins: npt.NDArray[np.int32], width: FloatArray, narrow: float, least_area: float
) -> npt.NDArray[np.int32]:
    """Join basins, those with the least narrowing between them first, until only necks are left."""
    n = int(basins.max())
    height = ndimage.maximum(width, basins, np.arange(n + 1))
    areas = np.bincount(basins.ravel(), minlength=n + 1)
    passes = np.zeros((n + 1, n + 1))  # the widest place between two parts
    for axis in (0, 1):
        one, other = (np.moveaxis(basins, axis, 0)[part] for part in (slice(-1), slice(1, None)))
        wide = np.minimum(*(np.moveaxis(width, axis, 0)[part] for part in (slice(-1), slice(1, None))))
        np.maximum.at(passes, (one, other), wide)
    passes[0] = passes[:, 0] = 0
    np.fill_diagonal(passes, 0)
    passes = np.maximum(passes, passes.T)
    names = np.arange(n + 1)
    while True:
        narrowing = passes / np.minimum(height[:, None], height).clip(TINY)
        small = np.minimum(areas[:, None], areas) < least_area
        urgent = np.where(passes > 0, narrowing + 2 * small, 0)
        first, second = np.unravel_index(urgent.argmax(), urgent.shape)
        if urgent[first, second] < max(narrow, TINY):
            return np.unique(names, return_inverse=True)[1].astype(np.int32)[basins]
        height[first] = max(height[first], height[second])
        areas[first] += areas[second]
        passes[first] = np.maximum(passes[first], passes[second])
        passes[:, first] = passes[first]
        passes[first, first] = passes[second] = passes[:, second] = 0
        names[names == second] = first
