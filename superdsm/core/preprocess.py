"""Correction of uneven background: a smooth local offset of the intensities (TPAMI 2023, Suppl. 1)."""

import math

import numpy as np
import numpy.typing as npt

from superdsm._ext.filters import TILE, subtract_offset
from superdsm.core.distance import squared_distance_to, within
from superdsm.core.filters import gaussian, tiled
from superdsm.parallel import Map, serial_map

CHUNK = 64  # rows per item of work


def offset_corrected(
    g_raw: npt.NDArray[np.float64],
    *,
    sigma1: float,
    sigma2: float,
    offset_clip: float,
    lower_clip_mean: bool,
    map: Map = serial_map,  # noqa: A002 - named after the built-in
) -> npt.NDArray[np.float64]:
    """Denoise, and subtract a smooth local offset, so that the foreground is roughly where the result is positive.

    The offset is a Gaussian filter of the intensities. Bright objects raise it around them, so that clipped
    intensities are filtered instead, but for the surroundings of the very bright pixels themselves.

    Parameters
    ----------
    g_raw : ndarray of float64, shape (rows, columns)
        Intensities in [0, 1].
    sigma1 : float
        Standard deviation of the denoising Gaussian, in pixels.
    sigma2 : float
        Standard deviation of the Gaussian of the offset, in pixels.
    offset_clip : float
        Intensities are clipped to this many standard deviations of the image; may be infinite.
    lower_clip_mean : bool
        Whether the offset is nowhere below the mean intensity.
    map : callable, optional
        Applies a function to items, possibly in several threads.

    Returns
    -------
    ndarray of float64, shape (rows, columns)
        The offset-corrected intensities y.
    """
    rows = g_raw.shape[0]
    least = g_raw.mean() if lower_clip_mean else -math.inf
    y = gaussian(g_raw, sigma1, map)
    limit = offset_clip * g_raw.std() if math.isfinite(offset_clip) else math.inf
    bright = g_raw > limit
    if sigma2 <= 0 or not bright.any():
        offset = gaussian(g_raw if math.isinf(limit) else g_raw.clip(0, limit), sigma2, map)
        return np.subtract(y, np.maximum(offset, least, out=offset), out=y)
    clipped = gaussian(np.minimum(g_raw, limit), sigma2, map)
    unclipped = gaussian(g_raw, sigma2, map, tiles_within(bright, sigma2))
    squared = squared_distance_to(bright, sigma2, map)

    def work(first: int) -> None:
        subtract_offset(y, clipped, unclipped, squared, sigma2, least, first, min(first + CHUNK, rows))

    map(work, range(0, rows, CHUNK))
    return y


def tiles_within(mask: npt.NDArray[np.bool_], radius: float) -> npt.NDArray[np.int8]:
    """Tell which tiles of TILE x TILE pixels may have a pixel at less than `radius` pixels from a true pixel."""
    # two pixels are in tiles that are at most (distance + TILE - 1) / TILE apart along each axis
    return within(tiled(mask), (radius + math.sqrt(2) * TILE) / TILE).astype(np.int8)
