"""Plain NumPy and SciPy twin of the offset correction."""

import numpy as np
from scipy import ndimage


def offset_corrected(g_raw, *, sigma1, sigma2, offset_clip, lower_clip_mean):
    offset = ndimage.gaussian_filter(g_raw, sigma2)
    if np.isfinite(offset_clip):
        limit = offset_clip * g_raw.std()
        clipped = ndimage.gaussian_filter(g_raw.clip(0, limit), sigma2)
        dark = ~(g_raw > limit)
        distance = np.full(g_raw.shape, np.inf) if dark.all() else ndimage.distance_transform_edt(dark)
        weight = (sigma2 - distance).clip(0, np.inf)
        if weight.max() > 0:
            weight = weight / weight.max()
        weight = weight**2
        offset = (1 - weight) * clipped + weight * offset
    if lower_clip_mean:
        offset = np.maximum(offset, g_raw.mean())
    return ndimage.gaussian_filter(g_raw, sigma1) - offset
