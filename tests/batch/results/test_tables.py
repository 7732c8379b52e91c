"""Tables from the journal of a task, without a run."""

import csv
import io
from typing import Any

import pytest

from superdsm.batch.results import summary, tables
from superdsm.batch.storage.journal import JournalEntry


def entry(file_id: int | str, **values: Any) -> JournalEntry:
    return JournalEntry(**{"id": file_id, "status": "done", "recipe": "recipe"} | values)


DONE = entry(1, seconds={"scale": 0.25, "fit": 2.0, "export": 0.5}, n_objects=3, performance={"sets": 7})
FAILED = entry("B/2", status="failed", seconds={"scale": 0.5}, stage="fit", message="no good, at all", kind="stage")
ENTRIES = [DONE, FAILED]


def rows(table: tables.Table) -> list[list[str]]:
    return list(csv.reader(io.StringIO(table.csv().decode())))


def test_timings_have_a_column_for_each_stage_and_are_empty_where_nothing_is_known() -> None:
    assert rows(tables.timings(["scale", "fit"], ENTRIES)) == [
        ["file_id", "status", "scale", "fit", "export", "total"],
        ["1", "done", "0.25", "2.0", "0.5", "2.75"],
        ["B/2", "failed", "0.5", "", "", "0.5"],
    ]


def test_performance_is_of_images_that_are_done() -> None:
    more = entry(3, performance={"sets": 1, "clusters": 2})  # made by a pipeline that counts no objects
    assert rows(tables.performance([*ENTRIES, more])) == [
        ["file_id", "objects", "sets", "clusters"],
        ["1", "3", "7", ""],
        ["3", "", "1", "2"],
    ]


def test_certificates_say_why_a_gap_is_left() -> None:
    certificate = {"upper": 3.0, "lower": 2.5, "gap": 0.5, "clusters": 4, "reasons": {"b": 1, "a": 2}}
    found = rows(tables.certificate([DONE, entry(4, certificate=certificate)]))
    assert found[1:] == [["4", "3.0", "2.5", "0.5", "4", "", "", "", "", "a: 2; b: 1"]]
    assert len(found[0]) == len(found[1])


def test_the_summary_has_a_column_for_each_reason_and_keeps_all_remarks() -> None:
    told = entry(5, n_objects=0, summary={"radius": 7.5, "discarded": {"small": 2}}, warnings=["dark", "no object"])
    first, second = (
        dict(zip(found[0], row, strict=True)) for found in [summary.rows([told, FAILED])] for row in found[1]
    )
    assert (first["file_id"], first["objects"], first["radius"], first["discarded_small"]) == (5, 0, 7.5, 2)
    assert first["remarks"] == "dark; no object"
    assert (second["status"], second["objects"], second["remarks"]) == ("failed", None, "no good, at all")


def test_lists_and_objects_stand_in_cells_as_json() -> None:
    table = tables.Table(["a", "b", "c"], [[None, [1, 2], {"x": "y, z"}]])
    assert rows(table) == [["a", "b", "c"], ["", "[1, 2]", '{"x": "y, z"}']]


def test_the_environment_of_the_task_wins_and_secrets_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("API_TOKEN", "secret")
    found = dict(tables.environment({"TZ": "CET", "MARK": "1"}).rows)
    assert found["TZ"] == "CET" and found["MARK"] == "1"
    assert "API_TOKEN" not in found
    assert list(found) == sorted(found)
