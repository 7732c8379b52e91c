"""Blobs: maxima over position and scale, and which of them overlap."""

import numpy as np

from libc.math cimport INFINITY
from libc.stdint cimport int32_t, uint8_t


cdef inline bint exceeded(const double* line, Py_ssize_t c, double value) noexcept nogil:
    return line[c] > value or line[c - 1] > value or line[c + 1] > value


def scale_maxima(list smoothed, double least):
    """Find the maxima over position and scale of the differences of an image smoothed more and more.

    Parameters
    ----------
    smoothed : list of ndarray of float64, shape (rows, columns)
        The images; of the differences between neighbours, the first and the last only tell what is no maximum.
    least : float
        Maxima that are not above this are left out.

    Returns
    -------
    ndarray of float64, shape (n, 6)
        Index of the difference, row, column, the difference there, and those before and after it.
    """
    cdef Py_ssize_t n_images = len(smoothed), levels = len(smoothed) - 1, s, r, c, k, n = 0
    cdef const double[:, ::1] image
    cdef Py_ssize_t height = smoothed[0].shape[0], width = smoothed[0].shape[1], stride = width + 2
    cdef double value
    # three rows of each difference in turn, with -inf around the image
    cdef double[:, :, ::1] lines = np.full((levels, 3, stride), -np.inf)
    cdef const double* at[3][3]
    cdef const double* fine
    cdef const double* coarse
    cdef double* line
    cdef size_t[::1] pointers = np.empty(n_images, np.uintp)
    for s in range(n_images):
        image = smoothed[s]
        if image.shape[0] != height or image.shape[1] != width:
            raise ValueError("the images must have one shape")
        pointers[s] = <size_t> &image[0, 0]
    found = np.empty((64, 6))
    cdef double[:, ::1] out = found
    with nogil:
        for r in range(height + 1):
            for s in range(levels):  # row r of the differences; below the last one there is none
                line = &lines[s, r % 3, 1]
                if r == height:
                    for c in range(width):
                        line[c] = -INFINITY
                    continue
                fine = <const double*> pointers[s] + r * width
                coarse = <const double*> pointers[s + 1] + r * width
                for c in range(width):
                    line[c] = fine[c] - coarse[c]
            if r == 0:
                continue
            for s in range(1, levels - 1):
                for k in range(3):
                    at[k][0] = &lines[s + k - 1, (r + 1) % 3, 1]  # the row above, which is older by two
                    at[k][1] = &lines[s + k - 1, (r + 2) % 3, 1]
                    at[k][2] = &lines[s + k - 1, r % 3, 1]
                for c in range(width):
                    value = at[1][1][c]
                    if not value > least or at[1][1][c - 1] > value or at[1][1][c + 1] > value:
                        continue
                    if (
                        exceeded(at[1][0], c, value) or exceeded(at[1][2], c, value)
                        or exceeded(at[0][1], c, value) or exceeded(at[2][1], c, value)
                        or exceeded(at[0][0], c, value) or exceeded(at[0][2], c, value)
                        or exceeded(at[2][0], c, value) or exceeded(at[2][2], c, value)
                    ):
                        continue
                    if n == out.shape[0]:
                        with gil:
                            found = np.concatenate([found, np.empty_like(found)])
                            out = found
                    out[n, 0], out[n, 1], out[n, 2], out[n, 3] = s, r - 1, c, value
                    out[n, 4], out[n, 5] = at[0][1][c], at[2][1][c]
                    n += 1
    return found[:n]


def without_overlaps(
    const double[:, ::1] blobs, const int32_t[::1] order, const int32_t[::1] starts, const double[::1] largest,
    double overlap,
):
    """Tell which blobs are not close to an earlier one that is kept.

    Parameters
    ----------
    blobs : ndarray of float64, shape (n, 3)
        Row, column and radius; the most important first.
    order : ndarray of int32, shape (n,)
        The blobs by groups, in each group by their rows.
    starts : ndarray of int32, shape (groups + 1,)
        Where the groups begin in `order`, and where the last one ends.
    largest : ndarray of float64, shape (groups,)
        No radius in a group is larger.
    overlap : float
        Two blobs are close if their distance is less than this fraction of the larger radius.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    cdef Py_ssize_t n = blobs.shape[0], i, j, group, low, high, middle
    cdef double reach, dr, dc, limit
    kept = np.ones(n, np.uint8)
    cdef uint8_t[::1] alive = kept
    with nogil:
        for i in range(n):
            if not alive[i]:
                continue
            for group in range(starts.shape[0] - 1):
                reach = overlap * max(blobs[i, 2], largest[group])
                low, high = starts[group], starts[group + 1]
                while low < high:
                    middle = (low + high) // 2
                    if blobs[order[middle], 0] < blobs[i, 0] - reach:
                        low = middle + 1
                    else:
                        high = middle
                while low < starts[group + 1]:
                    j = order[low]
                    dr = blobs[j, 0] - blobs[i, 0]
                    if dr > reach:
                        break
                    dc = blobs[j, 1] - blobs[i, 1]
                    limit = overlap * max(blobs[i, 2], blobs[j, 2])
                    if j > i and dr * dr + dc * dc < limit * limit:
                        alive[j] = 0
                    low += 1
    return kept.view(bool)
