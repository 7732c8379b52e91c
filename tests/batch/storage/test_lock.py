"""Locks: also where two roots reach one task, and where the file system has none."""

import errno
import json
import os
import socket
from pathlib import Path

import pytest

from superdsm.batch.storage import lock as module
from superdsm.batch.storage.lock import Lock, LockedError
from tests.laboratory import Laboratory

pytestmark = pytest.mark.skipif(os.name == "nt", reason="locks of POSIX")
ENDED = 2**22 + 5  # the number of no process


def test_one_task_through_two_roots(tmp_path: Path) -> None:
    task = tmp_path / "task.json"
    task.write_text("{}")
    (tmp_path / "link.json").symlink_to(task)
    first = Lock(tmp_path / "a" / "lock", "a", task)
    first.acquire()
    with pytest.raises(LockedError, match=r"task b: a command with another ROOT is working on it; wait for it"):
        Lock(tmp_path / "b" / "lock", "b", tmp_path / "link.json").acquire()
    assert task.read_text() == "{}"
    first.release()
    second = Lock(tmp_path / "b" / "lock", "b", task)
    second.acquire()
    second.release()


def test_the_second_command_leaves_the_task_alone(lab: Laboratory) -> None:
    from superdsm.cli import main

    lab.task(runnable=False)
    path = lab.task("below", runnable=True)
    fields = json.loads((lab.root / "task.json").read_text())
    path.write_text(json.dumps({**fields, "runnable": True, "use": [f"{lab.root}/{name}" for name in fields["use"]]}))
    held = Lock(lab.root / "elsewhere", "below", path)
    held.acquire()
    assert main(["batch", str(lab.root / "below"), "--run", "--executor", "serial"]) == 2
    assert not (lab.root / "below" / "seg").exists()
    held.release()
    assert main(["batch", str(lab.root / "below"), "--run", "--executor", "serial"]) == 0


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_without_locks_a_file_that_only_one_can_make(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(file: object, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module.fcntl, "flock", flock)
    first, second = Lock(tmp_path / "lock", "a"), Lock(tmp_path / "lock", "a")
    first.acquire()
    with pytest.raises(LockedError, match=rf"process {os.getpid()} on .* or remove {tmp_path}/held if there is none"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()
    holder = {"pid": ENDED, "host": socket.gethostname(), "since": "long ago"}
    (tmp_path / "held").write_text(json.dumps(holder))
    first.acquire()
    first.release()
    (tmp_path / "held").write_text(json.dumps({**holder, "host": "elsewhere"}))
    with pytest.raises(LockedError, match=f"process {ENDED} on elsewhere"):
        first.acquire()
    (tmp_path / "held").write_text("{")
    with pytest.raises(LockedError, match="another process is working on it"):
        first.acquire()


def test_other_errors_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(file: object, operation: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(module.fcntl, "flock", flock)
    with pytest.raises(OSError, match="Input/output error"):
        Lock(tmp_path / "lock", "a").acquire()
    monkeypatch.undo()
    (tmp_path / "lock").unlink()
    lock = Lock(tmp_path / "lock", "a", tmp_path / "lock")  # whatever is locked twice
    with pytest.raises(LockedError):
        lock.acquire()
