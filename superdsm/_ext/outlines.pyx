"""Outlines of labels along the edges of pixels."""

import numpy as np

from libc.stdint cimport int32_t, uint8_t

# Directions: east, south, west, north. From the corner (x, y) between four pixels: the column and the row, relative to
# it, of the pixel ahead on the left, and of that ahead on the right.
cdef Py_ssize_t[4] STEP_X = [1, 0, -1, 0]
cdef Py_ssize_t[4] STEP_Y = [0, 1, 0, -1]
cdef Py_ssize_t[4] LEFT_X = [0, 0, -1, -1]
cdef Py_ssize_t[4] LEFT_Y = [-1, 0, 0, -1]
cdef Py_ssize_t[4] RIGHT_X = [0, -1, -1, 0]
cdef Py_ssize_t[4] RIGHT_Y = [0, 0, -1, -1]


cdef inline bint is_label(const int32_t[:, ::1] labels, Py_ssize_t row, Py_ssize_t col, int32_t label) noexcept nogil:
    return 0 <= row < labels.shape[0] and 0 <= col < labels.shape[1] and labels[row, col] == label


cdef Py_ssize_t follow(const int32_t[:, ::1] labels, uint8_t[:, ::1] seen, uint8_t bit, Py_ssize_t row, Py_ssize_t col,
                       int32_t[:, ::1] corners, Py_ssize_t first) noexcept nogil:
    """Follow the outline that begins with the upper edge of a pixel, eastwards; return the number of its corners.

    The label is on the right of the way. Upper edges that are passed are marked with `bit`. Where two pixels of the
    label meet in a corner only, the way goes on to the other pixel. Corners are noted from `first` on, if there is
    room for them.
    """
    cdef int32_t label = labels[row, col]
    cdef Py_ssize_t x = col, y = row, n = 0
    cdef int d = 0
    while True:
        if corners.shape[0] > 0:
            corners[first + n, 0] = <int32_t> x
            corners[first + n, 1] = <int32_t> y
        n += 1
        while True:  # straight on
            if d == 0:
                seen[y, x] |= bit
            x += STEP_X[d]
            y += STEP_Y[d]
            if is_label(labels, y + LEFT_Y[d], x + LEFT_X[d], label):
                d = (d + 3) % 4
                break
            if not is_label(labels, y + RIGHT_Y[d], x + RIGHT_X[d], label):
                d = (d + 1) % 4
                break
        if x == col and y == row and d == 0:
            return n


cdef Py_ssize_t follow_all(const int32_t[:, ::1] labels, uint8_t[:, ::1] seen, uint8_t bit, int32_t[:, ::1] corners,
                           Py_ssize_t[::1] starts, int32_t[::1] values, Py_ssize_t *total) noexcept nogil:
    """Follow all outlines; return their number, and set the number of corners; note them if there is room."""
    cdef Py_ssize_t row, col, rings = 0, first = 0
    cdef int32_t label
    for row in range(labels.shape[0]):
        for col in range(labels.shape[1]):
            label = labels[row, col]
            if label == 0 or seen[row, col] & bit or is_label(labels, row - 1, col, label):
                continue
            if values.shape[0] > 0:
                starts[rings] = first
                values[rings] = label
            first += follow(labels, seen, bit, row, col, corners, first)
            rings += 1
    total[0] = first
    return rings


def trace(const int32_t[:, ::1] labels):
    """Follow the outlines of all labels.

    Parameters
    ----------
    labels : ndarray of int32, shape (rows, columns)
        Label image; 0 is the background.

    Returns
    -------
    corners : ndarray of int32, shape (n, 2)
        x and y of the corners of one outline after the other. The label is on the right: outer outlines are clockwise
        as displayed, holes counter-clockwise.
    starts : ndarray of intp, shape (m + 1,)
        Index of the first corner of each outline, and n. Outlines come in the order of their first edge in the image,
        row by row, so that the outer one of 4-connected pixels comes before their holes.
    values : ndarray of int32, shape (m,)
        The label of each outline.
    """
    cdef uint8_t[:, ::1] seen = np.zeros((labels.shape[0], labels.shape[1]), np.uint8)
    cdef Py_ssize_t total = 0, rings
    no_corners, no_starts, no_values = np.empty((0, 2), np.int32), np.empty(0, np.intp), np.empty(0, np.int32)
    cdef int32_t[:, ::1] corner_view = no_corners
    cdef Py_ssize_t[::1] start_view = no_starts
    cdef int32_t[::1] value_view = no_values
    with nogil:
        rings = follow_all(labels, seen, 1, corner_view, start_view, value_view, &total)
    corners, starts, values = np.empty((total, 2), np.int32), np.empty(rings + 1, np.intp), np.empty(rings, np.int32)
    starts[rings] = total
    if rings:
        corner_view, start_view, value_view = corners, starts, values
        with nogil:
            follow_all(labels, seen, 2, corner_view, start_view, value_view, &total)
    return corners, starts, values
