"""Writing files so that a crash leaves the old one or the new one, and nothing in between.

Two processes may write the same file at the same time, on whichever computers: each has temporary names of its own.
They are short, so that they fit wherever the name of the file does, and say whose they are, so that what a killed
process has left behind can be told from what another one is writing.
"""

import contextlib
import itertools
import os
import re
import socket
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from superdsm.jsonable import digest_bytes

PREFIX = ".superdsm-"
OME = ".ome"  # before the suffix of OME-TIFF files, by which what writes them knows what they are
LONGEST_SUFFIX = 32  # bytes; a longer one is a part of the name
FORGOTTEN = 86_400  # seconds after which what another computer has left is removed, too
_NAME = re.compile(rf"{re.escape(PREFIX)}(?P<host>[0-9a-f]{{8}})-(?P<pid>\d+)-\d+(\..*)?", re.DOTALL)
_numbers = itertools.count()


@lru_cache(maxsize=1)
def _host() -> str:
    """Return what tells this computer from others, and this container from others on it."""
    numbers = ""
    with contextlib.suppress(OSError):  # where there is no such thing, process ids belong to the whole computer
        numbers = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - names no file
    return digest_bytes(f"{socket.gethostname()} {numbers}".encode())[:8]


def temporary_path(path: Path) -> Path:
    """Return a name beside `path`, with its suffix, that no other process uses."""
    suffix = "".join(path.suffixes[-2:]) if path.stem.lower().endswith(OME) else path.suffix
    suffix = suffix if len(os.fsencode(suffix)) <= LONGEST_SUFFIX else ""
    return path.with_name(f"{PREFIX}{_host()}-{os.getpid()}-{next(_numbers)}{suffix}")


def is_temporary(name: str) -> bool:
    """Return whether a file of that name is one that is being written, or was when its process ended."""
    return _NAME.fullmatch(name) is not None


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` with its suffix, which takes the place of `path` if no error occurs.

    Raises
    ------
    OSError
        The file cannot be written. Nothing is left behind, and an earlier file is untouched.
    """
    temporary = temporary_path(path)
    os.makedirs(path.parent, exist_ok=True)  # noqa: PTH103 - less deep than the one of pathlib
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make sure that what was renamed in a directory survives a loss of power (where the system can do that).

    Network file systems often cannot (CIFS: EINVAL, WSL: EIO); the file itself is on the disk then.
    """
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_leftovers(directory: Path) -> None:
    """Remove what killed processes have left in a directory: those of this computer, and old ones of others."""
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match is None:
                continue
            with contextlib.suppress(OSError):
                if match["host"] == _host():
                    left = not alive(int(match["pid"]))
                else:
                    left = time.time() - entry.stat().st_mtime > FORGOTTEN
                if left:
                    os.unlink(entry)  # noqa: PTH108


def alive(pid: int) -> bool:
    """Return whether there is a process on this computer; where that cannot be asked harmlessly, it counts as alive."""
    if os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
