"""Paths in a task, and the way through the directories of a tree."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from superdsm.errors import TaskError

T = TypeVar("T")
SCRIPT = re.compile(r"(?P<path>.+\.py):(?P<name>\w+)")


def literal(path: Path) -> str:
    """Return a path as it stands in a pattern."""
    return str(path).replace("%", "%%")


def expanded(text: str, directory: Path, root: Path) -> str:
    """Return a path with ``~``, ``{DIRNAME}`` and ``{ROOTDIR}`` replaced."""
    text = text.replace("{DIRNAME}", directory.name).replace("{ROOTDIR}", str(root))
    return str(at_home(Path(text))) if text.startswith("~") else text


class HomeError(TaskError):
    """A path begins with ``~``, and there is no such home directory."""


def at_home(path: Path) -> Path:
    """Return a path with the home directory in the place of ``~`` or ``~name``; raise `HomeError` if there is none."""
    try:
        return path.expanduser()
    except RuntimeError as exc:
        raise HomeError(
            f"begins with {path.parts[0]!r}, and there is no such home directory; correct the path"
        ) from exc


def scripts_absolute(names: Iterable[str], base: Path) -> Iterator[str]:
    """Yield names for ``use``, with paths of scripts (``./stages.py:Denoise``) made absolute."""
    for name in names:
        match = SCRIPT.fullmatch(name)
        yield f"{base / at_home(Path(match['path']))}:{match['name']}" if match else name


@dataclass(frozen=True, slots=True)
class Place(Generic[T]):
    """A directory on the way through the tree.

    Attributes
    ----------
    directory : Path
        As it is called.
    real : str
        Without links.
    task : object
        That of the nearest directory above.
    outer : Place or None
        The directory that it is in.
    depth : int
        How many directories below the root.
    """

    directory: Path
    real: str
    task: T | None = None
    outer: "Place[T] | None" = None
    depth: int = 0

    def below(self, name: str, task: T | None) -> "Place[T]":
        """Return a directory in this one."""
        directory = self.directory / name
        real = os.path.realpath(directory) if directory.is_symlink() else f"{self.real.rstrip(os.sep)}{os.sep}{name}"
        return Place(directory, real, task, self, self.depth + 1)

    def above(self) -> "Iterator[Place[T]]":
        """Yield the directories that it is in, from the inside to the outside."""
        place = self.outer
        while place is not None:
            yield place
            place = place.outer
