"""Many tables to one, a part at a time: as CSV, or as Parquet."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.io.tables import write_csv
from superdsm.writing import replacing

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 1 << 16  # of a row group of Parquet


@dataclass(frozen=True, slots=True)
class Part:
    """A table (CSV) whose rows go into a larger one.

    Attributes
    ----------
    path : Path
        The file.
    cells : sequence of str
        What stands before the cells of each row.
    drop : int
        So many cells at the beginning of each row are left out.
    """

    path: Path
    cells: Sequence[str]
    drop: int = 0

    def header(self) -> list[str]:
        """Return the names of the columns, without those that are left out."""
        with self.path.open(encoding="utf-8", newline="") as file:
            return next(csv.reader(file))[self.drop :]


def merged_names(headers: Iterable[Sequence[str]]) -> list[str]:
    """Return the names of all columns; what only some tables have stands behind what it follows there."""
    names: list[str] = []
    for header in dict.fromkeys(map(tuple, headers)):
        position = 0 if set(header) & set(names) else len(names)
        for name in header:
            if name in names:
                position = names.index(name) + 1
            else:
                names.insert(position, name)
                position += 1
    return names


@dataclass(frozen=True, slots=True)
class Gathered:
    """A table that is made of parts.

    Attributes
    ----------
    parts : sequence of Part
        In the order of their rows.
    first : sequence of str
        Names of the columns of `Part.cells`.
    rename : callable
        How a column is called in the file.
    column_type : callable
        Type of a column, see `superdsm.records.Exporter`.
    """

    parts: Sequence[Part]
    first: Sequence[str]
    rename: Callable[[str], str]
    column_type: Callable[[str], str]

    def write(self, path: Path) -> None:
        """Write the table, as Parquet or CSV by suffix; of the parts one is in memory at a time.

        Raises
        ------
        OSError
            A part cannot be read, or the table cannot be written.
        """
        names = merged_names(part.header() for part in self.parts)
        with replacing(path) as temporary:
            if path.suffix == ".parquet":
                self._parquet(temporary, names)
            else:
                self._csv(temporary, names)

    def _csv(self, path: Path, names: list[str]) -> None:
        rows = (row for part in self.parts for row in _rows(part, names))
        write_csv(path, map(self.rename, [*self.first, *names]), rows)

    def _parquet(self, path: Path, names: list[str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pa.schema(
            [(name, pa.string()) for name in map(self.rename, self.first)]
            + [(self.rename(name), _arrow_type(self.column_type(name))) for name in names]
        )
        with pq.ParquetWriter(path, schema) as writer:
            waiting: list[list[str]] = []
            for part in self.parts:
                waiting += _rows(part, names)
                while len(waiting) >= ROWS:
                    writer.write_table(_arrow_table(waiting[:ROWS], schema))
                    del waiting[:ROWS]
            if waiting:
                writer.write_table(_arrow_table(waiting, schema))


def _rows(part: Part, names: list[str]) -> Iterator[list[str]]:
    """Yield the rows of a part with a cell for each of the columns."""
    with part.path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        header = next(reader)[part.drop :]
        if header == names:
            for row in reader:
                yield [*part.cells, *row[part.drop :]]
            return
        places = [header.index(name) + part.drop if name in header else None for name in names]
        for row in reader:
            yield [*part.cells, *("" if place is None else row[place] for place in places)]


def _arrow_type(kind: str) -> Any:
    import pyarrow as pa

    return {"integer": pa.int64(), "number": pa.float64(), "flag": pa.bool_()}.get(kind, pa.string())


def _arrow_table(rows: list[list[str]], schema: "pa.Schema") -> "pa.Table":
    import pyarrow as pa

    columns = []
    for field, cells in zip(schema, zip(*rows, strict=True), strict=True):
        if pa.types.is_string(field.type):
            values: list[Any] = list(cells)
        elif pa.types.is_boolean(field.type):
            values = [None if cell == "" else cell == "true" for cell in cells]
        else:
            convert = int if pa.types.is_integer(field.type) else float
            values = [None if cell == "" else convert(cell) for cell in cells]
        columns.append(pa.array(values, field.type))
    return pa.table(columns, schema=schema)


def concatenate_parquet(tables: Sequence[tuple[str, Path]], first: str, path: Path) -> None:
    """Write several Parquet files as one, in batches of rows.

    Parameters
    ----------
    tables : sequence of (str, Path)
        What stands in the first column for the rows of a file, and the file.
    first : str
        Name of the first column.
    path : Path
        The file to write.

    Raises
    ------
    OSError
        A file cannot be read or written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schemas = [pq.read_schema(source) for _, source in tables]
    fields = {name: schema.field(name) for schema in schemas for name in schema.names}
    names = merged_names(schema.names for schema in schemas)
    schema = pa.schema([(first, pa.string()), *(fields[name] for name in names)])
    with replacing(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for label, source in tables:
            with pq.ParquetFile(source) as file:
                for batch in file.iter_batches(ROWS):
                    own = batch.schema.names
                    columns = [pa.array([label] * batch.num_rows, pa.string())]
                    columns += [
                        batch.column(name) if name in own else pa.nulls(batch.num_rows, fields[name].type)
                        for name in names
                    ]
                    writer.write_table(pa.table(columns, schema=schema))
