"""Which image is worked on when, and what happens if a worker dies."""

import contextlib
import heapq
import os
import re
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from superdsm.batch.execution.pool.processes import end_tree
from superdsm.batch.execution.pool.retry_policy import Decision, Finished, Loss, retry_policy
from superdsm.batch.storage.journal import FailureKind
from superdsm.batch.storage.progress import ProgressEvent, ProgressMessage, ProgressReader, followed
from superdsm.errors import StageError, TaskError
from superdsm.records import ExecutorEntry, ExecutorOptions

J = TypeVar("J")
R = TypeVar("R")

EXIT_CODES = re.compile(r"exit codes of the workers are \{(.*?)\}")
TICK = 0.1  # seconds between two looks at what the workers tell
START_GRACE = 10.0  # seconds in which a worker is started, before the time of an image counts
END_GRACE = 5.0  # seconds in which workers end by themselves
LEFT_BEHIND = (
    f"workers were still running {END_GRACE:g} s after the last image and were ended; nothing is lost "
    f"(a stage has left a thread or an exit handler behind)"
)


def describe_worker_end(broken: BrokenExecutor) -> str:
    """Say how a worker process ended for the second time, as far as the executor tells (loky names the exit codes)."""
    codes = EXIT_CODES.search(str(broken))
    names = (
        sorted({match[1]: int(match[2]) for match in re.finditer(r"(\w+)\((-?\d+)\)", codes[1])}.items())
        if codes
        else []
    )
    killed = [name for name, code in names if code < 0]
    if "SIGKILL" in killed:
        return "the worker process was killed, twice (SIGKILL; out of memory?)"
    if killed:
        return f"the worker process was ended by a signal, twice ({', '.join(killed)})"
    if names:
        return f"the worker process ended by itself, twice (exit code {', '.join(str(code) for _, code in names)})"
    return "the worker process ended unexpectedly, twice"


class NotStartedError(BrokenExecutor):
    """An executor has taken no work."""


@dataclass(frozen=True, slots=True)
class Done(Generic[R]):
    """An image was worked on.

    Attributes
    ----------
    number : int
        Its number.
    value : object
        What the function returned.
    """

    number: int
    value: R


@dataclass(frozen=True, slots=True)
class Lost:
    """An image was given up.

    Attributes
    ----------
    number : int
        Its number.
    kind : FailureKind
        "crash" or "timeout"; "stage" if a stage cannot be sent to a worker.
    stage : str
        What was being done, as far as the worker told.
    message : str
        What happened.
    error : BaseException or None
        What the function raised; None: its worker died.
    """

    number: int
    kind: FailureKind
    stage: str
    message: str
    error: BaseException | None = None


