"""The tables of a task, and of a root, that have a row for each object: gathered from those of the images."""

from functools import partial
from pathlib import Path

from superdsm.batch.planning.records import TaskPlan
from superdsm.batch.results.gather import Gathered, Part
from superdsm.batch.results.made_of import MadeOf
from superdsm.batch.storage.journal import DONE, JournalEntry
from superdsm.batch.storage.layout import tables_file
from superdsm.batch.tasks import fields
from superdsm.batch.tasks.prepare import PreparedTask
from superdsm.batch.tasks.table_requests import TableRequest
from superdsm.io.columns import IMAGE, cytominer_name
from superdsm.jsonable import digest

VERSION = "1"  # changes when the same parts yield another table


def write(plan: TaskPlan) -> dict[str, str]:
    """Write the tables of a task that are not current; return the digests of all by the names of the files.

    Raises
    ------
    OSError
        A part cannot be read, or a table cannot be written.
    """
    prepared = plan.prepared
    known = MadeOf(tables_file(prepared.task.root, prepared.task.name))
    for request in prepared.tables:
        table = prepared.task.directory / request.file
        known.update(table, partial(_source, plan, request), _quick(plan, request), partial(_gather, plan, request))
    return {request.file: known.digest(prepared.task.directory / request.file) for request in prepared.tables}


def outdated(plan: TaskPlan) -> bool:
    """Return whether a table of a task is missing, was changed, or is not made of what there is now."""
    prepared = plan.prepared
    if not prepared.tables:
        return False
    known = MadeOf(tables_file(prepared.task.root, prepared.task.name))
    return not all(
        known.is_current(prepared.task.directory / request.file, partial(_source, plan, request), _quick(plan, request))
        for request in prepared.tables
    )


def _entries(plan: TaskPlan, request: TableRequest) -> list[JournalEntry]:
    """Return the entries of the images that have a part, in the order of the file ids."""
    found = (plan.journal.get(file_id) for file_id in plan.prepared.file_ids)
    return [entry for entry in found if entry is not None and entry.status == DONE and request.export in entry.outputs]


def _source(plan: TaskPlan, request: TableRequest) -> str:
    """Return the digest of all that a table is made of."""
    prepared, entries = plan.prepared, _entries(plan, request)
    parts = [[entry.id, _image_cells(prepared, entry), entry.outputs[request.export].digest] for entry in entries]
    naming = prepared.task.value(fields.COLUMN_NAMES)
    return digest([VERSION, request.file, naming, _channel(prepared), prepared.image_columns.names, parts])


def _quick(plan: TaskPlan, request: TableRequest) -> str:
    """Return the digest of all that this follows from, the journal by its size and time only."""
    task, ids = plan.prepared.task, list(plan.prepared.file_ids)
    names = (fields.COLUMN_NAMES, fields.IMAGE_COLUMNS, fields.CHANNEL)
    values = [task.image_pattern, *map(task.value, names)]
    return digest([VERSION, request.file, values, ids, plan.journal.stamp()])


def _image_cells(prepared: PreparedTask, entry: JournalEntry) -> list[str]:
    return prepared.image_columns.values(prepared.image_path(entry.id)) or []


def _channel(prepared: PreparedTask) -> str | None:
    channel = prepared.task.selection.channel
    return channel if isinstance(channel, str) else None


def _gather(plan: TaskPlan, request: TableRequest, path: Path) -> None:
    prepared, entries = plan.prepared, _entries(plan, request)
    directory = prepared.task.directory
    parts = [
        Part(
            directory / entry.outputs[request.export].path,
            [str(entry.id), *_image_cells(prepared, entry)],
            drop=1,  # the name of the image
        )
        for entry in entries
    ]
    rename = partial(cytominer_name, channel=_channel(prepared))
    plain = prepared.task.value(fields.COLUMN_NAMES) == fields.COLUMN_NAMES.default
    Gathered(parts, [IMAGE, *prepared.image_columns.names], str if plain else rename, request.column_type).write(path)
