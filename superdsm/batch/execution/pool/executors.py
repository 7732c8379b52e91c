"""Built-in executors."""

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

from superdsm.batch.execution.pool.processes import end_tree
from superdsm.parallel import THREAD_VARIABLES
from superdsm.records import ExecutorEntry, ExecutorOptions

P = ParamSpec("P")
T = TypeVar("T")
# What processes import must not be a file of the same name in the working directory; their own path comes from here.
SAFE_PATH = {"PYTHONSAFEPATH": "1"}
PATIENCE = 5.0  # seconds until a process that was killed is gone


def make_loky(options: ExecutorOptions) -> Executor:
    """Return an executor of worker processes that are started afresh, so that `options.environ` is effective."""
    from loky.process_executor import ProcessPoolExecutor

    from superdsm.batch.execution.worker import initialise_worker

    class Workers(ProcessPoolExecutor):  # type: ignore[misc]
        """Worker processes; those that are busy are killed where pending work is cancelled."""

        def __init__(self, **options: Any) -> None:
            self.started: set[Any] = set()
            super().__init__(**options)

        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False, kill_workers: bool = False) -> None:
            if cancel_futures:
                self.kill()
            super().shutdown(wait=wait, kill_workers=kill_workers or cancel_futures)

        def kill(self) -> None:
            """End all workers, whatever they do; what they were given and did not finish is lost."""
            queue = self._call_queue
            if queue is not None:
                queue.cancel_join_thread()  # nobody reads what waits there, and nobody must wait for that
            for process in self.started:
                _end(process)

        def _adjust_process_count(self) -> None:
            try:
                super()._adjust_process_count()
            finally:
                self.started |= set(self._processes.values())  # what loky waits for is in its table no more

        def _start_executor_manager_thread(self) -> None:
            super()._start_executor_manager_thread()
            # Without psutil, loky ends workers with the program pgrep, and waits for ever where there is none.
            self._executor_manager_thread.kill_workers = functools.partial(_end_all, self._processes)

    _start_tracker()
    environ = {**SAFE_PATH, **options.environ}
    return Workers(max_workers=options.jobs, env=environ, initializer=initialise_worker, initargs=(os.getpid(),))


def _start_tracker() -> None:
    """Start the process that cleans up after all others; it inherits its environment when the first worker is made."""
    from loky.backend.resource_tracker import ensure_running

    with _environ(SAFE_PATH):
        ensure_running()


def _end(process: Any) -> None:
    if process.exitcode is None:  # else its number may be that of another process by now
        end_tree(process.pid)


def _end_all(processes: dict[int, Any], reason: str = "") -> None:
    """End the workers of an executor, in the place of what loky does."""
    while processes:
        _, process = processes.popitem()
        _end(process)
        process.join(PATIENCE)


class SerialExecutor(Executor):
    """Does the work at once, in this process.

    Parameters
    ----------
    environ : dict
        Environment variables, set while work is done.
    """

    def __init__(self, environ: dict[str, str] | None = None) -> None:
        self.environ = environ or {}

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call a function; what it raises is kept in the future, except what stops the whole process."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        with _environ(self.environ):
            try:
                with _limited(self.environ):
                    future.set_result(function(*args, **kwargs))
            except Exception as exc:  # noqa: BLE001 - belongs to whoever asks for the result
                future.set_exception(exc)
        return future


@contextlib.contextmanager
def _environ(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables of this process for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _limited(environ: dict[str, str]) -> Any:
    """Limit the threads of libraries that were loaded already."""
    from threadpoolctl import threadpool_limits

    counts = [int(environ[name]) for name in THREAD_VARIABLES if environ.get(name, "").isdigit()]
    return threadpool_limits(max(counts, default=1))


def make_serial(options: ExecutorOptions) -> Executor:
    """Return an executor that works in this process."""
    return SerialExecutor(dict(options.environ))


EXECUTORS: tuple[ExecutorEntry, ...] = (
    ExecutorEntry("loky", make_loky, "Worker processes on this computer."),
    ExecutorEntry("serial", make_serial, "One image after the other, in this process."),
)
