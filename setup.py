"""Build of the Cython kernels; everything else is declared in pyproject.toml."""

import os
import sys
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

MSVC = sys.platform == "win32" and "clang" not in os.environ.get("CC", "")

# No -ffast-math, and no fused multiply-add but where the kernels say so: they order their sums themselves, so that
# results depend neither on the width of the registers nor on the compiler, and filters agree with SciPy's to the bit.
LEVEL = "-O1" if "-fsanitize" in os.environ.get("CFLAGS", "") else "-O3"  # sanitizers make -O3 take minutes
COMPILE_ARGS = ["/O2", "/std:c11"] if MSVC else [LEVEL, "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]
# The kernels for each width of registers belong to one module, which chooses.
SOURCES = {"simd": sorted(path.as_posix() for path in Path("superdsm/_ext/widths").glob("*.c"))}

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
    "embedsignature": True,
}
if os.environ.get("SUPERDSM_CYTHON_DEBUG"):  # see tools/sanitize.sh
    DIRECTIVES |= {"boundscheck": True, "initializedcheck": True}


def headers(path: Path) -> list[str]:
    """Headers that a module is compiled with: all, for the one that holds the kernels for each width."""
    if path.stem == "simd":
        return sorted(header.as_posix() for header in path.parent.rglob("*.h"))
    return [(path.parent / name).as_posix() for name in ("kernels.h", "clock.h")]


def extensions() -> list[Extension]:
    """One extension module per file in superdsm/_ext."""
    return [
        Extension(
            f"superdsm._ext.{path.stem}",
            [path.as_posix(), *SOURCES.get(path.stem, ())],
            include_dirs=[numpy.get_include(), "superdsm/_ext"],
            depends=headers(path),
            define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
            extra_compile_args=COMPILE_ARGS,
        )
        for path in sorted(Path("superdsm/_ext").glob("*.pyx"))
    ]


setup(
    ext_modules=cythonize(extensions(), compiler_directives=DIRECTIVES),
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
)
