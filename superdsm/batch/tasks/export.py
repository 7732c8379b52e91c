"""A task of which only one kind of file is wanted, somewhere else than its own outputs."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from superdsm.batch.components import Components
from superdsm.batch.tasks.conflicts import find_conflicts
from superdsm.batch.tasks.file_ids import FileId
from superdsm.batch.tasks.keys import MissingInputError, make_export
from superdsm.batch.tasks.prepare import PreparedTask
from superdsm.errors import ConfigError, TaskError, suggest
from superdsm.lengths import pixel_size
from superdsm.records import Exporter


def for_export(
    prepared: PreparedTask,
    components: Components,
    name: str,
    directory: Path,
    file_ids: Collection[FileId],
    options: Mapping[str, Any],
    suffix: str = "",
) -> PreparedTask:
    """Return a task as it is, but with the files of one exporter as its only outputs.

    Parameters
    ----------
    prepared : PreparedTask
        The task.
    components : Components
        The exporters.
    name : str
        The exporter.
    directory : Path
        Where its files go; each is named by the file id.
    file_ids : collection
        Only these images; empty: all.
    options : mapping
        Options of the exporter; they win over those of the task.
    suffix : str, optional
        Of the files; by default the first one that the exporter can write.

    Raises
    ------
    TaskError
        There is no such exporter, image or option, a value is illegal, or the pipeline does not provide what it needs.
    """
    exporter = _exporter(components, name)
    values = {**prepared.task.output_options(exporter), **options}
    known = [spec.name for spec in exporter.options]
    for option in options:
        if option not in known:
            raise TaskError(
                f"{option}: is no option of {name}{suggest(option, known)}; it has {', '.join(known) or 'none'}"
            )
    suffix = suffix or (exporter.suffixes[0] if exporter.suffixes else ".txt")
    pattern = f"{str(directory.absolute()).replace('%', '%%')}/%s{suffix}"
    try:
        values = exporter.option_values(values)
        recipe = make_export(
            exporter,
            components.provider("exporters", name),
            pattern,
            values,
            prepared.recipe,
            pixel_size=pixel_size(prepared.task.config),
        )
    except (MissingInputError, ConfigError) as exc:
        raise TaskError(f"task {prepared.task.name}: {name} cannot be written: {exc}") from exc
    chosen = replace(prepared, exports={name: recipe}, exporters={name: exporter}, file_ids=_chosen(prepared, file_ids))
    if problems := find_conflicts([chosen]):
        raise TaskError("\n".join(map(str, problems)))
    return chosen


def _exporter(components: Components, name: str) -> Exporter:
    if name not in components.exporters:
        known = sorted(components.exporters)
        raise TaskError(f"there is no exporter {name!r}{suggest(name, known)}; known: {', '.join(known)}")
    return components.exporters[name]


def _chosen(prepared: PreparedTask, file_ids: Collection[FileId]) -> tuple[FileId, ...]:
    by_name = {str(file_id): file_id for file_id in prepared.file_ids}
    absent = [str(file_id) for file_id in file_ids if str(file_id) not in by_name]
    if absent:
        raise TaskError(
            f"task {prepared.task.name}: there is no image {absent[0]!r}{suggest(absent[0], list(by_name))}; "
            f"it has {len(by_name)} images"
        )
    wanted = set(map(str, file_ids)) or set(by_name)
    return tuple(file_id for name, file_id in by_name.items() if name in wanted)
