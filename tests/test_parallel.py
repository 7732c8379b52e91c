"""Threads, and how many cores there are."""

import os

import pytest

from superdsm.parallel import THREAD_VARIABLES, cpu_count, worker_environ


def test_no_more_cores_than_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= cpu_count() <= (os.cpu_count() or 1)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert cpu_count() == 1


def test_libraries_use_one_thread_in_a_worker_unless_the_task_says_more() -> None:
    environ = worker_environ({"OMP_NUM_THREADS": "3", "LANG": "C"})
    assert environ == dict.fromkeys(THREAD_VARIABLES, "1") | {"OMP_NUM_THREADS": "3", "LANG": "C"}
