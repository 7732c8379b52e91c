"""Centres of the Gaussians of a deformation."""

import numpy as np

from libc.stdint cimport int32_t, uint8_t
from libc.stdlib cimport abs, free, realloc


cdef struct Pixel:
    int row, column, distance  # chessboard distance to the nearest centre


cdef struct Pixels:
    Pixel* item
    Py_ssize_t count, capacity


cdef int append(Pixels* pixels, int row, int column) noexcept nogil:
    cdef Pixel* grown
    if pixels.count == pixels.capacity:
        pixels.capacity = 2 * pixels.capacity + 64
        grown = <Pixel*> realloc(pixels.item, pixels.capacity * sizeof(Pixel))
        if grown == NULL:
            return -1
        pixels.item = grown
    pixels.item[pixels.count] = Pixel(row, column, 0x7fffffff)
    pixels.count += 1
    return 0


cdef inline void approach(Pixel* pixel, int row, int column) noexcept nogil:
    cdef int distance = max(abs(pixel.row - row), abs(pixel.column - column))
    pixel.distance = min(pixel.distance, distance)


cdef int find_uncovered(const uint8_t[:, ::1] mask, int spacing, Pixels* uncovered) noexcept nogil:
    """Collect, in raster order, the pixels without a grid point of the mask at a chessboard distance < `spacing`."""
    cdef int H = mask.shape[0], W = mask.shape[1], row, column, cell, r0, c0, r1, c1
    cdef bint left, right
    for row in range(H):
        r0 = row // spacing * spacing
        r1 = r0 + spacing if row > r0 and r0 + spacing < H else r0
        for cell in range((W + spacing - 1) // spacing):
            c0 = cell * spacing
            c1 = c0 + spacing
            left = mask[r0, c0] or mask[r1, c0]
            right = c1 < W and (mask[r0, c1] or mask[r1, c1])
            if not left and mask[row, c0] and append(uncovered, row, c0) < 0:
                return -1
            if left or right:
                continue
            for column in range(c0 + 1, min(c1, W)):
                if mask[row, column] and append(uncovered, row, column) < 0:
                    return -1
    return 0


cdef Py_ssize_t remove_covered(Pixels* pixels, int spacing) noexcept nogil:
    """Drop the pixels nearer than `spacing`; return the index of the first of the nearest among the others."""
    cdef Py_ssize_t i, kept = 0, nearest = 0
    for i in range(pixels.count):
        if pixels.item[i].distance >= spacing:
            pixels.item[kept] = pixels.item[i]
            if pixels.item[kept].distance < pixels.item[nearest].distance:
                nearest = kept
            kept += 1
    pixels.count = kept
    return nearest


def find_centres(const uint8_t[:, ::1] mask, int spacing):
    """Choose centres such that every pixel of a mask is nearer than `spacing` to one of them.

    Parameters
    ----------
    mask : ndarray of uint8, shape (rows, columns)
        The compacted mask.
    spacing : int
        Chessboard distance, in pixels.

    Returns
    -------
    ndarray of int32, shape (n, 2)
        Rows and columns, in raster order.
    """
    cdef int H = mask.shape[0], W = mask.shape[1], row, column
    cdef Pixels centres = Pixels(NULL, 0, 0), uncovered = Pixels(NULL, 0, 0)
    cdef Py_ssize_t i, j, nearest
    cdef int32_t[:, ::1] result
    cdef int error = 0
    with nogil:
        for row in range((H + spacing - 1) // spacing):
            for column in range((W + spacing - 1) // spacing):
                if mask[row * spacing, column * spacing]:
                    error |= append(&centres, row * spacing, column * spacing)
        error |= find_uncovered(mask, spacing, &uncovered)
        if not error:
            for i in range(uncovered.count):
                for j in range(centres.count):
                    approach(&uncovered.item[i], centres.item[j].row, centres.item[j].column)
        while not error:
            nearest = remove_covered(&uncovered, spacing)
            if uncovered.count == 0:
                break
            row, column = uncovered.item[nearest].row, uncovered.item[nearest].column
            error |= append(&centres, row, column)
            for i in range(uncovered.count):
                approach(&uncovered.item[i], row, column)
    try:
        if error:
            raise MemoryError
        result = np.empty((centres.count, 2), np.int32)
        for i in range(centres.count):
            result[i, 0], result[i, 1] = centres.item[i].row, centres.item[i].column
    finally:
        free(centres.item)
        free(uncovered.item)
    order = np.lexsort((result[:, 1], result[:, 0]))
    return np.asarray(result)[order]
