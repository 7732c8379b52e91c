"""What is known of the images of a task: entries of the journal, outputs, fields in the store, and tables."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.batch.results import tables
from superdsm.batch.results.tables import Table
from superdsm.batch.storage.journal import Journal, JournalEntry
from superdsm.batch.storage.store import Store
from superdsm.batch.tasks.file_ids import FileId
from superdsm.batch.tasks.keys import IMAGE
from superdsm.batch.tasks.prepare import PreparedTask
from superdsm.errors import TaskError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What is known of an image that was processed.

    Attributes
    ----------
    entry : JournalEntry
        What became of it: status, number of objects, seconds per stage, warnings, and of failures the message.
    prepared : PreparedTask
        Its task.
    store : Store
        Where the results of its stages are.
    """

    entry: JournalEntry
    prepared: PreparedTask
    store: Store

    @property
    def outputs(self) -> dict[str, Path]:
        """The files that were written, by the name of the exporter."""
        directory = self.prepared.task.directory
        return {name: directory / output.path for name, output in self.entry.outputs.items()}

    def labels(self) -> "npt.NDArray[np.integer[Any]]":
        """Return the label image that was written (``seg_pathpattern``), shape (rows, columns); 0 is the background.

        Raises
        ------
        TaskError
            None was written.
        ImageError
            The file cannot be read.
        """
        from superdsm.io import read_image

        if "seg" not in self.outputs:
            raise TaskError(f"{self._where()}: there is no label image; set seg_pathpattern, and run the task")
        labels: npt.NDArray[np.integer[Any]] = read_image(self.outputs["seg"])
        return labels

    def field(self, name: str) -> Any:
        """Return a field from the store, for instance ``"postprocessed_objects"``.

        Parameters
        ----------
        name : str
            The field.

        Raises
        ------
        TaskError
            No stage provides it, or its result is not kept, or not for the hyperparameters that the task has now.
        DamagedError
            It is damaged.
        """
        recipe = self.prepared.recipe
        provider = recipe.stage_providing(name)
        if provider is None or provider == IMAGE:
            kept = [stage for stage in recipe.stages.values() if stage.stored]
            known = ", ".join(output for stage in kept for output in stage.outputs)
            raise TaskError(f"{self._where()}: no stage provides a field {name!r}; kept are {known}")
        stored = recipe.stages[provider].stored
        entry = self.store.entry(recipe.keys(self.entry.image, self.entry.corrections)[provider]) if stored else None
        if entry is None:
            raise TaskError(
                f"{self._where()}: the result of the stage {provider} is not in the store; "
                "run the task, or segment the image with superdsm.segment if the stage is one that is never kept"
            )
        return self.store.values(entry, [name])[name]

    def _where(self) -> str:
        return f"task {self.prepared.task.name}, image {self.entry.id}"


class TaskResults(Mapping[FileId, ImageRecord]):
    """The images of a task that were processed, by file id.

    Parameters
    ----------
    prepared : PreparedTask
        The task.
    journal : Journal
        Its journal.
    store : Store
        Where the results of the stages are.
    """

    def __init__(self, prepared: PreparedTask, journal: Journal, store: Store) -> None:
        self.prepared = prepared
        self._entries = {file_id: entry for file_id in prepared.file_ids if (entry := journal.get(file_id)) is not None}
        self._store = store

    def __getitem__(self, file_id: FileId) -> ImageRecord:
        return ImageRecord(self._entries[file_id], self.prepared, self._store)

    def __iter__(self) -> Iterator[FileId]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def timings(self) -> Table:
        """Return the seconds per image and stage, as in ``timings.csv``."""
        return tables.timings(self.prepared.recipe.stages, list(self._entries.values()))

    def summary(self) -> Table:
        """Return what is known of each image as a whole, as in ``summary.csv``: sizes, what was left out, warnings."""
        return tables.summary(list(self._entries.values()), self.prepared)

    def performance(self) -> Table:
        """Return the numbers of objects and the counts of the energy minimisation, as in ``performance.csv``."""
        return tables.performance(list(self._entries.values()))
