"""How long something will take, from what it took before."""

from collections.abc import Iterator, Sequence

from superdsm.batch.planning.records import ImagePlan
from superdsm.batch.storage.journal import EXPORT, Journal, JournalEntry, Journals
from superdsm.batch.tasks.prepare import PreparedTask
from superdsm.batch.tasks.tree import Task

SAMPLE = 2000  # entries per task that are looked at


class Estimator:
    """Estimates seconds from the journals of a task, of those it is derived from, and of any other.

    Parameters
    ----------
    journals : Journals
        The journals by the name of the task.
    tasks : sequence of Task
        All tasks of the root.
    """

    def __init__(self, journals: Journals, tasks: Sequence[Task]) -> None:
        self.journals = journals
        self.tasks = tasks
        self._means: dict[str, dict[str, float]] = {}
        self._everywhere: dict[str, float] | None = None

    def seconds(self, prepared: PreparedTask, image: ImagePlan) -> float | None:
        """Return how long an image will take; None if nothing is known of one of its stages."""
        wanted = [*image.compute, EXPORT] if image.exports else image.compute
        entries = list(self._earlier(prepared.task, image))
        total = 0.0
        for stage in wanted:
            seconds = next((entry.seconds[stage] for entry in entries if stage in entry.seconds), None)
            if seconds is None:
                seconds = self._mean(prepared.task, stage)
            if seconds is None and stage != EXPORT:
                return None
            total += seconds or 0.0
        return total

    def _earlier(self, task: Task | None, image: ImagePlan) -> Iterator[JournalEntry]:
        """Yield entries of the same image, the nearest first."""
        while task is not None:
            entry = self.journals[task.name].get(image.id)
            if entry is not None and entry.image == image.image:
                yield entry
            task = task.parent

    def _mean(self, task: Task, stage: str) -> float | None:
        if task.name not in self._means:
            self._means[task.name] = means(self.journals[task.name])
        if stage in self._means[task.name]:
            return self._means[task.name][stage]
        if self._everywhere is None:
            self._everywhere = {}
            for other in self.tasks:
                self._everywhere = means(self.journals[other.name]) | self._everywhere
        return self._everywhere.get(stage)


def means(journal: Journal) -> dict[str, float]:
    """Return the mean seconds per stage in a journal."""
    sums: dict[str, tuple[float, int]] = {}
    for entry, _ in zip(journal.entries(), range(SAMPLE), strict=False):
        for stage, seconds in entry.seconds.items():
            total, count = sums.get(stage, (0.0, 0))
            sums[stage] = (total + seconds, count + 1)
    return {stage: total / count for stage, (total, count) in sums.items()}
