"""Measuring the outlines of objects."""

from libc.stdint cimport int32_t


def step_across(const int32_t[:, :] labels, const double[:, :] image, int32_t label):
    """Difference of the mean intensities of the pixels just inside and just outside of an outline.

    Parameters
    ----------
    labels : ndarray of int32, 2-D
        Part of a label image.
    image : ndarray of float64, same shape
        Intensities.
    label : int
        The object.

    Returns
    -------
    float
        0 if there are no pixels on one of both sides.
    """
    cdef Py_ssize_t height = labels.shape[0], width = labels.shape[1], r, c, n_inside = 0, n_outside = 0
    cdef double inside = 0, outside = 0
    cdef bint own, all_own, any_own
    with nogil:
        for r in range(height):
            for c in range(width):
                own = labels[r, c] == label
                # beyond the borders of the part there is neither inside nor outside
                all_own = ((r == 0 or labels[r - 1, c] == label) and (c == 0 or labels[r, c - 1] == label)
                           and (r + 1 == height or labels[r + 1, c] == label)
                           and (c + 1 == width or labels[r, c + 1] == label))
                any_own = ((r > 0 and labels[r - 1, c] == label) or (c > 0 and labels[r, c - 1] == label)
                           or (r + 1 < height and labels[r + 1, c] == label)
                           or (c + 1 < width and labels[r, c + 1] == label))
                if own and not all_own:
                    inside += image[r, c]
                    n_inside += 1
                elif any_own and not own:
                    outside += image[r, c]
                    n_outside += 1
    return inside / n_inside - outside / n_outside if n_inside and n_outside else 0.0
