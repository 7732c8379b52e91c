"""Layout of a region for the passes over its pixels."""

from libc.stdint cimport uint8_t

from superdsm._ext.simd cimport Centres, Pixels, Source


cdef class Memory:
    cdef void* owned[24]
    cdef int n_owned

    cdef void* take(self, size_t n, size_t size) except NULL


cdef class RegionLayout:
    cdef Pixels pixels
    cdef Source source
    cdef int* rows              # of the compacted region, in the array
    cdef int* columns
    cdef int n_columns
    cdef double r0, c0, unit    # x1 = (row - r0) / unit, x2 = (column - c0) / unit
    cdef readonly int n_pixels, n_foreground
    cdef Memory memory
    cdef object arrays          # keeps the memory of the source alive

    cdef int _index(self) except -1
    cdef int _fill(self) except -1
    cdef int lanes(self, int strip) noexcept nogil
    cdef void threshold(self, const double* s, uint8_t* mask) noexcept nogil


cdef class CentreLayout:
    cdef Centres centres
    cdef double* expanded       # scratch: the deformation of each centre row, over the columns
    cdef Memory memory

    cdef int _group(self, centres) except -1
    cdef int _segment(self, RegionLayout layout) except -1
    cdef int _cuts(self, const Pixels* pixels, int strip, int* cut) noexcept nogil
    cdef int _normalise(self, RegionLayout layout) except -1
