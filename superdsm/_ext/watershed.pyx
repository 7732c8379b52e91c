"""Marker-controlled, 4-connected flooding with an exactly specified order of ties.

The flooding is defined by a textbook binary heap ordered by (value, time of entry), in which all markers enter with the
same time. Only the order of markers of equal value depends on the heap. Hence the heap is simulated until all its keys
differ; from then on any priority queue gives the same labels, and buckets, one per rank of the values, are faster.
"""

import numpy as np

from libc.math cimport sqrt
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memset

cdef extern from *:
    """
    #if defined(_MSC_VER) && !defined(__clang__)
    #include <intrin.h>
    static __inline int lowest_bit(unsigned __int64 x) {
        unsigned long i;
        _BitScanForward64(&i, x);
        return (int)i;
    }
    #else
    static inline int lowest_bit(unsigned long long x) { return __builtin_ctzll(x); }
    #endif
    #if defined(__GNUC__) || defined(__clang__)
    #define prefetch(address) __builtin_prefetch(address)
    #else
    #define prefetch(address) ((void)(address))
    #endif
    """
    int lowest_bit(uint64_t x) noexcept nogil
    void prefetch(const void* address) noexcept nogil


cdef enum:
    AHEAD = 8   # items of a bucket for which memory is fetched in advance


cdef struct Item:
    uint64_t key    # rank, and in the lower half the time of entry
    int32_t pixel   # takes no part in comparisons


cdef struct Heap:
    Item* items
    Py_ssize_t size
    Py_ssize_t capacity


cdef int push(Heap* heap, uint64_t key, int32_t pixel) noexcept nogil:
    """Append an item and let it rise while it is strictly less than its parent; -1 if memory is short."""
    cdef Py_ssize_t child = heap.size, parent
    cdef Item* items
    if heap.size == heap.capacity:
        items = <Item*> realloc(heap.items, 2 * heap.capacity * sizeof(Item))
        if items == NULL:
            return -1
        heap.items = items
        heap.capacity *= 2
    items = heap.items
    heap.size += 1
    while child > 0:
        parent = (child - 1) >> 1
        if not key < items[parent].key:
            break
        items[child] = items[parent]
        child = parent
    items[child].key = key
    items[child].pixel = pixel
    return 0


cdef Item pop(Heap* heap) noexcept nogil:
    """Remove the root: the last item takes its place and sinks while a child is strictly less, towards the lesser."""
    cdef Item* items = heap.items
    cdef Item root = items[0], item
    cdef Py_ssize_t parent = 0, left = 1, least, n = heap.size - 1
    heap.size = n
    item = items[n]
    while left < n:
        least = left if items[left].key < item.key else parent
        if left + 1 < n and items[left + 1].key < (item.key if least == parent else items[left].key):
            least = left + 1
        if least == parent:
            break
        items[parent] = items[least]
        parent = least
        left = 2 * parent + 1
    items[parent] = item
    return root


cdef int make_buckets(Buckets* self, Py_ssize_t n_ranks, Py_ssize_t n_items) noexcept nogil:
    """Allocate buckets (`start` is to be filled in by the caller); -1 if memory is short."""
    cdef Py_ssize_t n_words = (n_ranks >> 6) + 1
    self.n_ranks = n_ranks
    self.start = <int32_t*> calloc(n_ranks + 1, sizeof(int32_t))
    self.span = <Span*> malloc((n_ranks + 1) * sizeof(Span))
    self.items = <int32_t*> malloc((n_items + 1) * sizeof(int32_t))
    self.bits = <uint64_t*> calloc(n_words, sizeof(uint64_t))
    self.summary = <uint64_t*> calloc((n_words >> 6) + 1, sizeof(uint64_t))
    if self.start and self.span and self.items and self.bits and self.summary:
        return 0
    free_buckets(self)
    return -1


cdef void free_buckets(Buckets* self) noexcept nogil:
    free(self.start)
    free(self.span)
    free(self.items)
    free(self.bits)
    free(self.summary)
    memset(self, 0, sizeof(Buckets))


cdef inline void enter(Buckets* self, int32_t rank, int32_t pixel) noexcept nogil:
    cdef Span* span = &self.span[rank]
    if span.head == span.tail:
        self.bits[rank >> 6] |= <uint64_t> 1 << (rank & 63)
        self.summary[rank >> 12] |= <uint64_t> 1 << ((rank >> 6) & 63)
    self.items[span.tail] = pixel
    span.tail += 1


