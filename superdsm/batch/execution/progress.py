"""Progress: files in which workers tell what they are doing, for the parent to read.

Files instead of a channel of one kind of executor: they work with any, and survive a worker that is killed.
"""

import contextlib
import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


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


def send(
    directory: Path, job: int, event: ProgressEvent, now: float, stage: str = "", seconds: float = 0.0
) -> None:
    """Leave a message. A full disk must not stop the work: the message is then lost."""
    host = socket.gethostname()
    path = directory / f"{job}-{host}-{os.getpid()}-{threading.get_ident()}"
    line = json.dumps([job, event, stage, seconds, os.getpid(), host, now])
    with contextlib.suppress(OSError), path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


class ProgressReader:
    """The parent's side.

    Parameters
    ----------
    directory : Path
        Where the messages are; it is made.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._read: dict[str, int] = {}
        directory.mkdir(parents=True, exist_ok=True)

    def messages(self) -> Iterator[ProgressMessage]:
        """Yield the messages that are new."""
        for path in sorted(self.directory.iterdir()):
            with path.open("rb") as file:
                file.seek(self._read.get(path.name, 0))
                lines = [line for line in file if line.endswith(b"\n")]
            self._read[path.name] = self._read.get(path.name, 0) + sum(map(len, lines))
            messages = [_parse(line) for line in lines]
            if messages and messages[-1].event == ProgressEvent.END:
                path.unlink()
                del self._read[path.name]
            yield from messages

    def remove(self) -> None:
        """Remove the directory."""
        shutil.rmtree(self.directory, ignore_errors=True)


def _parse(line: bytes) -> ProgressMessage:
    job, event, *others = json.loads(line)
    return ProgressMessage(job, ProgressEvent(event), *others)


def remove_stale(directory: Path) -> None:
    """Remove the directories that dead processes of this computer left (they are named HOST-PID)."""
    if not directory.is_dir():
        return
    for path in directory.iterdir():
        host, _, pid = path.name.rpartition("-")
        if host == socket.gethostname() and pid.isdigit() and not alive(int(pid)):
            shutil.rmtree(path, ignore_errors=True)


def alive(pid: int) -> bool:
    """Return whether there is a process on this computer; where that cannot be asked harmlessly, it counts as alive."""
    if os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
