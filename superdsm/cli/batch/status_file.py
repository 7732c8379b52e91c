"""The status file (``--report``): how far a run is, for monitoring."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from superdsm.batch.execution.job import ImageResult
from superdsm.batch.execution.listener import RunSummary
from superdsm.batch.execution.progress import ProgressMessage
from superdsm.batch.planning.records import ImagePlan, TaskPlan
from superdsm.batch.storage.atomic import write_atomic
from superdsm.cli.batch.display import Display
from superdsm.errors import TaskError
from superdsm.records import Event, ExitCode

REPORT_INTERVAL = 1.0  # seconds between two versions of the file


class StatusFile(Display):
    """Passes everything on to another listener, and keeps a status file up to date.

    Parameters
    ----------
    inner : Display
        The other listener.
    path : Path
        The file.
    """

    def __init__(self, inner: Display, path: Path) -> None:
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

    def prepare(self) -> None:
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
        self.inner.prepare()

    def nothing_to_do(self, plans: Sequence[TaskPlan], exit_code: int) -> None:
        """Say that there is nothing to do."""
        names = [plan.name for plan in plans]
        self.status |= {"state": "finished", "total": 0, "tasks": names, "seconds": 0.0, "exit_code": exit_code}
        self.write(force=True)
        self.inner.nothing_to_do(plans, exit_code)

    def failed(self, message: str) -> None:
        """Say that nothing could start."""
        self.status |= {"state": "failed", "message": message, "exit_code": ExitCode.ERROR}
        self.write(force=True)
        self.inner.failed(message)

    def event(self, event: Event, progress: ProgressMessage | None = None) -> None:
        """Keep in mind what a worker does."""
        if progress is not None:
            what = f"{event.task} {event.image}: {progress.stage or progress.event}"
            self.workers[f"{progress.host}-{progress.pid}"] = what
            self.write()
        self.inner.event(event, progress)

    def result(self, plan: TaskPlan, image: ImagePlan, result: ImageResult) -> None:
        """Count an image."""
        self.status["done" if result.ok else "failed"] += 1
        if not result.ok:
            failure = {"task": plan.name, "image": image.id, "stage": result.stage, "message": result.message}
            self.status["failures"].append(failure)
        self.write()
        self.inner.result(plan, image, result)

    def message(self, text: str) -> None:
        """Pass a message on."""
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

    def warning(self, text: str, *, minor: bool = False) -> None:
        """Pass a warning on."""
        self.inner.warning(text, minor=minor)

    def hashing(self, count: int) -> None:
        """Pass on that images are being read."""
        self.inner.hashing(count)

    def plan_made(self, plans: Sequence[TaskPlan]) -> None:
        """Pass a plan on."""
        self.inner.plan_made(plans)

    def show_plan(self, plans: Sequence[TaskPlan], seconds: float | None) -> None:
        """Pass a plan on that is not carried out."""
        self.inner.show_plan(plans, seconds)

    def outputs_written(self, plans: Sequence[TaskPlan]) -> None:
        """Pass on where the outputs are."""
        self.inner.outputs_written(plans)

    def next_command(self, command: str, *, needed: bool) -> None:
        """Pass the command on that continues."""
        self.inner.next_command(command, needed=needed)
