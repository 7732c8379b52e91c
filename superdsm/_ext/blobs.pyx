"""Local maxima of the box-filter approximation of the determinant of the Hessian over positions and scales."""

import numpy as np

from libc.stdint cimport int32_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memset

from superdsm._ext.simd cimport BLOCK, STRIP, Integral, kernels
from superdsm._ext.simd cimport WAVES as LANES

cdef struct Maximum:
    double strength
    int32_t row
    int32_t col
    int32_t level
    int32_t unused

PADDING = STRIP  # zeros behind a filter, as whole strips are read
WAVES = LANES    # waves of a level come in multiples of this
MAXIMUM = np.dtype(
    [("strength", np.float64), ("row", np.int32), ("col", np.int32), ("level", np.int32), ("unused", np.int32)]
)

cdef enum:
    REACH = 12  # rows that are looked at together, on either side, per 1000 pixels of the side of a box
    UNKNOWN = 0
    NEGATIVE = 1
    POSITIVE = 2
    DOUBTFUL = 3  # too close to zero for the approximation

cdef struct Scan:
    # Three rows of all levels, in turn; the determinants have a zero before and behind each row.
    double* det
    char* signs
    char* active
    char* possible
    double* line
    Py_ssize_t levels, H, W, stride, blocks
    # The approximate LoG.
    const float* waves
    const float* spectra
    const float* margins
    const Py_ssize_t* sizes
    Py_ssize_t* offsets
    Py_ssize_t most_waves
    # What has been found.
    Maximum* items
    Py_ssize_t size, capacity


cdef int allocate(Scan* scan, Py_ssize_t longest) noexcept nogil:
    scan.det = <double*> calloc(3 * scan.levels * scan.stride, sizeof(double))
    scan.signs = <char*> calloc(3 * scan.levels * scan.W, 1)
    scan.active = <char*> calloc(3 * scan.levels * scan.blocks, 1)
    scan.possible = <char*> malloc(scan.levels * scan.blocks)
    scan.line = <double*> malloc(longest * sizeof(double))
    scan.offsets = <Py_ssize_t*> malloc(scan.levels * sizeof(Py_ssize_t))
    scan.items = NULL
    scan.size = scan.capacity = 0
    return not (scan.det and scan.signs and scan.active and scan.possible and scan.line and scan.offsets)


cdef void release(Scan* scan) noexcept nogil:
    free(scan.det)
    free(scan.signs)
    free(scan.active)
    free(scan.possible)
    free(scan.line)
    free(scan.offsets)
    free(scan.items)


cdef int append(Scan* scan, Maximum item) noexcept nogil:
    cdef Maximum* items
    if scan.size == scan.capacity:
        items = <Maximum*> realloc(scan.items, (2 * scan.capacity + 64) * sizeof(Maximum))
        if items == NULL:
            return 1
        scan.items = items
        scan.capacity = 2 * scan.capacity + 64
    scan.items[scan.size] = item
    scan.size += 1
    return 0


def integral(const double[:, ::1] image, Py_ssize_t padding):
    """Integral image, whose rows repeat their last value `padding` times: float64, (rows, columns + padding)."""
    cdef Py_ssize_t H = image.shape[0], W = image.shape[1]
    result = np.empty((H, W + padding))
    columns = np.empty(W)
    cdef double[:, ::1] out = result
    cdef double[::1] work = columns
    with nogil:
        kernels.integrate(&out[0, 0], &work[0], &image[0, 0], H, W, W + padding)
    return result


