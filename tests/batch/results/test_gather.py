"""Many tables to one."""

import csv
import io
import json
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superdsm.batch.results.gather import Gathered, Part, concatenate_parquet, merged_names
from superdsm.batch.results.made_of import MadeOf
from superdsm.io.columns import column_type

HEADERS = st.lists(st.lists(st.sampled_from("abcdef"), unique=True), max_size=4)
CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=6)


def part(path: Path, rows: list[dict[str, str]], cells: list[str], names: list[str]) -> Part:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["file_id", *names], lineterminator="\n")
        writer.writeheader()
        writer.writerows({"file_id": "x", **row} for row in rows)
    return Part(path, cells, drop=1)


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


@given(HEADERS)
def test_all_names_each_once_and_none_before_what_it_follows(headers: list[list[str]]) -> None:
    names = merged_names(headers)
    assert sorted(names) == sorted({name for header in headers for name in header})
    if headers:
        assert [name for name in names if name in headers[0]] == headers[0]
    assert merged_names([["a", "b", "d"], ["a", "b", "c", "d"]]) == ["a", "b", "c", "d"]
    assert merged_names([["a", "b"], ["c", "d"]]) == ["a", "b", "c", "d"]


@given(first=CELLS, cells=st.lists(CELLS, min_size=1, max_size=3))
def test_whatever_the_cells_hold(tmp_path_factory: pytest.TempPathFactory, first: str, cells: list[str]) -> None:
    directory = tmp_path_factory.mktemp("parts")
    parts = [
        part(directory / "1", [{"reason": cell} for cell in cells], [first], ["reason"]),
        part(directory / "2", [{"atoms": "3", "reason": "r"}], ["2"], ["reason", "atoms"]),
        part(directory / "3", [], ["3"], ["label"]),
    ]
    Gathered(parts, ["file_id"], str.upper, column_type).write(directory / "t.csv")
    rows = read(directory / "t.csv")
    assert [row["FILE_ID"] for row in rows] == [first] * len(cells) + ["2"]
    assert [row["REASON"] for row in rows] == [*cells, "r"]
    assert [row["ATOMS"] for row in rows] == [""] * len(cells) + ["3"] and set(rows[0]) >= {"LABEL"}


def test_a_part_at_a_time_is_in_memory(tmp_path: Path) -> None:
    rows = [{"label": str(n), "area": "100", "perimeter": "30.123456789"} for n in range(200)]
    parts = [part(tmp_path / str(n), rows, [str(n)], list(rows[0])) for n in range(150)]
    tracemalloc.start()
    Gathered(parts, ["file_id"], str, column_type).write(tmp_path / "t.csv")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(read(tmp_path / "t.csv")) == 30_000
    assert peak < (tmp_path / "t.csv").stat().st_size / 2


def test_a_part_that_is_gone_leaves_the_earlier_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("earlier")
    table = Gathered([Part(tmp_path / "gone", ["1"])], ["file_id"], str, column_type)
    with pytest.raises(OSError, match="gone"):
        table.write(tmp_path / "t.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]
    assert (tmp_path / "t.csv").read_text() == "earlier"


def test_parquet_in_row_groups_and_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="the extra `tables` (pyarrow) is not installed")
    monkeypatch.setattr("superdsm.batch.results.gather.ROWS", 5)
    names = ["label", "area_um2", "touches_border", "reason"]
    rows = [
        {"label": str(n), "area_um2": "" if n % 2 else repr(n / 3), "touches_border": "true", "reason": "a,b"}
        for n in range(4)
    ]
    parts = [part(tmp_path / str(n), rows, [str(n)], names) for n in range(4)]
    parts.append(part(tmp_path / "5", [{"label": "9"}], ["5"], ["label"]))
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    Gathered(parts, ["file_id"], str, column_type).write(paths[0])
    Gathered(parts[4:], ["file_id"], str, column_type).write(paths[1])
    found = pq.ParquetFile(paths[0])
    assert [found.metadata.row_group(n).num_rows for n in range(found.num_row_groups)] == [5, 5, 5, 2]
    table = found.read()
    assert table["label"].to_pylist() == [0, 1, 2, 3] * 4 + [9]
    assert table["area_um2"].to_pylist()[:4] == [0.0, None, 2 / 3, None]
    assert table["touches_border"].to_pylist()[-2:] == [True, None]
    concatenate_parquet([("a", paths[0]), ("b", paths[1])], "task", tmp_path / "all.parquet")
    everything = pq.read_table(tmp_path / "all.parquet")
    assert everything["task"].to_pylist() == ["a"] * 17 + ["b"]
    assert everything["label"].to_pylist()[-2:] == [9, 9]
    assert everything.column_names == ["task", "file_id", *names]


class TestMadeOf:
    def update(self, directory: Path, source: str, content: str, quick: str = "") -> list[Path]:
        written: list[Path] = []

        def write(path: Path) -> None:
            path.write_text(content)
            written.append(path)

        asked = lambda: source  # noqa: E731
        MadeOf(directory / "known.json").update(directory / "t.csv", asked, quick or source, write)
        return written

    def test_it_is_written_once(self, tmp_path: Path) -> None:
        assert self.update(tmp_path, "a", "1") and not self.update(tmp_path, "a", "1")
        assert self.update(tmp_path, "b", "2") and self.update(tmp_path, "a", "1")

    def test_what_it_is_made_of_is_only_asked_where_that_may_have_changed(self, tmp_path: Path) -> None:
        assert self.update(tmp_path, "a", "1", "then")
        assert not self.update(tmp_path, "a", "1", "now") and not self.update(tmp_path, "never asked", "1", "now")
        assert self.update(tmp_path, "b", "2", "later")

    def test_and_again_when_it_was_changed_or_is_gone(self, tmp_path: Path) -> None:
        table = tmp_path / "t.csv"
        self.update(tmp_path, "a", "1")
        os.utime(table, ns=(5, 5))
        assert not self.update(tmp_path, "a", "1"), "only its time is another one"
        table.write_text("2")
        os.utime(table, ns=(6, 6))
        assert self.update(tmp_path, "a", "1")
        table.unlink()
        assert self.update(tmp_path, "a", "1")

    @pytest.mark.parametrize("damage", ["", "{", "[]", '{"t.csv": 1}', "\xff", json.dumps({"t.csv": {"source": "a"}})])
    def test_what_is_damaged_is_forgotten(self, tmp_path: Path, damage: str) -> None:
        self.update(tmp_path, "a", "1")
        (tmp_path / "known.json").write_bytes(damage.encode("latin-1"))
        assert self.update(tmp_path, "a", "1")
