"""Measuring and refining the masks of objects, each within its bounding box."""

import numpy as np

from libc.math cimport exp, sqrt
from libc.stdint cimport int32_t, uint8_t

from superdsm._ext.columns cimport column_distances


cdef uint8_t[:, ::1] within_disk(const uint8_t[:, ::1] mask, uint8_t target, int32_t radius):
    """Dilate the pixels of value `target` by a disk: those at a distance of at most `radius`."""
    cdef Py_ssize_t height = mask.shape[0], width = mask.shape[1], r, c
    cdef Py_ssize_t first, stop
    cdef int32_t shift, reach
    cdef int32_t[:, ::1] distance = np.empty((height, width), np.int32)
    cdef uint8_t[:, ::1] out = np.zeros((height, width), np.uint8)
    with nogil:
        column_distances(mask, target, radius + 1, distance)
        for shift in range(-radius, radius + 1):
            reach = <int32_t> sqrt(<double> radius * radius - <double> shift * shift)
            first = max(0, -shift)
            stop = min(width, width - shift)
            for r in range(height):
                for c in range(first, stop):
                    out[r, c] |= distance[r, c + shift] <= reach
    return out


def dilate(const uint8_t[:, ::1] mask, int32_t radius):
    """Dilate a mask by a disk.

    Parameters
    ----------
    mask : ndarray of uint8, 2-D
        Zeros and ones.
    radius : int
        Radius of the disk, in pixels.

    Returns
    -------
    ndarray of bool, same shape
    """
    return np.asarray(within_disk(mask, 1, radius)).view(bool)


def erode(const uint8_t[:, ::1] mask, int32_t radius):
    """Erode a mask by a disk, like `dilate`; what lies outside the array counts as set."""
    return ~np.asarray(within_disk(mask, 0, radius)).view(bool)


cdef inline double weight(double squared_distance, double offset, double scale) noexcept nogil:
    """Weight of a background pixel at some distance of an object; 0: it is too far away."""
    cdef double distance = (sqrt(squared_distance) - offset) / scale
    if distance > 5:
        return 0
    return exp(-distance) if distance > 0 else 1


cdef enum:
    TABLE = 4096


