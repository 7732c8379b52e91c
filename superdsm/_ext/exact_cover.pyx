"""Minimum-weight set cover and maximum-weight set packing by dynamic programming, for sets as bit masks of one word."""

import numpy as np

from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

MAX_ATOMS = 24  # the table has 2**n rows; 16 bytes each


cdef inline int lowest_bit(uint64_t x) noexcept nogil:
    cdef int i = 0
    while not x & 1:
        x >>= 1
        i += 1
    return i


cdef double price_of(const double[:, ::1] table, uint64_t mask) noexcept nogil:
    """Sum of the prices of the atoms in a mask, eight of them at a time."""
    cdef double total = 0
    cdef int k
    for k in range(table.shape[0]):
        total += table[k, mask & 255]
        mask >>= 8
    return total


cdef void sum_prices(const double[::1] prices, double[:, ::1] table) noexcept nogil:
    """Fill the table that `price_of` needs."""
    cdef int k, byte, low
    for k in range(table.shape[0]):
        for byte in range(1, 256):
            low = lowest_bit(byte)
            table[k, byte] = table[k, byte & (byte - 1)] + (prices[8 * k + low] if 8 * k + low < prices.shape[0] else 0)


cdef void sort_by_atom(const uint64_t[::1] sets, int n, int64_t[::1] start, int32_t[::1] by_atom) noexcept nogil:
    """List the sets with atom i at ``by_atom[start[i]:start[i + 1]]``."""
    cdef int i
    cdef int32_t j
    cdef int64_t position = 0
    for i in range(n):
        start[i] = position
        for j in range(sets.shape[0]):
            if sets[j] >> i & 1:
                by_atom[position] = j
                position += 1
    start[n] = position


cdef double raise_prices(const uint64_t[::1] sets, double[::1] slack, double[::1] prices) noexcept nogil:
    """Raise the price of one atom after the other as far as the weights of the sets allow it; return their sum."""
    cdef Py_ssize_t n = prices.shape[0], i, j
    cdef double least, total = 0
    for i in range(n):
        least = INFINITY
        for j in range(sets.shape[0]):
            if sets[j] >> i & 1 and slack[j] < least:
                least = slack[j]
        if 0 < least < INFINITY:
            prices[i] += least
            for j in range(sets.shape[0]):
                if sets[j] >> i & 1:
                    slack[j] -= least
        total += prices[i]
    return total


def atom_prices(const uint64_t[::1] sets, const double[::1] weights, int n_atoms):
    """Prices of the atoms such that no set costs more than it weighs: a feasible solution of the dual linear program.

    Parameters
    ----------
    sets : ndarray of uint64, shape (n_sets,)
        The sets as bit masks, none of them empty.
    weights : ndarray of float64, shape (n_sets,)
        Their weights, not negative.
    n_atoms : int
        Number of atoms; each belongs to some set.

    Returns
    -------
    ndarray of float64, shape (n_atoms,)
        Not negative. No cover weighs less than the sum (up to rounding).
    """
    result = np.zeros(n_atoms)
    slack_array = np.empty(sets.shape[0])
    cdef double[::1] prices = result, slack = slack_array
    cdef Py_ssize_t i, j
    cdef int size
    cdef double share
    with nogil:
        # The share of an atom in the set where it is the cheapest is feasible; then what is left is given out.
        for i in range(n_atoms):
            prices[i] = INFINITY
        for j in range(sets.shape[0]):
            size = 0
            for i in range(n_atoms):
                size += sets[j] >> i & 1
            share = weights[j] / size
            for i in range(n_atoms):
                if sets[j] >> i & 1 and share < prices[i]:
                    prices[i] = share
        for j in range(sets.shape[0]):
            slack[j] = weights[j]
            for i in range(n_atoms):
                if sets[j] >> i & 1:
                    slack[j] -= prices[i]
        raise_prices(sets, slack, prices)
    return result


