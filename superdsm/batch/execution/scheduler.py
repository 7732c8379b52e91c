"""Which image is worked on when, and what happens if a worker dies."""

import contextlib
import heapq
import os
import re
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass

from superdsm.batch.execution.job import ImageResult, Job
from superdsm.batch.execution.progress import ProgressEvent, ProgressMessage, ProgressReader
from superdsm.batch.execution.worker import work
from superdsm.errors import TaskError
from superdsm.records import ExecutorEntry, ExecutorOptions

EXIT_CODES = re.compile(r"exit codes of the workers are \{(.*?)\}")
TICK = 0.1  # seconds between two looks at the board
STARTS = 3  # times that workers may die before they begin with anything


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


@dataclass(frozen=True, slots=True)
class Ticket:
    """An image that waits to be worked on.

    Attributes
    ----------
    number : int
        Number in the whole plan.
    seconds : float or None
        How long it will take.
    after : tuple of int
        Numbers of the images whose results it needs.
    """

    number: int
    seconds: float | None = None
    after: tuple[int, ...] = ()


class Scheduler:
    """Works on images with an executor; the longest first, and none before those whose results it needs.

    Parameters
    ----------
    entry : ExecutorEntry
        Makes the executor.
    options : ExecutorOptions
        How it is to be made.
    board : ProgressReader
        Where the workers tell what they are doing.
    make_job : callable
        ``make_job(number) -> Job``, called when it is the image's turn.
    tell : callable
        Is given the notes of the workers.
    timeout : float or None
        Seconds that an image may take.
    """

    def __init__(
        self,
        entry: ExecutorEntry,
        options: ExecutorOptions,
        board: ProgressReader,
        make_job: Callable[[int], Job],
        tell: Callable[[ProgressMessage], None],
        timeout: float | None = None,
    ) -> None:
        self.entry = entry
        self.options = options
        self.board = board
        self.make_job = make_job
        self.tell = tell
        self.timeout = timeout
        self.stopping = False
        self._executor: Executor | None = None
        self._flying: dict[Future[ImageResult], int] = {}
        self._queue: list[tuple[float, int]] = []
        self._alone: deque[int] = deque()
        self._retried: set[int] = set()
        self._begun: dict[int, ProgressMessage] = {}
        self._stage: dict[int, str] = {}
        self._overdue: set[int] = set()
        self._starts = 0

    def run(self, tickets: Iterable[Ticket]) -> Iterator[ImageResult]:
        """Work on all images, and yield what became of each as soon as it is known.

        Raises
        ------
        TaskError
            The workers cannot be started.
        """
        dependents = self._enqueue(list(tickets))
        awaited = {number: count for number, (count, _) in dependents.items()}
        try:
            while self._flying or (not self.stopping and (self._queue or self._alone)):
                self._submit()
                for result in self._collect():
                    for number, seconds in dependents[result.number][1]:
                        awaited[number] -= 1
                        if awaited[number] == 0:
                            heapq.heappush(self._queue, (-seconds, number))
                    yield result
        except BaseException:
            self._shutdown(cancel=True)
            raise
        self._shutdown()

    def _enqueue(self, tickets: list[Ticket]) -> dict[int, tuple[int, list[tuple[int, float]]]]:
        """Queue what can begin; return by number how many images are awaited, and which ones wait for it."""
        numbers = {ticket.number for ticket in tickets}
        table: dict[int, tuple[int, list[tuple[int, float]]]] = {number: (0, []) for number in numbers}
        for ticket in tickets:
            after = [number for number in ticket.after if number in numbers and number != ticket.number]
            seconds = ticket.seconds or 0.0
            table[ticket.number] = (len(after), table[ticket.number][1])
            for number in after:
                table[number][1].append((ticket.number, seconds))
            if not after:
                self._queue.append((-seconds, ticket.number))
        heapq.heapify(self._queue)
        return table

    def _submit(self) -> None:
        while not self.stopping and self._retried.isdisjoint(self._flying.values()):
            if self._alone:
                if self._flying:
                    return
                number = self._alone.popleft()
            elif self._queue and len(self._flying) < self.options.jobs:
                number = heapq.heappop(self._queue)[1]
            else:
                return
            self._begun.pop(number, None)
            job = self.make_job(number)
            self._flying[self._send(job)] = number

    def _send(self, job: Job) -> Future[ImageResult]:
        if self._executor is None:
            self._executor = self._make()
        try:
            return self._executor.submit(work, job)
        except BrokenExecutor as exc:  # a worker died while it had nothing to do
            future: Future[ImageResult] = Future()
            future.set_exception(exc)
            return future

    def _make(self) -> Executor:
        try:
            return self.entry.make(self.options)
        except Exception as exc:  # an executor may be anybody's code
            raise TaskError(f"the executor {self.entry.name!r} cannot be made: {type(exc).__name__}: {exc}") from exc

    def _collect(self) -> Iterator[ImageResult]:
        done, _ = wait(self._flying, timeout=TICK, return_when=FIRST_COMPLETED)
        self._look()
        broken: BrokenExecutor | None = None
        for future in sorted(done, key=self._flying.__getitem__):
            exc = future.exception()
            if isinstance(exc, BrokenExecutor):
                broken = exc
                continue
            number = self._flying.pop(future)
            self._starts = 0
            if exc is None:
                yield future.result()
            else:
                yield self._failed(number, "crash", f"the executor failed: {type(exc).__name__}: {exc}")
        if broken is not None:
            yield from self._recover(broken)
        self._kill_overdue()

    def _look(self) -> None:
        for note in self.board.messages():
            if note.event == ProgressEvent.BEGIN:
                self._begun[note.job] = note
            if note.event in (ProgressEvent.BEGIN, ProgressEvent.STAGE, ProgressEvent.EXPORT):
                self._stage[note.job] = note.stage
            if note.event == ProgressEvent.END:
                self._begun.pop(note.job, None)
            self.tell(note)

    def _recover(self, broken: BrokenExecutor) -> Iterator[ImageResult]:
        """Go on after workers have died: what was being worked on gets another chance, alone."""
        with contextlib.suppress(Exception):
            wait(self._flying, timeout=5)
        self._look()
        finished = [future for future in self._flying if future.done() and future.exception() is None]
        results = [(self._flying.pop(future), future.result()) for future in finished]
        victims = sorted(self._flying.values())
        self._flying.clear()
        self._shutdown(cancel=True)
        begun = [number for number in victims if number in self._begun]
        guilty = [number for number in begun if number in self._overdue]
        for _, result in results:
            yield result
        if not begun:
            self._starts += 1
            if self._starts >= STARTS:
                raise TaskError(
                    f"the workers of the executor {self.entry.name!r} die before they begin; "
                    f"check environ, and try --debug"
                )
        for number in victims:
            if number in guilty:
                yield self._failed(number, "timeout", f"took longer than {self.timeout:g} seconds; raise --timeout")
            elif number in self._retried and number in begun and not guilty:
                yield self._failed(number, "crash", describe_worker_end(broken))
            elif number in begun and not guilty:
                self._retried.add(number)
                self._alone.append(number)
            elif number in self._retried:
                self._alone.append(number)
            else:
                heapq.heappush(self._queue, (-float("inf"), number))

    def _failed(self, number: int, kind: str, message: str) -> ImageResult:
        return ImageResult(number, ok=False, kind=kind, stage=self._stage.get(number, ""), message=message)

    def _kill_overdue(self) -> None:
        if self.timeout is None:
            return
        now = time.time()
        for number in self._flying.values():
            note = self._begun.get(number)
            if note is None or number in self._overdue or now - note.time < self.timeout:
                continue
            if note.host == socket.gethostname() and note.pid != os.getpid():
                self._overdue.add(number)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(note.pid, getattr(signal, "SIGKILL", signal.SIGTERM))

    def _shutdown(self, *, cancel: bool = False) -> None:
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True, cancel_futures=cancel)
