"""The damped Newton method, for an energy over n parameters."""

import numpy as np

from libc.math cimport sqrt
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from superdsm._ext.clock cimport now
from superdsm._ext.simd cimport kernels

STATUS = {OPTIMAL: "optimal", TIMEOUT: "timeout", FAILED: "failed"}

# The end is where half of the decrement, which estimates how far the energy is above its minimum, is below this part of
# the energy (or of 1); with 1e-8 the area of some objects differs by a few pixels.
cdef double TOLERANCE = 1e-10
cdef int MAX_ITERATIONS = 500   # fits to real images needed at most 88
# A step is shortened until the energy falls by this part of what its slope promises (Armijo; any value below 0.5 leaves
# the full step near the optimum),
cdef double SUFFICIENT = 0.1
# but for the rounding of sums over 10^5 pixels, relative to the energy;
cdef double ROUNDING = 1e-13
# when a step is shorter than this, rounding alone decides, and the fit has failed.
cdef double SHORTEST_STEP = 1e-12
# Far from the optimum (decrement above FAR) the curvature of the regulariser is mixed with this part of that of the
# parabola above it, alpha / root: the exact one vanishes for large xi, and steps would be too long.
cdef double FAR = 20
cdef double PARABOLA = 0.4


cdef class Objective:
    """An energy with its derivatives, plus the regulariser of all parameters but the last six."""

    cdef int reserve(self, int n) except -1:
        """Memory for n parameters, but for that of the Hessian."""
        self.n, self.memory = n, Memory()
        self.at.gradient = <double*> self.memory.take(n, sizeof(double))
        self.at.envelope = <int*> self.memory.take(n, sizeof(int))
        self.at.inverse_diagonal = <double*> self.memory.take(n, sizeof(double))
        self.at.row = <Py_ssize_t*> self.memory.take(n, sizeof(Py_ssize_t))
        return 0

    cdef int reserve_hessian(self) except -1:
        """Memory for the Hessian within its envelope, which is known now."""
        cdef int i
        self.at.size = 0
        for i in range(self.n):
            self.at.row[i] = <Py_ssize_t> self.at.size - self.at.envelope[i]
            self.at.size += i + 1 - self.at.envelope[i]
        self.at.hessian = <double*> self.memory.take(self.at.size, sizeof(double))
        return 0

    cdef double evaluate(self, const double* x, bint derivatives, int stride) noexcept nogil:
        """Energy without the regulariser; writes its gradient and Hessian, if they are asked for, to `at`.

        With a `stride`, an estimate of a part of the data may do.
        """
        return 0

    cdef double regularise(self, const double* x, const Regulariser* reg, bint derivatives, bint mixed) noexcept nogil:
        """Energy of the deformation; adds its derivatives, with a mixed curvature far from the optimum."""
        cdef double energy = 0, root, curvature
        cdef int i, n = self.n
        for i in range(n - 6):
            root = sqrt(x[i] * x[i] + reg.epsilon)
            energy += reg.alpha * (root - sqrt(reg.epsilon))
            if derivatives:
                curvature = reg.alpha * reg.epsilon / (root * root * root)
                if mixed:
                    curvature = PARABOLA * reg.alpha / root + (1 - PARABOLA) * curvature
                self.at.gradient[i] += reg.alpha * x[i] / root
                self.at.hessian[self.at.row[i] + i] += curvature
        return energy

    cdef Status newton(self, double* x, const Regulariser* reg, int stride, double tolerance, double deadline,
                       Progress* progress) noexcept nogil:
        """Minimise from x: damped Newton method with the exact Hessian (but for the curvature of the regulariser)."""
        cdef int n = self.n, i
        cdef double* step = <double*> calloc(2 * n, sizeof(double))
        cdef double* trial = step + n
        cdef double decrement = 1e300, t, energy, reached
        cdef Status status = FAILED
        if step == NULL:
            return FAILED
        energy = self.evaluate(x, True, stride) + self.regularise(x, reg, True, True)
        while progress.iterations < MAX_ITERATIONS:
            for i in range(n):
                step[i] = -self.at.gradient[i]
            kernels.factorise(self.at.hessian, self.at.row, self.at.envelope, self.at.inverse_diagonal, n)
            kernels.solve(self.at.hessian, self.at.row, self.at.envelope, self.at.inverse_diagonal, n, step)
            decrement = 0
            for i in range(n):
                decrement -= self.at.gradient[i] * step[i]
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
                    trial, reg, t == 1, decrement > FAR
                )
                if reached <= energy - SUFFICIENT * t * decrement + ROUNDING * energy or t < SHORTEST_STEP:
                    break
                t /= 2
            if t < SHORTEST_STEP:
                break
            if t < 1:
                self.evaluate(trial, True, stride)
                self.regularise(trial, reg, True, decrement > FAR)
            energy = reached
            memcpy(x, trial, n * sizeof(double))
            if now() > deadline:
                status = TIMEOUT
                break
        progress.energy = energy
        free(step)
        return status

    cdef minimise(self, double[::1] x, const Regulariser* reg, Progress* progress, double deadline):
        """Minimise from x on all rows; returns what the methods `fit` do."""
        cdef Status status
        with nogil:
            status = self.newton(&x[0], reg, 1, TOLERANCE, deadline, progress)
        return np.asarray(x), progress.energy, STATUS[status], progress.iterations

    cdef int check(self, const double[::1] x) except -1:
        if x.shape[0] != self.n:
            raise ValueError(f"expected {self.n} parameters, not {x.shape[0]}")
        return 0

    def derivatives(self, const double[::1] x, double alpha=0, double epsilon=1):
        """Energy, gradient and Hessian.

        Parameters
        ----------
        x : ndarray of float64, shape (n,)
            The parameters.
        alpha, epsilon : float
            Weight and smoothness of the regulariser of xi.

        Returns
        -------
        energy : float
        gradient : ndarray of float64, shape (n,)
        hessian : ndarray of float64, shape (n, n)
        """
        cdef Regulariser reg = Regulariser(alpha, epsilon)
        cdef int n = self.n, i, j
        self.check(x)
        cdef double energy = self.evaluate(&x[0], True, 1) + self.regularise(&x[0], &reg, True, False)
        full = np.zeros((n, n))
        cdef double[:, ::1] hessian = full
        for i in range(n):
            for j in range(self.at.envelope[i], i + 1):
                hessian[i, j] = hessian[j, i] = self.at.hessian[self.at.row[i] + j]
        return energy, np.array(<double[:n]> self.at.gradient), full
