"""Files that a run would write although they are read: an error before anything starts."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from superdsm.batch.tasks import fields
from superdsm.batch.tasks.conflicts import Writer, shortened, writers_of
from superdsm.batch.tasks.file_ids import FileId, PatternError, expand
from superdsm.batch.tasks.paths import SCRIPT
from superdsm.batch.tasks.prepare import PreparedTask
from superdsm.batch.tasks.table_requests import OF_ALL_TASKS
from superdsm.batch.tasks.tree import FILE, Task, TaskTree
from superdsm.errors import TaskError
from superdsm.places import Places

IMAGE_OF = "an image of task "
Written = Callable[[Writer, FileId, str], bool]


@dataclass(slots=True)
class Files:
    """What a run reads, and where it writes.

    Attributes
    ----------
    tree : TaskTree
        All tasks.
    prepared : sequence of PreparedTask
        Those that are to be run.
    tables : sequence of str
        Names of the files that a run writes for each task besides its outputs.
    kept : str
        Name of the directory with results and journals.
    inputs : Places
        What is read: images, each ``task.json``, base configurations, scripts; with what they are.
    """

    tree: TaskTree
    prepared: Sequence[PreparedTask]
    tables: Sequence[str]
    kept: str
    inputs: Places[str] = field(default_factory=Places)

    def read(self, scripts: Sequence[str]) -> None:
        """Fill `inputs`; `scripts` are stages that are used in all tasks."""
        add = self.inputs.add
        for name, _ in self.tree.problems:
            add(str(self.tree.root / name / FILE), f"the {FILE} of task {name}")
        for path in _scripts(scripts):
            add(path, "a script of --use")
        for task in self.tree.tasks:
            for path, what in read_besides_images(task):
                add(path, f"{what} of task {task.name}")
        for prepared in self.prepared:
            for stage in prepared.pipeline:
                for path in stage.files(prepared.task.config):
                    add(os.path.abspath(path), f"a file of the stage {stage.id} of task {prepared.task.name}")  # noqa: PTH100
        known = {prepared.task.name: prepared.file_ids for prepared in self.prepared}
        for task in self.tree.tasks:
            if task.runnable:
                for path in _images(task, known.get(task.name)):
                    add(path, IMAGE_OF + task.name)

    def overwritten(self, written: Written) -> list[TaskError]:
        """Return an error for each output that would replace something that is read, and for each such table.

        Parameters
        ----------
        written : callable
            ``written(writer, file id, path)``: whether a file is what that output has written before.
        """
        errors = list(self._of_tables())
        tables = self._tables()
        directories = {directory for directory, _ in tables}
        for prepared in self.prepared:
            for writer in writers_of(prepared, self.inputs):
                if writer.part:
                    continue
                crowded = any(map(self._kept, writer.directories)) or not writer.directories.isdisjoint(directories)
                errors += self._of_writer(writer, tables if crowded else {}, written)
        return shortened(errors)

    def of_file(self, path: str) -> str:
        """Return what a file is that is about to be written besides all others; "" if it is none of them."""
        name = self.inputs.name(path)
        if what := self.inputs.find(path) or self._tables().get(name) or self._kept(name[0]):
            return what
        for prepared in self.prepared:
            for writer in writers_of(prepared, self.inputs):
                if name[0] in writer.directories:
                    for file_id in prepared.file_ids:
                        if self.inputs.name(writer.path(file_id)) == name:
                            return f"an output of task {prepared.task.name}"
        return ""

    def _tables(self) -> dict[tuple[str, str], str]:
        gathered = {table.file for prepared in self.prepared for table in prepared.tables}
        return {
            self.inputs.name(str(self.tree.root / (OF_ALL_TASKS + name))): "a table of all tasks"
            for name in [*self.tables, *gathered]
        } | {
            self.inputs.name(str(prepared.task.directory / name)): f"a table of task {prepared.task.name}"
            for prepared in self.prepared
            for name in self._of(prepared)
        }

    def _of(self, prepared: PreparedTask) -> list[str]:
        """Return the names of the tables of a task."""
        return [*self.tables, *(table.file for table in prepared.tables)]

    def _of_tables(self) -> Iterator[TaskError]:
        owners: dict[tuple[str, str], Task] = {}
        for prepared in self.prepared:
            task = prepared.task
            for name in self._of(prepared):
                path = str(task.directory / name)
                if what := self.inputs.find(path):
                    yield TaskError(f"{path}: is {what}, and a run writes a table of that name there; rename it")
            other = owners.setdefault(self.inputs.name(str(task.directory / FILE)), task)
            if other is not task:
                yield TaskError(f"{task.directory}: is the same as {other.directory}; remove the link")

    def _of_writer(self, writer: Writer, tables: dict[tuple[str, str], str], written: Written) -> Iterator[TaskError]:
        """Yield an error for the first file of an output that must not be written."""
        task = writer.prepared.task
        for file_id in writer.prepared.file_ids:
            path = writer.path(file_id)
            what = self.inputs.find(path)
            if self._is_of_another(what, task) and (not os.path.lexists(path) or written(writer, file_id, path)):
                what = None  # the other task works on what this one makes
            if what is None and tables:
                name = self.inputs.name(path)
                what = tables.get(name) or self._kept(name[0])
            if what:
                message = f"of task {task.name} would write {path}, which is {what}; choose another path"
                yield task.error(writer.export + fields.SUFFIX, message)
                return

    def _is_of_another(self, what: str | None, task: Task) -> bool:
        return what is not None and what.startswith(IMAGE_OF) and what != IMAGE_OF + task.name

    def _kept(self, directory: str) -> str:
        return f"in {self.kept}, where results are kept" if self.kept in Path(directory).parts else ""


def written_directories(prepared: PreparedTask) -> set[str]:
    """Return the directories in which a task writes."""
    places: Places[str] = Places()
    outputs = (writer.directories for writer in writers_of(prepared, places))
    return {str(prepared.task.directory)}.union(*outputs)


def read_besides_images(task: Task) -> Iterator[tuple[str, str]]:
    """Yield the files other than images that a task reads, and what they are."""
    yield str(task.file.path), f"the {FILE}"
    for source, _ in task.layers:
        yield str(source.path), fields.BASE_CONFIG.name
    for path in _scripts((*task.use, *task.without)):
        yield path, "a script"


def _scripts(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        if match := SCRIPT.fullmatch(name):
            yield match["path"]


def _images(task: Task, file_ids: Sequence[FileId] | None) -> Iterator[str]:
    """Yield the images of a task, as far as they can be told."""
    try:
        pattern = task.image_pattern
        for file_id in task.file_ids() if file_ids is None else file_ids:
            yield expand(pattern, file_id)
    except (TaskError, PatternError):
        return  # a task that is not to be run, and could not be