class Scheduler(Generic[J, R]):
    """Works on images with an executor; the longest first, and none before those whose results it needs.

    Parameters
    ----------
    function : callable
        ``function(job) -> value``, called in the workers. It is to return failures as values.
    entry : ExecutorEntry
        Makes the executor.
    options : ExecutorOptions
        How it is to be made.
    progress : ProgressReader
        Where the workers tell what they are doing.
    timeout : float or None
        Seconds that an image may take.

    Attributes
    ----------
    ended : bool
        Whether workers had to be ended after all was done: something that a stage has left behind keeps them alive.
    """

    def __init__(
        self,
        function: Callable[[J], R],
        *,
        entry: ExecutorEntry,
        options: ExecutorOptions,
        progress: ProgressReader,
        timeout: float | None = None,
    ) -> None:
        self.function = function
        self.entry = entry
        self.options = options
        self.progress = progress
        self.timeout = timeout
        self.ended = False
        self._stopping = False
        self._executor: Executor | None = None
        self._flying: dict[Future[R], int] = {}
        self._queue: list[tuple[float, int]] = []
        self._alone: deque[int] = deque()
        self._suspects: set[int] = set()
        self._given: dict[int, float] = {}
        self._begun: dict[int, tuple[float, ProgressMessage]] = {}
        self._stage: dict[int, str] = {}
        self._overdue: dict[int, float] = {}
        self._unmade: list[Lost] = []
        self._history: list[Finished | Loss] = []

    def stop(self) -> None:
        """Begin with no further image."""
        self._stopping = True

    def run(
        self,
        jobs: Mapping[int, J],
        *,
        seconds: Mapping[int, float] | None = None,
        after: Mapping[int, Sequence[int]] | None = None,
    ) -> Iterator[ProgressMessage | Done[R] | Lost]:
        """Work on all images, and yield what the workers tell, and what became of each as soon as it is known.

        Parameters
        ----------
        jobs : mapping
            By number of the image, what the function is given; asked for when it is the turn of the image.
        seconds : mapping, optional
            How long images will take.
        after : mapping, optional
            Numbers of the images whose results an image needs.

        Raises
        ------
        TaskError
            The workers cannot be started.
        """
        seconds = seconds or {}
        dependents = self._enqueue(jobs, seconds, after or {})
        awaited = {number: count for number, (count, _) in dependents.items()}
        try:
            while self._flying or (not self._stopping and (self._queue or self._alone)):
                self._submit(jobs)
                for event in self._collect():
                    if not isinstance(event, ProgressMessage):
                        for number in dependents[event.number][1]:
                            awaited[number] -= 1
                            if awaited[number] == 0:
                                heapq.heappush(self._queue, (-seconds.get(number, 0.0), number))
                    yield event
        except BaseException:
            self._shutdown(cancel=True)
            raise
        self._shutdown()

    def _enqueue(
        self, jobs: Mapping[int, J], seconds: Mapping[int, float], after: Mapping[int, Sequence[int]]
    ) -> dict[int, tuple[int, list[int]]]:
        """Queue what can begin; return by number how many images are awaited, and which ones wait for it."""
        table: dict[int, tuple[int, list[int]]] = {number: (0, []) for number in jobs}
        for number in jobs:
            awaited = [other for other in after.get(number, ()) if other in table and other != number]
            table[number] = (len(awaited), table[number][1])
            for other in awaited:
                table[other][1].append(number)
            if not awaited:
                self._queue.append((-seconds.get(number, 0.0), number))
        heapq.heapify(self._queue)
        return table

    def _submit(self, jobs: Mapping[int, J]) -> None:
        while not self._stopping and self._suspects.isdisjoint(self._flying.values()):
            if self._alone:
                if self._flying:
                    return
                number = self._alone.popleft()
            elif self._queue and len(self._flying) < self.options.jobs:
                number = heapq.heappop(self._queue)[1]
            else:
                return
            self._begun.pop(number, None)
            self._overdue.pop(number, None)
            try:
                job = jobs[number]
            except StageError as exc:
                self._unmade.append(Lost(number, FailureKind.STAGE, exc.stage, exc.message, exc))
                return  # it is told before others wait
            self._flying[self._send(number, job)] = number
            self._given[number] = time.monotonic()

    def _send(self, number: int, job: J) -> Future[R]:
        if self._executor is None:
            self._executor = self._make()
        try:
            return self._executor.submit(followed, self.progress.directory, number, self.function, job)
        except Exception as exc:  # noqa: BLE001 - a worker died while it had nothing to do, or none can be started
            broken = exc if isinstance(exc, BrokenExecutor) else NotStartedError(f"{type(exc).__name__}: {exc}")
            future: Future[R] = Future()
            future.set_exception(broken)
            return future

    def _make(self) -> Executor:
        try:
            return self.entry.make(self.options)
        except Exception as exc:  # an executor may be anybody's code
            raise TaskError(f"the executor {self.entry.name!r} cannot be made: {type(exc).__name__}: {exc}") from exc

    def _collect(self) -> Iterator[ProgressMessage | Done[R] | Lost]:
        unmade, self._unmade = self._unmade, []
        yield from unmade
        done, _ = wait(self._flying, timeout=0 if unmade else TICK, return_when=FIRST_COMPLETED)
        yield from self._look()
        broken: BrokenExecutor | None = None
        for future in sorted(done, key=self._flying.__getitem__):
            exc = future.exception()
            if isinstance(exc, BrokenExecutor):
                broken = exc
            else:
                yield self._landed(future)
        if broken is not None:
            yield from self._recover(broken)
        elif self._end_overdue():
            if self._executor is not None:
                self._end_workers(self._executor)
            yield from self._recover(BrokenExecutor())

    def _landed(self, future: Future[R]) -> Done[R] | Lost:
        number = self._flying.pop(future)
        if self._history[-1:] != [Finished()]:
            self._history.append(Finished())
        exc = future.exception()
        if exc is None:
            return Done(number, future.result())
        return replace(
            self._lost(number, FailureKind.CRASH, f"the executor failed: {type(exc).__name__}: {exc}"), error=exc
        )

    def _look(self) -> Iterator[ProgressMessage]:
        for note in self.progress.messages():
            if note.event == ProgressEvent.BEGIN:
                self._begun[note.job] = time.monotonic(), note  # clocks of the day may be set meanwhile
            if note.event in (ProgressEvent.BEGIN, ProgressEvent.STAGE, ProgressEvent.EXPORT):
                self._stage[note.job] = note.stage
            if note.event == ProgressEvent.END:
                self._begun.pop(note.job, None)
            yield note

    def _recover(self, broken: BrokenExecutor) -> Iterator[ProgressMessage | Done[R] | Lost]:
        """Go on after workers have died, as the `retry_policy` says."""
        wait(self._flying, timeout=END_GRACE)
        yield from self._look()
        for future in [future for future in self._flying if future.done() and future.exception() is None]:
            yield self._landed(future)
        given = frozenset(self._flying.values())
        self._flying.clear()
        self._shutdown(cancel=True)
        self._history.append(Loss(given, given & self._begun.keys(), given & self._overdue.keys()))
        for number, decision in retry_policy(self._history).items():
            if decision is Decision.STOP:
                raise TaskError(self._explain_stop(broken))
            if decision is Decision.TOO_LONG:
                begun = "took" if number in self._begun else "did not begin, and waited"
                yield self._lost(
                    number, FailureKind.TIMEOUT, f"{begun} longer than {self.timeout:g} seconds; raise --timeout"
                )
            elif decision is Decision.CRASHED:
                yield self._lost(number, FailureKind.CRASH, describe_worker_end(broken))
            elif decision is Decision.ALONE:
                self._suspects.add(number)
                self._alone.append(number)
            else:
                heapq.heappush(self._queue, (-float("inf"), number))

    def _lost(self, number: int, kind: FailureKind, message: str) -> Lost:
        return Lost(number, kind, self._stage.get(number, ""), message)

    def _explain_stop(self, broken: BrokenExecutor) -> str:
        name = self.entry.name
        if isinstance(broken, NotStartedError):
            return (
                f"the workers of the executor {name!r} cannot be started ({broken}); "
                f"check the limits of processes, threads, open files and memory (ulimit -a)"
            )
        return f"the workers of the executor {name!r} die before they begin; check environ, and try --debug"

    def _end_overdue(self) -> bool:
        """End the workers of images that take too long; return whether that is not enough to go on.

        A worker that has not begun has not told which process it is, and one on another computer cannot be reached:
        then the executor is given up, and all that was with it.
        """
        if self.timeout is None:
            return False
        now = time.monotonic()
        stuck = False
        for number in self._flying.values():
            begun = self._begun.get(number)
            if number in self._overdue:
                stuck |= now - self._overdue[number] > END_GRACE
            elif begun is None:
                if now - self._given[number] > self.timeout + START_GRACE:
                    self._overdue[number] = now
                    stuck = True
            elif now - begun[0] > self.timeout:
                self._overdue[number] = now
                if not self._end_worker(begun[1]):
                    stuck = True
        return stuck

    def _end_worker(self, note: ProgressMessage) -> bool:
        """End the process that has told something, if it is another one of this computer."""
        here = note.host == socket.gethostname() and note.pid != os.getpid()
        if here:
            end_tree(note.pid)
        return here

    def _shutdown(self, *, cancel: bool = False) -> None:
        """Leave the executor: it has some seconds to end by itself, then its workers are ended."""
        executor, self._executor = self._executor, None
        if executor is None:
            return
        closing = threading.Thread(target=_close, args=(executor, cancel), daemon=True)
        try:
            closing.start()
            closing.join(END_GRACE)
        except RuntimeError:  # no thread can be started
            self._end_workers(executor)
            executor.shutdown(wait=False)
            return
        except BaseException:
            self._end_workers(executor)
            raise
        if closing.is_alive():
            self.ended = not cancel
            self._end_workers(executor)
            closing.join(END_GRACE)

    def _end_workers(self, executor: Executor) -> None:
        """End all workers that are known, without waiting for them."""
        if callable(kill := getattr(executor, "kill", None)):
            kill()
        for _, note in self._begun.values():
            self._end_worker(note)


def _close(executor: Executor, cancel: bool) -> None:
    with contextlib.suppress(Exception):  # it is not needed any more, whatever is wrong with it
        executor.shutdown(wait=True, cancel_futures=cancel)
