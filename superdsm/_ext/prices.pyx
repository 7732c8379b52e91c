"""The shape of a mask."""

from libc.stdint cimport int64_t, uint8_t


def outside_ellipse(const uint8_t[:, ::1] mask):
    """Part of a mask that is outside of the ellipse that has the same centre and second moments.

    Parameters
    ----------
    mask : ndarray of uint8, 2-D
        Zeros and ones; not all zero.

    Returns
    -------
    float
    """
    cdef Py_ssize_t r, c, n_row, outside = 0
    cdef int64_t n = 0, rows = 0, columns = 0, sum_rr = 0, sum_rc = 0, sum_cc = 0, sum_c, sum_c2
    cdef double a, b, d, u, v, row, column, bound
    with nogil:
        for r in range(mask.shape[0]):
            n_row = sum_c = sum_c2 = 0
            for c in range(mask.shape[1]):
                if mask[r, c]:
                    n_row += 1
                    sum_c += c
                    sum_c2 += c * c
            n += n_row
            rows += r * n_row
            columns += sum_c
            sum_rr += r * r * n_row
            sum_rc += r * sum_c
            sum_cc += sum_c2
        row, column = <double> rows / n, <double> columns / n
        # a pixel has an extent, so that also a line has two axes
        a = <double> sum_rr / n - row * row + 1. / 12
        b = <double> sum_rc / n - row * column
        d = <double> sum_cc / n - column * column + 1. / 12
        bound = 4 * (a * d - b * b)
        for r in range(mask.shape[0]):
            u = r - row
            for c in range(mask.shape[1]):
                v = c - column
                outside += mask[r, c] != 0 and d * u * u - 2 * b * u * v + a * v * v > bound
    return <double> outside / n
