"""Ending processes together with those that they have started, without programs that a system may lack."""

import contextlib
import os
import signal
from pathlib import Path

PROC = Path("/proc")
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


def end_tree(pid: int) -> None:
    """End a process at once, and what it has started, as far as the system tells (Linux does)."""
    below = descendants(pid)
    for number in (pid, *below):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            os.kill(number, KILL)


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that these have started; empty where that is not told.

    Parameters
    ----------
    pid : int
        The process.
    """
    parents: dict[int, list[int]] = {}
    for path in PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):  # processes end while one looks
            text = path.read_text(encoding="utf-8", errors="replace")
            parents.setdefault(int(text.rpartition(")")[2].split()[1]), []).append(int(path.parent.name))
    found = parents.pop(pid, [])
    for number in found:  # grows while it is walked through
        found += parents.pop(number, [])
    return found
