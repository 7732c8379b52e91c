"""A display that renews itself, for terminals."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from superdsm.batch.execution.job import ImageResult
from superdsm.batch.execution.listener import RunSummary
from superdsm.batch.execution.progress import ProgressEvent, ProgressMessage
from superdsm.batch.planning.records import Action, ImagePlan, TaskPlan
from superdsm.cli.batch.lines import Lines
from superdsm.cli.batch.units import duration
from superdsm.records import Event

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult


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
        self.tasks = {plan.name: count for plan in plans if (count := plan.count(Action.RUN) + plan.count(Action.FAIL))}
        self.left.start(total, seconds)
        self.bar = self.progress.add_task("images", total=total, left="")
        self.live.start()

    def event(self, event: Event, progress: ProgressMessage | None = None) -> None:
        """Keep in mind what a worker does."""
        if progress is not None and progress.event in (ProgressEvent.STAGE, ProgressEvent.EXPORT):
            what = f"{event.task} {event.image}: {progress.stage or 'writing'}"
            self.workers[progress.host, progress.pid] = (what, progress.time)

    def result(self, plan: TaskPlan, image: ImagePlan, result: ImageResult) -> None:
        """Show that an image is done; say so in a line only if something is wrong, or on request."""
        self.count += 1
        self.failures += not result.ok
        self.tasks[plan.name] -= 1
        name = f"{plan.name} {image.id}:"
        self.workers = {worker: what for worker, what in self.workers.items() if not what[0].startswith(name)}
        if not result.ok or result.warnings or result.damaged or self.verbosity >= 1:
            for text in self.outcome(plan, image, result):
                self.write(text)
        left = self.left.after(self.count)
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

    def start(self, total: int, seconds: float | None) -> None:
        """Begin with `total` images, and the plan's estimate."""
        self.total = total
        self.planned = seconds
        self.started = time.monotonic()

    def after(self, count: int) -> float | None:
        """Return the seconds left after `count` images."""
        elapsed = time.monotonic() - self.started
        if count >= self.total:
            return 0.0
        if self.planned and count < 5:
            return max(0.0, self.planned - elapsed)
        return elapsed / count * (self.total - count)