def contrast_sums(const uint8_t[:, ::1] mask, const double[:, ::1] g, const uint8_t[:, ::1] near,
                  const double[:, ::1] squared, double offset, double scale):
    """Sum the intensities inside and around an object.

    Parameters
    ----------
    mask : ndarray of uint8, 2-D
        Zeros and ones: the object in its padded bounding box.
    g : ndarray of float64, same shape
        Intensities.
    near : ndarray of uint8, same shape
        Pixels that are not background.
    squared : ndarray of float64, same shape
        Squared distances to the object, exact up to those that have a weight.
    offset, scale : float
        A background pixel at distance t of the object has the weight ``exp(-d)`` with
        ``d = max(t - offset, 0) / scale``, and none if d > 5.

    Returns
    -------
    inside : float
        Sum of the intensities inside.
    outside : float
        Weighted sum of the intensities of the background.
    weights : float
        Sum of the weights.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    cdef Py_ssize_t r, c
    if not (mask.shape[0] == g.shape[0] == near.shape[0] == squared.shape[0]
            and mask.shape[1] == g.shape[1] == near.shape[1] == squared.shape[1]):
        raise ValueError("the mask of an object and what is around it differ in shape")
    cdef double inside = 0, outside = 0, weights = 0, w
    cdef double[::1] table = np.full(TABLE, -1.0)  # squared distances are integers, most of them small
    cdef double d
    with nogil:
        for r in range(mask.shape[0]):
            for c in range(mask.shape[1]):
                if mask[r, c]:
                    inside += g[r, c]
                elif not near[r, c]:
                    d = squared[r, c]
                    if d < TABLE:
                        if table[<int> d] < 0:
                            table[<int> d] = weight(d, offset, scale)
                        w = table[<int> d]
                    else:
                        w = weight(d, offset, scale)
                    outside += w * g[r, c]
                    weights += w
    return inside, outside, weights


def refine(const uint8_t[:, ::1] mask, const double[:, ::1] smooth, int32_t radius, double stdamp):
    """Decide anew which pixels in a band around the border of a mask belong to it, by their intensities.

    Parameters
    ----------
    mask : ndarray of uint8, 2-D
        Zeros and ones, not all zero: the object in its bounding box, padded by `radius`.
    smooth : ndarray of float64, same shape
        Smoothed intensities.
    radius : int
        The band lies between the erosion and the dilation of the mask by a disk of this radius, in pixels.
    stdamp : float
        A pixel of the band belongs to the mask if it differs from the mean over the mask by at most so many standard
        deviations.

    Returns
    -------
    ndarray of bool, same shape

    Raises
    ------
    ValueError
        The shapes differ.
    """
    if mask.shape[0] != smooth.shape[0] or mask.shape[1] != smooth.shape[1]:
        raise ValueError("the mask of an object and the intensities differ in shape")
    cdef Py_ssize_t height = mask.shape[0], width = mask.shape[1], r, c, n = 0
    cdef double mean = 0, variance = 0, slack
    cdef const uint8_t[:, ::1] dilated = within_disk(mask, 1, radius)
    cdef uint8_t[:, ::1] out = within_disk(mask, 0, radius)
    with nogil:
        for r in range(height):
            for c in range(width):
                if mask[r, c]:
                    n += 1
                    mean += smooth[r, c]
        mean /= n
        for r in range(height):
            for c in range(width):
                if mask[r, c]:
                    variance += (smooth[r, c] - mean) * (smooth[r, c] - mean)
        slack = stdamp * sqrt(variance / n)
        for r in range(height):
            for c in range(width):
                if out[r, c]:  # not in the erosion
                    out[r, c] = dilated[r, c] and mean - slack <= smooth[r, c] <= mean + slack
                else:
                    out[r, c] = 1
    return np.asarray(out).view(bool)


cdef Py_ssize_t reach(uint8_t[::1] outside, int32_t[::1] stack, Py_ssize_t n, Py_ssize_t at) noexcept nogil:
    """Note a pixel that is to be looked at, unless it belongs to the mask or was noted before; return their number."""
    if outside[at]:
        return n
    outside[at] = 2
    stack[n] = <int32_t> at
    return n + 1


def fill_holes(const uint8_t[:, ::1] mask):
    """Set the pixels that are not 4-connected to the border of the array outside the mask.

    As `scipy.ndimage.binary_fill_holes`, but that takes an iteration per pixel of the way from the border, and labels
    of the background take twice the time of all the rest that is done to a mask.

    Parameters
    ----------
    mask : ndarray of uint8, 2-D
        Zeros and ones.

    Returns
    -------
    ndarray of bool, same shape
    """
    cdef Py_ssize_t height = mask.shape[0], width = mask.shape[1], size = height * width, i, c, n = 0
    outside = np.array(mask)
    cdef uint8_t[::1] values = outside.reshape(-1)
    cdef int32_t[::1] stack = np.empty(size, np.int32)
    with nogil:
        for i in range(width if height else 0):
            n = reach(values, stack, n, i)
            n = reach(values, stack, n, size - 1 - i)
        for i in range(height if width else 0):
            n = reach(values, stack, n, i * width)
            n = reach(values, stack, n, i * width + width - 1)
        while n:
            n -= 1
            i = stack[n]
            c = i % width
            if i >= width:
                n = reach(values, stack, n, i - width)
            if c:
                n = reach(values, stack, n, i - 1)
            if c < width - 1:
                n = reach(values, stack, n, i + 1)
            if i < size - width:
                n = reach(values, stack, n, i + width)
        for i in range(size):
            values[i] = values[i] != 2
    return outside.view(bool)
