"""Build of the Cython kernels; everything else is declared in pyproject.toml."""

import os
import sys
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

MSVC = sys.platform == "win32" and "clang" not in os.environ.get("CC", "")

# No -ffast-math: the kernels order their sums themselves so that results do not depend on the vector width. Fused
# multiply-add only where nothing depends on the last bit: filters have to agree with SciPy's to the bit.
COMPILE_ARGS = ["/O2"] if MSVC else ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-Wno-psabi"]
FUSED = [] if MSVC else ["-ffp-contract=fast"]

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


def extensions() -> list[Extension]:
    """One extension module per file in superdsm/_ext."""
    return [
        Extension(
            f"superdsm._ext.{path.stem}",
            [path.as_posix()],
            include_dirs=[numpy.get_include(), "superdsm/_ext"],
            depends=sorted(header.as_posix() for header in Path("superdsm/_ext").glob("*.h")),
            define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
            extra_compile_args=COMPILE_ARGS + (FUSED if path.stem == "model" else []),
        )
        for path in sorted(Path("superdsm/_ext").glob("*.pyx"))
    ]


setup(
    ext_modules=cythonize(extensions(), compiler_directives=DIRECTIVES),
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
)
