"""Drawing objects into a label image."""

import numpy as np

from libc.stdint cimport INT32_MAX, int32_t, int64_t, uint8_t


def draw(int32_t[:, ::1] labels, const uint8_t[:, ::1] mask, Py_ssize_t row, Py_ssize_t col, int32_t label):
    """Draw an object into a label image; pixels that are taken already become -1.

    Parameters
    ----------
    labels : ndarray of int32, shape (rows, columns)
        The label image; changed in place.
    mask : ndarray of uint8, 2-D
        Zeros and ones.
    row, col : int
        Where ``mask[0, 0]`` lies in the image.
    label : int
        The label, positive.

    Returns
    -------
    int
        The number of pixels that had been taken.

    Raises
    ------
    ValueError
        The object reaches over the border of the image.
    """
    cdef Py_ssize_t r, c, contested = 0
    if (row < 0 or col < 0 or row > labels.shape[0] - mask.shape[0] or col > labels.shape[1] - mask.shape[1]):
        raise ValueError(f"an object at ({row}, {col}) reaches over the border of the image")
    with nogil:
        for r in range(mask.shape[0]):
            for c in range(mask.shape[1]):
                if mask[r, c]:
                    if labels[row + r, col + c] == 0:
                        labels[row + r, col + c] = label
                    else:
                        labels[row + r, col + c] = -1
                        contested += 1
    return contested


def contested_distances(const int32_t[:, ::1] labels, const int32_t[:, ::1] vertical):
    """Squared Euclidean distances of the contested pixels of a label image to the nearest labelled pixel.

    Parameters
    ----------
    labels : ndarray of int32, shape (rows, columns)
        Labels; 0: background, -1: contested.
    vertical : ndarray of int32, same shape
        Distances to the nearest labelled pixels in the same column; the largest integer where there is none.

    Returns
    -------
    ndarray of int32, same shape
        In squared pixels; 0 where a pixel is not contested, and everywhere if no pixel is labelled.
    """
    cdef Py_ssize_t height = labels.shape[0], width = labels.shape[1], r, c, shift
    cdef int64_t best, distance
    out = np.zeros((height, width), np.int32)
    cdef int32_t[:, ::1] out_view = out
    with nogil:
        for r in range(height):
            for c in range(width):
                if labels[r, c] != -1:
                    continue
                best = INT32_MAX
                shift = 0
                while shift * shift < best and shift < width:  # the nearest pixel in each column around this one
                    if c - shift >= 0:
                        distance = vertical[r, c - shift]
                        best = min(best, shift * shift + distance * distance)
                    if c + shift < width:
                        distance = vertical[r, c + shift]
                        best = min(best, shift * shift + distance * distance)
                    shift += 1
                if best < INT32_MAX:
                    out_view[r, c] = <int32_t> best
    return out
