"""Everything as JSON lines, for programs."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from superdsm.batch.execution.job import ImageResult
from superdsm.batch.execution.listener import RunSummary
from superdsm.batch.execution.progress import ProgressMessage
from superdsm.batch.planning.records import ImagePlan, TaskPlan
from superdsm.cli.batch import describe
from superdsm.cli.batch.lines import Lines
from superdsm.records import Event


class JsonLines(Lines):
    """Everything as JSON lines."""

    def write(self, text: str) -> None:
        """Write a message."""
        self.record({"event": "message", "text": text})

    def warning(self, text: str, *, minor: bool = False) -> None:
        """Write a warning as a message."""
        if not minor or self.verbosity > 0:
            self.write(text)

    def plan_made(self, plans: Sequence[TaskPlan]) -> None:
        """Tell what will be done."""
        for record in describe.json_records(plans):
            self.record(record)

    def show_plan(self, plans: Sequence[TaskPlan], seconds: float | None) -> None:
        """Tell what would be done."""
        self.plan_made(plans)

    def record(self, record: dict[str, Any]) -> None:
        """Write a line."""
        print(json.dumps(record), file=self.out, flush=True)

    def start(self, total: int, plans: Sequence[TaskPlan], seconds: float | None) -> None:
        """Tell how much there is to do."""
        self.record({"event": "start", "images": total, "seconds": seconds})

    def event(self, event: Event, progress: ProgressMessage | None = None) -> None:
        """Tell what the stages do."""
        if progress is not None:
            about = {"task": event.task, "image": event.image, "stage": progress.stage, "pid": progress.pid}
            self.record({"event": progress.event, **about})

    def result(self, plan: TaskPlan, image: ImagePlan, result: ImageResult) -> None:
        """Tell what became of an image."""
        record = dataclasses.asdict(result) | {"event": "image", "task": plan.name, "image": image.id}
        record["outputs"] = {name: output.path for name, output in result.outputs.items()}
        self.record({name: value for name, value in record.items() if name not in ("number", "traceback")})

    def finish(self, summary: RunSummary) -> None:
        """Tell how it went."""
        self.record({"event": "finish", **dataclasses.asdict(summary), "exit_code": summary.exit_code})

    def outputs_written(self, plans: Sequence[TaskPlan]) -> None:
        """Tell where the outputs are."""
        if not self.quiet:
            tasks = {name: directory for name, _, directory in describe.outputs(plans)}
            self.record({"event": "outputs", "tasks": tasks})

    def next_command(self, command: str, *, needed: bool) -> None:
        """Tell the command that continues."""
        self.record({"event": "next", "command": command})
