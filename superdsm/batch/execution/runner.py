"""Doing what was planned: locks, workers, the journal, and what is told meanwhile."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from superdsm.batch.components import Components
from superdsm.batch.execution.interrupts import uninterrupted
from superdsm.batch.execution.job import ImageResult, Job
from superdsm.batch.execution.jobs import Jobs
from superdsm.batch.execution.listener import Listener, RunSummary
from superdsm.batch.execution.pool.scheduler import LEFT_BEHIND, Lost, Scheduler
from superdsm.batch.execution.worker import work
from superdsm.batch.planning.decide import recorded_path
from superdsm.batch.planning.planner import Planner
from superdsm.batch.planning.records import Action, ImagePlan, TaskPlan
from superdsm.batch.results import root_tables, tables
from superdsm.batch.storage import default_profile
from superdsm.batch.storage.journal import DONE, FAILED, FailureKind, JournalEntry, is_outside
from superdsm.batch.storage.layout import journal_directory, progress_directory
from superdsm.batch.storage.lock import Lock, LockedError, raise_open_file_limit
from superdsm.batch.storage.progress import ProgressEvent, ProgressMessage, ProgressReader, remove_stale
from superdsm.batch.tasks.overwriting import written_directories
from superdsm.errors import TaskError, suggest
from superdsm.parallel import cpu_count, semaphores_work, worker_environ
from superdsm.records import (
    Event,
    ExecutorEntry,
    ExecutorOptions,
    ImageFailed,
    ImageFinished,
    RunFinished,
    RunStarted,
    StageFinished,
    StageStarted,
)
from superdsm.writing import remove_leftovers


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to do it.

    Attributes
    ----------
    jobs : int or None
        Number of workers; None: as the tasks say, or one per core.
    executor : str
        Name of the executor.
    timeout : float or None
        Seconds that an image may take.
    fail_fast : bool
        Stop at the first failure.
    """

    jobs: int | None = None
    executor: str = "loky"
    timeout: float | None = None
    fail_fast: bool = False


def seconds_in_all(plans: Sequence[TaskPlan], jobs: int | None) -> float | None:
    """Return how long all that was planned will take; None if not enough is known."""
    total = 0.0
    for plan in plans:
        seconds = [image.seconds for image in plan.images if image.action == Action.RUN]
        if None in seconds:
            return None
        workers = max(1, min(workers_of(plan, jobs), len(seconds)))
        known = [value for value in seconds if value is not None]
        total += max([sum(known) / workers, *known]) if known else 0.0
    return total


def workers_of(plan: TaskPlan, jobs: int | None) -> int:
    """Return the number of workers for a task."""
    return jobs or plan.prepared.task.num_cpus or cpu_count()


def has_work(plan: TaskPlan) -> bool:
    """Return whether there is something to do for a task: images, or tables that a crash has prevented."""
    return bool(plan.count(Action.RUN) or plan.count(Action.FAIL) or plan.journal.damaged) or tables.outdated(plan)


def execute(
    planner: Planner, plans: Sequence[TaskPlan], components: Components, options: RunOptions, listener: Listener
) -> RunSummary:
    """Do what was planned.

    Parameters
    ----------
    planner : Planner
        Has made the plans.
    plans : sequence of TaskPlan
        The plans, in the order of the tasks.
    components : Components
        Executors and observers.
    options : RunOptions
        How to do it.
    listener : Listener
        Is told what happens.

    Raises
    ------
    TaskError
        Nothing can start.
    """
    entry = find_executor(components, options.executor)
    if entry.name == "loky" and not semaphores_work():
        if options.timeout:
            raise TaskError("--timeout: needs worker processes, which this system cannot start (it has no semaphores)")
        listener.message("this system has no semaphores for worker processes; working in this one, an image at a time")
        entry = components.executors["serial"]
    return _Execution(planner, components, options, listener, entry).run(plans)


def find_executor(components: Components, name: str) -> ExecutorEntry:
    """Return the executor of that name.

    Raises
    ------
    TaskError
        There is none.
    """
    if name not in components.executors:
        known = list(components.executors)
        raise TaskError(
            f"--executor: there is no {name!r}{suggest(name, known)}; known: {', '.join(known)}"
            + (f"; {reason}" if (reason := components.explain("executors", name)[0]) else "")
        )
    return components.executors[name]


