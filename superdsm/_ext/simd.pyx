"""The kernels for one width of registers, of those that this machine can run: chosen once, when they are imported."""

cdef extern from "cpu.h" nogil:
    enum: MAX_TABLES
    int supported_kernels(const Kernels** tables) noexcept


def supported():
    """Names of the instruction sets that there are kernels for on this machine: tuple of str, the fastest first."""
    cdef const Kernels* tables[MAX_TABLES]
    cdef int n = supported_kernels(tables), i
    return tuple([tables[i].name.decode() for i in range(n)])


def in_use():
    """Name of the instruction set whose kernels are used: "avx512", "avx2", "sse2", "neon" or "scalar"."""
    return kernels.name.decode()


def use(str name):
    """Use the kernels for an instruction set from now on; no other kernel may run meanwhile.

    Parameters
    ----------
    name : str
        One of `supported`.

    Raises
    ------
    ValueError
    """
    global kernels
    cdef const Kernels* tables[MAX_TABLES]
    cdef int n = supported_kernels(tables), i
    for i in range(n):
        if tables[i].name.decode() == name:
            kernels = tables[i]
            return
    raise ValueError(f"{name!r} is not one of {', '.join(supported())}")


use(supported()[0])
