"""Layout of a region for the passes over its pixels."""

from libc.stdint cimport int32_t, uint8_t


cdef extern from "region_layout.h" nogil:
    const int LANES
    const int CHUNK
    ctypedef struct Segment:
        int begin, end, count
        const int* active
    ctypedef struct Region:
        int height, n_strips, half
        const double* y
        const double* inverse
        const double* x1
        const double* x2
        const int* top
        const int* bottom
        double zeros
        const double* kernel
        int n_rows
        const int* row
        const int* first
        const int* column
        const int* pair
        int n_pairs, width
        const int* first_segment
        const Segment* segment
    ctypedef struct Source:
        const double* y
        ptrdiff_t y_stride
        const uint8_t* omega
        ptrdiff_t omega_stride
        int height, width
    ctypedef struct StripCounts:
        int top, bottom, foreground
    int mark_columns(const uint8_t* omega, int width, uint8_t* used)
    StripCounts fill_strip(const Source*, const int* rows, int height, const int* columns, int lanes, double* strip)
    void threshold_strip(const Source*, const int* rows, int height, const int* columns, int lanes,
                         const double* strip, uint8_t* mask)


cdef class RegionLayout:
    cdef Region region
    cdef void* owned[48]
    cdef int n_owned
    cdef int* rows              # of the compacted region, in the array
    cdef int* columns
    cdef Source source
    cdef object arrays          # keeps the memory of the source alive
    cdef int n_columns
    cdef double r0, c0, unit    # x1 = (row - r0) / unit, x2 = (column - c0) / unit
    cdef readonly int n_pixels, n_foreground

    cdef void* take(self, size_t n, size_t size) except NULL
    cdef int _index(self) except -1
    cdef int _fill(self) except -1
    cdef int lanes(self, int strip) noexcept nogil
    cdef int lay_out_centres(self, const double[::1] kernel, int subsample) except -1
    cdef find_centres(self, int subsample)
    cdef int _group(self, const int32_t[:, ::1] centres) except -1
    cdef int _segment(self) except -1
    cdef int _cuts(self, int strip, int* cut) noexcept nogil
