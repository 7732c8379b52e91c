"""Counting the connected sets of vertices of a graph."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t


cdef int64_t count(const int32_t[::1] indptr, const int32_t[::1] indices, const uint8_t[:, ::1] compatible,
                   int32_t[::1] queue, int32_t[::1] position, int32_t[::1] end, uint8_t[::1] seen,
                   int64_t limit) noexcept nogil:
    """Enumerate by depth-first search, without recursion.

    `queue` lists the vertices that were seen from the set. Level `d` of the search adds ``queue[position[d]]`` to the
    set; what lies before it on that level is left out in this branch, so that each set is met once.
    """
    cdef Py_ssize_t n = indptr.shape[0] - 1
    cdef Py_ssize_t root, depth, d, k
    cdef int32_t vertex, other, tail
    cdef int64_t found = 0
    cdef bint fits
    for root in range(n):
        queue[0] = <int32_t> root
        seen[root] = 1
        position[0] = 0
        end[0] = 1
        depth = 0
        while depth >= 0:
            if position[depth] == end[depth]:  # nothing left to add: go back, and forget what the last vertex showed
                depth -= 1
                if depth >= 0:
                    for k in range(end[depth], end[depth + 1]):
                        seen[queue[k]] = 0
                    position[depth] += 1
                continue
            vertex = queue[position[depth]]
            fits = True
            for d in range(depth):
                if not compatible[queue[position[d]], vertex]:
                    fits = False
                    break
            if not fits:
                position[depth] += 1
                continue
            found += 1
            if found > limit:
                return found
            tail = end[depth]
            for k in range(indptr[vertex], indptr[vertex + 1]):
                other = indices[k]
                if other > root and not seen[other]:
                    seen[other] = 1
                    queue[tail] = other
                    tail += 1
            depth += 1
            position[depth] = position[depth - 1] + 1
            end[depth] = tail
        seen[root] = 0
    return found


def count_connected(const int32_t[::1] indptr, const int32_t[::1] indices, const uint8_t[:, ::1] compatible,
                    int64_t limit):
    """Count the sets of vertices that are connected and pairwise compatible.

    Parameters
    ----------
    indptr, indices : ndarray of int32
        The graph: the neighbours of vertex ``i`` are ``indices[indptr[i] : indptr[i + 1]]``, without loops.
    compatible : ndarray of uint8, shape (n, n)
        Whether two vertices may be in one set; symmetric.
    limit : int
        Stop as soon as there are more.

    Returns
    -------
    int
        The number of sets; ``limit + 1`` if it exceeds `limit`.
    """
    cdef Py_ssize_t n = indptr.shape[0] - 1
    cdef int32_t[::1] queue = np.empty(n + 1, np.int32)
    cdef int32_t[::1] position = np.empty(n + 1, np.int32)
    cdef int32_t[::1] end = np.empty(n + 1, np.int32)
    cdef uint8_t[::1] seen = np.zeros(n + 1, np.uint8)
    cdef int64_t result
    with nogil:
        result = count(indptr, indices, compatible, queue, position, end, seen, limit)
    return result