cdef int settle_ties(int32_t* state, const Py_ssize_t* steps, const Entry* markers, Py_ssize_t n_markers,
                     Py_ssize_t ties, Buckets* buckets, FloodProgress* progress) noexcept nogil:
    """Flood by the heap until no two keys are equal, then move its items to the buckets; -1 if memory is short.

    On entry the head of each span counts the markers of that rank in the heap, on top of the start of the rank.
    """
    cdef Py_ssize_t i, k, time = 0
    cdef int32_t pixel, rank, label, failed = 0
    cdef Entry* by_time
    cdef Span* span = buckets.span
    cdef Item item
    cdef Heap heap
    heap.size = 0
    heap.capacity = n_markers + 64
    heap.items = <Item*> malloc(heap.capacity * sizeof(Item))
    if heap.items == NULL:
        return -1
    for i in range(n_markers):
        push(&heap, <uint64_t> markers[i].rank << 32, markers[i].pixel)
    while ties and not failed:
        item = pop(&heap)
        if <uint32_t> item.key == 0:
            rank = <int32_t> (item.key >> 32)
            span[rank].head -= 1
            ties -= span[rank].head > span[rank].tail
        label = state[item.pixel]
        progress.open[label & progress.classes] -= 1
        for k in range(4):
            pixel = <int32_t> (item.pixel + steps[k])
            if state[pixel] < 0:
                time += 1
                progress.open[label & progress.classes] += 1
                progress.taken[label & progress.classes] += 1
                failed |= push(&heap, (<uint64_t> ~state[pixel] << 32) | <uint64_t> time, pixel)
                state[pixel] = label
    by_time = <Entry*> calloc(time + 1, sizeof(Entry))
    if failed or by_time == NULL:
        free(heap.items)
        free(by_time)
        return -1
    for i in range(heap.size):
        item = heap.items[i]
        rank = <int32_t> (item.key >> 32)
        if <uint32_t> item.key:
            by_time[<uint32_t> item.key].pixel = item.pixel
            by_time[<uint32_t> item.key].rank = rank
        else:
            span[rank].head -= 1
            enter(buckets, rank, item.pixel)
    for i in range(1, time + 1):
        if by_time[i].pixel:
            enter(buckets, by_time[i].rank, by_time[i].pixel)
    free(heap.items)
    free(by_time)
    return 0


cdef int flood_ranks(int32_t* state, Py_ssize_t stride, const Entry* markers, Py_ssize_t n_markers,
                     Buckets* buckets, FloodProgress* progress) noexcept nogil:
    """Label pixels from markers until a class of labels can grow no further; -1 if memory is short.

    With one class, these are all pixels that can be reached. With the labels 1 and 2 as two classes, it is clear then
    whose the pixels without a label are, if the region is connected.

    The state of a pixel is its label, or ``~rank`` (negative) as long as it has none, or 0 where it is to have none, as
    in the margin of one pixel around the image. The markers are in raster order and have their labels already. The
    buckets have room for each pixel in the bucket of its rank.
    """
    cdef Py_ssize_t steps[4]
    cdef Py_ssize_t i, word, lowest = 0, n_words = (buckets.n_ranks >> 6) + 1, ties = 0
    cdef int32_t pixel, neighbour, rank, label, k, least, n_new, classes = progress.classes
    cdef Span* span = buckets.span
    cdef int64_t* open_ = progress.open
    steps[0], steps[1], steps[2], steps[3] = -stride, -1, 1, stride
    memset(buckets.bits, 0, n_words * sizeof(uint64_t))
    memset(buckets.summary, 0, ((n_words >> 6) + 1) * sizeof(uint64_t))
    memset(progress.open, 0, sizeof(progress.open))
    memset(progress.taken, 0, sizeof(progress.taken))
    for i in range(buckets.n_ranks):
        span[i].head = span[i].tail = buckets.start[i]
    for i in range(n_markers):
        rank = markers[i].rank
        ties += span[rank].head > span[rank].tail
        span[rank].head += 1
        open_[state[markers[i].pixel] & classes] += 1
        progress.taken[state[markers[i].pixel] & classes] += 1
    if ties:
        if settle_ties(state, steps, markers, n_markers, ties, buckets, progress) < 0:
            return -1
    else:
        for i in range(n_markers):
            span[markers[i].rank].head -= 1
            enter(buckets, markers[i].rank, markers[i].pixel)
    while open_[0] and open_[classes]:
        while buckets.summary[lowest] == 0:
            lowest += 1
        word = (lowest << 6) + lowest_bit(buckets.summary[lowest])
        rank = least = <int32_t> (word << 6) + lowest_bit(buckets.bits[word])
        # Stay with the bucket until it is empty or a lower one is not.
        while least == rank and span[rank].head < span[rank].tail:
            pixel = buckets.items[span[rank].head]
            if span[rank].head + AHEAD < span[rank].tail:
                neighbour = buckets.items[span[rank].head + AHEAD]
                prefetch(&state[neighbour - stride])
                prefetch(&state[neighbour])
                prefetch(&state[neighbour + stride])
            span[rank].head += 1
            label = state[pixel]
            n_new = 0
            for k in range(4):
                neighbour = <int32_t> (pixel + steps[k])
                if state[neighbour] < 0:
                    enter(buckets, ~state[neighbour], neighbour)
                    least = min(least, ~state[neighbour])
                    state[neighbour] = label
                    n_new += 1
            progress.taken[label & classes] += n_new
            open_[label & classes] += n_new - 1
            if open_[label & classes] == 0:
                return 0
        if span[rank].head == span[rank].tail:
            buckets.bits[word] &= ~(<uint64_t> 1 << (rank & 63))
            if buckets.bits[word] == 0:
                buckets.summary[word >> 6] &= ~(<uint64_t> 1 << (word & 63))
        lowest = min(lowest, least >> 12)
    return 0


