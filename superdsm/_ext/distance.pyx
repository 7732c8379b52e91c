"""Exact Euclidean distances in linear time, in integers: first along the columns, then along the rows."""

import numpy as np

from libc.math cimport INFINITY
from libc.stdint cimport INT32_MAX, int32_t, int64_t, uint8_t
from libc.stdlib cimport free, malloc

from superdsm._ext.columns cimport column_distances

FAR = INT32_MAX


def vertical_distances(const uint8_t[:, ::1] mask):
    """Distance of each pixel to the nearest true pixel of its column.

    Parameters
    ----------
    mask : ndarray of uint8, shape (rows, columns)
        The mask; non-zero is true.

    Returns
    -------
    ndarray of int32, shape (rows, columns)
        Pixels; `FAR` in columns without a true pixel.
    """
    result = np.empty((mask.shape[0], mask.shape[1]), np.int32)
    cdef int32_t[:, ::1] out = result
    with nogil:
        column_distances(mask, True, INT32_MAX, out)
    return result


def squared_distances(
    const int32_t[:, ::1] vertical, double[:, ::1] out, Py_ssize_t first, Py_ssize_t last, int32_t reach
):
    """Squared distance of the pixels of some rows to the nearest true pixel.

    The distances to the true pixels that are nearest in their columns are parabolas along a row; this follows their
    lower envelope.

    Parameters
    ----------
    vertical : ndarray of int32, shape (rows, columns)
        `vertical_distances` of the mask.
    out : ndarray of float64, shape (rows, columns)
        Rows `first` to `last` (without) are written. The squared distances are exact; infinite without true pixels.
    first, last : int
        The rows.
    reach : int
        Distances above this may be too large, or infinite.

    Raises
    ------
    MemoryError
    """
    cdef Py_ssize_t W = vertical.shape[1], r, c, top, position
    cdef int64_t* centre = <int64_t*> malloc(W * sizeof(int64_t))   # of the parabolas of the envelope
    cdef int64_t* height = <int64_t*> malloc(W * sizeof(int64_t))   # their smallest values
    cdef int64_t* start = <int64_t*> malloc(W * sizeof(int64_t))    # the first columns where they are lowest
    cdef int64_t new, least, begin
    if centre == NULL or height == NULL or start == NULL:
        free(centre)
        free(height)
        free(start)
        raise MemoryError
    with nogil:
        for r in range(first, last):
            top = -1
            for c in range(W):
                if vertical[r, c] > reach or vertical[r, c] == INT32_MAX:
                    continue
                new = <int64_t> vertical[r, c] * vertical[r, c]
                begin = 0
                while top >= 0:
                    least = (start[top] - c) * (start[top] - c) + new
                    if height[top] + (start[top] - centre[top]) * (start[top] - centre[top]) > least:
                        top -= 1
                        continue
                    begin = 1 + (c * c - centre[top] * centre[top] + new - height[top]) // (2 * (c - centre[top]))
                    break
                if begin < W:
                    top += 1
                    centre[top], height[top], start[top] = c, new, begin
            if top < 0:
                for c in range(W):
                    out[r, c] = INFINITY
            position = W
            while top >= 0:
                for c in range(start[top], position):
                    out[r, c] = <double> ((c - centre[top]) * (c - centre[top]) + height[top])
                position = start[top]
                top -= 1
        free(centre)
        free(height)
        free(start)


def within_rows(
    const int32_t[:, ::1] vertical,
    const int32_t[::1] reach,
    uint8_t[:, ::1] out,
    Py_ssize_t first,
    Py_ssize_t last,
):
    """Tell which pixels of some rows are near a true pixel.

    Parameters
    ----------
    vertical : ndarray of int32, shape (rows, columns)
        `vertical_distances` of the mask.
    reach : ndarray of int32, shape (n,)
        How far in its row a pixel is near, for each vertical distance; from n on, nowhere.
    out : ndarray of uint8, shape (rows, columns)
        Rows `first` to `last` (without) are set to 0 or 1.
    first, last : int
        The rows.
    """
    cdef Py_ssize_t W = vertical.shape[1], n = reach.shape[0], r, c, edge
    with nogil:
        for r in range(first, last):
            edge = -1
            for c in range(W):
                if vertical[r, c] < n:
                    edge = max(edge, c + reach[vertical[r, c]])
                out[r, c] = c <= edge
            edge = W
            for c in range(W - 1, -1, -1):
                if vertical[r, c] < n:
                    edge = min(edge, c - reach[vertical[r, c]])
                out[r, c] |= c >= edge
