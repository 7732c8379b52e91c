"""How long something will take, from what it took before."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from superdsm.batch.storage.journal import Journal, JournalEntry

if TYPE_CHECKING:
    from superdsm.batch.planning.planner import ImagePlan, Planner, TaskPlan

EXPORT = "export"
SAMPLE = 2000  # records per task that are looked at


class Estimator:
    """Estimates seconds from the journals of a task, of those it is derived from, and of any other.

    Parameters
    ----------
    planner : Planner
        Has the journals.
    """

    def __init__(self, planner: "Planner") -> None:
        self.planner = planner
        self._means: dict[str, dict[str, float]] = {}
        self._everywhere: dict[str, float] | None = None

    def seconds(self, plan: "TaskPlan", image: "ImagePlan") -> float | None:
        """Return how long an image will take; None if nothing is known of one of its stages."""
        wanted = [plan.setup.recipe.stages[at].id for at in image.compute]
        if image.exports:
            wanted.append(EXPORT)
        records = list(self._earlier(plan, image))
        total = 0.0
        for stage in wanted:
            seconds = next((record.seconds[stage] for record in records if stage in record.seconds), None)
            if seconds is None:
                seconds = self._mean(plan, stage)
            if seconds is None and stage != EXPORT:
                return None
            total += seconds or 0.0
        return total

    def _earlier(self, plan: "TaskPlan", image: "ImagePlan") -> Iterator[JournalEntry]:
        """Yield records of the same image, the nearest first."""
        task = plan.setup.task
        while True:
            record = self.planner.state(task.name).get(image.id)
            if record is not None and record.image == image.image:
                yield record
            if task.parent is None:
                return
            task = task.parent

    def _mean(self, plan: "TaskPlan", stage: str) -> float | None:
        if plan.name not in self._means:
            self._means[plan.name] = means(plan.state)
        if stage in self._means[plan.name]:
            return self._means[plan.name][stage]
        if self._everywhere is None:
            self._everywhere = {}
            for task in self.planner.tree.tasks:
                self._everywhere = means(self.planner.state(task.name)) | self._everywhere
        return self._everywhere.get(stage)


def means(state: Journal) -> dict[str, float]:
    """Return the mean seconds per stage in a journal."""
    sums: dict[str, tuple[float, int]] = {}
    for record, _ in zip(state.records(), range(SAMPLE), strict=False):
        for stage, seconds in record.seconds.items():
            total, count = sums.get(stage, (0.0, 0))
            sums[stage] = (total + seconds, count + 1)
    return {stage: total / count for stage, (total, count) in sums.items()}
