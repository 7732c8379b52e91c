"""What the user sees while images are processed: a live display, plain lines, or JSON lines."""

import dataclasses
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from superdsm.batch.execution.job import ImageResult
from superdsm.batch.execution.listener import RunSummary
from superdsm.batch.execution.progress import ProgressMessage
from superdsm.batch.planning.planner import ImagePlan, TaskPlan
from superdsm.batch.storage.atomic import write_atomic
from superdsm.cli.batch.describe import duration, outcome
from superdsm.errors import TaskError
from superdsm.records import Event, StageStarted
from superdsm.summary import described

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

REPORT_INTERVAL = 1.0  # seconds between two versions of the status file


class Lines:
    """Plain lines, for everything that is no terminal.

    Parameters
    ----------
    verbosity : int
        -1: nothing but failures; 0: a line per image; 1: also where it came from; 2: also a line per stage.
    debug : bool
        Whether tracebacks are shown.
    out : file
        Where to write.
    """

    def __init__(self, verbosity: int = 0, *, debug: bool = False, out: IO[str] | None = None) -> None:
        self.verbosity = verbosity
        self.debug = debug
        self.out = out or sys.stdout
        self.total = 0
        self.count = 0

    def write(self, text: str) -> None:
        """Write a line."""
        print(text, file=self.out, flush=True)

    def start(self, total: int, plans: Sequence[TaskPlan], seconds: float | None) -> None:
        """Say how much there is to do."""
        self.total = total

    def event(self, event: Event, note: ProgressMessage | None = None) -> None:
        """Say which stage begins."""
        if self.verbosity >= 2 and isinstance(event, StageStarted):
            self.write(f"        {event.task} {event.image}: {event.stage}")

    def result(self, plan: TaskPlan, image: ImagePlan, result: ImageResult) -> None:
        """Say what became of an image."""
        self.count += 1
        for text in self.describe(plan, image, result):
            self.write(text)

    def describe(self, plan: TaskPlan, image: ImagePlan, result: ImageResult) -> Iterator[str]:
        """Yield what there is to say of an image."""
        name = f"[{self.count}/{self.total}] {plan.name} {image.id}"
        if result.ok and self.verbosity >= 0:
            objects = f", {result.n_objects} objects" if result.n_objects >= 0 else ""
            first = f", from {result.computed[0]}" if result.computed and self.verbosity >= 1 else ""
            told = "".join(f", {text}" for text in described(result.summary))
            yield f"{name}: done in {duration(result.total)}{objects}{told}{first}"
        elif not result.ok:
            where = f"{result.stage}: " if result.stage else ""
            yield f"{name}: FAILED: {where}{result.message}"
            if self.debug and result.traceback:
                yield result.traceback.rstrip()
        if result.ok and self.verbosity >= 0:
            yield from (f"    warning: {text}" for text in result.warnings)
        yield from (f"    damaged: {text}" for text in result.damaged)

    def message(self, text: str) -> None:
        """Say something else."""
        self.write(text)

    def finish(self, summary: RunSummary) -> None:
        """Say how it went."""
        if self.verbosity >= 0 or summary.failed or summary.interrupted:
            self.write(outcome(summary))
        if summary.raised and not self.debug:
            self.write("to see the traceback of what failed in a stage, add --debug to the command below")


class JsonLines(Lines):
    """Everything as JSON lines."""

    def write(self, text: str) -> None:
        """Write a message."""
        self.record({"event": "message", "text": text})

    def record(self, record: dict[str, Any]) -> None:
        """Write a line."""
        print(json.dumps(record), file=self.out, flush=True)

    def start(self, total: int, plans: Sequence[TaskPlan], seconds: float | None) -> None:
        """Tell how much there is to do."""
        self.record({"event": "start", "images": total, "seconds": seconds})

    def event(self, event: Event, note: ProgressMessage | None = None) -> None:
        """Tell what the stages do."""
        if note is not None:
            self.record(
                {"event": note.event, "task": event.task, "image": event.image, "stage": note.stage, "pid": note.pid}
            )

    def result(self, plan: TaskPlan, image: ImagePlan, result: ImageResult) -> None:
        """Tell what became of an image."""
        record = dataclasses.asdict(result) | {"event": "image", "task": plan.name, "image": image.id}
        record["outputs"] = {name: output.path for name, output in result.outputs.items()}
        self.record({name: value for name, value in record.items() if name not in ("number", "traceback")})

    def finish(self, summary: RunSummary) -> None:
        """Tell how it went."""
        self.record({"event": "finish", **dataclasses.asdict(summary), "exit_code": summary.exit_code})


