"""A lock per task, so that two processes do not work on the same task at once.

The operating system holds the lock and drops it when the process ends, however it ends: there are no stale locks. The
file that is locked says who holds it.
"""

import contextlib
import errno
import json
import os
import socket
import time
from pathlib import Path
from typing import IO

from superdsm.errors import TaskError

if os.name == "nt":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        file.seek(1 << 30)  # far behind the text, which others have to be able to read
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]

else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


HELD = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


class LockedError(TaskError):
    """Another process is working on the task."""


class Lock:
    """The lock of a task.

    Parameters
    ----------
    path : Path
        The file that is locked.
    task : str
        Name of the task, for messages.
    """

    def __init__(self, path: Path, task: str) -> None:
        self.path = path
        self.task = task
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises
        ------
        LockedError
            Another process has it; says which.
        OSError
            The file cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = self.path.open("a+", encoding="utf-8")
        try:
            _lock(file)
        except OSError as exc:
            file.seek(0)
            holder = file.read()
            file.close()
            if exc.errno not in HELD:
                raise
            raise LockedError(f"task {self.task}: {_describe(holder)}; wait for it, or stop it") from exc
        file.seek(0)
        file.truncate()
        json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}, file)
        file.flush()
        self._file = file

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.seek(0)
                self._file.truncate()
            self._file.close()
            self._file = None


def _describe(holder: str) -> str:
    try:
        data = json.loads(holder)
        return f"process {data['pid']} on {data['host']} has been working on it since {data['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process is working on it"


def raise_open_file_limit(count: int) -> None:
    """Let this process have `count` more files open, as far as the system admits it."""
    if os.name == "nt":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 512
    if soft != resource.RLIM_INFINITY and soft < wanted:
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(ValueError, OSError):  # taking the locks then says what is wrong
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
