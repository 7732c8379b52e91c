"""Threads inside an image, and the seam for them: the kernels release the interpreter's lock, so threads are enough."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Map(Protocol):
    """Applies a function to items, possibly in several threads, and returns the results in the order of the items."""

    def __call__(self, function: Callable[[T], R], items: Iterable[T], /) -> list[R]:
        """Apply `function` to each of `items`."""


def serial_map(function: Callable[[T], R], items: Iterable[T], /) -> list[R]:
    """Apply `function` to each of `items`, one after the other, in the calling thread."""
    return [function(item) for item in items]


def cpu_count() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


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
            return list(pool.map(function, items))

        yield parallel_map
