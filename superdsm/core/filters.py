"""Gaussian filters, with the same bits as those of SciPy."""

import functools

import numpy as np
import numpy.typing as npt

from superdsm._ext.filters import TILE, column_maxima, correlate_columns
from superdsm.parallel import Map, serial_map

TRUNCATE = 4.0
CHUNK = 8 * TILE  # columns per item of work


def gaussian(
    image: npt.NDArray[np.float64],
    sigma: float,
    map: Map = serial_map,  # noqa: A002 - named after the built-in
    tiles: npt.NDArray[np.int8] | None = None,
) -> npt.NDArray[np.float64]:
    """Filter an image with a Gaussian: bit for bit `scipy.ndimage.gaussian_filter` with its defaults.

    The kernel ends at four standard deviations, and the image is continued by reflection. The bits matter: where the
    background is flat, rounding decides on which side of zero an offset-corrected intensity falls.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
        The image.
    sigma : float
        Standard deviation, in pixels; up to 1e-15, the result is the image.
    map : callable, optional
        Applies a function to items, possibly in several threads.
    tiles : ndarray of int8, shape (ceil(rows / TILE), ceil(columns / TILE)), optional
        Tiles of TILE x TILE pixels that are needed (see `tiled`); in the others, the result is 0.

    Returns
    -------
    ndarray of float64, shape (rows, columns)
    """
    image = np.ascontiguousarray(image, np.float64)
    if sigma <= 1e-15 or image.size == 0:
        return image.copy()
    weights = gaussian_weights(sigma)
    weights = weights[len(weights) // 2 :]
    rows = None
    if tiles is not None:
        # where no tile of a row of tiles is needed, neither is the first pass
        rows = np.ascontiguousarray(np.broadcast_to(tiles.any(1), tiles.shape[::-1]), np.int8)
    return _correlate(_correlate(image, weights, map, rows), weights, map, tiles)


def _correlate(
    image: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    map: Map,  # noqa: A002
    wanted: npt.NDArray[np.int8] | None,
) -> npt.NDArray[np.float64]:
    """Filter the columns; the result is transposed."""
    out = np.empty(image.shape[::-1]) if wanted is None else np.zeros(image.shape[::-1])
    columns = image.shape[1]

    def work(first: int) -> None:
        correlate_columns(image, weights, out, first, min(first + CHUNK, columns), wanted)

    map(work, range(0, columns, CHUNK))
    return out


def largest_around(image: npt.NDArray[np.float64], reach: int) -> npt.NDArray[np.float64]:
    """Largest value in the square around each pixel, as `scipy.ndimage.maximum_filter` of the size ``2 * reach + 1``.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
        The image, without NaN.
    reach : int
        How many pixels the square extends on each side.

    Returns
    -------
    ndarray of float64, same shape
    """
    image = np.ascontiguousarray(image, np.float64)
    across, out = np.empty(image.shape[::-1]), np.empty(image.shape)
    column_maxima(image, reach, across)
    column_maxima(across, reach, out)
    return out


def tiled(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int8]:
    """Tell which tiles of TILE x TILE pixels have a pixel in a mask: int8, shape (ceil(rows / TILE), ...)."""
    rows, columns = (-(-size // TILE) for size in mask.shape)
    padded = np.zeros((rows * TILE, columns * TILE), bool)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    return np.asarray(padded.reshape(rows, TILE, -1).any(1).reshape(rows, columns, TILE).any(2), np.int8)


@functools.lru_cache(maxsize=64)
def gaussian_weights(sigma: float, order: int = 0) -> npt.NDArray[np.float64]:
    """Sampled Gaussian, truncated at four standard deviations, with sum 1, or its second derivative.

    Parameters
    ----------
    sigma : float
        Standard deviation, in pixels.
    order : int, optional
        0 or 2.

    Returns
    -------
    ndarray of float64, shape (2 * radius + 1,)
        The weights; read-only.
    """
    radius = int(TRUNCATE * float(sigma) + 0.5)
    x = np.arange(-radius, radius + 1)
    variance = sigma * sigma
    weights: npt.NDArray[np.float64] = np.exp(-0.5 / variance * x**2)
    weights = weights / weights.sum()
    if order == 2:
        weights = weights * ((x / variance) ** 2 - 1 / variance)
    weights.flags.writeable = False
    return weights
