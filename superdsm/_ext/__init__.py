"""Cython kernels."""

from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

_HERE = Path(__file__).parent


def _built(directory: Path) -> bool:
    """Return whether there is a compiled kernel in a directory."""
    return any((directory / f"model{suffix}").is_file() for suffix in EXTENSION_SUFFIXES)


if not _built(_HERE):
    raise ImportError(
        f"the kernels of superdsm are not built in {_HERE.parents[1]}; run there: pip install -e . "
        "(or leave this directory, if superdsm is installed elsewhere)"
    )