def square_ranks(const double[:, ::1] values, int64_t limit):
    """Squares of values that are all square roots of integers, as Euclidean distances are.

    Parameters
    ----------
    values : ndarray of float64, shape (rows, columns)
    limit : int
        Largest square to accept, below 2**31.

    Returns
    -------
    ndarray of int32, same shape, or None
        The squares; None if a value is not the (correctly rounded) square root of an integer up to `limit`.
    """
    cdef Py_ssize_t r, c
    cdef double value
    cdef int32_t square
    cdef bint exact = True
    ranks_array = np.empty((values.shape[0], values.shape[1]), np.int32)
    cdef int32_t[:, ::1] ranks = ranks_array
    cdef double largest = sqrt(<double> limit)
    with nogil:
        for r in range(values.shape[0]):
            for c in range(values.shape[1]):
                value = values[r, c]
                if not 0 <= value <= largest:
                    exact = False
                    break
                square = <int32_t> (value * value + 0.5)
                exact &= sqrt(<double> square) == value
                ranks[r, c] = square
            if not exact:
                break
    return ranks_array if exact else None


def flood(const int32_t[:, ::1] ranks, const int32_t[:, ::1] markers, const uint8_t[:, ::1] mask=None):
    """Flood an image of ranks from markers.

    Parameters
    ----------
    ranks : ndarray of int32, shape (rows, columns)
        Ranks of the values, not negative; memory grows with the largest one.
    markers : ndarray of int32, same shape
        Positive labels of the markers, 0 elsewhere.
    mask : ndarray of uint8, same shape, optional
        Where it is 0, pixels are neither flooded nor markers.

    Returns
    -------
    ndarray of int32, same shape
        The labels; 0 where no marker reaches.

    Raises
    ------
    MemoryError
    """
    cdef Py_ssize_t height = ranks.shape[0], width = ranks.shape[1], stride = width + 2, r, c, p, n_markers = 0
    cdef int32_t highest = 0, before = 0, count, label
    cdef Buckets buckets
    cdef FloodProgress progress
    cdef int failed = 0
    state_array = np.zeros((height + 2, stride), np.int32)
    cdef int32_t[:, ::1] state_view = state_array
    cdef int32_t* state = &state_view[0, 0]
    cdef Entry* entries
    with nogil:
        for r in range(height):
            for c in range(width):
                highest = max(highest, ranks[r, c])
                n_markers += markers[r, c] != 0
        entries = <Entry*> malloc((n_markers + 1) * sizeof(Entry))
        failed = make_buckets(&buckets, <Py_ssize_t> highest + 1, height * width)
        if failed == 0 and entries != NULL:
            n_markers = 0
            for r in range(height):
                p = (r + 1) * stride + 1
                for c in range(width):
                    if mask is None or mask[r, c]:
                        label = markers[r, c]
                        state[p + c] = label if label else ~ranks[r, c]
                        buckets.start[ranks[r, c]] += 1
                        if label:
                            entries[n_markers].pixel = <int32_t> (p + c)
                            entries[n_markers].rank = ranks[r, c]
                            n_markers += 1
            for r in range(buckets.n_ranks):
                count = buckets.start[r]
                buckets.start[r] = before
                before += count
            progress.classes = 0
            failed = flood_ranks(state, stride, entries, n_markers, &buckets, &progress)
        failed |= entries == NULL
        free(entries)
        free_buckets(&buckets)
    if failed:
        raise MemoryError("not enough memory to flood the image")
    return np.maximum(state_array[1:-1, 1:-1], 0)
