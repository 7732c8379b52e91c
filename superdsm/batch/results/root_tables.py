"""The tables of all tasks of a root, one after the other: ``all_summary.csv``, ``all_objects.csv``, ..."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from superdsm.batch.results.gather import Gathered, Part, concatenate_parquet
from superdsm.batch.results.made_of import MadeOf
from superdsm.batch.storage.digests import file_digest
from superdsm.batch.storage.layout import tables_file
from superdsm.batch.tasks import fields
from superdsm.batch.tasks.table_requests import OF_ALL_TASKS
from superdsm.batch.tasks.tree import Task, TaskTree
from superdsm.io.columns import column_type, cytominer_name
from superdsm.jsonable import digest

SUMMARY = "summary.csv"
TASK = "task"
VERSION = "1"  # changes when the same tables yield another one


def write(tree: TaskTree) -> None:
    """Write the tables of a root that are not current: if it has tasks below, what they have written.

    Raises
    ------
    OSError
        A table cannot be read or written.
    """
    tasks = [task for task in tree.tasks if task.runnable]
    if all(task.directory == tree.root for task in tasks):
        return  # its tables are those of the root
    known = MadeOf(tables_file(tree.root))
    wanted = {task.name: [SUMMARY, *task.value(fields.TABLES)] for task in tasks}
    for file in dict.fromkeys(file for files in wanted.values() for file in files):
        having = [task for task in tasks if file in wanted[task.name] and (task.directory / file).is_file()]
        if having:
            table, paths = tree.root / f"{OF_ALL_TASKS}{file}", [task.directory / file for task in having]
            stamps = [(task.name, *_stamp(path)) for task, path in zip(having, paths, strict=True)]
            known.update(
                table, partial(_source, having, paths), digest([VERSION, stamps]), partial(_write, having, file)
            )


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _source(tasks: Sequence[Task], paths: Sequence[Path]) -> str:
    """Return the digest of all that a table is made of."""
    return digest([VERSION, [[task.name, file_digest(path)] for task, path in zip(tasks, paths, strict=True)]])


def _write(tasks: Sequence[Task], file: str, path: Path) -> None:
    naming = {task.value(fields.COLUMN_NAMES) for task in tasks} if file != SUMMARY else set()
    first = cytominer_name(TASK) if naming == {"cytominer"} else TASK
    if path.suffix == ".parquet":
        concatenate_parquet([(task.name, task.directory / file) for task in tasks], first, path)
    else:
        Gathered([Part(task.directory / file, [task.name]) for task in tasks], [first], str, column_type).write(path)
