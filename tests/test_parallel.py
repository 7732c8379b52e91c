"""Threads, and how many cores there are."""

import os
import threading
from pathlib import Path

import pytest

from superdsm import parallel


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu.max": "20000 100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({"cpu.max": "damaged"}, None),
        ({"cpu.max": "1 0"}, None),
        ({"slurm/job/cpu.max": "200000 100000"}, 2),
        ({"slurm/cpu.max": "300000 100000", "slurm/job/cpu.max": "max 100000"}, 3),
        ({"cpu.max": "900000 100000", "slurm/cpu.max": "400000 100000", "slurm/job/cpu.max": "500000 100000"}, 4),
        ({"cpu/old/cpu.cfs_quota_us": "500000", "cpu/old/cpu.cfs_period_us": "100000"}, 5),
        ({"elsewhere/cpu.max": "100000 100000"}, None),
    ],
)
def test_the_cores_that_a_container_may_use(
    files: dict[str, str], limit: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text + "\n")
    (tmp_path / "memberships").write_text("4:cpu,cpuacct:/old\n1:name=systemd:/elsewhere\n0::/slurm/job\n")
    monkeypatch.setattr(parallel, "MEMBERSHIPS", tmp_path / "memberships")
    monkeypatch.setattr(parallel, "CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    assert parallel.cpu_count() == (limit or 64)


def test_libraries_use_one_thread_in_a_worker_unless_the_task_says_more() -> None:
    environ = parallel.worker_environ({"OMP_NUM_THREADS": "3", "LANG": "C"})
    assert environ == dict.fromkeys(parallel.THREAD_VARIABLES, "1") | {"OMP_NUM_THREADS": "3", "LANG": "C"}


def test_whether_there_are_semaphores(monkeypatch: pytest.MonkeyPatch) -> None:
    import _multiprocessing

    assert parallel.semaphores_work()

    def refuse(*arguments: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(_multiprocessing, "SemLock", refuse)
    assert not parallel.semaphores_work()


def test_without_threads_the_work_is_done_by_the_one_that_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[threading.Thread] = []
    most = [0]
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if len(started) == most[0]:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    for most[0] in (0, 1):
        started.clear()
        with parallel.thread_map(3) as mapped:
            assert mapped(abs, range(-5, 0)) == [5, 4, 3, 2, 1]

    def fail(item: int) -> int:
        raise RuntimeError("of my own")

    with parallel.thread_map(2) as mapped, pytest.raises(RuntimeError, match="of my own"):
        mapped(fail, [1])
