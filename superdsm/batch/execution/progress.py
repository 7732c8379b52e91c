"""The notice board: files in which workers tell what they are doing, for the parent to read.

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
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class ProgressMessage:
    """What a worker tells.

    Attributes
    ----------
    job : int
        Number of the job.
    event : str
        "begin", "stage" (a stage begins), "stage-done", "export" (outputs are being written) or "end" (the last note).
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
    event: str
    stage: str
    seconds: float
    pid: int
    host: str
    time: float


def tell(board: Path, job: int, event: str, now: float, stage: str = "", seconds: float = 0.0) -> None:
    """Pin a note to the board. A full disk must not stop the work: the note is then lost."""
    host = socket.gethostname()
    path = board / f"{job}-{host}-{os.getpid()}-{threading.get_ident()}"
    line = json.dumps([job, event, stage, seconds, os.getpid(), host, now])
    with contextlib.suppress(OSError), path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def noted(board: Path, number: int, function: Callable[[Any], Any], argument: Any) -> Any:
    """Call a function in a worker; the board tells when it begins and ends, so that one knows where a worker died."""
    tell(board, number, "begin", time.time())
    try:
        return function(argument)
    finally:
        tell(board, number, "end", time.time())


class Board:
    """The parent's side of the board.

    Parameters
    ----------
    directory : Path
        Where the notes are; it is made.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._read: dict[str, int] = {}
        directory.mkdir(parents=True, exist_ok=True)

    def notes(self) -> Iterator[ProgressMessage]:
        """Yield the notes that are new."""
        for path in sorted(self.directory.iterdir()):
            with path.open("rb") as file:
                file.seek(self._read.get(path.name, 0))
                lines = [line for line in file if line.endswith(b"\n")]
            self._read[path.name] = self._read.get(path.name, 0) + sum(map(len, lines))
            notes = [ProgressMessage(*_fields(line)) for line in lines]
            if notes and notes[-1].event == "end":
                path.unlink()
                del self._read[path.name]
            yield from notes

    def remove(self) -> None:
        """Take the board down."""
        shutil.rmtree(self.directory, ignore_errors=True)


def _fields(line: bytes) -> list[Any]:
    fields: list[Any] = json.loads(line)
    return fields


def remove_stale(directory: Path) -> None:
    """Take down the boards that dead processes of this computer left (they are named HOST-PID)."""
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
