"""Threads inside an image, and the seam for them: the kernels release the interpreter's lock, so threads are enough."""

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")

CGROUP = Path("/sys/fs/cgroup")
NO_THREAD = "can't start new thread"  # what Python says
MEMBERSHIPS = Path("/proc/self/cgroup")
THREAD_VARIABLES = (  # of the environment; each says to one library of linear algebra how many threads to use
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def worker_environ(environ: dict[str, str]) -> dict[str, str]:
    """Return the environment for workers: one thread for the libraries of linear algebra unless `environ` says more."""
    return dict.fromkeys(THREAD_VARIABLES, "1") | environ


class Map(Protocol):
    """Applies a function to items, possibly in several threads, and returns the results in the order of the items."""

    def __call__(self, function: Callable[[T], R], items: Iterable[T], /) -> list[R]:
        """Apply `function` to each of `items`."""


def serial_map(function: Callable[[T], R], items: Iterable[T], /) -> list[R]:
    """Apply `function` to each of `items`, one after the other, in the calling thread."""
    return [function(item) for item in items]


def cpu_count() -> int:
    """Return the number of cores that this process may use, as affinity and the limits of a container say."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _container_limit() or cores))


def _container_limit() -> int | None:
    """Return how many cores Linux grants a container; loky knows as well, but takes longer to import than a start."""
    limits = []
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        for group in _groups():
            with contextlib.suppress(OSError, ValueError):  # there is none, or it is "max"
                places = (CGROUP / Path(name).parent / group / Path(name).name for name in names)
                quota, period = map(int, " ".join(place.read_text() for place in places).split())
                if quota > 0 and period > 0:
                    limits.append(math.ceil(quota / period))
    return min(limits, default=None)


def _groups() -> Iterator[Path]:
    """Yield the control groups of this process, those around them too: each may have a limit of its own."""
    yield Path()
    with contextlib.suppress(OSError, UnicodeDecodeError):
        for line in MEMBERSHIPS.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "" or "cpu" in controllers.split(","):
                group = Path(path.lstrip("/"))
                yield from (item for item in (group, *group.parents) if item.parts and ".." not in item.parts)


def semaphores_work() -> bool:
    """Return whether there are the semaphores that worker processes need.

    On AWS Lambda there are none, nor in containers without ``/dev/shm``.
    """
    try:
        from _multiprocessing import SemLock  # type: ignore[import-not-found]

        SemLock(1, 1, 1, f"/sdsm-{os.getpid()}-{time.monotonic_ns() % 1_000_000}", True)
    except (ImportError, OSError):
        return False
    return True


@contextmanager
def thread_map(threads: int) -> Iterator[Map]:
    """Yield ``map(function, items) -> list``, which works with that many threads, results in the order of the items.

    Parameters
    ----------
    threads : int
        Number of threads; 1: everything runs in the calling thread.

    Examples
    --------
    >>> with thread_map(2) as map_:
    ...     map_(abs, [-1, 2])
    [1, 2]
    """
    if threads <= 1:
        yield serial_map
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="superdsm") as pool:

        def parallel_map(function: Callable[[T], R], items: Iterable[T], /) -> list[R]:
            items = list(items)
            try:
                return list(pool.map(function, items))
            except RuntimeError as exc:
                if str(exc) != NO_THREAD:
                    raise
                return serial_map(function, items)  # the system has no more threads; the results are the same

        yield parallel_map
