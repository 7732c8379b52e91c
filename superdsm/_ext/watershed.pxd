"""Flooding of ranked pixels, for the kernels that flood often."""

from libc.stdint cimport int32_t, int64_t, uint64_t


cdef struct Span:
    int32_t head    # first item of a bucket
    int32_t tail    # behind its last item


cdef struct Buckets:
    Py_ssize_t n_ranks
    int32_t* start      # by rank: where its items begin
    Span* span          # by rank: what the bucket holds, in order of entry
    int32_t* items      # pixels
    uint64_t* bits      # one bit per rank: the bucket is not empty
    uint64_t* summary   # one bit per word of `bits`


cdef struct Entry:
    int32_t pixel
    int32_t rank


cdef struct FloodProgress:
    int32_t classes     # bit mask: the lower bits of a label that make its class (0: one class, 1: odd and even labels)
    int64_t open[2]     # by class: pixels in the queue
    int64_t taken[2]    # by class: pixels labelled, markers included


cdef int make_buckets(Buckets* self, Py_ssize_t n_ranks, Py_ssize_t n_items) noexcept nogil
cdef void free_buckets(Buckets* self) noexcept nogil
cdef int flood_ranks(int32_t* state, Py_ssize_t stride, const Entry* markers, Py_ssize_t n_markers,
                     Buckets* buckets, FloodProgress* progress) noexcept nogil
