"""Progress: files in which workers tell what they are doing, for the parent to read.

Files instead of a channel of one kind of executor: they work with any, and survive a worker that is killed.
"""

import contextlib
import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from superdsm.batch.storage.lock import Lock, LockedError

LOCK = ".lock"
DAY = 86400.0


class ProgressEvent(StrEnum):
    """What a worker can tell."""

    BEGIN = "begin"  # it begins with an image
    STAGE = "stage"  # a stage begins
    STAGE_DONE = "stage-done"
    EXPORT = "export"  # outputs are being written
    END = "end"  # the last message on an image


@dataclass(frozen=True, slots=True)
class ProgressMessage:
    """What a worker tells.

    Attributes
    ----------
    job : int
        Number of the job.
    event : ProgressEvent
        What happens.
    stage : str
        The stage.
    seconds : float
        Of stages that are done.
    pid : int
        The process.
    host : str
        The computer.
    time : float
        When it was told (seconds since the epoch).
    """

    job: int
    event: ProgressEvent
    stage: str
    seconds: float
    pid: int
    host: str
    time: float


def send(directory: Path, job: int, event: ProgressEvent, now: float, stage: str = "", seconds: float = 0.0) -> None:
    """Leave a message. A full disk must not stop the work: the message is then lost."""
    host = socket.gethostname()
    path = directory / f"{job}-{host}-{os.getpid()}-{threading.get_ident()}"
    line = json.dumps([job, event, stage, seconds, os.getpid(), host, now])
    with contextlib.suppress(OSError), path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def followed(directory: Path, number: int, function: Callable[[Any], Any], argument: Any) -> Any:
    """Call a function in a worker; messages tell when it begins and ends, so that one knows where a worker died."""
    send(directory, number, ProgressEvent.BEGIN, time.time())
    try:
        return function(argument)
    finally:
        send(directory, number, ProgressEvent.END, time.time())


class ProgressReader:
    """The parent's side.

    Where the directory is gone or cannot be written, there are no messages, and nothing else is wrong.

    Parameters
    ----------
    directory : Path
        Where the messages are; it is made, and held by a lock as long as the reader is in use.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._read: dict[str, int] = {}
        self._lock: Lock | None = None
        self._make()

    def _make(self) -> None:
        lock = Lock(self.directory / LOCK, "")
        with contextlib.suppress(OSError, LockedError):
            lock.acquire()
        self._lock = lock

    def messages(self) -> Iterator[ProgressMessage]:
        """Yield the messages that are new."""
        try:
            paths = sorted(path for path in self.directory.iterdir() if path.name != LOCK)
        except OSError:  # somebody has removed it; the workers will find another one
            self._read.clear()
            self.close()
            self._make()
            return
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                yield from self._messages(path)

    def _messages(self, path: Path) -> Iterator[ProgressMessage]:
        with path.open("rb") as file:
            file.seek(self._read.get(path.name, 0))
            lines = [line for line in file if line.endswith(b"\n")]
        self._read[path.name] = self._read.get(path.name, 0) + sum(map(len, lines))
        messages = [message for line in lines if (message := _parse(line)) is not None]
        if messages and messages[-1].event == ProgressEvent.END:
            path.unlink()
            del self._read[path.name]
        yield from messages

    def close(self) -> None:
        """Remove the directory."""
        if self._lock is not None:
            self._lock.release()  # first: where files are open, they cannot be removed on every system
        shutil.rmtree(self.directory, ignore_errors=True)


def _parse(line: bytes) -> ProgressMessage | None:
    """Return a message; None if a line is none."""
    try:
        job, event, stage, seconds, pid, host, now = json.loads(line)
        return ProgressMessage(int(job), ProgressEvent(event), str(stage), float(seconds), int(pid), str(host), now)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None


def remove_stale(directory: Path) -> None:
    """Remove the directories that nobody holds any more: those of commands that were killed.

    Which process has made one says nothing: in another container of the same name its number means another process.
    """
    if not directory.is_dir():
        return
    for path in directory.iterdir():
        lock = Lock(path / LOCK, "")
        with contextlib.suppress(OSError, LockedError):  # it is in use, or no directory, or there are no locks
            if (path / LOCK).exists() or _is_old(path):
                lock.acquire()
                lock.release()
                shutil.rmtree(path, ignore_errors=True)


def _is_old(path: Path) -> bool:
    """Return whether a directory has been left alone for a day; it may lack its lock because it is being made."""
    return time.time() - path.stat().st_mtime > DAY