class _Execution:
    """Knows what is under way."""

    def __init__(
        self, planner: Planner, components: Components, options: RunOptions, listener: Listener, entry: ExecutorEntry
    ) -> None:
        self.planner = planner
        self.components = components
        self.options = options
        self.listener = listener
        self.entry = entry
        self.keep = not planner.options.oneshot
        self.summary = RunSummary()
        self.locks: dict[str, Lock] = {}
        self.images: dict[int, tuple[TaskPlan, ImagePlan]] = {}
        self.pending: dict[str, int] = {}
        self.jobs: Jobs | None = None
        self.stopping = False
        run = progress_directory(planner.tree.root)
        self.progress_directory = run / f"{socket.gethostname()}-{os.getpid()}"

    def run(self, plans: Sequence[TaskPlan]) -> RunSummary:
        """Do everything."""
        start = time.perf_counter()
        if self.keep:
            remove_leftovers(self.progress_directory.parents[1])
            with contextlib.suppress(OSError):  # where nothing can be written, the locks say so
                default_profile.remember(self.planner.tree.root)
        plans = self.lock(plans)
        self.count(plans)
        self.tell(RunStarted("", "", self.summary.total))
        self.listener.start(self.summary.total, plans, seconds_in_all(plans, self.options.jobs))
        remove_stale(self.progress_directory.parent)
        progress = ProgressReader(self.progress_directory)
        try:
            for plan in plans:
                if plan.name in self.locks and not self.pending[plan.name]:
                    self.close(plan)
            self.fail_unreadable(plans)
            for lane in _lanes(plans, self.options.jobs):
                self.work(lane, progress)
        except KeyboardInterrupt:
            self.summary.interrupted = True
        finally:
            progress.close()
            for plan in plans:
                if self.pending.get(plan.name):
                    self.close(plan)
            for lock in self.locks.values():
                lock.release()
        if self.keep:
            self.gather()
        self.summary.seconds = time.perf_counter() - start
        self.tell(RunFinished("", "", self.summary.done, self.summary.failed, self.summary.seconds))
        self.listener.finish(self.summary)
        return self.summary

    def lock(self, plans: Sequence[TaskPlan]) -> list[TaskPlan]:
        """Lock the tasks in which there is something to do; plan again what another process has changed meanwhile."""
        if self.planner.options.only_outputs:  # nothing of a task is touched
            return list(plans)
        result = []
        busy = [plan for plan in plans if has_work(plan)]
        raise_open_file_limit(2 * len(busy))
        for plan in plans:
            if plan not in busy:
                result.append(plan)
                continue
            task = plan.prepared.task
            lock = Lock(journal_directory(self.planner.tree.root, plan.name) / "lock", plan.name, task.file.path)
            try:
                lock.acquire()
            except LockedError as exc:
                self.listener.message(str(exc))
                self.summary.locked += plan.count(Action.RUN)
                continue
            except OSError as exc:
                raise TaskError(f"{lock.path}: cannot be written ({exc.strerror}); check its permissions") from exc
            self.locks[plan.name] = lock
            for directory in (lock.path.parent, *map(Path, written_directories(plan.prepared))):
                remove_leftovers(directory)
            if plan.journal.stamp() != plan.stamp:
                plan.journal.load()
                plan = self.planner.plan(plan.prepared)
            if self.keep:
                with contextlib.suppress(OSError):  # a full disk shows when the first result is written
                    plan.journal.compact()
            result.append(plan)
        return result

    def count(self, plans: Sequence[TaskPlan]) -> None:
        """Count what is to be done."""
        for plan in plans:
            self.summary.complete += plan.count(Action.NOTHING)
            self.summary.skipped += plan.count(Action.SKIP)
            self.pending[plan.name] = plan.count(Action.RUN) + plan.count(Action.FAIL)
            for index, image in enumerate(plan.images):
                if image.action in (Action.RUN, Action.FAIL):
                    self.images[plan.first + index] = (plan, image)
        self.summary.total = len(self.images)

    def fail_unreadable(self, plans: Sequence[TaskPlan]) -> None:
        """Record the images that cannot be read at all."""
        for number, (_, image) in list(self.images.items()):
            if image.action == Action.FAIL:
                message = image.reasons[0].removeprefix("image missing: ")
                if image.file is None:
                    message = f"{image.path}: {message}"
                self.done(ImageResult(number=number, ok=False, kind=FailureKind.IMAGE, message=message))

    def work(self, lane: Sequence[TaskPlan], progress: ProgressReader) -> None:
        """Work on tasks that have the environment and the number of workers in common."""
        images = {
            plan.first + index: (plan, image)
            for plan in lane
            for index, image in enumerate(plan.images)
            if image.action == Action.RUN
        }
        if not images or self.stopping:
            return
        cores = workers_of(lane[0], self.options.jobs)
        workers = min(cores, len(images))
        self.jobs = Jobs(self.planner, images, threads=max(1, cores // workers), progress=progress.directory)
        scheduler: Scheduler[Job, ImageResult] = Scheduler(
            work,
            entry=self.entry,
            options=ExecutorOptions(workers, worker_environ(lane[0].prepared.task.environ)),
            progress=progress,
            timeout=self.options.timeout,
        )
        seconds = {number: image.seconds or 0.0 for number, (_, image) in images.items()}
        after = {number: image.after for number, (_, image) in images.items()}
        for event in scheduler.run(self.jobs, seconds=seconds, after=after):
            if isinstance(event, ProgressMessage):
                self.note(event)
                continue
            self.done(_failed(event) if isinstance(event, Lost) else event.value)
            if self.stopping:  # done() may have set it
                scheduler.stop()  # type: ignore[unreachable]
        if scheduler.ended:
            self.listener.message(LEFT_BEHIND)

    @uninterrupted()
    def done(self, result: ImageResult) -> None:
        """Keep what became of an image, and tell."""
        plan, image = self.images.pop(result.number)
        if self.keep:
            try:
                self.record(plan, image, result)
            except OSError as exc:
                message = f"{plan.journal.path}: cannot be written ({exc.strerror})"
                result = replace(result, ok=False, kind=FailureKind.OUTPUT, stage="journal", message=message)
        if result.kind == FailureKind.CHANGED:
            self.planner.digests.forget(image.path)
            self.planner.digests.save()
        if result.ok:
            self.summary.done += 1
            paths = tuple(Path(output.path) for output in result.outputs.values())
            self.tell(
                ImageFinished(plan.name, str(image.id), result.total, paths, result.n_objects, tuple(result.warnings))
            )
        else:
            self.summary.failed += 1
            where = f"{result.stage}: " if result.stage else ""
            in_stage = result.kind == FailureKind.STAGE and result.stage != "reading"
            self.summary.raised += in_stage and bool(result.traceback)
            self.summary.failures.append((plan.name, str(image.id), where + result.message))
            self.tell(ImageFailed(plan.name, str(image.id), result.stage, result.message))
            self.stopping |= self.options.fail_fast and image.action == Action.RUN
        self.listener.result(plan, image, result)
        self.pending[plan.name] -= 1
        if self.pending[plan.name] == 0:
            self.close(plan)

    def record(self, plan: TaskPlan, image: ImagePlan, result: ImageResult) -> None:
        """Add what became of an image to the journal."""
        prepared, before = plan.prepared, plan.journal.get(image.id)
        exports = prepared.exports_digest
        plan.journal.record_provenance(prepared.recipe.digest, prepared.recipe.provenance())
        plan.journal.record_provenance(exports, prepared.exports_provenance())
        outputs = {} if before is None else {k: v for k, v in before.outputs.items() if k in prepared.exports}
        for name, output in result.outputs.items():
            outputs[name] = replace(output, path=recorded_path(output.path, prepared.task))
        seconds = {stage: round(value, 6) for stage, value in result.seconds.items()}
        plan.journal.add(
            JournalEntry(
                id=image.id,
                status=DONE if result.ok else FAILED,
                recipe=prepared.recipe.digest,
                image=image.image,
                exports=exports,
                corrections=image.corrections.digest,
                **{**result.outcome(), "outputs": outputs, "seconds": seconds},
            )
        )

    def close(self, plan: TaskPlan) -> None:
        """Write the tables of a task."""
        if self.jobs is not None:
            self.jobs.forget(plan.name)
        if not self.keep:
            return
        try:
            tables.write(plan, self.components)
        except (OSError, MemoryError) as exc:
            self.summary.unwritten += 1
            where, why = str(plan.prepared.task.directory), "out of memory"
            if isinstance(exc, OSError):
                where, why = exc.filename2 or exc.filename or where, exc.strerror or str(exc)
            self.listener.message(f"{where}: cannot be written ({why}); run the batch again for the tables")

    def gather(self) -> None:
        """Write the tables of the root."""
        root = self.planner.tree.root
        try:
            root_tables.write(self.planner.tree)
        except OSError as exc:
            self.listener.message(f"{root}: the tables of all tasks cannot be written ({exc.strerror})")

    def note(self, note: ProgressMessage) -> None:
        """Pass on what a worker tells."""
        if note.job not in self.images:
            return
        plan, image = self.images[note.job]
        event: Event | None = None
        if note.event in (ProgressEvent.STAGE, ProgressEvent.EXPORT):
            event = StageStarted(plan.name, str(image.id), note.stage or note.event)
        elif note.event == ProgressEvent.STAGE_DONE:
            event = StageFinished(plan.name, str(image.id), note.stage, note.seconds)
        if event is not None:
            self.components.notify(event)
            self.listener.event(event, note)

    def tell(self, event: Event) -> None:
        """Tell the observers."""
        self.components.notify(event)
        self.listener.event(event)


def _failed(lost: Lost) -> ImageResult:
    kind = FailureKind.OUTSIDE if is_outside(lost.error) else lost.kind
    return ImageResult(number=lost.number, ok=False, kind=kind, stage=lost.stage, message=lost.message)


def _lanes(plans: Sequence[TaskPlan], jobs: int | None) -> Iterator[list[TaskPlan]]:
    """Yield consecutive tasks that can share workers."""
    lane: list[TaskPlan] = []
    before: object = None
    for plan in plans:
        if not plan.count(Action.RUN):
            continue
        now = (workers_of(plan, jobs), plan.prepared.task.environ)
        if lane and now != before:
            yield lane
            lane = []
        lane.append(plan)
        before = now
    if lane:
        yield lane
