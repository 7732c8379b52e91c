"""Exact Euclidean distances between pixels, in linear time.

`scipy.ndimage.distance_transform_edt` gives the same distances. This takes a fifth of its time, can stop at a distance
beyond which nothing matters, and shares an image out to threads.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from superdsm._ext.distance import FAR, squared_distances, vertical_distances, within_rows
from superdsm.parallel import Map, serial_map

CHUNK = 64  # rows per item of work


def edt(mask: npt.NDArray[Any], map: Map = serial_map) -> npt.NDArray[np.float64]:  # noqa: A002 - named after the built-in
    """Distance of each true pixel to the nearest false pixel: the exact Euclidean distance transform.

    Parameters
    ----------
    mask : ndarray, shape (rows, columns)
        Non-zero is true.
    map : callable, optional
        Applies a function to items, possibly in several threads.

    Returns
    -------
    ndarray of float64, shape (rows, columns)
        Distances in pixels: 0 at false pixels, and infinite everywhere if there is none.
    """
    out = squared_distance_to(~as_bool(mask), map=map)
    return np.sqrt(out, out=out)


def squared_distance_to(
    mask: npt.NDArray[Any],
    reach: float = math.inf,
    map: Map = serial_map,  # noqa: A002
) -> npt.NDArray[np.float64]:
    """Squared distance of each pixel to the nearest true pixel.

    Parameters
    ----------
    mask : ndarray of bool, shape (rows, columns)
        The mask.
    reach : float, optional
        Distances beyond this need not be exact, which saves time; the result is never too small.
    map : callable, optional
        Applies a function to items, possibly in several threads.

    Returns
    -------
    ndarray of float64, shape (rows, columns)
        Squared distances in pixels, exact; infinite if there is no true pixel.
    """
    mask = as_bool(mask)
    out = np.empty(mask.shape)
    rows = mask.shape[0]
    if mask.size:
        vertical = vertical_distances(mask.view(np.uint8))
        limit = math.ceil(min(reach, FAR))

        def work(first):
            squared_distances(vertical, out, first, min(first + CHUNK, rows), limit)

        map(work, range(0, rows, CHUNK))
    return out


def within(mask: npt.NDArray[Any], radius: float, map: Map = serial_map) -> npt.NDArray[np.bool_]:  # noqa: A002
    """Pixels at a distance of at most `radius` from the nearest true pixel of a mask.

    Parameters
    ----------
    mask : ndarray, shape (rows, columns)
        Non-zero is true.
    radius : float
        Distance in pixels.
    map : callable, optional
        Applies a function to items, possibly in several threads.

    Returns
    -------
    ndarray of bool, shape (rows, columns)
    """
    mask = as_bool(mask)
    rows = mask.shape[0]
    if mask.size == 0 or radius < 0:
        return np.zeros(mask.shape, bool)
    out = np.empty(mask.shape, np.uint8)
    vertical = vertical_distances(mask.view(np.uint8))
    reach = _reach(min(radius, sum(mask.shape)))

    def work(first):
        within_rows(vertical, reach, out, first, min(first + CHUNK, rows))

    map(work, range(0, rows, CHUNK))
    return out.view(bool)


def _reach(radius: float) -> npt.NDArray[np.int32]:
    """For each vertical distance up to `radius`, the largest horizontal one with ``sqrt(v**2 + h**2) <= radius``."""
    square = math.floor(radius * radius)
    # the last bit of the square root decides for radii next to a root of an integer
    while math.sqrt(square + 1) <= radius:
        square += 1
    while math.sqrt(square) > radius:
        square -= 1
    return np.array([math.isqrt(square - v * v) for v in range(math.isqrt(square) + 1)], np.int32)


def as_bool(mask: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return a contiguous boolean array."""
    return np.ascontiguousarray(mask, bool)
