"""Greedy set cover with merges, and greedy set packing, for sets as rows of 64-bit words."""

import numpy as np

from libc.stdint cimport int64_t, uint64_t


cdef inline int count_bits(uint64_t x) noexcept nogil:
    x = x - ((x >> 1) & <uint64_t> 0x5555555555555555)
    x = (x & <uint64_t> 0x3333333333333333) + ((x >> 2) & <uint64_t> 0x3333333333333333)
    x = (x + (x >> 4)) & <uint64_t> 0x0F0F0F0F0F0F0F0F
    return <int> ((x * <uint64_t> 0x0101010101010101) >> 56)


cdef Py_ssize_t greedy(const uint64_t[:, ::1] sets, const double[::1] weights, uint64_t[::1] left,
                       int64_t[::1] chosen) noexcept nogil:
    """Repeatedly choose the set of least weight per newly covered atom; return how many are chosen."""
    cdef Py_ssize_t n_sets = sets.shape[0], n_words = sets.shape[1], n_chosen = 0, i, k, best
    cdef int news, total
    cdef double least, ratio
    for i in range(n_sets):
        for k in range(n_words):
            left[k] |= sets[i, k]
    while True:
        total = 0
        for k in range(n_words):
            total += count_bits(left[k])
        if total == 0:
            return n_chosen
        best = -1
        least = 0
        for i in range(n_sets):
            news = 0
            for k in range(n_words):
                news += count_bits(sets[i, k] & left[k])
            if news:
                ratio = weights[i] / news
                if best < 0 or ratio < least:
                    best = i
                    least = ratio
        chosen[n_chosen] = best
        n_chosen += 1
        for k in range(n_words):
            left[k] &= ~sets[best, k]


cdef Py_ssize_t merge(const uint64_t[:, ::1] sets, const double[::1] weights, const int64_t[::1] order,
                      int64_t[::1] chosen, Py_ssize_t n_chosen) noexcept nogil:
    """Replace chosen sets by a set that contains them, wherever that is lighter; return how many are chosen then."""
    cdef Py_ssize_t n_words = sets.shape[1], i, j, k, n, new, met
    cdef uint64_t common, beyond
    cdef bint possible
    cdef double weight
    for i in range(order.shape[0]):
        new = order[i]
        possible = True
        met = 0
        weight = 0
        for j in range(n_chosen):
            common = beyond = 0
            for k in range(n_words):
                common |= sets[chosen[j], k] & sets[new, k]
                beyond |= sets[chosen[j], k] & ~sets[new, k]
            if chosen[j] == new or (common and beyond):
                possible = False
                break
            if common:
                met += 1
                weight += weights[chosen[j]]
        if not possible or not met or not weights[new] < weight:
            continue
        n = 0
        for j in range(n_chosen):
            common = 0
            for k in range(n_words):
                common |= sets[chosen[j], k] & sets[new, k]
            if not common:
                chosen[n] = chosen[j]
                n += 1
        chosen[n] = new
        n_chosen = n + 1
    return n_chosen


def greedy_cover(const uint64_t[:, ::1] sets, const double[::1] weights, const int64_t[::1] order):
    """Cover the union of all sets by some of them of small total weight.

    Parameters
    ----------
    sets : ndarray of uint64, shape (n_sets, n_words)
        The sets as bit masks. Ties take the first.
    weights : ndarray of float64, shape (n_sets,)
        Their weights.
    order : ndarray of int64
        The sets in the order in which they are tried as replacements of chosen ones that lie inside them.

    Returns
    -------
    ndarray of int64
        Indices of the chosen sets, ascending.
    """
    chosen = np.empty(sets.shape[0] + 1, np.int64)
    cdef int64_t[::1] view = chosen
    cdef uint64_t[::1] left = np.zeros(sets.shape[1], np.uint64)
    cdef Py_ssize_t n
    with nogil:
        n = merge(sets, weights, order, view, greedy(sets, weights, left, view))
    return np.sort(chosen[:n])


def greedy_packing(const uint64_t[:, ::1] sets, const double[::1] energies, const uint64_t[::1] members):
    """Pack disjoint sets into a set, in the order in which they come.

    Parameters
    ----------
    sets : ndarray of uint64, shape (n_sets, n_words)
        The sets as bit masks.
    energies : ndarray of float64, shape (n_sets,)
        Their energies.
    members : ndarray of uint64, shape (n_words,)
        The set to be packed.

    Returns
    -------
    float
        The sum of the energies of the sets that are packed.
    """
    cdef Py_ssize_t n_words = sets.shape[1], i, k
    cdef uint64_t[::1] left = np.array(members)
    cdef uint64_t beyond, rest = 1
    cdef double total = 0
    with nogil:
        for i in range(sets.shape[0]):
            beyond = 0
            for k in range(n_words):
                beyond |= sets[i, k] & ~left[k]
            if beyond:
                continue
            total += energies[i]
            rest = 0
            for k in range(n_words):
                left[k] &= ~sets[i, k]
                rest |= left[k]
            if not rest:
                break
    return total
