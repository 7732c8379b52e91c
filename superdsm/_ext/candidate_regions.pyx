"""Regions of sets of atoms, cut to bounding boxes."""

import numpy as np

from libc.stdint cimport int32_t, uint8_t, uint32_t


def valid_labels(const int32_t[:, ::1] atoms, const uint8_t[:, ::1] mask, const uint8_t[:, ::1] near,
                 Py_ssize_t n_atoms):
    """Restrict the label image of the atoms to the pixels that may belong to a region, and box the atoms.

    Parameters
    ----------
    atoms : ndarray of int32, shape (rows, columns)
        Labels 1, 2, ..., `n_atoms`; 0: none.
    mask, near : ndarray of uint8, same shape
        A pixel is valid if both are true.
    n_atoms : int
        Number of atoms.

    Returns
    -------
    labels : ndarray of int32, same shape
        The label of the atom of each valid pixel, else 0.
    boxes : ndarray of int32, shape (n_atoms + 1, 4)
        First row, last row + 1, first column, last column + 1 of the valid pixels by label.
    sizes : ndarray of int32, shape (n_atoms + 1,)
        Number of valid pixels by label; where it is 0, the box holds nothing meaningful.

    Raises
    ------
    ValueError
        The shapes differ, or a label is none of 0, 1, ..., `n_atoms`.
    """
    cdef Py_ssize_t height = atoms.shape[0], width = atoms.shape[1], r, c
    cdef int32_t label
    cdef bint unknown = False
    if not (height == mask.shape[0] == near.shape[0] and width == mask.shape[1] == near.shape[1]):
        raise ValueError("the atoms and the masks differ in shape")
    out = np.empty((height, width), np.int32)
    boxes = np.empty((n_atoms + 1, 4), np.int32)
    boxes[:] = (height, 0, width, 0)
    sizes = np.zeros(n_atoms + 1, np.int32)
    cdef int32_t[:, ::1] out_view = out, box = boxes
    cdef int32_t[::1] size = sizes
    with nogil:
        for r in range(height):
            for c in range(width):
                label = atoms[r, c] if mask[r, c] and near[r, c] else 0
                out_view[r, c] = label
                if not label:
                    continue
                if label < 0 or label > n_atoms:
                    unknown = True
                    continue
                size[label] += 1
                if r < box[label, 0]:
                    box[label, 0] = <int32_t> r
                box[label, 1] = <int32_t> (r + 1)
                if c < box[label, 2]:
                    box[label, 2] = <int32_t> c
                if c >= box[label, 3]:
                    box[label, 3] = <int32_t> (c + 1)
    if unknown:
        raise ValueError(f"there are labels that are none of 0, 1, ..., {n_atoms}")
    return out, boxes, sizes


def union_region(const int32_t[:, ::1] labels, const uint8_t[::1] chosen, int32_t first, Py_ssize_t r0,
                 Py_ssize_t r1, Py_ssize_t c0, Py_ssize_t c1):
    """Cut the region of a set of atoms out of the image.

    Parameters
    ----------
    labels : ndarray of int32, shape (rows, columns)
        Atoms of the valid pixels, as `valid_labels` returns them.
    chosen : ndarray of uint8
        Whether the atoms with the labels `first`, `first` + 1, ... belong to the set; others do not.
    first : int
        The smallest label, positive.
    r0, r1, c0, c1 : int
        The bounding box.

    Returns
    -------
    ndarray of bool, shape (r1 - r0, c1 - c0)
        The pixels of the region.
    """
    cdef Py_ssize_t r, c
    region = np.empty((r1 - r0, c1 - c0), bool)
    cdef uint8_t[:, ::1] out = region.view(np.uint8)
    cdef uint32_t index, span = <uint32_t> chosen.shape[0]
    with nogil:
        for r in range(r0, r1):
            for c in range(c0, c1):
                index = <uint32_t> (labels[r, c] - first)  # large for labels below the first
                out[r - r0, c - c0] = chosen[index] if index < span else 0
    return region


def enclosing_labels(const int32_t[:, ::1] inner, const int32_t[:, ::1] outer, Py_ssize_t n):
    """Find in which segment of one label image the segments of another one lie.

    Parameters
    ----------
    inner, outer : ndarray of int32, shape (rows, columns)
        Label images; each segment 1, 2, ..., `n` of `inner` lies in one of `outer`.
    n : int
        Largest label of `inner`.

    Returns
    -------
    ndarray of int32, shape (n + 1,)
        By label of `inner`: the label in `outer` of its last pixel; 0 for labels without pixels.

    Raises
    ------
    ValueError
        The shapes differ, or a label of `inner` is none of 0, 1, ..., `n`.
    """
    cdef Py_ssize_t r, c
    cdef int32_t label
    cdef bint unknown = False
    if inner.shape[0] != outer.shape[0] or inner.shape[1] != outer.shape[1]:
        raise ValueError("the label images differ in shape")
    result = np.zeros(n + 1, np.int32)
    cdef int32_t[::1] view = result
    with nogil:
        for r in range(inner.shape[0]):
            for c in range(inner.shape[1]):
                label = inner[r, c]
                if label < 0 or label > n:
                    unknown = True
                else:
                    view[label] = outer[r, c]
    if unknown:
        raise ValueError(f"there are labels that are none of 0, 1, ..., {n}")
    result[0] = 0
    return result
