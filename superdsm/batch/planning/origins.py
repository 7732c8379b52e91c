"""Which task has the results that another one picks up."""

from collections.abc import Iterator, Sequence

from superdsm.batch.storage.journal import Journals
from superdsm.batch.tasks.tree import Task


class Origins:
    """Finds tasks by the recipes of their results.

    Parameters
    ----------
    journals : Journals
        The journals by the name of the task.
    tasks : sequence of Task
        All tasks of the root.
    """

    def __init__(self, journals: Journals, tasks: Sequence[Task]) -> None:
        self._journals = journals
        self._tasks = tasks
        self._promised: dict[str, str] = {}

    def promise(self, digest: str, task: str) -> None:
        """Keep in mind that a task will have results of a recipe."""
        self._promised.setdefault(digest, task)

    def find(self, digest: str, task: Task) -> str:
        """Return the name of the task nearest to `task` that has, or will have, results of a recipe; "": none."""
        for name in self._nearest_first(task):
            if any(digest == known for recipe in self._journals[name].provenances() for _, _, known in recipe):
                return name
        return self._promised.get(digest, "")

    def _nearest_first(self, task: Task) -> Iterator[str]:
        """Yield the name of the task, of those it is derived from, and of all others."""
        names = [task.name]
        while task.parent is not None:
            task = task.parent
            names.append(task.name)
        yield from names
        yield from (other.name for other in self._tasks if other.name not in names)
