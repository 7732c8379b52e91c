"""Which file a path stands for: to see that two names are one file, and that what is read is never overwritten."""

import os
import unicodedata
from functools import lru_cache
from typing import Generic, TypeVar

T = TypeVar("T")


class Places(Generic[T]):
    """Files, each with something to remember, that are found again whatever they are called.

    A file is found through links and ``..``, with other capitals where the file system does not tell them apart, and
    under the other names of a hard link. A file need not exist.
    """

    def __init__(self) -> None:
        self._directories: dict[str, tuple[str, bool]] = {}
        self._names: dict[tuple[str, str], T] = {}
        self._files: dict[tuple[int, int], T] = {}

    def add(self, path: str, what: T) -> None:
        """Remember a file; the first `what` stays."""
        self._names.setdefault(self.name(path), what)
        if (file := _file(path)) is not None:
            self._files.setdefault(file, what)

    def find(self, path: str) -> T | None:
        """Return what was remembered of a file."""
        found = self._names.get(self.name(path))
        if found is None and (file := _file(path)) is not None:
            found = self._files.get(file)
        return found

    def name(self, path: str) -> tuple[str, str]:
        """Return directory and name of a path, the same for all spellings of it (links of the file itself apart)."""
        folder, name = os.path.split(path)
        if folder not in self._directories:
            real = os.path.realpath(folder)
            self._directories[folder] = (_folded(real), True) if folds_case(real) else (real, False)
        directory, folds = self._directories[folder]
        return directory, _folded(name) if folds else name


def _file(path: str) -> tuple[int, int] | None:
    try:
        stat = os.stat(path)  # noqa: PTH116 - very often
    except (OSError, ValueError):
        return None
    return (stat.st_dev, stat.st_ino) if stat.st_ino else None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def folds_case(directory: str) -> bool:
    """Return whether the file system takes names for the same that differ in capitals only."""
    while directory and not os.path.exists(directory):  # noqa: PTH110 - strings are enough
        directory = os.path.dirname(directory)  # noqa: PTH120
    return os.name == "nt" or _folds_case(directory)


@lru_cache(maxsize=4096)
def _folds_case(directory: str) -> bool:
    parent, name = os.path.split(directory)
    other = name.swapcase()
    if other == name:
        return bool(name) and _folds_case(parent)
    try:
        return os.path.samefile(directory, os.path.join(parent, other))  # noqa: PTH118, PTH121
    except OSError:
        return False
