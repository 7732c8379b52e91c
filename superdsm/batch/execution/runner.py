"""Doing what was planned: locks, workers, the journal, and what is told meanwhile."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from superdsm.batch.components import Components
from superdsm.batch.execution import tables
from superdsm.batch.execution.executors import worker_environ
from superdsm.batch.execution.interrupts import uninterrupted
from superdsm.batch.execution.job import ImageResult, Job, TaskBundle
from superdsm.batch.execution.listener import Listener, RunSummary
from superdsm.batch.execution.progress import ProgressEvent, ProgressMessage, ProgressReader, remove_stale
from superdsm.batch.execution.scheduler import Scheduler, Ticket
from superdsm.batch.execution.worker import pack_kit
from superdsm.batch.planning.decide import recorded_path
from superdsm.batch.planning.planner import Planner
from superdsm.batch.planning.records import Action, ImagePlan, TaskPlan
from superdsm.batch.storage.journal import DONE, FAILED, FailureKind, JournalEntry
from superdsm.batch.storage.layout import journal_directory, progress_directory
from superdsm.batch.storage.lock import Lock, LockedError, raise_open_file_limit
from superdsm.batch.tasks.file_ids import expand
from superdsm.errors import TaskError, suggest
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
    return jobs or plan.prepared.task.num_cpus or _cores()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def has_work(plan: TaskPlan) -> bool:
    """Return whether there is something to do for a task: images, or tables that a crash has prevented."""
    return bool(plan.count(Action.RUN) or plan.count(Action.FAIL)) or tables.outdated(plan)


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
        self.kits: dict[str, tuple[bytes, str]] = {}
        self.images: dict[int, tuple[TaskPlan, ImagePlan]] = {}
        self.pending: dict[str, int] = {}
        self.scheduler: Scheduler | None = None
        self.threads = 1
        run = progress_directory(planner.tree.root)
        self.board_directory = run / f"{socket.gethostname()}-{os.getpid()}"

    def run(self, plans: Sequence[TaskPlan]) -> RunSummary:
        """Do everything."""
        start = time.perf_counter()
        plans = self.lock(plans)
        self.count(plans)
        self.tell(RunStarted("", "", self.summary.total))
        self.listener.start(self.summary.total, plans, seconds_in_all(plans, self.options.jobs))
        remove_stale(self.board_directory.parent)
        board = ProgressReader(self.board_directory)
        try:
            for plan in plans:
                if plan.name in self.locks and not self.pending[plan.name]:
                    self.close(plan)
            self.fail_unreadable(plans)
            for lane in _lanes(plans, self.options.jobs):
                self.work(lane, board)
        except KeyboardInterrupt:
            self.summary.interrupted = True
        finally:
            board.remove()
            for plan in plans:
                if self.pending.get(plan.name):
                    self.close(plan)
            for lock in self.locks.values():
                lock.release()
        self.summary.seconds = time.perf_counter() - start
        self.tell(RunFinished("", "", self.summary.done, self.summary.failed, self.summary.seconds))
        self.listener.finish(self.summary)
        return self.summary

    def lock(self, plans: Sequence[TaskPlan]) -> list[TaskPlan]:
        """Lock the tasks in which there is something to do; plan again what another process has changed meanwhile."""
        result = []
        busy = [plan for plan in plans if has_work(plan)]
        raise_open_file_limit(len(busy))
        for plan in plans:
            if plan not in busy:
                result.append(plan)
                continue
            lock = Lock(journal_directory(self.planner.tree.root, plan.name) / "lock", plan.name)
            try:
                lock.acquire()
            except LockedError as exc:
                self.listener.message(str(exc))
                self.summary.locked += plan.count(Action.RUN)
                continue
            except OSError as exc:
                raise TaskError(f"{lock.path}: cannot be written ({exc.strerror}); check its permissions") from exc
            self.locks[plan.name] = lock
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
                message = f"{image.path}: {image.reasons[0].removeprefix('image missing: ')}"
                self.done(ImageResult(number, ok=False, kind=FailureKind.IMAGE, message=message))

    def work(self, lane: Sequence[TaskPlan], board: ProgressReader) -> None:
        """Work on tasks that have the environment and the number of workers in common."""
        tickets = [
            Ticket(plan.first + index, image.seconds, image.after)
            for plan in lane
            for index, image in enumerate(plan.images)
            if image.action == Action.RUN
        ]
        if not tickets or (self.scheduler is not None and self.scheduler.stopping):
            return
        cores = workers_of(lane[0], self.options.jobs)
        jobs = min(cores, len(tickets))
        self.threads = max(1, cores // jobs)
        options = ExecutorOptions(jobs, worker_environ(lane[0].prepared.task.environ))
        self.scheduler = Scheduler(self.entry, options, board, self.job, self.note, self.options.timeout)
        for result in self.scheduler.run(tickets):
            self.done(result)

    def job(self, number: int) -> Job:
        """Return the job for an image."""
        plan, image = self.images[number]
        if plan.name not in self.kits:
            self.kits[plan.name] = self.kit(plan)
        assert image.file is not None
        reader = self.planner.components.reader_for(image.path)
        assert reader is not None
        exports = tuple((index, expand(plan.prepared.exports[index].pattern, image.id)) for index in image.exports)
        return Job(
            number,
            image.id,
            *self.kits[plan.name],
            image.path,
            (image.file.size, image.file.mtime_ns),
            reader.name,
            image.image,
            image.targets,
            image.load,
            exports,
            self.threads,
        )

    def kit(self, plan: TaskPlan) -> tuple[bytes, str]:
        """Return what all images of a task have in common, as bytes."""
        prepared, options = plan.prepared, self.planner.options
        paths = {image.path for image in plan.images if image.action == Action.RUN}
        readers = {reader.name: reader for path in paths if (reader := self.planner.components.reader_for(path))}
        kit = TaskBundle(
            plan.name,
            prepared.pipeline.stages[: len(prepared.recipe.stages)],
            prepared.task.config,
            prepared.recipe,
            readers,
            prepared.exporters,
            prepared.exports,
            self.planner.store.directory,
            self.keep,
            options.fresh or options.force,
            self.board_directory,
        )
        return pack_kit(kit)

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
            if self.options.fail_fast and self.scheduler is not None:
                self.scheduler.stopping = True
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
        wanted = {export.name for export in prepared.exports}
        outputs = {} if before is None else {k: v for k, v in before.outputs.items() if k in wanted}
        for name, output in result.outputs.items():
            outputs[name] = replace(output, path=recorded_path(output.path, prepared.task.directory))
        plan.journal.add(
            JournalEntry(
                image.id,
                DONE if result.ok else FAILED,
                prepared.recipe.digest,
                image.image,
                exports,
                outputs,
                {stage: round(seconds, 6) for stage, seconds in result.seconds.items()},
                result.performance,
                result.n_objects,
                result.warnings,
                result.stage,
                result.message,
                result.kind,
            )
        )

    def close(self, plan: TaskPlan) -> None:
        """Write the tables of a task."""
        self.kits.pop(plan.name, None)
        if not self.keep:
            return
        try:
            tables.write(plan, self.components)
        except OSError as exc:
            self.listener.message(f"{plan.prepared.task.directory}: the tables cannot be written ({exc.strerror})")

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
