"""Output files that two tasks, two outputs or two file ids would write: an error before anything starts."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from superdsm.batch.tasks import fields
from superdsm.batch.tasks.file_ids import FileId, conversions
from superdsm.batch.tasks.prepare import PreparedTask
from superdsm.errors import TaskError
from superdsm.places import Places

SHOWN = 5  # errors that are told at once


@dataclass(slots=True)
class Writer:
    """An output of a task.

    Attributes
    ----------
    prepared : PreparedTask
        The task.
    export : str
        Name of the exporter.
    pattern : str
        Where it writes.
    count : int
        How often the file id stands in the pattern.
    directories : set of str
        The directories it writes to, as `Places.name` returns them.
    spread : bool
        Whether they may differ from file id to file id.
    part : bool
        Whether the files are only written to be gathered, among the results that are kept.
    """

    prepared: PreparedTask
    export: str
    pattern: str
    count: int
    directories: set[str] = field(default_factory=set)
    spread: bool = False
    part: bool = False

    def path(self, file_id: FileId) -> str:
        """Return the file for a file id."""
        return self.pattern % ((file_id,) * self.count)  # checked by the preparation; much faster than `expand`


def find_conflicts(prepared_tasks: Sequence[PreparedTask]) -> list[TaskError]:
    """Return an error for each output whose files another output writes as well, or that has one for two file ids.

    Directories are compared first, so that files are looked at only where two outputs meet in a directory.

    Parameters
    ----------
    prepared_tasks : sequence of PreparedTask
        The tasks that are to be processed together.
    """
    places: Places[None] = Places()
    writers = [writer for prepared in prepared_tasks for writer in writers_of(prepared, places)]
    meeting: dict[str, int] = {}
    for writer in writers:
        for directory in writer.directories:
            meeting[directory] = meeting.get(directory, 0) + 1
    owners: dict[tuple[str, str], tuple[Writer, FileId]] = {}
    errors: list[TaskError] = []
    for writer in writers:
        crowded = {directory for directory in writer.directories if meeting[directory] > 1}
        if crowded or writer.spread:
            errors += _claim(writer, crowded, owners, places)
    return shortened(errors)


def shortened(errors: list[TaskError]) -> list[TaskError]:
    """Return the first of many errors, and how many there are besides."""
    if len(errors) <= SHOWN:
        return errors
    return [*errors[:SHOWN], TaskError(f"and {len(errors) - SHOWN} more outputs that would be overwritten")]


def writers_of(prepared: PreparedTask, places: Places[Any]) -> Iterator[Writer]:
    """Yield the outputs of a task; `places` tells which directories are the same."""
    nested = any(isinstance(file_id, str) and ("/" in file_id or os.sep in file_id) for file_id in prepared.file_ids)
    file_ids = prepared.file_ids
    for export in prepared.exports.values() if file_ids else ():
        writer = Writer(prepared, export.name, export.pattern, len(conversions(export.pattern)), part=export.part)
        folder = os.path.dirname(export.pattern)  # noqa: PTH120 - a pattern is no path
        writer.spread = bool(conversions(folder)) or (nested and writer.count > 0)
        paths: Iterable[str] = map(writer.path, file_ids if writer.spread else file_ids[:1])
        writer.directories = {places.name(path)[0] for path in paths}
        yield writer


def _claim(
    writer: Writer, crowded: set[str], owners: dict[tuple[str, str], tuple[Writer, FileId]], places: Places[None]
) -> Iterator[TaskError]:
    """Enter the files of an output; yield an error for the first one that is taken."""
    for file_id in writer.prepared.file_ids:
        file = places.name(writer.path(file_id))
        if file[0] not in crowded and not writer.spread:
            continue
        other, other_id = owners.setdefault(file, (writer, file_id))
        if other is not writer or other_id != file_id:
            yield _error(writer, file_id, other, other_id, f"{file[0]}{os.sep}{file[1]}")
            return


def _error(writer: Writer, file_id: FileId, other: Writer, other_id: FileId, path: str) -> TaskError:
    task, before = writer.prepared.task, other.prepared.task
    field_name = writer.export + fields.SUFFIX
    if other is writer:
        what = f"file ids {other_id!r} and {file_id!r} would both be written to {path}; remove one of them"
        return task.error(field_name, f"does not go with file_ids in task {task.name}: {what}")
    if task is before:
        what = f"as {other.export}{fields.SUFFIX} would; change one"
        return task.error(field_name, f"would write {path} in task {task.name}, {what}")
    what = f"which {other.export}{fields.SUFFIX} of task {before.name} ({before.file.path}) would write too"
    return task.error(
        field_name,
        f"of task {task.name} would write {path}, {what}; make the pattern relative or put {{DIRNAME}} into it",
    )
