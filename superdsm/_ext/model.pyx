"""The deformable shape model on one region: its energy and derivatives, and the damped Newton method that minimises it.

The passes over the pixels are in model_passes.h. Parameters are ordered (xi, q) with xi in raster order of the centres and q
the coefficients of 1, x1, x2, x1^2, x1 x2, x2^2 (coordinates centred on and scaled to the region).
"""

import numpy as np

from libc.math cimport sqrt
from libc.stdint cimport int32_t, uint8_t
from libc.stdlib cimport abs, calloc, free
from libc.string cimport memcpy, memset

from superdsm._ext.clock cimport now
from superdsm._ext.region_layout cimport LANES, Region, RegionLayout, threshold_strip


cdef extern from "model_passes.h" nogil:
    ctypedef struct Moments:
        double energy
        double gradient[6]
        double hessian[15]
    void elliptical_pass(const Region*, const double* q, int stride, Moments*)
    void surface_pass(const Region*, const double* q, const double* t, Moments*, double* weights, double* pairs,
                      double* singles)
    void surface_values(const Region*, const double* q, const double* t, double* s)
    void logistic_terms(const double* y, const double* s, size_t n, double* energy, double* g, double* h)
    void expand_columns(const Region*, const double* xi, double* t)
    void contract_columns(const Region*, const double* pairs, const double* singles, double* weighted,
                          double* gradient, double* hessian)


cdef extern from "cholesky.h" nogil:
    void factorise(double* a, const int* first, double* inverse_diagonal, int n)
    void solve(const double* a, const int* first, const double* inverse_diagonal, int n, double* x)


cdef enum Status:
    OPTIMAL = 0
    TIMEOUT = 1
    FAILED = 2

STATUS = {OPTIMAL: "optimal", TIMEOUT: "timeout", FAILED: "failed"}

cdef int MAX_ITERATIONS = 500
cdef int[6] POWER1 = [0, 1, 0, 2, 1, 0]  # of x1 and x2 in the monomials of q
cdef int[6] POWER2 = [0, 0, 1, 0, 1, 2]


cdef struct Regulariser:
    double alpha, epsilon


cdef struct Progress:
    double energy
    int iterations


cdef inline int position(int i, int j) noexcept nogil:
    """Index of x1^i x2^j among the monomials, by total degree."""
    return (i + j) * (i + j + 1) // 2 + j


