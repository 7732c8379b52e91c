"""Distances along the columns of a mask, the first half of Euclidean distances and of dilations."""

from libc.stdint cimport int32_t, uint8_t


cdef inline void column_distances(
    const uint8_t[:, ::1] mask, bint target, int32_t far, int32_t[:, ::1] out
) noexcept nogil:
    """Distance of each pixel to the nearest pixel of its column that is `target` (set or not); at most `far`."""
    cdef Py_ssize_t height = mask.shape[0], width = mask.shape[1], r, c
    cdef int32_t above, below
    for c in range(width):
        out[0, c] = 0 if (mask[0, c] != 0) == target else far
    for r in range(1, height):
        for c in range(width):
            above = out[r - 1, c]
            out[r, c] = 0 if (mask[r, c] != 0) == target else (above + 1 if above < far else far)
    for r in range(height - 2, -1, -1):
        for c in range(width):
            below = out[r + 1, c]
            below = below + 1 if below < far else far
            out[r, c] = min(out[r, c], below)
