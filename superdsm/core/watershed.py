"""Marker-controlled flooding of images."""

from typing import Any

import numpy as np
import numpy.typing as npt

from superdsm._ext.watershed import flood, square_ranks


def watershed(
    values: npt.NDArray[Any], markers: npt.NDArray[Any], mask: npt.NDArray[Any] | None = None
) -> npt.NDArray[np.int32]:
    """Flood an image from markers, 4-connected (TPAMI 2023, Sec. 3.3).

    A priority queue is ordered by the value of a pixel itself, then by the time of entry. A pixel that leaves the queue
    labels its unlabelled neighbours up, left, right, and down, and these enter. All markers enter first, in raster
    order and with the same time; the queue is the textbook binary heap with strict comparisons, which settles the
    order of markers of equal value.

    Parameters
    ----------
    values : ndarray of float64, shape (rows, columns)
        The relief; low values are flooded first.
    markers : ndarray of int, same shape
        Positive labels of the markers, 0 elsewhere.
    mask : ndarray of bool, same shape, optional
        Pixels outside are neither flooded nor markers.

    Returns
    -------
    ndarray of int32, same shape
        The labels; 0 outside the mask and where no marker reaches.

    Raises
    ------
    ValueError
        The shapes differ, a value is not a number, or a marker is negative.
    """
    values = np.ascontiguousarray(values, np.float64)
    markers = np.ascontiguousarray(markers, np.int32)
    if values.ndim != 2 or markers.shape != values.shape or (mask is not None and np.shape(mask) != values.shape):
        raise ValueError("values, markers, and mask of a watershed must be two-dimensional and of the same shape")
    if markers.size and markers.min() < 0:
        raise ValueError("the labels of the markers of a watershed must not be negative")
    # Distances are ranked by their squares: no sorting. The limit keeps the table of ranks as small as the image.
    ranks = square_ranks(values, min(4 * values.size, 2**31 - 1))
    if ranks is None:
        if np.isnan(values).any():
            raise ValueError("the values of a watershed must be numbers, not NaN")
        ranks = np.unique(values, return_inverse=True)[1].reshape(values.shape).astype(np.int32)
    if mask is not None:
        mask = np.ascontiguousarray(mask, bool).view(np.uint8)
    return flood(ranks, markers, mask)
