"""Writing files of a root as a whole."""

from pathlib import Path

from superdsm.writing import replacing


def write_atomic(path: Path, data: bytes | memoryview) -> None:
    """Write a file: to a temporary name, to the disk, and then under its name.

    Parameters
    ----------
    path : Path
        The file; its directory is made if needed.
    data : bytes
        Its content.

    Raises
    ------
    OSError
        The file cannot be written. An earlier one is untouched.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)
