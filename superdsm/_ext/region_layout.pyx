"""Layout of a region for the passes over its pixels (see region.h)."""

import numpy as np

from libc.stdint cimport int32_t, uint8_t
from libc.stdlib cimport abs, calloc, free
from libc.string cimport memcpy, memmove, memset

from superdsm._ext.centres import find_centres


cdef inline void insert(int* values, int at, int value, int n) noexcept nogil:
    memmove(values + at + 1, values + at, (n - at) * sizeof(int))
    values[at] = value


cdef class RegionLayout:
    """The pixels of a region in strips, and its centres grouped by rows.

    Parameters
    ----------
    y : ndarray of float64, shape (rows, columns)
        Offset-corrected intensities.
    omega : ndarray of bool, same shape
        The region; not empty.
    """

    def __cinit__(self, y, omega):
        if y.strides[1] != y.itemsize or omega.strides[1] != omega.itemsize:
            y, omega = np.ascontiguousarray(y), np.ascontiguousarray(omega)
        cdef const double[:, :] values = y
        cdef const uint8_t[:, :] pixels = omega.view(np.uint8)
        if y.shape != omega.shape or y.size == 0:
            raise ValueError(f"intensities of shape {y.shape} and a region of shape {omega.shape} do not fit together")
        self.arrays = (values, pixels)
        self.source.y, self.source.y_stride = &values[0, 0], values.strides[0] // <Py_ssize_t> sizeof(double)
        self.source.omega, self.source.omega_stride = &pixels[0, 0], pixels.strides[0]
        self.source.height, self.source.width = pixels.shape[0], pixels.shape[1]
        self._index()
        if self.n_pixels == 0:
            raise ValueError("the region is empty")
        self._fill()

    def __dealloc__(self):
        cdef int i
        for i in range(self.n_owned):
            free(self.owned[i])

    cdef void* take(self, size_t n, size_t size) except NULL:
        """Allocate zeroed memory that lives as long as the object."""
        if self.n_owned == sizeof(self.owned) // sizeof(void*):
            raise MemoryError("a region can be laid out only once")
        cdef void* memory = calloc(n if n > 0 else 1, size)
        if memory == NULL:
            raise MemoryError
        self.owned[self.n_owned] = memory
        self.n_owned += 1
        return memory

    cdef int _index(self) except -1:
        """Find the rows and columns that hold pixels of the region."""
        cdef int H = self.source.height, W = self.source.width, r, c, count
        cdef uint8_t* used = <uint8_t*> self.take(W, 1)
        self.rows = <int*> self.take(H, sizeof(int))
        self.columns = <int*> self.take(W, sizeof(int))
        with nogil:
            for r in range(H):
                count = mark_columns(self.source.omega + r * self.source.omega_stride, W, used)
                if count:
                    self.rows[self.region.height] = r
                    self.region.height += 1
                    self.n_pixels += count
            for c in range(W):
                if used[c]:
                    self.columns[self.n_columns] = c
                    self.n_columns += 1
        return 0

    cdef int _fill(self) except -1:
        """Lay out the intensities in strips, and the coordinates."""
        cdef Region* region = &self.region
        cdef int n_strips = (self.n_columns + LANES - 1) // LANES, height = region.height, strip, r, i, k
        cdef double* values = <double*> self.take(<size_t> n_strips * height * LANES, sizeof(double))
        cdef double* x1 = <double*> self.take(4 * height, sizeof(double))
        cdef double* x2 = <double*> self.take((n_strips + 1) * LANES, sizeof(double))
        cdef int* top = <int*> self.take(n_strips, sizeof(int))
        cdef int* bottom = <int*> self.take(n_strips, sizeof(int))
        cdef int first_row = self.rows[0], last_row = self.rows[height - 1]
        cdef int first_column = self.columns[0], last_column = self.columns[self.n_columns - 1]
        cdef StripCounts counts
        region.n_strips, region.top, region.bottom = n_strips, top, bottom
        region.y, region.x1, region.x2 = values, x1, x2
        region.width = (n_strips + 1) * LANES
        self.r0, self.c0 = 0.5 * (first_row + last_row), 0.5 * (first_column + last_column)
        self.unit = 0.5 * max(1, last_row - first_row, last_column - first_column)
        with nogil:
            for r in range(height):
                x1[4 * r] = (self.rows[r] - self.r0) / self.unit
                for k in range(1, 4):
                    x1[4 * r + k] = x1[4 * r + k - 1] * x1[4 * r]
            for i in range(self.n_columns):
                x2[i] = (self.columns[i] - self.c0) / self.unit
            for strip in range(n_strips):
                counts = fill_strip(&self.source, self.rows, height, self.columns + strip * LANES, self.lanes(strip),
                                    values + <size_t> strip * height * LANES)
                top[strip], bottom[strip] = counts.top, counts.bottom
                self.n_foreground += counts.foreground
                region.zeros += (counts.bottom - counts.top) * LANES
            region.zeros -= self.n_pixels
        return 0

    cdef int lanes(self, int strip) noexcept nogil:
        """Number of columns of a strip."""
        return min(LANES, self.n_columns - strip * LANES)

    cdef int lay_out_centres(self, const double[::1] kernel, int subsample) except -1:
        """Choose the centres and lay them out; returns their number, 0 if the region is too small for a deformation."""
        cdef int half = kernel.shape[0] // 2
        if min(self.region.height, self.n_columns) <= half:
            return 0
        centres = self.find_centres(subsample)
        cdef double* padded = <double*> self.take(kernel.shape[0] + 2 * LANES, sizeof(double))
        memcpy(padded + LANES, &kernel[0], kernel.shape[0] * sizeof(double))
        self.region.kernel = padded + LANES + half
        self.region.half = half
        self._group(centres)
        self._segment()
        return len(centres)

    cdef find_centres(self, int subsample):
        """Centres of the Gaussians in the compacted region, in raster order."""
        cdef uint8_t[:, ::1] compacted = np.empty((self.region.height, self.n_columns), np.uint8)
        cdef int r, c
        with nogil:
            for r in range(self.region.height):
                for c in range(self.n_columns):
                    compacted[r, c] = self.source.omega[self.rows[r] * self.source.omega_stride + self.columns[c]]
        return find_centres(compacted, subsample)

    cdef int _group(self, const int32_t[:, ::1] centres) except -1:
        """Group the centres by their rows."""
        cdef int n = centres.shape[0], i
        cdef int* row = <int*> self.take(n, sizeof(int))
        cdef int* first = <int*> self.take(n + 1, sizeof(int))
        cdef int* column = <int*> self.take(n, sizeof(int))
        cdef int n_rows = 0
        for i in range(n):
            if n_rows == 0 or centres[i, 0] != row[n_rows - 1]:
                row[n_rows] = centres[i, 0]
                first[n_rows] = i
                n_rows += 1
            column[i] = centres[i, 1]
        first[n_rows] = n
        self.region.row, self.region.first, self.region.column, self.region.n_rows = row, first, column, n_rows
        return 0

    cdef int _segment(self) except -1:
        """Divide each strip into segments of rows in which the same centre rows matter; number the pairs of these."""
        cdef Region* region = &self.region
        cdef int n = region.n_rows, half = region.half, most = 2 * n + 2 + region.height // CHUNK
        cdef int n_segments = 0, n_active = 0, n_cuts, strip, a, b, i, j, left
        cdef Segment* segment = <Segment*> self.take(<size_t> region.n_strips * most, sizeof(Segment))
        cdef int* active = <int*> self.take(<size_t> region.n_strips * most * n, sizeof(int))
        cdef int* first_segment = <int*> self.take(region.n_strips + 1, sizeof(int))
        cdef int* pair = <int*> self.take(<size_t> n * n, sizeof(int))
        cdef int* cut = <int*> self.take(most + 1, sizeof(int))
        memset(pair, 0xff, <size_t> n * n * sizeof(int))  # -1
        with nogil:
            for strip in range(region.n_strips):
                first_segment[strip] = n_segments
                n_cuts = self._cuts(strip, cut)
                left = strip * LANES
                for i in range(n_cuts - 1):
                    segment[n_segments] = Segment(cut[i], cut[i + 1], 0, active + n_active)
                    for a in range(n):
                        if (region.row[a] - half <= cut[i] and cut[i] <= region.row[a] + half
                                and region.column[region.first[a]] - half < left + LANES
                                and region.column[region.first[a + 1] - 1] + half >= left):
                            active[n_active] = a
                            n_active += 1
                            segment[n_segments].count += 1
                    for j in range(segment[n_segments].count):
                        for b in range(j, segment[n_segments].count):
                            a = segment[n_segments].active[j] * n + segment[n_segments].active[b]
                            if pair[a] < 0:
                                pair[a] = region.n_pairs
                                region.n_pairs += 1
                    n_segments += 1
            first_segment[region.n_strips] = n_segments
        region.segment, region.first_segment, region.pair = segment, first_segment, pair
        return 0

    cdef int _cuts(self, int strip, int* cut) noexcept nogil:
        """Rows at which the segments of a strip begin and end, ascending; returns how many."""
        cdef int top = self.region.top[strip], bottom = self.region.bottom[strip], half = self.region.half
        cdef int n = 2, a, i, row, side
        cut[0], cut[1] = top, bottom
        for a in range(self.region.n_rows):
            for side in range(2):
                row = self.region.row[a] + (half + 1 if side else -half)
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
