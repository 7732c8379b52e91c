"""Plain lines: what the user sees where the output is no terminal."""

import sys
from collections.abc import Iterator, Sequence
from typing import IO

from superdsm.batch.execution.job import ImageResult
from superdsm.batch.execution.listener import RunSummary
from superdsm.batch.execution.progress import ProgressMessage
from superdsm.batch.planning.records import ImagePlan, TaskPlan
from superdsm.cli.batch import describe
from superdsm.cli.batch.display import Display
from superdsm.cli.batch.units import duration
from superdsm.records import Event, StageStarted

MANY = 200  # images that take a noticeable time to hash


class Lines(Display):
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

    @property
    def quiet(self) -> bool:
        """Whether nothing but failures is shown."""
        return self.verbosity < 0

    def write(self, text: str) -> None:
        """Write a line."""
        print(text, file=self.out, flush=True)

    def warning(self, text: str, *, minor: bool = False) -> None:
        """Write a warning to standard error."""
        if not minor or self.verbosity > 0:
            sys.stderr.write(f"superdsm: warning: {text}\n")

    def hashing(self, count: int) -> None:
        """Say why it takes a while, where somebody is watching."""
        if count >= MANY and not self.quiet and sys.stderr.isatty():
            sys.stderr.write(f"superdsm: reading {count} images that are new or have changed\n")

    def show_plan(self, plans: Sequence[TaskPlan], seconds: float | None) -> None:
        """Show what would be done for which images, and why."""
        if not self.quiet:
            for line in describe.plan_lines(plans, verbose=self.verbosity > 0):
                self.write(line)
            self.write(describe.totals(plans, seconds))

    def start(self, total: int, plans: Sequence[TaskPlan], seconds: float | None) -> None:
        """Say how much there is to do."""
        self.total = total

    def event(self, event: Event, progress: ProgressMessage | None = None) -> None:
        """Say which stage begins."""
        if self.verbosity >= 2 and isinstance(event, StageStarted):
            self.write(f"        {event.task} {event.image}: {event.stage}")

    def result(self, plan: TaskPlan, image: ImagePlan, result: ImageResult) -> None:
        """Say what became of an image."""
        self.count += 1
        for text in self.outcome(plan, image, result):
            self.write(text)

    def outcome(self, plan: TaskPlan, image: ImagePlan, result: ImageResult) -> Iterator[str]:
        """Yield the lines on what became of an image."""
        name = f"[{self.count}/{self.total}] {plan.name} {image.id}"
        if result.ok and self.verbosity >= 0:
            objects = f", {result.n_objects} objects" if result.n_objects >= 0 else ""
            first = f", from {result.computed[0]}" if result.computed and self.verbosity >= 1 else ""
            yield f"{name}: done in {duration(result.total)}{objects}{first}"
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
            self.write(describe.outcome(summary))
        if summary.raised and not self.debug:
            self.write("to see the traceback of what failed in a stage, add --debug to the command below")

    def outputs_written(self, plans: Sequence[TaskPlan]) -> None:
        """Say where the outputs are."""
        if not self.quiet and (found := describe.outputs(plans)):
            self.write(describe.outputs_line(found))

    def next_command(self, command: str, *, needed: bool) -> None:
        """Write the command that continues."""
        if needed or not self.quiet:
            self.write(command)