def table_cover(const uint64_t[::1] sets, const double[::1] weights, const double[::1] prices, double limit):
    """Find the cover of least weight below a limit, by dynamic programming over the sets of covered atoms.

    A state is a set of covered atoms; the next set of the cover is always one with the first atom that is not covered
    yet. Hence every step leads to a larger number, and the states are complete when they are come to in their order.
    States from which the limit cannot be undercut are passed over.

    Parameters
    ----------
    sets : ndarray of uint64, shape (n_sets,)
        The sets as bit masks, none of them empty. Of equally good covers that which is reached first is taken.
    weights : ndarray of float64, shape (n_sets,)
        Their weights, not negative.
    prices : ndarray of float64, shape (n_atoms,)
        See `atom_prices`; at most `MAX_ATOMS`.
    limit : float
        Only covers of less weight are looked for.

    Returns
    -------
    chosen : ndarray of int64, or None
        Indices of the sets of the cover, ascending; None if there is none below the limit.
    n_states : int
        Number of states from which a step was taken.
    """
    cdef int n = prices.shape[0], i, k
    if n > MAX_ATOMS:
        raise ValueError(f"{n} atoms are too many for a table; {MAX_ATOMS} are possible")
    cdef size_t size = <size_t> 1 << n, state, new
    cdef int64_t[::1] start = np.zeros(n + 2, np.int64)
    cdef int32_t[::1] by_atom = np.empty(n * sets.shape[0], np.int32)
    cdef double[:, ::1] price_table = np.zeros(((n + 7) // 8, 256))
    sort_by_atom(sets, n, start, by_atom)
    sum_prices(prices, price_table)
    cdef double* cost = <double*> malloc(size * sizeof(double))
    cdef uint32_t* previous = <uint32_t*> malloc(size * sizeof(uint32_t))
    cdef int32_t* last = <int32_t*> malloc(size * sizeof(int32_t))
    cdef double reached
    cdef int64_t m, n_states = 0
    try:
        if cost == NULL or previous == NULL or last == NULL:
            raise MemoryError(f"no memory for the table of a cover of {n} atoms")
        with nogil:
            for state in range(size):
                cost[state] = INFINITY
            cost[0] = 0
            for state in range(size - 1):
                if cost[state] == INFINITY or cost[state] + price_of(price_table, ~state & (size - 1)) >= limit:
                    continue
                n_states += 1
                i = lowest_bit(~state)
                for m in range(start[i], start[i + 1]):
                    k = by_atom[m]
                    new = state | sets[k]
                    reached = cost[state] + weights[k]
                    if reached < cost[new]:
                        cost[new] = reached
                        previous[new] = <uint32_t> state
                        last[new] = k
        if not cost[size - 1] < limit:
            return None, n_states
        chosen, state = [], size - 1
        while state:
            chosen.append(last[state])
            state = previous[state]
        return np.array(sorted(chosen), np.int64), n_states
    finally:
        free(cost)
        free(previous)
        free(last)


def exact_packing(const uint64_t[::1] sets, const double[::1] energies, uint64_t members):
    """Greatest total energy of disjoint sets inside of a set.

    Parameters
    ----------
    sets : ndarray of uint64, shape (n_sets,)
        The sets as bit masks, none of them empty.
    energies : ndarray of float64, shape (n_sets,)
        Their energies.
    members : int
        The set to be packed, of at most `MAX_ATOMS` atoms.

    Returns
    -------
    float
    """
    positions = [i for i in range(64) if members >> i & 1]
    cdef int n = len(positions), i
    if n > MAX_ATOMS:
        raise ValueError(f"{n} atoms are too many for a table; {MAX_ATOMS} are possible")
    inside = np.flatnonzero((np.asarray(sets) & ~np.uint64(members)) == 0)
    cdef const int64_t[::1] chosen = inside
    cdef const int64_t[::1] bit = np.array(positions, np.int64)
    cdef uint64_t[::1] small = np.zeros(len(inside), np.uint64)  # within `members`, bits closed up
    cdef Py_ssize_t m
    cdef size_t size = <size_t> 1 << n, state
    cdef double[::1] best = np.zeros(size)
    cdef uint64_t low
    with nogil:
        for m in range(chosen.shape[0]):
            for i in range(n):
                small[m] |= (sets[chosen[m]] >> bit[i] & 1) << i
        for state in range(1, size):
            low = state & (~state + 1)
            best[state] = best[state ^ low]  # the first atom stays alone
            for m in range(chosen.shape[0]):
                if small[m] & low and not small[m] & ~state:
                    best[state] = max(best[state], energies[chosen[m]] + best[state & ~small[m]])
    return best[size - 1]
