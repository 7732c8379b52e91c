"""Cython kernels."""

import os
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from superdsm.errors import KernelsError

_HERE = Path(__file__).parent
_VARIABLE = "SUPERDSM_SIMD"


def _built(directory: Path) -> bool:
    """Return whether there is a compiled kernel in a directory."""
    return any((directory / f"model{suffix}").is_file() for suffix in EXTENSION_SUFFIXES)


if not _built(_HERE):
    raise KernelsError(
        f"the kernels of superdsm are not built in {_HERE.parents[1]}; run there: pip install -e . "
        "(or leave this directory, if superdsm is installed elsewhere)"
    )

import numpy as np  # noqa: E402

from superdsm._ext import simd  # noqa: E402  (a message above says what is wrong where it is not built)


def instruction_set() -> str:
    """Return the instruction set whose kernels are in use.

    Returns
    -------
    str
        "avx512", "avx2", "sse2", "neon" or "scalar": the widest that the machine has, or what the environment variable
        ``SUPERDSM_SIMD`` asked for when the kernels were imported.
    """
    return simd.in_use()


def _choose(name: str) -> None:
    """Use the kernels for an instruction set, if one is asked for."""
    if name and name not in simd.supported():
        raise KernelsError(
            f"{_VARIABLE}={name}: no instruction set that this machine and build have; "
            f"choose one of {', '.join(simd.supported())}, or unset the variable"
        )
    if name:
        simd.use(name)


_choose(os.environ.get(_VARIABLE, "").strip().lower())


def _keep_freed_memory() -> None:
    """Let the C library keep what is freed, up to 64 MB, for the next array.

    Otherwise glibc gives the memory of each array back, and the next one is filled with zeros page by page, which takes
    longer than many a filter. It keeps twice the largest block, up to 32 MB, that has been freed.
    """
    np.empty(2**25 - 2**16, np.uint8)


_keep_freed_memory()
