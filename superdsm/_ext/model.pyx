"""The deformable shape model on one region: its energy and derivatives, and fits that minimise it.

The passes over the pixels are in model_passes.h, Newton's method is in newton.pyx. Parameters are ordered (xi, q) with
xi in raster order of the centres and q the coefficients of 1, x1, x2, x1^2, x1 x2, x2^2 (coordinates centred on and
scaled to the region).
"""

import numpy as np

from libc.stdint cimport uint8_t
from libc.stdlib cimport abs
from libc.string cimport memset

from superdsm._ext.clock cimport now
from superdsm._ext.newton cimport Objective, Progress, Regulariser
from superdsm._ext.region_layout cimport CentreLayout, RegionLayout
from superdsm._ext.simd cimport STRIP, Centres, Contractions, Line, Moments, Pixels, kernels

# An elliptical fit begins on every n-th row, with MIN_START pixels at least and n = MAX_STRIDE at most: a few rows tell
# nearly where the optimum is.
cdef int MIN_START = 600
cdef int MAX_STRIDE = 8
cdef double START_TOLERANCE = 1e-4
# It is dropped unless the energy gets below this per pixel (of zero parameters: log 2 = 0.69).
cdef double WORST_START = 0.5

cdef int[6] POWER1 = [0, 1, 0, 2, 1, 0]  # of x1 and x2 in the monomials of q
cdef int[6] POWER2 = [0, 0, 1, 0, 1, 2]


cdef inline int position(int i, int j) noexcept nogil:
    """Index of x1^i x2^j among the monomials, by total degree."""
    return (i + j) * (i + j + 1) // 2 + j


cdef class Model(Objective):
    """What both models share; the last six of the parameters are q."""

    cdef readonly RegionLayout layout
    cdef Line* lines            # scratch: one for each row

    cdef int _reserve(self, RegionLayout layout, int n) except -1:
        """Memory for n parameters."""
        self.layout = layout
        self.reserve(n)
        self.lines = <Line*> self.memory.take(layout.pixels.height, sizeof(Line))
        return 0

    cdef void _surface(self, const double* x, double* s) noexcept nogil:
        """The surface at all pixels, in strips."""

    cdef void _polynomial_derivatives(self, const Moments* moments) noexcept nogil:
        """Gradient and Hessian with respect to q."""
        cdef int n = self.n, k, m
        for k in range(6):
            self.at.gradient[n - 6 + k] = moments.gradient[k]
            for m in range(k + 1):
                self.at.hessian[self.at.row[n - 6 + k] + n - 6 + m] = moments.hessian[
                    position(POWER1[k] + POWER1[m], POWER2[k] + POWER2[m])
                ]

    def mask(self, const double[::1] x):
        """Pixels of the region where the surface is positive.

        Parameters
        ----------
        x : ndarray of float64, shape (n,)
            The parameters.

        Returns
        -------
        ndarray of uint8, in the shape of the arrays of the region
        """
        self.check(x)
        cdef double[::1] s = np.empty(<size_t> self.layout.pixels.n_strips * self.layout.pixels.height * STRIP)
        result_array = np.zeros((self.layout.source.height, self.layout.source.width), np.uint8)
        cdef uint8_t[:, ::1] result = result_array
        with nogil:
            self._surface(&x[0], &s[0])
            self.layout.threshold(&s[0], &result[0, 0])
        return result_array

    def positive_on_frame(self, const double[::1] x, int r0, int c0, int height, int width):
        """Whether the polynomial part is positive on the frame of pixels just outside an image.

        Parameters
        ----------
        x : ndarray of float64, shape (n,)
            The parameters.
        r0, c0 : int
            Position of the arrays of the region in the image.
        height, width : int
            Shape of the image.
        """
        self.check(x)
        cdef const double* q = &x[self.n - 6]
        cdef int i
        for i in range(-1, width + 1):
            if self.polynomial(q, -1 - r0, i - c0) > 0 or self.polynomial(q, height - r0, i - c0) > 0:
                return True
        for i in range(height):
            if self.polynomial(q, i - r0, -1 - c0) > 0 or self.polynomial(q, i - r0, width - c0) > 0:
                return True
        return False

    cdef double polynomial(self, const double* q, int row, int column) noexcept nogil:
        cdef double u = (row - self.layout.r0) / self.layout.unit, v = (column - self.layout.c0) / self.layout.unit
        return q[0] + q[1] * u + q[2] * v + q[3] * u * u + q[4] * u * v + q[5] * v * v


