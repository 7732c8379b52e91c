"""Layout of a region and of the Gaussians of its deformation, for the passes over it (structures: kernels.h)."""

import numpy as np

from libc.stdint cimport int32_t, uint8_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memmove, memset

from superdsm._ext.simd cimport CHUNK, STRIP, Centres, Line, Pixels, Powers, Segment, StripCounts, kernels

from superdsm._ext.centres import find_centres

cdef enum:
    LINE = 64  # bytes of a line of the cache, which no row of a strip crosses


cdef inline void insert(int* values, int at, int value, int n) noexcept nogil:
    memmove(values + at + 1, values + at, (n - at) * sizeof(int))
    values[at] = value


cdef class Memory:
    """Arrays that live as long as the object."""

    def __dealloc__(self):
        cdef int i
        for i in range(self.n_owned):
            free(self.owned[i])

    cdef void* take(self, size_t n, size_t size) except NULL:
        """Allocate n zeroed items that begin with a line of the cache."""
        if self.n_owned == sizeof(self.owned) // sizeof(void*):
            raise RuntimeError("more arrays than there is room for")
        cdef void* memory = calloc(n * size + LINE, 1)
        if memory == NULL:
            raise MemoryError
        self.owned[self.n_owned] = memory
        self.n_owned += 1
        return <void*> ((<uintptr_t> memory + LINE - 1) // LINE * LINE)


cdef class RegionLayout:
    """The pixels of a region, in strips of columns.

    Parameters
    ----------
    y : ndarray of float64, shape (rows, columns)
        Offset-corrected intensities.
    omega : ndarray of bool, same shape
        The region; not empty.

    Attributes
    ----------
    n_pixels : int
        Size of the region.
    n_foreground : int
        Number of its pixels with ``y > 0``.

    Raises
    ------
    ValueError
        If the region is empty, or the shapes differ.
    """

    def __cinit__(self, y, omega):
        if y.strides[1] != y.itemsize or omega.strides[1] != omega.itemsize:
            y, omega = np.ascontiguousarray(y), np.ascontiguousarray(omega)
        cdef const double[:, :] values = y
        cdef const uint8_t[:, :] region = omega.view(np.uint8)
        if y.shape != omega.shape or y.size == 0:
            raise ValueError(f"intensities of shape {y.shape} and a region of shape {omega.shape} do not fit together")
        self.arrays = (values, region)
        self.memory = Memory()
        self.source.y, self.source.y_stride = &values[0, 0], values.strides[0] // <Py_ssize_t> sizeof(double)
        self.source.omega, self.source.omega_stride = &region[0, 0], region.strides[0]
        self.source.height, self.source.width = region.shape[0], region.shape[1]
        self._index()
        if self.n_pixels == 0:
            raise ValueError("the region is empty")
        self._fill()

    cdef int _index(self) except -1:
        """Find the rows and columns that hold pixels of the region."""
        cdef int H = self.source.height, W = self.source.width, r, c, count
        cdef uint8_t* used = <uint8_t*> self.memory.take(W, 1)
        self.rows = <int*> self.memory.take(H, sizeof(int))
        self.columns = <int*> self.memory.take(W, sizeof(int))
        with nogil:
            for r in range(H):
                count = kernels.mark_columns(self.source.omega + r * self.source.omega_stride, W, used)
                if count:
                    self.rows[self.pixels.height] = r
                    self.pixels.height += 1
                    self.n_pixels += count
            for c in range(W):
                if used[c]:
                    self.columns[self.n_columns] = c
                    self.n_columns += 1
        return 0

    cdef int _fill(self) except -1:
        """Lay out the intensities in strips, and the coordinates."""
        cdef Pixels* pixels = &self.pixels
        cdef int n_strips = (self.n_columns + STRIP - 1) // STRIP, height = pixels.height, strip, r, i
        cdef double* y = <double*> self.memory.take(<size_t> n_strips * height * STRIP, sizeof(double))
        cdef Powers* x1 = <Powers*> self.memory.take(height, sizeof(Powers))
        cdef double* x2 = <double*> self.memory.take((n_strips + 1) * STRIP, sizeof(double))
        cdef int* top = <int*> self.memory.take(n_strips, sizeof(int))
        cdef int* bottom = <int*> self.memory.take(n_strips, sizeof(int))
        cdef int first_row = self.rows[0], last_row = self.rows[height - 1]
        cdef int first_column = self.columns[0], last_column = self.columns[self.n_columns - 1]
        cdef StripCounts counts
        cdef double x
        pixels.n_strips, pixels.width = n_strips, (n_strips + 1) * STRIP
        pixels.y, pixels.x1, pixels.x2, pixels.top, pixels.bottom = y, x1, x2, top, bottom
        self.r0, self.c0 = 0.5 * (first_row + last_row), 0.5 * (first_column + last_column)
        self.unit = 0.5 * max(1, last_row - first_row, last_column - first_column)
        with nogil:
            for r in range(height):
                x = (self.rows[r] - self.r0) / self.unit
                x1[r] = Powers(x, x * x, x * x * x, x * x * x * x)
            for i in range(self.n_columns):
                x2[i] = (self.columns[i] - self.c0) / self.unit
            for strip in range(n_strips):
                counts = kernels.fill_strip(&self.source, self.rows, height, self.columns + strip * STRIP,
                                            self.lanes(strip), y + <size_t> strip * height * STRIP)
                top[strip], bottom[strip] = counts.top, counts.bottom
                self.n_foreground += counts.foreground
                pixels.zeros += (counts.bottom - counts.top) * STRIP
            pixels.zeros -= self.n_pixels
        return 0

    cdef int lanes(self, int strip) noexcept nogil:
        """Number of columns of a strip."""
        return min(STRIP, self.n_columns - strip * STRIP)

    cdef void threshold(self, const double* s, uint8_t* mask) noexcept nogil:
        """Set the pixels of the region where s (in strips) is positive in a mask in the shape of the arrays."""
        cdef int strip
        for strip in range(self.pixels.n_strips):
            kernels.threshold_strip(
                &self.source, self.rows, self.pixels.height, self.columns + strip * STRIP, self.lanes(strip),
                s + <size_t> strip * self.pixels.height * STRIP, mask,
            )

    def compacted(self):
        """The region without its empty rows and columns: ndarray of uint8, shape (rows, columns)."""
        cdef uint8_t[:, ::1] result = np.empty((self.pixels.height, self.n_columns), np.uint8)
        cdef int r, c
        with nogil:
            for r in range(self.pixels.height):
                for c in range(self.n_columns):
                    result[r, c] = self.source.omega[self.rows[r] * self.source.omega_stride + self.columns[c]]
        return np.asarray(result)

    def raster(self):
        """The pixels in raster order.

        Returns
        -------
        y, x1, x2 : ndarray of float64, shape (n_pixels,)
            Intensity, row and column coordinate.
        """
        cdef Pixels* pixels = &self.pixels
        mask = self.compacted().view(bool)
        strips = np.asarray(<double[:pixels.n_strips, :pixels.height, :STRIP]> <double*> pixels.y)
        y = strips.transpose(1, 0, 2).reshape(pixels.height, -1)[:, :self.n_columns]
        x1 = np.asarray(<double[:pixels.height, :4]> <double*> pixels.x1)[:, :1]
        x2 = np.asarray(<double[:self.n_columns]> <double*> pixels.x2)
        return y[mask], np.broadcast_to(x1, mask.shape)[mask], np.broadcast_to(x2, mask.shape)[mask]


cdef class CentreLayout:
    """The Gaussians of a deformation, grouped by the rows of their centres; none where the region is too small.

    Parameters
    ----------
    layout : RegionLayout
        The region.
    kernel : ndarray of float64, odd length
        The factor of the separable Gaussian.
    spacing : int
        Distance of the centres, in pixels.
    """

    def __cinit__(self, RegionLayout layout, const double[::1] kernel, int spacing):
        cdef int half = kernel.shape[0] // 2
        self.memory = Memory()
        if min(layout.pixels.height, layout.n_columns) <= half:
            return
        cdef double* padded = <double*> self.memory.take(kernel.shape[0] + 2 * STRIP, sizeof(double))
        memcpy(padded + STRIP, &kernel[0], kernel.shape[0] * sizeof(double))
        self.centres.kernel = padded + STRIP + half
        self.centres.half = half
        self._group(find_centres(layout.compacted(), spacing))
        self._segment(layout)
        self._normalise(layout)

    def kernel(self):
        """The factor of the separable Gaussian: ndarray of float64, odd length."""
        cdef const Centres* centres = &self.centres
        return np.array(<double[:2 * centres.half + 1]> <double*> (centres.kernel - centres.half))

    def positions(self):
        """Rows and columns of the centres in the compacted region, in raster order: ndarray of int, shape (n, 2)."""
        cdef const Centres* centres = &self.centres
        cdef int a, i
        return np.array([
            (centres.row[a], centres.column[i])
            for a in range(centres.n_rows) for i in range(centres.first[a], centres.first[a + 1])
        ], int).reshape(-1, 2)

    cdef int _group(self, centres) except -1:
        """Group the centres, in raster order, by their rows."""
        cdef const int32_t[:, ::1] positions = centres
        cdef int n = positions.shape[0], i
        cdef int* row = <int*> self.memory.take(n, sizeof(int))
        cdef int* first = <int*> self.memory.take(n + 1, sizeof(int))
        cdef int* column = <int*> self.memory.take(n, sizeof(int))
        cdef int n_rows = 0
        for i in range(n):
            if n_rows == 0 or positions[i, 0] != row[n_rows - 1]:
                row[n_rows] = positions[i, 0]
                first[n_rows] = i
                n_rows += 1
            column[i] = positions[i, 1]
        first[n_rows] = n
        self.centres.row, self.centres.first, self.centres.column = row, first, column
        self.centres.n, self.centres.n_rows = n, n_rows
        return 0

    cdef int _segment(self, RegionLayout layout) except -1:
        """Divide each strip into segments of rows in which the same centre rows matter; number the pairs of these."""
        cdef const Pixels* pixels = &layout.pixels
        cdef Centres* centres = &self.centres
        cdef int n = centres.n_rows, half = centres.half, most = 2 * n + 2 + pixels.height // CHUNK
        cdef int n_segments = 0, n_active = 0, n_cuts, strip, a, b, i, j, left
        cdef Segment* segment = <Segment*> self.memory.take(<size_t> pixels.n_strips * most, sizeof(Segment))
        cdef int* active = <int*> self.memory.take(<size_t> pixels.n_strips * most * n, sizeof(int))
        cdef int* first_segment = <int*> self.memory.take(pixels.n_strips + 1, sizeof(int))
        cdef int* pair = <int*> self.memory.take(<size_t> n * n, sizeof(int))
        cdef int* cut = <int*> self.memory.take(most + 1, sizeof(int))
        memset(pair, 0xff, <size_t> n * n * sizeof(int))  # -1
        with nogil:
            for strip in range(pixels.n_strips):
                first_segment[strip] = n_segments
                n_cuts = self._cuts(pixels, strip, cut)
                left = strip * STRIP
                for i in range(n_cuts - 1):
                    segment[n_segments] = Segment(cut[i], cut[i + 1], 0, active + n_active)
                    for a in range(n):
                        if (centres.row[a] - half <= cut[i] and cut[i] <= centres.row[a] + half
                                and centres.column[centres.first[a]] - half < left + STRIP
                                and centres.column[centres.first[a + 1] - 1] + half >= left):
                            active[n_active] = a
                            n_active += 1
                            segment[n_segments].count += 1
                    for j in range(segment[n_segments].count):
                        for b in range(j, segment[n_segments].count):
                            a = segment[n_segments].active[j] * n + segment[n_segments].active[b]
                            if pair[a] < 0:
                                pair[a] = centres.n_pairs
                                centres.n_pairs += 1
                    n_segments += 1
            first_segment[pixels.n_strips] = n_segments
        centres.segment, centres.first_segment, centres.pair = segment, first_segment, pair
        return 0

    cdef int _cuts(self, const Pixels* pixels, int strip, int* cut) noexcept nogil:
        """Rows at which the segments of a strip begin and end, ascending; returns how many."""
        cdef int top = pixels.top[strip], bottom = pixels.bottom[strip], half = self.centres.half
        cdef int n = 2, a, i, row, side
        cut[0], cut[1] = top, bottom
        for a in range(self.centres.n_rows):
            for side in range(2):
                row = self.centres.row[a] + (half + 1 if side else -half)
                i = 0
                while cut[i] < row and i < n - 1:
                    i += 1
                if top < row < bottom and cut[i] != row:
                    insert(cut, i, row, n)
                    n += 1
        i = 0
        while i < n - 1:
            if cut[i + 1] - cut[i] > CHUNK:
                insert(cut, i + 1, cut[i] + CHUNK, n)
                n += 1
            i += 1
        return n

    cdef int _normalise(self, RegionLayout layout) except -1:
        """Inverse sums of the rows of G."""
        cdef const Pixels* pixels = &layout.pixels
        cdef size_t n = <size_t> pixels.n_strips * pixels.height * STRIP, i
        cdef double* inverse = <double*> self.memory.take(n, sizeof(double))
        cdef double[6] q
        cdef Line* lines = <Line*> self.memory.take(pixels.height, sizeof(Line))
        self.expanded = <double*> self.memory.take(<size_t> self.centres.n_rows * pixels.width, sizeof(double))
        memset(q, 0, sizeof(q))
        with nogil:
            kernels.expand_columns(pixels, &self.centres, NULL, self.expanded)
            # not normalised yet: the sums
            kernels.surface_values(pixels, &self.centres, q, self.expanded, inverse, lines)
            for i in range(n):
                inverse[i] = 1 / inverse[i] if inverse[i] > 0 else 0
        self.centres.inverse = inverse
        return 0