cdef class RegionModel(RegionLayout):
    """The model on one region.

    Parameters
    ----------
    y : ndarray of float64, shape (rows, columns)
        Offset-corrected intensities.
    omega : ndarray of bool, same shape
        The region; not empty.
    """

    cdef int n_xi
    cdef int* envelope
    cdef double* gradient
    cdef double* hessian
    cdef double* inverse_diagonal
    cdef double* t
    cdef double* weights
    cdef double* pairs
    cdef double* singles
    cdef double* weighted

    def __cinit__(self, y, omega):
        self._reserve(0)

    cdef int _reserve(self, int n_xi) except -1:
        """Memory for the derivatives."""
        cdef int n = n_xi + 6
        self.n_xi = n_xi
        self.gradient = <double*> self.take(n, sizeof(double))
        self.hessian = <double*> self.take(<size_t> n * n, sizeof(double))
        self.inverse_diagonal = <double*> self.take(n, sizeof(double))
        self.envelope = <int*> self.take(n, sizeof(int))
        return 0

    def deform(self, const double[::1] kernel, int subsample):
        """Add the deformation: Gaussians at centres about `subsample` pixels apart (Sec. 3.2 of the method).

        Parameters
        ----------
        kernel : ndarray of float64, odd length
            The factor of the separable Gaussian.
        subsample : int
            Spacing of the centres, in pixels.

        Returns
        -------
        int
            Number of centres; 0 if the region is too small for a deformation.
        """
        cdef Region* region = &self.region
        cdef int n_xi = self.lay_out_centres(kernel, subsample)
        if n_xi == 0:
            return 0
        self.t = <double*> self.take(<size_t> region.n_rows * region.width, sizeof(double))
        self.weights = <double*> self.take(3 * LANES * <size_t> region.height, sizeof(double))
        self.pairs = <double*> self.take(<size_t> region.n_pairs * region.width, sizeof(double))
        self.singles = <double*> self.take(4 * <size_t> region.n_rows * region.width, sizeof(double))
        self.weighted = <double*> self.take(region.width + LANES, sizeof(double))
        self._reserve(n_xi)
        self._envelope()
        self._normalise()
        return n_xi

    cdef int _envelope(self) except -1:
        """First structural non-zero of each row of the Hessian (Gaussians overlap within the truncation only)."""
        cdef Region* region = &self.region
        cdef int a, b, i, j, reach = 2 * region.half
        with nogil:
            for a in range(region.n_rows):
                for i in range(region.first[a], region.first[a + 1]):
                    self.envelope[i] = i
                    for b in range(a + 1):
                        for j in range(region.first[b], region.first[b + 1]):
                            if region.row[a] - region.row[b] <= reach and abs(region.column[i] - region.column[j]) <= reach:
                                self.envelope[i] = min(self.envelope[i], j)
        return 0

    cdef int _normalise(self) except -1:
        """Inverse sums of the rows of G."""
        cdef Region* region = &self.region
        cdef size_t n = <size_t> region.n_strips * region.height * LANES, i
        cdef double* inverse = <double*> self.take(n, sizeof(double))
        cdef double[6] q
        memset(q, 0, sizeof(q))
        with nogil:
            expand_columns(region, NULL, self.t)
            surface_values(region, q, self.t, inverse)  # not normalised yet: the sums
            for i in range(n):
                inverse[i] = 1 / inverse[i] if inverse[i] > 0 else 0
        region.inverse = inverse
        return 0

    cdef double evaluate(self, const double* x, bint derivatives, int stride) noexcept nogil:
        """Energy (without the regulariser) at the parameters x, and its gradient and Hessian."""
        cdef Region* region = &self.region
        cdef Moments moments
        cdef int n_xi = self.n_xi, n = n_xi + 6, k, m
        cdef size_t pairs = <size_t> region.n_pairs * region.width, singles = 4 * <size_t> region.n_rows * region.width
        if n_xi == 0:
            elliptical_pass(region, x, stride, &moments)
        else:
            expand_columns(region, x, self.t)
            if derivatives:
                memset(self.pairs, 0, pairs * sizeof(double))
                memset(self.singles, 0, singles * sizeof(double))
            surface_pass(region, x + n_xi, self.t, &moments, self.weights, self.pairs if derivatives else NULL,
                         self.singles)
        if derivatives:
            memset(self.hessian, 0, <size_t> n * n * sizeof(double))
            if n_xi:
                contract_columns(region, self.pairs, self.singles, self.weighted, self.gradient, self.hessian)
            for k in range(6):
                self.gradient[n_xi + k] = moments.gradient[k]
                for m in range(k + 1):
                    self.hessian[<size_t> (n_xi + k) * n + n_xi + m] = moments.hessian[
                        position(POWER1[k] + POWER1[m], POWER2[k] + POWER2[m])
                    ]
        return moments.energy

    cdef double regularise(self, const double* x, const Regulariser* reg, bint derivatives, bint mixed) noexcept nogil:
        """Energy of the deformation; adds its derivatives, with a mixed curvature far from the optimum (Sec. 3.1)."""
        cdef double energy = 0, root, curvature
        cdef int i, n = self.n_xi + 6
        for i in range(self.n_xi):
            root = sqrt(x[i] * x[i] + reg.epsilon)
            energy += reg.alpha * (root - sqrt(reg.epsilon))
            if derivatives:
                curvature = reg.alpha * reg.epsilon / (root * root * root)
                if mixed:
                    curvature = 0.4 * reg.alpha / root + 0.6 * curvature
                self.gradient[i] += reg.alpha * x[i] / root
                self.hessian[<size_t> i * n + i] += curvature
        return energy

    cdef Status newton(self, double* x, const Regulariser* reg, int stride, double tolerance, double deadline,
                       Progress* progress) noexcept nogil:
        """Minimise from x: damped Newton method with the exact Hessian (but for the curvature of the regulariser)."""
        cdef int n = self.n_xi + 6, i
        cdef double* step = <double*> calloc(2 * n, sizeof(double))
        cdef double* trial = step + n
        cdef double decrement = 1e300, t, energy, reached
        cdef Status status = FAILED
        if step == NULL:
            return FAILED
        energy = self.evaluate(x, True, stride) + self.regularise(x, reg, True, True)
        while progress.iterations < MAX_ITERATIONS:
            for i in range(n):
                step[i] = -self.gradient[i]
            factorise(self.hessian, self.envelope, self.inverse_diagonal, n)
            solve(self.hessian, self.envelope, self.inverse_diagonal, n, step)
            decrement = 0
            for i in range(n):
                decrement -= self.gradient[i] * step[i]
            if not decrement >= 0:
                break
            progress.iterations += 1
            if decrement / 2 <= tolerance * max(1, energy):
                for i in range(n):  # the last step costs nothing any more
                    x[i] += step[i]
                energy -= decrement / 2
                status = OPTIMAL
                break
            t = 1
            while True:
                for i in range(n):
                    trial[i] = x[i] + t * step[i]
                # The full step is nearly always taken: its derivatives come with its energy.
                reached = self.evaluate(trial, t == 1, stride) + self.regularise(
                    trial, reg, t == 1, decrement > 20
                )
                if reached <= energy - 0.1 * t * decrement + 1e-13 * energy or t < 1e-12:
                    break
                t /= 2
            if t < 1e-12:
                break
            if t < 1:
                self.evaluate(trial, True, stride)
                self.regularise(trial, reg, True, decrement > 20)
            energy = reached
            memcpy(x, trial, n * sizeof(double))
            if now() > deadline:
                status = TIMEOUT
                break
        progress.energy = energy
        free(step)
        return status

    def fit_elliptical(self, double timeout=300):
        """Minimise the energy of the elliptical model.

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
        cdef Status status
        cdef Progress progress = Progress(0, 0)
        cdef Regulariser none = Regulariser(0, 1)
        cdef int stride = min(8, self.n_pixels // 600)
        self.n_xi = 0
        with nogil:
            if stride > 1:  # a few rows tell nearly where the optimum is
                self.newton(&q[0], &none, stride, 1e-4, deadline, &progress)
                if not self.evaluate(&q[0], False, 1) < 0.5 * self.n_pixels:
                    memset(&q[0], 0, 6 * sizeof(double))
            status = self.newton(&q[0], &none, 1, 1e-10, deadline, &progress)
        return np.asarray(q), progress.energy, STATUS[status], progress.iterations

    def fit_deformable(self, const double[::1] q, double alpha, double epsilon, double timeout=300):
        """Minimise the energy of the deformable model from the optimum `q` of the elliptical model.

        Returns
        -------
        x : ndarray of float64, shape (n_xi + 6,)
        energy : float
        status : str
            "optimal", "timeout" or "failed".
        iterations : int
        """
        x_array = np.concatenate([np.zeros(self.n_xi), q])
        cdef double[::1] x = x_array
        cdef Progress progress = Progress(0, 0)
        cdef Regulariser reg = Regulariser(alpha, epsilon)
        cdef Status status
        cdef double deadline = now() + timeout
        with nogil:
            status = self.newton(&x[0], &reg, 1, 1e-10, deadline, &progress)
        return x_array, progress.energy, STATUS[status], progress.iterations

    def derivatives(self, const double[::1] x, double alpha, double epsilon):
        """Energy, gradient and Hessian at the parameters x."""
        cdef Regulariser reg = Regulariser(alpha, epsilon)
        cdef int n = self.n_xi + 6
        if x.shape[0] != n:
            raise ValueError(f"expected {n} parameters, not {x.shape[0]}")
        cdef double energy = self.evaluate(&x[0], True, 1) + self.regularise(&x[0], &reg, True, False)
        lower = np.tril(np.asarray(<double[:n, :n]> self.hessian))
        return energy, np.array(<double[:n]> self.gradient), lower + np.tril(lower, -1).T

    def matrices(self, smooth_matrix):
        """Intensities, basis of q, and G of the pixels in raster order, for solvers that store them.

        Parameters
        ----------
        smooth_matrix : callable
            ``smooth_matrix(mask, kernel, centres) -> matrix``.
        """
        cdef Region* region = &self.region
        cdef int a, i
        rows, columns = np.asarray(<int[:region.height]> self.rows), np.asarray(<int[:self.n_columns]> self.columns)
        mask = np.asarray(self.arrays[1])[np.ix_(rows, columns)].view(bool)
        strips = np.asarray(<double[:region.n_strips, :region.height, :LANES]> <double*> region.y)
        y = strips.transpose(1, 0, 2).reshape(region.height, -1)[:, :self.n_columns][mask]
        x1, x2 = np.meshgrid((rows - self.r0) / self.unit, (columns - self.c0) / self.unit, indexing="ij")
        u, v = x1[mask], x2[mask]
        kernel = np.asarray(<double[:2 * region.half + 1]> <double*> (region.kernel - region.half))
        centres = [
            (region.row[a], region.column[i])
            for a in range(region.n_rows) for i in range(region.first[a], region.first[a + 1])
        ]
        return y, np.column_stack([np.ones(u.size), u, v, u * u, u * v, v * v]), smooth_matrix(mask, kernel, centres)

    def mask(self, const double[::1] x):
        """Pixels of the region where the surface is positive: uint8, in the shape of the array."""
        cdef Region* region = &self.region
        cdef int strip
        cdef size_t size = <size_t> region.height * LANES
        cdef double[::1] s = np.empty(region.n_strips * size)
        result_array = np.zeros((self.source.height, self.source.width), np.uint8)
        cdef uint8_t[:, ::1] result = result_array
        cdef bint deformed = x.shape[0] > 6
        with nogil:
            if deformed:
                expand_columns(region, &x[0], self.t)
            surface_values(region, &x[x.shape[0] - 6], self.t if deformed else NULL, &s[0])
            for strip in range(region.n_strips):
                threshold_strip(&self.source, self.rows, region.height, self.columns + strip * LANES, self.lanes(strip),
                                &s[strip * size], &result[0, 0])
        return result_array

    def positive_on_frame(self, const double[::1] x, int r0, int c0, int height, int width):
        """Whether the polynomial part is positive on the frame of pixels just outside an image.

        Parameters
        ----------
        x : ndarray of float64
            Parameters.
        r0, c0 : int
            Position of the array in the image.
        height, width : int
            Shape of the image.
        """
        cdef const double* q = &x[x.shape[0] - 6]
        cdef int i
        for i in range(-1, width + 1):
            if self.polynomial(q, -1 - r0, i - c0) > 0 or self.polynomial(q, height - r0, i - c0) > 0:
                return True
        for i in range(height):
            if self.polynomial(q, i - r0, -1 - c0) > 0 or self.polynomial(q, i - r0, width - c0) > 0:
                return True
        return False

    cdef double polynomial(self, const double* q, int row, int column) noexcept nogil:
        cdef double u = (row - self.r0) / self.unit, v = (column - self.c0) / self.unit
        return q[0] + q[1] * u + q[2] * v + q[3] * u * u + q[4] * u * v + q[5] * v * v


def logistic(const double[::1] y, const double[::1] s):
    """Energy log(1 + exp(-y s)) of each pixel, and its first and second derivative with respect to s.

    The passes over a region compute just this, without storing it.

    Parameters
    ----------
    y, s : ndarray of float64, shape (n,)
    """
    cdef Py_ssize_t n = y.shape[0]
    padded = np.zeros((2, (n + LANES - 1) // LANES * LANES))
    padded[0, :n], padded[1, :n] = y, s
    result = np.empty((3, padded.shape[1]))
    cdef const double[:, ::1] values = padded
    cdef double[:, ::1] terms = result
    if n:
        logistic_terms(&values[0, 0], &values[1, 0], values.shape[1], &terms[0, 0], &terms[1, 0], &terms[2, 0])
    return result[0, :n], result[1, :n], result[2, :n]
