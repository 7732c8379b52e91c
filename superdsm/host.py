"""What this machine is, for bug reports and for the manifest of a task: versions, processor, file system."""

import importlib.metadata
import os
import platform
import sys
from pathlib import Path

from superdsm.errors import SuperDSMError

LIBRARIES = ("numpy", "scipy", "scikit-image", "imageio", "tifffile", "imagecodecs", "cvxopt", "loky", "pluggy")
LEAST_MEMORY = 400 << 20  # bytes
MOUNTS = Path("/proc/self/mounts")
NETWORK = ("nfs", "cifs", "smb", "fuse", "lustre", "gpfs", "beegfs", "9p", "ceph", "afs", "drvfs")  # how types begin


def version_of(name: str) -> str | None:
    """Return the version of an installed distribution; None if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def versions() -> dict[str, str | None]:
    """Return the versions of superdsm, of Python, and of the libraries that results may depend on."""
    return {
        "superdsm": version_of("superdsm"),
        "python": platform.python_version(),
        **{name: version_of(name) for name in LIBRARIES},
    }


def check_memory_limit() -> None:
    """Check that this process may have the memory that the libraries of linear algebra need to be loaded.

    Some of them wait for ever where they get none.

    Raises
    ------
    SuperDSMError
        The limit is too low.
    """
    if sys.platform == "win32":
        return
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < LEAST_MEMORY:
        raise SuperDSMError(
            f"the memory of this process is limited to {limit >> 20} MB, too little for the libraries that are needed; "
            f"raise the limit to {LEAST_MEMORY >> 20} MB at least (ulimit -v)"
        )


def cpu_name() -> str:
    """Return the name of the processor."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def memory() -> str:
    """Return the size of the main memory, as in "16.0 GB"; "" if it is unknown."""
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB"
    except (AttributeError, ValueError, OSError):
        return ""


def file_system(path: Path) -> str:
    """Return the type of the file system that a path is on, with a word if it is a network's; "" if unknown.

    Network file systems may lack locks and tell changes of files late.
    """
    if not MOUNTS.is_file():
        return ""
    target = os.path.realpath(path)
    best, kind = "", ""
    for line in MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        _, mount, type_, *_ = line.split(" ")
        mount = mount.encode("utf-8", "surrogateescape").decode("unicode_escape")
        inside = target == mount or target.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, type_
    return f"{kind} (network)" if kind.startswith(NETWORK) else kind


def system() -> str:
    """Return operating system and architecture."""
    return f"{platform.platform()}, {sys.byteorder}-endian"
