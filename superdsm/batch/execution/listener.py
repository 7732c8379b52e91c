"""How a run went, and who is told meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from superdsm.batch.execution.job import ImageResult
from superdsm.batch.planning.records import ImagePlan, TaskPlan
from superdsm.batch.storage.progress import ProgressMessage
from superdsm.records import Event, ExitCode


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
    unwritten : int
        Tasks whose tables could not be written.
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
    unwritten: int = 0
    seconds: float = 0.0
    failures: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def exit_code(self) -> ExitCode:
        """What the command line ends with."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if self.locked and not (self.done or self.failed or self.complete or self.skipped):
            return ExitCode.ERROR
        lacking = self.failed or self.skipped or self.locked or self.unwritten
        everything = not lacking and self.done == self.total
        return ExitCode.OK if everything else ExitCode.PARTIAL


class Listener:
    """Is told what happens, in the process and the thread that plans and runs. Here nothing comes of it.

    A subclass overrides what it is interested in.
    """

    def warning(self, text: str, *, minor: bool = False) -> None:
        """Something is to be looked at, but hinders nothing; `minor`: who wants no details need not know."""

    def hashing(self, count: int) -> None:
        """`count` images that are new or have changed are about to be read, which may take a while."""

    def plan_made(self, plans: Sequence[TaskPlan]) -> None:
        """It is known what will be done; `plans` has one for each task."""

    def start(self, total: int, plans: Sequence[TaskPlan], seconds: float | None) -> None:
        """`total` images are going to be processed; `seconds` is how long that will take (None: not known)."""

    def event(self, event: Event, progress: ProgressMessage | None = None) -> None:
        """Something happened; `progress` is what a worker told, if one did."""

    def result(self, plan: TaskPlan, image: ImagePlan, result: ImageResult) -> None:
        """An image is done, or failed."""

    def message(self, text: str) -> None:
        """There is something to say that is not about one image."""

    def finish(self, summary: RunSummary) -> None:
        """It has ended."""

    def failed(self, message: str) -> None:
        """Nothing could start."""

    def outputs_written(self, plans: Sequence[TaskPlan]) -> None:
        """Images are done, and their outputs are where `plans` say."""
