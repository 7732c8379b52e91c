"""The damped Newton method, for an energy over n parameters."""

from superdsm._ext.region_layout cimport Memory


cdef enum Status:
    OPTIMAL = 0
    TIMEOUT = 1
    FAILED = 2


cdef struct Regulariser:
    double alpha, epsilon


cdef struct Progress:
    double energy
    int iterations


cdef struct Derivatives:
    double* gradient            # n
    double* hessian             # its lower triangle within the envelope, row after row
    size_t size                 # of `hessian`
    int* envelope               # n: first column of each row of the Hessian that is not zero by structure
    Py_ssize_t* row             # n: where column 0 of each row of `hessian` would be, relative to its beginning
    double* inverse_diagonal    # n: of the factor of the Hessian


cdef class Objective:
    cdef int n
    cdef Derivatives at         # at the parameters that were evaluated last
    cdef Memory memory

    cdef int reserve(self, int n) except -1
    cdef int reserve_hessian(self) except -1
    cdef double evaluate(self, const double* x, bint derivatives, int stride) noexcept nogil
    cdef double regularise(self, const double* x, const Regulariser* reg, bint derivatives, bint mixed) noexcept nogil
    cdef Status newton(self, double* x, const Regulariser* reg, int stride, double tolerance, double deadline,
                       Progress* progress) noexcept nogil
    cdef minimise(self, double[::1] x, const Regulariser* reg, Progress* progress, double deadline)
    cdef int check(self, const double[::1] x) except -1
