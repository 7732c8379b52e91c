"""The kernels for masks in plain NumPy, SciPy and scikit-image."""

import numpy as np
import scipy.ndimage as ndi
from skimage.morphology import disk


def dilate(mask, radius):
    return ndi.binary_dilation(mask, disk(radius))


def erode(mask, radius):
    return ndi.binary_erosion(mask, disk(radius), border_value=1)


def fill_holes(mask):
    return ndi.binary_fill_holes(mask)


def is_connected(mask):
    return ndi.label(mask)[1] <= 1


def refined(mask, smooth, radius, stdamp, holes=True):
    """Refinement on the whole image."""
    mean, std = smooth[mask].mean(), smooth[mask].std()
    band = dilate(mask, radius) & ~erode(mask, radius)
    result = np.where(band, abs(smooth - mean) <= stdamp * std, mask)
    return fill_holes(result) if holes else result


def contrast(mask, union, g_raw, offset, scale, epsilon):
    """Contrast on the whole image; infinite without an exterior."""
    g = g_raw / g_raw.std()
    background = erode(~union, offset)
    d = (ndi.distance_transform_edt(~mask) - offset).clip(0, np.inf) / scale
    exterior = background & ~mask & (d <= 5)
    if not exterior.any():
        return np.inf
    return (g[mask].mean() + epsilon) / (np.average(g[exterior], weights=np.exp(-d[exterior])) + epsilon)


def is_glare(mask, smooth, num_layers, min_layer):
    inside = erode(mask, 2)
    if not inside.any():
        return False
    low, high = smooth[inside].min(), smooth[inside].max()
    layers = np.linspace(min_layer, 1, num_layers, endpoint=False)
    return all(is_connected(inside & (smooth >= low + f * (high - low))) for f in layers)


def shared_out(masks, shape):
    """Label image by drawing and flooding the whole image; without the rule for objects that others cover."""
    from superdsm.core.watershed import watershed

    count = np.zeros(shape, int)
    labels = np.zeros(shape, np.int32)
    for label, mask in enumerate(masks, 1):
        count += mask
        labels[mask] = label
    labels[count > 1] = 0
    return watershed(ndi.distance_transform_edt(labels == 0), labels, count > 0)
