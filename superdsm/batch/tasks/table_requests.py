"""The tables that a task wants of all its images, and the columns that come from the paths of the images."""

import importlib.util
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from superdsm.batch.tasks import fields
from superdsm.batch.tasks.places import parts_directory
from superdsm.batch.tasks.tree import Task
from superdsm.errors import suggest
from superdsm.records import Exporter

OF_ALL_TASKS = "all_"  # begins the names of the tables of a root
PARQUET = ".parquet"
PART = ".csv"  # what the tables of single images are


@dataclass(frozen=True, slots=True)
class TableRequest:
    """A table that is gathered from the tables of the images.

    Attributes
    ----------
    file : str
        Its name, in the directory of the task.
    export : str
        Name of the exporter that writes the tables of the images.
    column_type : callable
        See `superdsm.records.Exporter`.
    """

    file: str
    export: str
    column_type: Callable[[str], str]

    @property
    def is_parquet(self) -> bool:
        """Whether it is written as Parquet."""
        return self.file.endswith(PARQUET)


def table_requests(task: Task, exporters: Mapping[str, Exporter]) -> tuple[TableRequest, ...]:
    """Return the tables that a task wants.

    Raises
    ------
    TaskError
        There is no such table, or it cannot be written here.
    """
    known = {name: exporter.column_type for name, exporter in exporters.items() if exporter.column_type}
    requests = []
    for file in dict.fromkeys(task.value(fields.TABLES)):
        name = Path(file).stem
        column_type = known.get(name)
        if column_type is None or Path(file).name != file:
            expected = ", ".join(f"{name}.csv" for name in known)
            raise task.error(fields.TABLES.name, f"has {file!r}{suggest(name, list(known))}; there are {expected}")
        requests.append(TableRequest(file, name, column_type))
        if requests[-1].is_parquet and importlib.util.find_spec("pyarrow") is None:
            raise task.error(
                fields.TABLES.name, f"has {file!r}, which needs pyarrow: pip install 'superdsm[tables]', or write .csv"
            )
    return tuple(requests)


def part_pattern(task: Task, export: str) -> str:
    """Return the pattern of the tables of single images that are only written to be gathered."""
    directory = str(parts_directory(task.root, task.name)).replace("%", "%%")
    return f"{directory}/{export}/%s{PART}"


class ImageColumns:
    """The columns that come from the paths of the images.

    Parameters
    ----------
    pattern : str, optional
        A regular expression with named groups; None: no columns.
    """

    def __init__(self, pattern: str | None) -> None:
        self.pattern = pattern
        self._regex = None if pattern is None else re.compile(pattern)
        self.names: tuple[str, ...] = () if self._regex is None else tuple(self._regex.groupindex)

    def values(self, path: str) -> list[str] | None:
        """Return the values for an image, "" for groups that take no part; None: the expression does not match."""
        if self._regex is None:
            return []
        found = self._regex.search(Path(path).as_posix())
        return None if found is None else [found[name] or "" for name in self.names]


def image_columns(task: Task, paths: Iterable[str]) -> ImageColumns:
    """Return the columns that come from the paths of the images of a task.

    Raises
    ------
    TaskError
        The expression does not match a path.
    """
    given: Any = task.value(fields.IMAGE_COLUMNS)
    columns = ImageColumns(given)
    for path in paths if given is not None else ():
        if columns.values(path) is None:
            raise task.error(fields.IMAGE_COLUMNS.name, f"does not match {path}; change it, or leave the image out")
    return columns
