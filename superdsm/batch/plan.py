"""A plan that can be carried out, as `superdsm.batch.api.Batch` makes it."""

import logging
from dataclasses import dataclass

from superdsm.batch.execution.interrupts import terminable
from superdsm.batch.execution.listener import Listener, RunSummary
from superdsm.batch.execution.runner import RunOptions, execute, has_work, seconds_in_all
from superdsm.batch.planning.planner import Planner
from superdsm.batch.planning.records import Action, TaskPlan
from superdsm.batch.tasks.overwriting import Files
from superdsm.errors import TaskError

LOG = logging.getLogger(__name__)


class Logger(Listener):
    """Logs what must not be overlooked, for those who do not listen themselves."""

    def warning(self, text: str, *, minor: bool = False) -> None:
        """Log a warning; a minor one as information."""
        LOG.log(logging.INFO if minor else logging.WARNING, "%s", text)

    def message(self, text: str) -> None:
        """Log what is not about one image."""
        LOG.warning("%s", text)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. Made by `Batch.plan`.

    Attributes
    ----------
    tasks : tuple of TaskPlan
        One for each task: the images, what is planned for each of them, and why.
    planner : Planner
        Has made the plan.
    files : Files
        What is read, and where is written.
    """

    tasks: tuple[TaskPlan, ...]
    planner: Planner
    files: Files

    def count(self, action: str) -> int:
        """Return for how many images of all tasks "run", "nothing", "skip" or "fail" is planned, see `Action`."""
        return sum(task.count(Action(action)) for task in self.tasks)

    def seconds(self, jobs: int | None = None) -> float | None:
        """Return how long that will take with `jobs` workers; None if nothing of the kind was timed yet."""
        return seconds_in_all(self.tasks, jobs)

    @property
    def has_work(self) -> bool:
        """Whether there is something to do."""
        return any(map(has_work, self.tasks))

    def run(
        self,
        *,
        jobs: int | None = None,
        executor: str = "loky",
        timeout: float | None = None,
        fail_fast: bool = False,
        listener: Listener | None = None,
    ) -> RunSummary:
        """Do what was planned.

        An interrupt (Ctrl-C, SIGTERM) ends it early; what is finished is kept, and the summary says that it was
        interrupted. Images that fail are told in the summary as well; they do not raise.

        Parameters
        ----------
        jobs : int, optional
            Number of workers; by default as the tasks say, or as many as there are cores.
        executor : str, optional
            What runs the workers: "loky" (processes), "serial" (here), or one of a plugin.
        timeout : float, optional
            Seconds that an image may take; its worker is then killed.
        fail_fast : bool, optional
            Stop at the first image that fails.
        listener : Listener, optional
            Is told what happens; by default what must not be overlooked is logged.

        Returns
        -------
        RunSummary

        Raises
        ------
        TaskError
            Nothing can start.
        """
        if timeout and executor == "serial":
            raise TaskError("timeout: needs worker processes; leave it out, or give another executor than 'serial'")
        listener = listener or Logger()
        listener.plan_made(self.tasks)
        options = RunOptions(jobs, executor, timeout, fail_fast)
        try:
            with terminable():
                summary = execute(self.planner, self.tasks, self.planner.components, options, listener)
        except TaskError as exc:
            listener.failed(str(exc))
            raise
        if summary.done:
            listener.outputs_written(self.tasks)
        return summary
