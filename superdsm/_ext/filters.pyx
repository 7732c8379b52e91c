"""Correlation of the columns of an image with a symmetric kernel, and their running maxima."""

from libc.math cimport INFINITY
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from superdsm._ext.simd cimport TILE as SIZE
from superdsm._ext.simd cimport kernels

cdef extern from *:
    """
    static inline void take_larger(double *restrict a, const double *restrict b, int n)
    {
        for (int i = 0; i < n; i++) a[i] = a[i] > b[i] ? a[i] : b[i];
    }
    """
    void take_larger(double* a, const double* b, int n) noexcept nogil

TILE = SIZE  # columns that are worked on together


def correlate_columns(
    const double[:, ::1] image,
    const double[::1] weights,
    double[:, ::1] out,
    Py_ssize_t first,
    Py_ssize_t last,
    const char[:, ::1] wanted=None,
):
    """Correlate some columns with a symmetric kernel, and write them as rows.

    Each sum has its terms in the order of `scipy.ndimage.correlate1d`, so that the results are the same bits. The
    image is continued by reflection about the edges of its outer pixels.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
        The image.
    weights : ndarray of float64, shape (radius + 1,)
        The kernel from its centre on.
    out : ndarray of float64, shape (columns, rows)
        Rows `first` to `last` are written.
    first, last : int
        The columns, without the last. `first` is a multiple of `TILE`.
    wanted : ndarray of int8, shape (ceil(columns / TILE), ceil(rows / TILE)), optional
        Tiles of the output whose flag is 0 need not be written.

    Raises
    ------
    MemoryError
    """
    cdef Py_ssize_t H = image.shape[0], radius = weights.shape[0] - 1, r, c, i, k, n, t, source
    cdef Py_ssize_t lines = (H + SIZE - 1) // SIZE * SIZE + 2 * radius
    cdef double* block = <double*> malloc((lines * SIZE + 8) * sizeof(double))
    cdef double* buffer
    cdef const char* flags
    if block == NULL:
        raise MemoryError
    buffer = <double*> ((<size_t> block + 63) // 64 * 64)
    with nogil:
        for t in range(first // SIZE, (last + SIZE - 1) // SIZE):
            c = t * SIZE
            flags = NULL
            n = min(SIZE, last - c)
            if wanted is not None:
                flags = &wanted[t, 0]
                k = 0
                for i in range(wanted.shape[1]):
                    k |= flags[i]
                if not k:
                    continue
            for r in range(lines):
                source = r - radius
                if source < 0 or source >= H:
                    source %= 2 * H
                    if source < 0:
                        source += 2 * H
                    if source >= H:
                        source = 2 * H - 1 - source
                if n == SIZE:
                    memcpy(buffer + r * SIZE, &image[source, c], SIZE * sizeof(double))
                    continue
                for i in range(n):
                    buffer[r * SIZE + i] = image[source, c + i]
                for i in range(n, SIZE):
                    buffer[r * SIZE + i] = 0
            kernels.filter_tile(&out[c, 0], H, n, buffer, H, &weights[0], radius, flags)
        free(block)


def column_maxima(const double[:, ::1] image, Py_ssize_t reach, double[:, ::1] out):
    """Largest value within some rows above and below each pixel, written transposed.

    Windows of twice the height come from two that overlap or touch, so that the time grows with the logarithm of the
    reach only.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
        The image; nothing is beyond its borders.
    reach : int
        How many rows are looked at on either side; not negative.
    out : ndarray of float64, shape (columns, rows)
        Is written.

    Raises
    ------
    MemoryError
    """
    cdef Py_ssize_t H = image.shape[0], W = image.shape[1], c, i, n, r, t, shift, width
    reach = min(reach, H)
    cdef Py_ssize_t lines = H + 2 * reach
    cdef double* block = <double*> malloc(lines * SIZE * sizeof(double))
    if block == NULL:
        raise MemoryError
    with nogil:
        for t in range((W + SIZE - 1) // SIZE):
            c = t * SIZE
            n = min(SIZE, W - c)
            for i in range(reach * SIZE):
                block[i] = -INFINITY
                block[(reach + H) * SIZE + i] = -INFINITY
            for r in range(H):
                for i in range(n):
                    block[(reach + r) * SIZE + i] = image[r, c + i]
                for i in range(n, SIZE):
                    block[(reach + r) * SIZE + i] = -INFINITY
            width = 1  # rows from here on that each row holds the maximum of
            while width < 2 * reach + 1:
                shift = min(width, 2 * reach + 1 - width)
                for r in range(lines - shift):
                    take_larger(block + r * SIZE, block + (r + shift) * SIZE, SIZE)
                width += shift
            for i in range(n):
                for r in range(H):
                    out[c + i, r] = block[r * SIZE + i]
    free(block)


def subtract_offset(
    double[:, ::1] y,
    const double[:, ::1] clipped,
    const double[:, ::1] unclipped,
    const double[:, ::1] squared,
    double sigma,
    double least,
    Py_ssize_t first,
    Py_ssize_t last,
):
    """Subtract in some rows the mean of two offsets, weighted by the distance from bright pixels.

    Parameters
    ----------
    y : ndarray of float64, shape (rows, columns)
        Changed in rows `first` to `last` (without).
    clipped, unclipped : ndarray of float64, same shape
        The offset far from bright pixels, and at bright pixels.
    squared : ndarray of float64, same shape
        Squared distances to the nearest bright pixel.
    sigma : float
        Distance from which on the offset is `clipped`; more than 0.
    least : float
        Lower bound of the offset.
    first, last : int
        The rows.
    """
    cdef Py_ssize_t W = y.shape[1], r
    with nogil:
        for r in range(first, last):
            kernels.subtract_row(&y[r, 0], &clipped[r, 0], &unclipped[r, 0], &squared[r, 0], sigma, least, W)
