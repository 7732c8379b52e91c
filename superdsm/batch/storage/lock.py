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
from superdsm.writing import alive

if os.name == "nt":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        file.seek(1 << 30)  # far behind the text, which others have to be able to read
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]

else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


PATIENCE = 25  # looks for the name of the holder
HELD = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
# Network file systems without a lock daemon (NFS), mounted without locks (Lustre), and some in user space.
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)


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
    shared : Path, optional
        A file of the task that is locked as well, and not changed: commands with other roots may reach the same task.
    """

    def __init__(self, path: Path, task: str, shared: Path | None = None) -> None:
        self.path = path
        self.task = task
        self.shared = shared
        self._file: IO[str] | None = None
        self._shared: IO[bytes] | None = None
        self._made: Path | None = None

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
            self._take(file)
            file.seek(0)
            file.truncate()
            file.write(_myself())
            file.flush()
        except BaseException:
            file.close()
            self.release()
            raise
        self._file = file

    def _take(self, file: IO[str]) -> None:
        try:
            _lock(file)
        except OSError as exc:
            if exc.errno in HELD:
                holder = _describe(_read_holder(file))
                raise LockedError(f"task {self.task}: {holder}; wait for it, or stop it") from exc
            if exc.errno not in NO_LOCKS:
                raise
            self._make()
        else:
            self._take_shared()

    def _take_shared(self) -> None:
        """Lock the file of the task, if that can be done; the other lock has been taken already."""
        if self.shared is None or os.name == "nt":  # there, nobody could replace the file meanwhile
            return
        for mode in ("rb+", "rb"):  # some file systems lock only what may be written
            try:
                file = self.shared.open(mode)
            except PermissionError:
                continue
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as exc:
                file.close()
                if exc.errno in HELD:
                    raise LockedError(
                        f"task {self.task}: a command with another ROOT is working on it; wait for it, or stop it"
                    ) from exc
                return
            self._shared = file
            return

    def _make(self) -> None:
        """Make a file that only one process can make, where the file system has no locks."""
        path = self.path.with_name("held")
        for _ in range(2):
            try:
                with path.open("x", encoding="utf-8") as file:
                    self._made = path
                    file.write(_myself())
                return
            except FileExistsError:
                holder = path.read_text(encoding="utf-8", errors="replace")
                if not _ended(holder):
                    break
                path.unlink(missing_ok=True)
        raise LockedError(
            f"task {self.task}: {_describe(holder)}; wait for it, or stop it, or remove {path} if there is none "
            f"(this file system has no locks)"
        )

    def release(self) -> None:
        """Give the lock back."""
        if self._made is not None:
            with contextlib.suppress(OSError):
                self._made.unlink()
            self._made = None
        if self._shared is not None:
            self._shared.close()
            self._shared = None
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.seek(0)
                self._file.truncate()
            with contextlib.suppress(OSError):  # what is buffered may not fit on the disk
                self._file.close()
            self._file = None


def _read_holder(file: IO[str]) -> str:
    """Return who holds the lock. Whoever has just taken it has not said so yet: give it a moment."""
    for _ in range(PATIENCE):
        file.seek(0)
        if holder := file.read():
            return holder
        time.sleep(0.02)
    return ""


def _myself() -> str:
    return json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")})


def _ended(holder: str) -> bool:
    """Return whether the process that holds something was one of this computer, and is no more."""
    try:
        data = json.loads(holder)
        return bool(data["host"] == socket.gethostname() and not alive(int(data["pid"])))
    except (ValueError, KeyError, TypeError):
        return False


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
