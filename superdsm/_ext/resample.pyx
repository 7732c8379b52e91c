"""Resampling by sums of rows and columns with weights, and masks that are brought to another grid."""

import numpy as np

from libc.stdint cimport int32_t, uint8_t
from libc.stdlib cimport free, malloc


def weighted_sums(
    const double[:, ::1] image,
    const int32_t[::1] first_row, const double[:, ::1] row_weights,
    const int32_t[::1] first_column, const double[:, ::1] column_weights,
):
    """Sum rows with weights, and of the result columns with weights.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
    first_row, first_column : ndarray of int32, shape (m,), (n,)
        The first row of the image that goes into each row of the result, and likewise for columns.
    row_weights, column_weights : ndarray of float64, shape (m, k), (n, l)
        Weights of that row and the next ones.

    Returns
    -------
    ndarray of float64, shape (m, n)

    Raises
    ------
    MemoryError
    """
    cdef Py_ssize_t width = image.shape[1], m = first_row.shape[0], n = first_column.shape[0]
    cdef Py_ssize_t i, j, k, c, taps = row_weights.shape[1], across = column_weights.shape[1]
    out_array = np.empty((m, n))
    if m == 0 or n == 0:
        return out_array
    cdef double[:, ::1] out = out_array
    cdef double* line = <double*> malloc(width * sizeof(double))
    cdef const double* row
    cdef const double* weights
    cdef const double* values
    cdef double weight, total
    if line == NULL:
        raise MemoryError
    with nogil:
        for i in range(m):
            for k in range(taps):
                weight = row_weights[i, k]
                row = &image[first_row[i] + k, 0]
                if k == 0:
                    for c in range(width):
                        line[c] = weight * row[c]
                elif weight != 0:
                    for c in range(width):
                        line[c] += weight * row[c]
            if across == 2:
                for j in range(n):
                    values = line + first_column[j]
                    out[i, j] = column_weights[j, 0] * values[0] + column_weights[j, 1] * values[1]
                continue
            for j in range(n):
                values = line + first_column[j]
                weights = &column_weights[j, 0]
                total = 0
                for k in range(across):
                    total += weights[k] * values[k]
                out[i, j] = total
    free(line)
    return out_array


def draw_degrees(
    int32_t[:, ::1] labels, double[:, ::1] best, Py_ssize_t row, Py_ssize_t column, const double[:, ::1] degrees,
    int32_t label,
):
    """Draw an object where its degree is at least a half and larger than those before.

    Parameters
    ----------
    labels : ndarray of int32, shape (rows, columns)
        Changed in place.
    best : ndarray of float64, same shape
        The largest degrees so far; changed in place.
    row, column : int
        Where ``degrees[0, 0]`` lies.
    degrees : ndarray of float64, 2-D
    label : int
    """
    cdef Py_ssize_t r, c
    cdef double degree
    with nogil:
        for r in range(degrees.shape[0]):
            for c in range(degrees.shape[1]):
                degree = degrees[r, c]
                if degree >= 0.5 and degree > best[row + r, column + c]:
                    best[row + r, column + c] = degree
                    labels[row + r, column + c] = label


cdef inline int32_t root_of(int32_t* parent, int32_t i) noexcept nogil:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


cdef int32_t number_pieces(const uint8_t* mask, Py_ssize_t height, Py_ssize_t width, int32_t* pieces,
                           int32_t* parent) noexcept nogil:
    """Number the 4-connected pieces of a mask and those of its background; `parent` has the root of each number."""
    cdef Py_ssize_t r, c, p
    cdef int32_t n = 0, above, before
    for r in range(height):
        for c in range(width):
            p = r * width + c
            before = pieces[p - 1] if c > 0 and mask[p - 1] == mask[p] else -1
            above = pieces[p - width] if r > 0 and mask[p - width] == mask[p] else -1
            if before < 0 and above < 0:
                parent[n] = n
                pieces[p] = n
                n += 1
            elif above < 0 or above == before:
                pieces[p] = before
            elif before < 0:
                pieces[p] = above
            else:
                above, before = root_of(parent, above), root_of(parent, before)
                parent[max(above, before)] = min(above, before)
                pieces[p] = min(above, before)
    for p in range(n):
        parent[p] = root_of(parent, <int32_t> p)
    return n


def largest_piece(const uint8_t[:, ::1] mask):
    """Find the largest 4-connected piece of a mask (of equal ones the first in raster order), and fill its holes.

    Parameters
    ----------
    mask : ndarray of uint8, 2-D
        Zeros and ones.

    Returns
    -------
    row, column : int
        The first row and column of its bounding box.
    piece : ndarray of uint8, 2-D
        The piece in its bounding box, shape (0, 0) if the mask is empty.
    """
    cdef Py_ssize_t height = mask.shape[0], width = mask.shape[1], size = height * width, p, r, c
    cdef Py_ssize_t r0 = height, r1 = -1, c0 = width, c1 = -1
    cdef int32_t n, k, best = -1, count = 0
    cdef uint8_t[:, ::1] out
    if size == 0:
        return 0, 0, np.empty((0, 0), np.uint8)
    cdef int32_t[:, ::1] scratch = np.empty((3, size), np.int32)
    cdef int32_t* pieces = &scratch[0, 0]
    cdef int32_t* parent = &scratch[1, 0]
    cdef int32_t* areas = &scratch[2, 0]
    cdef uint8_t[::1] flags = np.empty(size, np.uint8)
    cdef uint8_t* own = &flags[0]
    with nogil:
        for r in range(height):
            for c in range(width):
                own[r * width + c] = mask[r, c] != 0
        n = number_pieces(own, height, width, pieces, parent)
        for k in range(n):
            areas[k] = 0
        for p in range(size):
            if own[p]:
                k = parent[pieces[p]]
                count += areas[k] == 0
                areas[k] += 1
        for k in range(n):
            if areas[k] and (best < 0 or areas[k] > areas[best]):
                best = k
        if count > 1:  # the other pieces are background, and so may be in a hole, or open one
            for p in range(size):
                own[p] = own[p] and parent[pieces[p]] == best
            n = number_pieces(own, height, width, pieces, parent)
        if best >= 0:
            # what the background at the border is connected to is outside, all else is a hole
            for k in range(n):
                areas[k] = 0
            for c in range(width):
                areas[parent[pieces[c]]] = 1
                areas[parent[pieces[size - width + c]]] = 1
            for r in range(height):
                areas[parent[pieces[r * width]]] = 1
                areas[parent[pieces[r * width + width - 1]]] = 1
            for r in range(height):
                for c in range(width):
                    p = r * width + c
                    if own[p] or not areas[parent[pieces[p]]]:
                        own[p] = 1
                        r0, r1 = min(r0, r), r
                        c0, c1 = min(c0, c), max(c1, c)
    if best < 0:
        return 0, 0, np.empty((0, 0), np.uint8)
    out_array = np.empty((r1 + 1 - r0, c1 + 1 - c0), np.uint8)
    out = out_array
    with nogil:
        for r in range(out.shape[0]):
            for c in range(out.shape[1]):
                out[r, c] = own[(r0 + r) * width + c0 + c]
    return r0, c0, out_array
