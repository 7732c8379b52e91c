"""Labels of a whole image: borders and maxima of components, numbering, adjacency."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t


def border_counts(const int32_t[:, ::1] labels, Py_ssize_t n):
    """Count the pixels of components, and those with a 4-neighbour inside the image that is not in any component.

    Parameters
    ----------
    labels : ndarray of int32, shape (rows, columns)
        Labels of the components, up to `n`; 0 elsewhere.
    n : int

    Returns
    -------
    area, border : ndarray of int64, shape (n + 1,)
        By label. What they hold for label 0 means nothing.
    """
    cdef Py_ssize_t height = labels.shape[0], width = labels.shape[1], r, c
    cdef int32_t label
    area_array = np.zeros(n + 1, np.int64)
    border_array = np.zeros(n + 1, np.int64)
    cdef int64_t[::1] area = area_array, border = border_array
    with nogil:
        for r in range(height):
            for c in range(width):
                label = labels[r, c]
                if label:
                    area[label] += 1
                    border[label] += (
                        (r > 0 and labels[r - 1, c] == 0) or (c > 0 and labels[r, c - 1] == 0)
                        or (c + 1 < width and labels[r, c + 1] == 0) or (r + 1 < height and labels[r + 1, c] == 0)
                    )
    return area_array, border_array


cdef int64_t touching(const int32_t[:, ::1] atoms, const int32_t[:, ::1] clusters, const double[:, ::1] y,
                      Py_ssize_t r, Py_ssize_t c, Py_ssize_t r2, Py_ssize_t c2) noexcept nogil:
    """The pair of the atoms of two neighbouring pixels of different atoms; 0 if these do not make them adjacent."""
    cdef int32_t a = atoms[r, c], b = atoms[r2, c2]
    if a == 0 or b == 0 or clusters[r, c] != clusters[r2, c2] or not (y[r, c] > 0 or y[r2, c2] > 0):
        return 0
    return (<int64_t> min(a, b) << 32) | max(a, b)


def adjacent_pairs(const int32_t[:, ::1] atoms, const int32_t[:, ::1] clusters, const double[:, ::1] y):
    """Pairs of atoms that touch where at least one of them is foreground.

    Parameters
    ----------
    atoms, clusters : ndarray of int32, shape (rows, columns)
        Labels; 0 elsewhere.
    y : ndarray of float64, same shape
        Offset-corrected intensities.

    Returns
    -------
    ndarray of int64, shape (m,)
        The pairs as ``a << 32 | b``, a < b, in no order, and possibly repeated.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    if not (atoms.shape[0] == clusters.shape[0] == y.shape[0] and atoms.shape[1] == clusters.shape[1] == y.shape[1]):
        raise ValueError("atoms, clusters and intensities differ in shape")
    cdef Py_ssize_t height = atoms.shape[0], width = atoms.shape[1], r, c, k, r2, c2, n = 0
    cdef int32_t atom
    cdef int64_t pair, last = 0
    pairs_array = np.empty(64, np.int64)
    cdef int64_t[::1] pairs = pairs_array
    with nogil:
        for r in range(height):
            for c in range(width):
                atom = atoms[r, c]
                for k in range(2):
                    r2, c2 = r + k, c + 1 - k
                    if r2 == height or c2 == width or atoms[r2, c2] == atom:
                        continue
                    pair = touching(atoms, clusters, y, r, c, r2, c2)
                    if pair == 0 or pair == last:
                        continue
                    last = pair
                    if n == pairs.shape[0]:
                        with gil:
                            pairs_array = np.concatenate([pairs_array, np.empty_like(pairs_array)])
                            pairs = pairs_array
                    pairs[n] = pair
                    n += 1
    return pairs_array[:n]


def label_maxima(const int32_t[:, ::1] labels, const double[:, ::1] values, Py_ssize_t n):
    """Largest value of each label.

    Parameters
    ----------
    labels : ndarray of int32, shape (rows, columns)
        Labels, up to `n`; 0 elsewhere.
    values : ndarray of float64, same shape
    n : int

    Returns
    -------
    ndarray of float64, shape (n + 1,)
        By label; what it holds for label 0 means nothing, -inf for labels that are missing.
    """
    cdef Py_ssize_t r, c
    cdef int32_t label
    largest_array = np.full(n + 1, -np.inf)
    cdef double[::1] largest = largest_array
    with nogil:
        for r in range(labels.shape[0]):
            for c in range(labels.shape[1]):
                label = labels[r, c]
                if values[r, c] > largest[label]:
                    largest[label] = values[r, c]
    return largest_array


def number_markers(int32_t[:, ::1] labels, const int32_t[::1] numbers):
    """Renumber labels in place, and find those that are left out.

    Parameters
    ----------
    labels : ndarray of int32, shape (rows, columns)
        Labels; replaced by their numbers, and by 0 if they have none.
    numbers : ndarray of int32
        By label: its number, or -1.

    Returns
    -------
    ndarray of bool, shape (rows, columns)
        False where a label has no number.
    """
    cdef Py_ssize_t r, c
    cdef int32_t number
    kept_array = np.empty((labels.shape[0], labels.shape[1]), np.uint8)
    cdef uint8_t[:, ::1] kept = kept_array
    with nogil:
        for r in range(labels.shape[0]):
            for c in range(labels.shape[1]):
                number = numbers[labels[r, c]]
                kept[r, c] = number >= 0
                labels[r, c] = max(number, 0)
    return kept_array.view(bool)