cdef void determinants(
    Scan* scan, Integral* box, const Py_ssize_t* lengths, Py_ssize_t r, bint start, double least
) noexcept nogil:
    """Compute the determinants of a row in all levels (zero below the image); `start` says that no row was before."""
    cdef Py_ssize_t slot = (r % 3) * scan.levels, k, reach, step
    memset(scan.signs + slot * scan.W, UNKNOWN, scan.levels * scan.W)
    if r >= scan.H:
        memset(scan.det + slot * scan.stride, 0, scan.levels * scan.stride * sizeof(double))
        return
    for k in range(scan.levels):
        # a row in the middle of some others tells which blocks of columns to look at in all of them
        reach = REACH * lengths[k] // 1000
        step = 2 * reach + 1
        if start or r % step == 0:
            if reach:
                kernels.possible_blocks(
                    scan.possible + k * scan.blocks, box, min(r // step * step + reach, scan.H - 1), lengths[k],
                    reach, least,
                )
            else:
                memset(scan.possible + k * scan.blocks, 1, scan.blocks)
        kernels.determinant_row(
            scan.det + (slot + k) * scan.stride + 1, scan.active + (slot + k) * scan.blocks,
            scan.possible + k * scan.blocks, box, r, lengths[k], least,
        )


cdef object taken(Scan* scan):
    """Return what has been found, as an array."""
    result = np.empty(scan.size, MAXIMUM)
    cdef Maximum[::1] view = result
    cdef Py_ssize_t i
    for i in range(scan.size):
        view[i] = scan.items[i]
    return result


def maxima(
    const double[:, ::1] image,
    const double[:, ::1] sums,
    const Py_ssize_t[::1] lengths,
    const double[:, :, ::1] filters,
    const Py_ssize_t[::1] radii,
    const float[:, ::1] waves,
    const float[::1] spectra,
    const Py_ssize_t[::1] sizes,
    const float[::1] margins,
    Py_ssize_t first,
    Py_ssize_t last,
    double least,
):
    """Find local maxima in some rows of the image.

    A voxel (row, column, level) is a maximum if the Laplacian of Gaussian (LoG) is negative there, and each of its 26
    neighbours has no larger determinant or a LoG that is not negative.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
        Intensities in [0, 1].
    sums : ndarray of float64, shape (rows, stride)
        `integral` of the image, with a padding of ``max(lengths) // 2 + 2`` or more.
    lengths : ndarray of intp, shape (levels,)
        Sides of the boxes, in pixels.
    filters : ndarray of float64, shape (2, levels, n)
        Gaussians and their second derivatives, each from column 0 on, with `PADDING` zeros or more behind.
    radii : ndarray of intp, shape (levels,)
        The filters have ``2 * radius + 1`` values.
    waves : ndarray of float32, shape (rows, n)
        Waves along the columns of the image.
    spectra : ndarray of float32
        The approximate LoG of each level, as coefficients of the waves: shape (columns, size) each, in a row.
    sizes : ndarray of intp, shape (levels,)
        Number of waves of each level, a multiple of `WAVES`; 0 in levels without approximation.
    margins : ndarray of float32, shape (levels,)
        Where the absolute value of the approximate LoG is not larger, the LoG is computed from the filters if its sign
        matters.
    first, last : int
        The rows, without the last.
    least : float
        Maxima are above this; at least 0.01.

    Returns
    -------
    ndarray of dtype `MAXIMUM`
        The maxima by row, level and column: determinant ("strength") and voxel ("row", "col", "level").
    """
    cdef Py_ssize_t r, k, low = max(0, first - 1)
    cdef Integral box
    cdef Scan scan
    cdef int failed
    scan.levels, scan.H, scan.W = lengths.shape[0], image.shape[0], image.shape[1]
    scan.stride, scan.blocks = scan.W + 2, (scan.W + BLOCK - 1) // BLOCK
    box.data, box.height, box.width, box.stride = &sums[0, 0], scan.H, scan.W, sums.shape[1]
    scan.waves = &waves[0, 0] if waves.shape[1] else NULL
    scan.spectra = &spectra[0] if spectra.shape[0] else NULL
    scan.margins, scan.sizes, scan.most_waves = &margins[0], &sizes[0], waves.shape[1]
    try:
        with nogil:
            failed = allocate(&scan, filters.shape[2])
            for k in range(0 if failed else scan.levels):
                scan.offsets[k] = scan.offsets[k - 1] + sizes[k - 1] * scan.W if k else 0
            for r in range(low, last + 1):
                if failed:
                    break
                determinants(&scan, &box, &lengths[0], r, r == low, least)
                for k in range(scan.levels if r > first else 0):
                    failed |= scan_row(&scan, image, filters, radii, r - 1, k)
        if failed:
            raise MemoryError
        return taken(&scan)
    finally:
        release(&scan)


cdef inline char known_sign(Scan* scan, Py_ssize_t r, Py_ssize_t k, Py_ssize_t c) noexcept nogil:
    """Sign of the LoG where the approximation tells it."""
    cdef char* sign = scan.signs + ((r % 3) * scan.levels + k) * scan.W + c
    cdef float value
    if sign[0] == UNKNOWN and scan.sizes[k]:
        value = kernels.dot_single(
            scan.waves + r * scan.most_waves, scan.spectra + scan.offsets[k] + c * scan.sizes[k], scan.sizes[k]
        )
        sign[0] = NEGATIVE if value < -scan.margins[k] else (POSITIVE if value > scan.margins[k] else DOUBTFUL)
    return sign[0]


cdef char computed_sign(
    Scan* scan, const double[:, ::1] image, const double[:, :, ::1] filters, const Py_ssize_t[::1] radii,
    Py_ssize_t r, Py_ssize_t k, Py_ssize_t c
) noexcept nogil:
    cdef char* sign = scan.signs + ((r % 3) * scan.levels + k) * scan.W + c
    if sign[0] == UNKNOWN or sign[0] == DOUBTFUL:
        sign[0] = NEGATIVE if kernels.log_at(
            &image[0, 0], scan.H, scan.W, r, c, &filters[0, k, 0], &filters[1, k, 0], radii[k], scan.line
        ) < 0 else POSITIVE
    return sign[0]


cdef int scan_row(
    Scan* scan, const double[:, ::1] image, const double[:, :, ::1] filters, const Py_ssize_t[::1] radii,
    Py_ssize_t r, Py_ssize_t k
) noexcept nogil:
    """Collect the maxima of a row and level, whose neighbours are in memory (zero outside the image)."""
    cdef Py_ssize_t larger[26][3]
    cdef Py_ssize_t b, c, dk, dr, dc, n
    cdef const double* centre = scan.det + ((r % 3) * scan.levels + k) * scan.stride + 1
    cdef const double* line
    cdef const char* active = scan.active + ((r % 3) * scan.levels + k) * scan.blocks
    cdef char own, other
    cdef bint blocked
    for b in range(scan.blocks):
        if not active[b]:
            continue
        for c in range(b * BLOCK, min(scan.W, (b + 1) * BLOCK)):
            if centre[c] <= 0:
                continue
            own = known_sign(scan, r, k, c)
            if own == POSITIVE:
                continue
            # most voxels have a larger neighbour with a negative LoG: no need to look at others, or to compute the LoG
            blocked = False
            n = 0
            for dk in range(-1 if k else 0, 2 if k + 1 < scan.levels else 1):
                for dr in range(-1, 2):
                    line = scan.det + (((r + dr + 3) % 3) * scan.levels + k + dk) * scan.stride + 1
                    for dc in range(-1, 2):
                        if line[c + dc] > centre[c]:
                            other = known_sign(scan, r + dr, k + dk, c + dc)
                            if other == NEGATIVE:
                                blocked = True
                                break
                            if other != POSITIVE:
                                larger[n][0], larger[n][1], larger[n][2] = r + dr, k + dk, c + dc
                                n += 1
                    if blocked:
                        break
                if blocked:
                    break
            while n and not blocked:
                n -= 1
                blocked = computed_sign(
                    scan, image, filters, radii, larger[n][0], larger[n][1], larger[n][2]
                ) == NEGATIVE
            if blocked:
                continue
            if own == NEGATIVE or computed_sign(scan, image, filters, radii, r, k, c) == NEGATIVE:
                if append(scan, Maximum(centre[c], <int32_t> r, <int32_t> c, <int32_t> k, 0)):
                    return 1
    return 0
