"""A clock for kernels that hold no lock."""


cdef extern from "clock.h" nogil:
    double now "monotonic_seconds"()
