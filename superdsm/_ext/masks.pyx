"""Measuring and refining the masks of objects, each within its bounding box."""

import numpy as np

from libc.math cimport exp, sqrt
from libc.stdint cimport INT32_MAX, int32_t, int64_t, uint8_t


cdef void column_distances(const uint8_t[:, ::1] mask, uint8_t target, int32_t far, int32_t[:, ::1] out) noexcept nogil:
    """Distance of each pixel to the nearest pixel of value `target` in its column; at least `far` if there is none."""
    cdef Py_ssize_t height = mask.shape[0], width = mask.shape[1], r, c
    cdef int32_t above
    for r in range(height):
        for c in range(width):
            above = out[r - 1, c] + 1 if r > 0 else far
            out[r, c] = 0 if mask[r, c] == target else above
    for r in range(height - 2, -1, -1):
        for c in range(width):
            if out[r + 1, c] + 1 < out[r, c]:
                out[r, c] = out[r + 1, c] + 1


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


def raw_moments(const uint8_t[:, ::1] mask):
    """Sums over the pixels of a mask.

    Parameters
    ----------
    mask : ndarray of uint8, 2-D
        Zeros and ones.

    Returns
    -------
    tuple of int
        The sums of 1, r, c, r^2, r c and c^2.
    """
    cdef Py_ssize_t r, c
    cdef int64_t n, s, q, m0 = 0, mr = 0, mc = 0, mrr = 0, mrc = 0, mcc = 0
    with nogil:
        for r in range(mask.shape[0]):
            n = s = q = 0
            for c in range(mask.shape[1]):
                n += mask[r, c]
                s += c * mask[r, c]
                q += c * c * mask[r, c]
            m0 += n
            mr += r * n
            mrr += r * r * n
            mc += s
            mrc += r * s
            mcc += q
    return m0, mr, mc, mrr, mrc, mcc


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
    """
    cdef Py_ssize_t r, c
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
    """
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


cdef void flood(uint8_t[:, ::1] values, int32_t[::1] stack, Py_ssize_t start, uint8_t old, uint8_t new) noexcept nogil:
    """Change the 4-connected pixels of value `old` around a pixel, which has it, to `new`."""
    cdef Py_ssize_t height = values.shape[0], width = values.shape[1], n = 1, r, c
    values[start // width, start % width] = new
    stack[0] = <int32_t> start
    while n:
        n -= 1
        r = stack[n] // width
        c = stack[n] - r * width
        if r > 0 and values[r - 1, c] == old:
            values[r - 1, c] = new
            stack[n] = <int32_t> ((r - 1) * width + c)
            n += 1
        if c > 0 and values[r, c - 1] == old:
            values[r, c - 1] = new
            stack[n] = <int32_t> (r * width + c - 1)
            n += 1
        if c < width - 1 and values[r, c + 1] == old:
            values[r, c + 1] = new
            stack[n] = <int32_t> (r * width + c + 1)
            n += 1
        if r < height - 1 and values[r + 1, c] == old:
            values[r + 1, c] = new
            stack[n] = <int32_t> ((r + 1) * width + c)
            n += 1


def fill_holes(const uint8_t[:, ::1] mask):
    """Set the pixels that are not 4-connected to the border of the array outside the mask.

    Parameters
    ----------
    mask : ndarray of uint8, 2-D
        Zeros and ones.

    Returns
    -------
    ndarray of bool, same shape
    """
    cdef Py_ssize_t height = mask.shape[0], width = mask.shape[1], r, c
    out = np.array(mask)
    cdef uint8_t[:, ::1] values = out
    cdef int32_t[::1] stack = np.empty(height * width, np.int32)
    with nogil:
        for r in range(height):
            for c in range(width):
                if (r == 0 or c == 0 or r == height - 1 or c == width - 1) and values[r, c] == 0:
                    flood(values, stack, r * width + c, 0, 2)
        for r in range(height):
            for c in range(width):
                values[r, c] = values[r, c] != 2
    return out.view(bool)


def is_connected(const uint8_t[:, ::1] mask):
    """Whether the non-zero pixels of a mask are one 4-connected component (also if there are none)."""
    cdef Py_ssize_t height = mask.shape[0], width = mask.shape[1], r, c
    cdef uint8_t[:, ::1] values = np.array(mask)
    cdef int32_t[::1] stack = np.empty(height * width, np.int32)
    cdef int found = 0
    with nogil:
        for r in range(height):
            for c in range(width):
                if found < 2 and values[r, c] == 1:
                    found += 1
                    flood(values, stack, r * width + c, 1, 2)
    return found < 2


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
    """
    cdef Py_ssize_t r, c, contested = 0
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
