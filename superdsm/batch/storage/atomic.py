"""Writing files so that a crash leaves the old one or the new one, and nothing in between."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

TEMPORARY = ".tmp"


def write_atomic(path: Path, data: bytes | memoryview, *, shared: bool = False) -> None:
    """Write a file: to a temporary name, to the disk, and then under its name.

    Parameters
    ----------
    path : Path
        The file; its directory is made if needed.
    data : bytes
        Its content.
    shared : bool
        Whether several processes may write the file at the same time. Otherwise the temporary name is always the same,
        so that what a killed process leaves behind is overwritten by the next one.

    Raises
    ------
    OSError
        The file cannot be written. An earlier one is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unique = f".{os.getpid()}-{threading.get_ident()}" if shared else ""
    temporary = path.with_name(f".{path.name}{unique}{TEMPORARY}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make sure that what was renamed in a directory survives a loss of power (where the system can do that).

    Network file systems often cannot (CIFS: EINVAL, WSL: EIO); the file itself is on the disk then.
    """
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def streaming(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path` for a file that is too large for memory; it takes the place of `path`.

    It is synced and renamed when the block ends, and removed if an error occurs in it.

    Raises
    ------
    OSError
        The file cannot be written. An earlier one is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}{TEMPORARY}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    sync_directory(path.parent)