class Live(Lines):
    """A display that renews itself, for terminals: progress, what each worker does, failures, time left."""

    def __init__(self, verbosity: int = 0, *, debug: bool = False) -> None:
        super().__init__(verbosity, debug=debug)
        from rich.console import Console
        from rich.live import Live as RichLive
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self.console = Console(highlight=False)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=self.console,
        )
        self.workers: dict[tuple[str, int], tuple[str, float]] = {}
        self.tasks: dict[str, int] = {}
        self.failures = 0
        self.left = _TimeLeft()
        self.live = RichLive(self, console=self.console, refresh_per_second=4, transient=True)

    def write(self, text: str) -> None:
        """Write a line above the display."""
        self.console.print(text, markup=False, soft_wrap=True)

    def start(self, total: int, plans: Sequence[TaskPlan], seconds: float | None) -> None:
        """Begin."""
        super().start(total, plans, seconds)
        self.tasks = {plan.name: count for plan in plans if (count := plan.count("run") + plan.count("fail"))}
        self.left.begin(total, seconds)
        self.bar = self.progress.add_task("images", total=total, left="")
        self.live.start()

    def event(self, event: Event, note: ProgressMessage | None = None) -> None:
        """Keep in mind what a worker does."""
        if note is not None and note.event in ("stage", "export"):
            stage = note.stage or "writing"
            self.workers[note.host, note.pid] = (f"{event.task} {event.image}: {stage}", note.time)

    def result(self, plan: TaskPlan, image: ImagePlan, result: ImageResult) -> None:
        """Show that an image is done; say so in a line only if something is wrong, or on request."""
        self.count += 1
        self.failures += not result.ok
        self.tasks[plan.name] -= 1
        name = f"{plan.name} {image.id}:"
        self.workers = {worker: what for worker, what in self.workers.items() if not what[0].startswith(name)}
        if not result.ok or result.warnings or result.damaged or self.verbosity >= 1:
            for text in self.describe(plan, image, result):
                self.write(text)
        left = self.left.after(self.count, image.seconds)
        self.progress.update(self.bar, completed=self.count, left="" if left is None else f"{duration(left)} left")

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        yield self.progress
        open_tasks = sum(count > 0 for count in self.tasks.values())
        yield f"tasks: {len(self.tasks) - open_tasks} of {len(self.tasks)} done; failures: {self.failures}"
        now = time.time()
        for (_, pid), (what, since) in sorted(self.workers.items())[: max(1, console.height - 6)]:
            yield f"  {pid}: {what} ({duration(max(0.0, now - since))})"

    def finish(self, summary: RunSummary) -> None:
        """End."""
        self.live.stop()
        super().finish(summary)


class _TimeLeft:
    """Estimates the time left, from the plan's estimate or from the images that are done."""

    def begin(self, total: int, seconds: float | None) -> None:
        """Begin with so many images, and the plan's estimate."""
        self.total = total
        self.planned = seconds
        self.started = time.monotonic()

    def after(self, count: int, seconds: float | None) -> float | None:
        """Return the seconds left after so many images."""
        elapsed = time.monotonic() - self.started
        if count >= self.total:
            return 0.0
        if self.planned and count < 5:
            return max(0.0, self.planned - elapsed)
        return elapsed / count * (self.total - count)


class StatusFile:
    """Passes everything on to another listener, and keeps a status file up to date.

    Parameters
    ----------
    inner : Lines
        The other listener.
    path : Path
        The file.
    """

    def __init__(self, inner: Lines, path: Path) -> None:
        self.inner = inner
        self.path = path
        self.status: dict[str, Any] = {"state": "running", "pid": os.getpid(), "done": 0, "failed": 0, "failures": []}
        self.workers: dict[str, str] = {}
        self.written = 0.0

    def write(self, *, force: bool = False) -> None:
        """Write the file, not too often."""
        now = time.monotonic()
        if force or now - self.written > REPORT_INTERVAL:
            self.written = now
            try:
                self.save()
            except OSError as exc:
                self.inner.message(f"{self.path}: cannot be written ({exc.strerror})")
                self.written = float("inf")

    def save(self) -> None:
        """Write the file."""
        data = {**self.status, "workers": self.workers, "updated": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
        write_atomic(self.path, (json.dumps(data, indent=2) + "\n").encode())

    def start(self, total: int, plans: Sequence[TaskPlan], seconds: float | None) -> None:
        """Begin."""
        self.status |= {"total": total, "estimate": seconds, "tasks": [plan.name for plan in plans]}
        self.write(force=True)
        self.inner.start(total, plans, seconds)

    def check(self) -> None:
        """Write the file for the first time.

        Raises
        ------
        TaskError
            It cannot be written.
        """
        self.status["state"] = "starting"
        try:
            self.save()
        except OSError as exc:
            raise TaskError(
                f"--report: {self.path} cannot be written ({exc.strerror}); give a file in a directory that is yours"
            ) from exc
        self.status["state"] = "running"

    def idle(self, plans: Sequence[TaskPlan], exit_code: int) -> None:
        """Say that there is nothing to do."""
        names = [plan.name for plan in plans]
        self.status |= {"state": "finished", "total": 0, "tasks": names, "seconds": 0.0, "exit_code": exit_code}
        self.write(force=True)

    def fail(self, message: str) -> None:
        """Say that nothing could start."""
        self.status |= {"state": "failed", "message": message, "exit_code": 2}
        self.write(force=True)

    def event(self, event: Event, note: ProgressMessage | None = None) -> None:
        """Keep in mind what a worker does."""
        if note is not None:
            self.workers[f"{note.host}-{note.pid}"] = f"{event.task} {event.image}: {note.stage or note.event}"
            self.write()
        self.inner.event(event, note)

    def result(self, plan: TaskPlan, image: ImagePlan, result: ImageResult) -> None:
        """Count an image."""
        self.status["done" if result.ok else "failed"] += 1
        if not result.ok:
            failure = {"task": plan.name, "image": image.id, "stage": result.stage, "message": result.message}
            self.status["failures"].append(failure)
        self.write()
        self.inner.result(plan, image, result)

    def message(self, text: str) -> None:
        """Pass on what there is to say."""
        self.inner.message(text)

    def finish(self, summary: RunSummary) -> None:
        """End."""
        self.workers = {}
        self.status |= {
            "state": "interrupted" if summary.interrupted else "finished",
            "seconds": summary.seconds,
            "exit_code": summary.exit_code,
        }
        self.written = min(self.written, 0.0)
        self.write(force=True)
        self.inner.finish(summary)
