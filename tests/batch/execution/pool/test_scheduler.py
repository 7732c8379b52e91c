"""Waits that have a bound: executors that do not begin, do not end, take no work, or are out of reach."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from superdsm.batch.execution.pool import scheduler as module
from superdsm.batch.execution.pool.executors import make_loky
from superdsm.batch.execution.pool.processes import descendants, end_tree
from superdsm.batch.execution.pool.scheduler import Done, Lost, Scheduler
from superdsm.batch.storage.progress import ProgressEvent, ProgressMessage, ProgressReader, send
from superdsm.errors import StageError, TaskError
from superdsm.records import ExecutorEntry, ExecutorOptions
from tests.laboratory import wait_for


class Odd(Executor):
    """Does what it was made for with each job."""

    def __init__(self, act: Callable[[Path, int, Future[Any]], None], close: Callable[[], object] = int) -> None:
        self.act = act
        self.close = close

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        directory, number, *_ = args
        future: Future[Any] = Future()
        self.act(directory, number, future)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.close()


@pytest.fixture(autouse=True)
def short_graces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "START_GRACE", 0.2)
    monkeypatch.setattr(module, "END_GRACE", 0.3)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[ProgressReader]:
    reader = ProgressReader(tmp_path / "board")
    yield reader
    reader.close()


def make(board: ProgressReader, make: Callable[[Any], Executor], timeout: float | None = None) -> Scheduler[Any, Any]:
    return Scheduler(str, entry=ExecutorEntry("odd", make), options=ExecutorOptions(2), progress=board, timeout=timeout)


def outcomes(scheduler: Scheduler[Any, Any], jobs: Mapping[int, Any]) -> dict[int, Done[Any] | Lost]:
    return {event.number: event for event in scheduler.run(jobs) if not isinstance(event, ProgressMessage)}


def finish(directory: Path, number: int, future: Future[Any]) -> None:
    future.set_result(number)


def test_an_image_with_which_no_worker_begins_is_given_up(board: ProgressReader) -> None:
    def act(directory: Path, number: int, future: Future[Any]) -> None:
        if number != 1:
            finish(directory, number, future)

    found = outcomes(make(board, lambda options: Odd(act), timeout=0.2), {1: "", 2: ""})
    lost = found[1]
    assert isinstance(lost, Lost) and lost.kind == "timeout"
    assert lost.message == "did not begin, and waited longer than 0.2 seconds; raise --timeout"
    assert isinstance(found[2], Done)


def test_a_worker_that_cannot_be_reached_is_given_up(board: ProgressReader) -> None:
    def act(directory: Path, number: int, future: Future[Any]) -> None:
        path = directory / f"{number}-far-away"
        path.write_text(f'[{number}, "begin", "", 0, 17, "far away", {time.time()}]\n')

    (lost,) = outcomes(make(board, lambda options: Odd(act), timeout=0.2), {1: ""}).values()
    assert isinstance(lost, Lost) and lost.message == "took longer than 0.2 seconds; raise --timeout"


@pytest.mark.parametrize("now", [0.0, 1e12])
def test_clocks_of_the_day_end_nothing(board: ProgressReader, now: float) -> None:
    """A clock that is set ahead or back while an image is worked on."""

    def act(directory: Path, number: int, future: Future[Any]) -> None:
        send(directory, number, ProgressEvent.BEGIN, now)
        threading.Timer(0.5, finish, (directory, number, future)).start()

    (done,) = outcomes(make(board, lambda options: Odd(act), timeout=30), {1: ""}).values()
    assert isinstance(done, Done)


def test_an_executor_that_does_not_end_is_left(board: ProgressReader) -> None:
    released = threading.Event()
    scheduler = make(board, lambda options: Odd(finish, close=lambda: released.wait(30)))
    start = time.monotonic()
    assert isinstance(outcomes(scheduler, {1: ""})[1], Done)
    assert time.monotonic() - start < 10
    assert scheduler.ended
    released.set()


def test_an_executor_that_ends_is_not_complained_about(board: ProgressReader) -> None:
    scheduler = make(board, lambda options: Odd(finish))
    assert isinstance(outcomes(scheduler, {1: ""})[1], Done)
    assert not scheduler.ended


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), RuntimeError("can't start new thread")])
def test_workers_that_cannot_be_started_are_an_error_that_says_why(board: ProgressReader, error: Exception) -> None:
    tried = []

    def act(directory: Path, number: int, future: Future[Any]) -> None:
        tried.append(number)
        raise error

    with pytest.raises(TaskError, match=f"'odd' cannot be started .*{type(error).__name__}.*ulimit"):
        outcomes(make(board, lambda options: Odd(act)), {1: "", 2: ""})
    assert len(tried) > 1, "the reason may pass"


def test_workers_that_can_be_started_at_the_second_time_do_their_work(board: ProgressReader) -> None:
    tried = []

    def act(directory: Path, number: int, future: Future[Any]) -> None:
        tried.append(number)
        if len(tried) == 1:
            raise OSError(11, "Resource temporarily unavailable")
        finish(directory, number, future)

    found = outcomes(make(board, lambda options: Odd(act)), {1: "", 2: "", 3: ""})
    assert all(isinstance(done, Done) for done in found.values()) and len(found) == 3


def test_a_job_that_cannot_be_made_costs_its_image_only(board: ProgressReader) -> None:
    class Jobs(dict[int, Any]):
        def __getitem__(self, number: int) -> Any:
            if number == 2:
                raise StageError("odd", "cannot be sent")
            return number

    found = outcomes(make(board, lambda options: Odd(finish)), Jobs.fromkeys((1, 2, 3)))
    lost = found[2]
    assert isinstance(lost, Lost) and (lost.kind, lost.stage, lost.message) == ("stage", "odd", "cannot be sent")
    assert isinstance(found[1], Done) and isinstance(found[3], Done)


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
GRANDCHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"


@linux
def test_a_process_is_ended_with_what_it_has_started() -> None:
    process = subprocess.Popen([sys.executable, "-c", GRANDCHILD])
    wait_for(lambda: descendants(process.pid))
    (child,) = descendants(process.pid)
    end_tree(process.pid)
    assert process.wait(10) < 0
    wait_for(lambda: not _lives(child), 10)
    end_tree(process.pid)  # nothing is there any more
    assert not descendants(process.pid)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@linux
@pytest.mark.process
def test_busy_workers_are_ended_without_help_of_other_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither psutil nor pgrep: slim containers have none of them."""
    monkeypatch.setattr("loky.backend.utils.psutil", None)
    monkeypatch.setenv("PATH", "/nowhere")
    executor = make_loky(ExecutorOptions(1))
    busy = executor.submit(time.sleep, 60)
    pid = executor.submit(os.getpid)
    wait_for(busy.running)
    start = time.monotonic()
    executor.shutdown(wait=True, cancel_futures=True)
    assert time.monotonic() - start < 20
    assert busy.exception() is not None and pid.exception() is not None
