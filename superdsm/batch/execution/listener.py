"""How a run went, and who is told meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from superdsm.batch.execution.job import ImageResult
from superdsm.batch.execution.progress import ProgressMessage
from superdsm.batch.planning.planner import ImagePlan, TaskPlan
from superdsm.records import Event


@dataclass(slots=True)
class RunSummary:
    """How it went.

    Attributes
    ----------
    total, done, failed : int
        Images that were to be processed, that were, and that failed.
    complete, skipped, locked : int
        Images that were complete before, that failed before, and that another process is working on.
    raised : int
        Of those that failed, the images on which a stage raised an error.
    interrupted : bool
        Whether it was stopped before the end.
    seconds : float
        How long it took.
    failures : list of (str, str, str)
        Task, image, and what happened.
    """

    total: int = 0
    done: int = 0
    failed: int = 0
    complete: int = 0
    skipped: int = 0
    locked: int = 0
    raised: int = 0
    interrupted: bool = False
    seconds: float = 0.0
    failures: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0: all is done; 1: some images failed; 2: nothing could start; 130: interrupted."""
        if self.interrupted:
            return 130
        if self.locked and not (self.done or self.failed or self.complete or self.skipped):
            return 2
        return 1 if self.failed or self.skipped or self.locked or self.done < self.total else 0


class Listener(Protocol):
    """Is told what happens, in the parent."""

    def start(self, total: int, plans: Sequence[TaskPlan], seconds: float | None) -> None:
        """It begins; `seconds` is how long it will take."""

    def event(self, event: Event, note: ProgressMessage | None = None) -> None:
        """Something happened; `note` is what a worker told."""

    def result(self, plan: TaskPlan, image: ImagePlan, result: ImageResult) -> None:
        """An image is done, or failed."""

    def message(self, text: str) -> None:
        """Something to say that is not about one image."""

    def finish(self, summary: RunSummary) -> None:
        """It has ended."""