cdef class EllipticalModel(Model):
    """The model without deformation: n = 6 parameters q.

    Parameters
    ----------
    layout : RegionLayout
        The region.
    """

    def __cinit__(self, RegionLayout layout):
        self._reserve(layout, 6)
        self.reserve_hessian()

    cdef double evaluate(self, const double* x, bint derivatives, int stride) noexcept nogil:
        cdef Moments moments
        kernels.elliptical_pass(&self.layout.pixels, x, stride, &moments, self.lines)
        if derivatives:
            self._polynomial_derivatives(&moments)
        return moments.energy

    cdef void _surface(self, const double* x, double* s) noexcept nogil:
        kernels.surface_values(&self.layout.pixels, NULL, x, NULL, s, self.lines)

    def fit(self, double timeout=300):
        """Minimise the energy.

        Parameters
        ----------
        timeout : float
            In seconds.

        Returns
        -------
        q : ndarray of float64, shape (6,)
        energy : float
        status : str
            "optimal", "timeout" or "failed".
        iterations : int
        """
        cdef double[::1] q = np.zeros(6)
        cdef double deadline = now() + timeout
        cdef Progress progress = Progress(0, 0)
        cdef Regulariser none = Regulariser(0, 1)
        cdef int n_pixels = self.layout.n_pixels, stride = min(MAX_STRIDE, n_pixels // MIN_START)
        if stride > 1:
            with nogil:
                self.newton(&q[0], &none, stride, START_TOLERANCE, deadline, &progress)
                if not self.evaluate(&q[0], False, 1) < WORST_START * n_pixels:
                    memset(&q[0], 0, 6 * sizeof(double))
        return self.minimise(q, &none, &progress, deadline)


cdef class DeformableModel(Model):
    """The model with a deformation: n_centres + 6 parameters (xi, q).

    Parameters
    ----------
    layout : RegionLayout
        The region.
    kernel : ndarray of float64, odd length
        The factor of the separable Gaussian.
    spacing : int
        Distance of the centres of the Gaussians, in pixels.

    Attributes
    ----------
    n_centres : int
        Number of Gaussians; 0 if the region is too small for a deformation, which leaves the elliptical model.
    """

    cdef readonly CentreLayout centre_layout
    cdef Contractions work
    cdef readonly int n_centres

    def __cinit__(self, RegionLayout layout, const double[::1] kernel, int spacing):
        self.centre_layout = CentreLayout(layout, kernel, spacing)
        cdef const Centres* centres = &self.centre_layout.centres
        cdef size_t width = layout.pixels.width
        self.n_centres = centres.n
        self._reserve(layout, centres.n + 6)
        self.work.expanded = self.centre_layout.expanded
        self.work.pairs = <double*> self.memory.take(centres.n_pairs * width, sizeof(double))
        self.work.singles = <double*> self.memory.take(4 * centres.n_rows * width, sizeof(double))
        self.work.weights = <double*> self.memory.take(3 * STRIP * <size_t> layout.pixels.height, sizeof(double))
        self.work.weighted = <double*> self.memory.take(width + STRIP, sizeof(double))
        self.work.lines = self.lines
        self._find_envelope()
        self.reserve_hessian()

    cdef int _find_envelope(self) except -1:
        """Gaussians overlap within the truncation only; q belongs to all pixels."""
        cdef const Centres* centres = &self.centre_layout.centres
        cdef int a, b, i, j, reach = 2 * centres.half
        with nogil:
            for a in range(centres.n_rows):
                for i in range(centres.first[a], centres.first[a + 1]):
                    self.at.envelope[i] = i
                    for b in range(a + 1):
                        if centres.row[a] - centres.row[b] > reach:
                            continue
                        for j in range(centres.first[b], centres.first[b + 1]):
                            if abs(centres.column[i] - centres.column[j]) <= reach:
                                self.at.envelope[i] = min(self.at.envelope[i], j)
                                break
                        if self.at.envelope[i] < i:  # what follows is farther right in the row
                            break
        return 0

    cdef double evaluate(self, const double* x, bint derivatives, int stride) noexcept nogil:
        cdef const Pixels* pixels = &self.layout.pixels
        cdef const Centres* centres = &self.centre_layout.centres
        cdef size_t width = pixels.width
        cdef Moments moments
        if centres.n == 0:
            kernels.elliptical_pass(pixels, x, stride, &moments, self.lines)
        else:
            kernels.expand_columns(pixels, centres, x, self.work.expanded)
            if derivatives:
                memset(self.work.pairs, 0, centres.n_pairs * width * sizeof(double))
                memset(self.work.singles, 0, 4 * centres.n_rows * width * sizeof(double))
            kernels.deformable_pass(pixels, centres, x + centres.n, derivatives, &moments, &self.work)
        if derivatives:
            memset(self.at.hessian, 0, self.at.size * sizeof(double))
            kernels.contract_columns(
                pixels, centres, &self.work, self.at.gradient, self.at.hessian, self.at.row
            )
            self._polynomial_derivatives(&moments)
        return moments.energy

    cdef void _surface(self, const double* x, double* s) noexcept nogil:
        cdef const Centres* centres = &self.centre_layout.centres
        if centres.n:
            kernels.expand_columns(&self.layout.pixels, centres, x, self.work.expanded)
        kernels.surface_values(
            &self.layout.pixels, centres, x + centres.n, self.work.expanded if centres.n else NULL, s, self.lines
        )

    def fit(self, const double[::1] q, double alpha, double epsilon, double timeout=300):
        """Minimise the energy with its regulariser from the optimum of the elliptical model.

        Parameters
        ----------
        q : ndarray of float64, shape (6,)
            The optimum of the elliptical model.
        alpha, epsilon : float
            Weight and smoothness of the regulariser.
        timeout : float
            In seconds.

        Returns
        -------
        x : ndarray of float64, shape (n_centres + 6,)
        energy : float
        status : str
            "optimal", "timeout" or "failed".
        iterations : int
        """
        cdef Progress progress = Progress(0, 0)
        cdef Regulariser reg = Regulariser(alpha, epsilon)
        return self.minimise(np.concatenate([np.zeros(self.n_centres), q]), &reg, &progress, now() + timeout)


def logistic(const double[::1] y, const double[::1] s):
    """Energy log(1 + exp(-y s)) of each pixel, and its first and second derivative with respect to s.

    The passes over a region compute just this, without storing it.

    Parameters
    ----------
    y, s : ndarray of float64, shape (n,)
    """
    cdef Py_ssize_t n = y.shape[0]
    padded = np.zeros((2, (n + STRIP - 1) // STRIP * STRIP))
    padded[0, :n], padded[1, :n] = y, s
    result = np.empty((3, padded.shape[1]))
    cdef const double[:, ::1] values = padded
    cdef double[:, ::1] terms = result
    if n:
        kernels.logistic_terms(
            &values[0, 0], &values[1, 0], values.shape[1], &terms[0, 0], &terms[1, 0], &terms[2, 0]
        )
    return result[0, :n], result[1, :n], result[2, :n]
