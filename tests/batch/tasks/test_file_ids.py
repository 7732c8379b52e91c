"""File ids and the patterns in which they stand."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superdsm.batch.tasks import file_ids
from superdsm.batch.tasks.file_ids import MOST, check_pattern, conversions, expand, match_files, parse_ranges
from tests.raises import Case, error_of, unprovoked

ERRORS: list[Case] = [
    (
        lambda: conversions("a%x.png"),
        file_ids.PatternError,
        "'%x' is no conversion; write %d, %03d or %s for the file id, %% for a percent",
    ),
    (
        lambda: expand("a%02d.png", "b"),
        file_ids.PatternError,
        "%02d stands for an integer, but the file id 'b' is a string; write %s",
    ),
    (
        lambda: check_pattern("a.png", [1, 2]),
        file_ids.PatternError,
        "'a.png' is the same file for all 2 file ids; add %d or %s for the id",
    ),
    (
        lambda: check_pattern("%s.png", [1, "1"]),
        file_ids.PatternError,
        "an integer and a string among the file ids give the same file; remove one of them",
    ),
    (
        lambda: parse_ranges("1-3;5"),
        file_ids.PatternError,
        "'1-3;5' is no list of ranges; write it like '1-10,12'",
    ),
    (
        lambda: parse_ranges("1, 9-7"),
        file_ids.PatternError,
        "the range '9-7' runs backwards; write 7-9",
    ),
    (
        lambda: parse_ranges(f"1-{MOST + 1}"),
        file_ids.PatternError,
        "'1-1000001' stands for 1,000,001 file ids, but a task has at most 1,000,000; check the numbers, "
        'or write {"glob": "*"} for the files that are there',
    ),
    (
        lambda: match_files("%d-%d.png", "*"),
        file_ids.PatternError,
        "'%d-%d.png' needs exactly one %d or %s in whose place the files are looked for",
    ),
    (
        lambda: match_files("/nowhere/%d.png", "*"),
        file_ids.PatternError,
        "no file matches /nowhere/*.png; check the path",
    ),
    (
        lambda: match_files(str(Path(__file__).with_name("test_file_%d.py")), "*"),
        file_ids.PatternError,
        "1 files match, but %d does not stand for 'ids'; write %s",
    ),
    (
        lambda: check_pattern("%021d.png", [1]),
        file_ids.PatternError,
        "'%021d' is too wide; give at most 20 digits",
    ),
]


@pytest.mark.parametrize(("cause", "kind", "message"), ERRORS, ids=[message[:40] for _, _, message in ERRORS])
def test_errors(cause: Any, kind: type[Exception], message: str) -> None:
    assert str(error_of(cause, kind)) == message


def test_every_error_is_provoked() -> None:
    assert not unprovoked(file_ids, ERRORS)


@pytest.mark.parametrize(
    ("pattern", "file_id", "path"),
    [
        ("%d.png", 7, "7.png"),
        ("%03d.png", 7, "007.png"),
        ("%s/%s.png", "a/b", "a/b/a/b.png"),
        ("%s.png", 7, "7.png"),
        ("100%%-%d.png", 7, "100%-7.png"),
        ("same.png", 7, "same.png"),
    ],
)
def test_expand(pattern: str, file_id: Any, path: str) -> None:
    assert expand(pattern, file_id) == path


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), min_size=1))
def test_ranges_are_what_they_stand_for(ranges: list[tuple[int, int]]) -> None:
    text = ", ".join(f"{first}-{first + more}" if more else str(first) for first, more in ranges)
    assert parse_ranges(text) == tuple(i for first, more in ranges for i in range(first, first + more + 1))


def test_files_are_matched_as_they_would_be_written(tmp_path: Path) -> None:
    for name in ("1.png", "02.png", "10.png", "x.png", "[3].png"):
        (tmp_path / name).touch()
    (tmp_path / "5.png").mkdir()
    assert match_files(f"{tmp_path}/%d.png", "*") == ((1, 10), ("02", "[3]", "x"))
    assert match_files(f"{tmp_path}/%02d.png", "*") == ((2, 10), ("1", "[3]", "x"))
    assert match_files(f"{tmp_path}/%s.png", "*") == (("02", "1", "10", "[3]", "x"), ())


def test_files_that_are_left_out_are_named(tmp_path: Path) -> None:
    for number in range(1, 13):
        (tmp_path / f"100% {number}.png").touch()
    pattern = f"{tmp_path}/100%% %02d.png"
    matches = match_files(pattern, "*")
    assert matches.ids == (10, 11, 12)
    assert matches.warning(pattern) == (
        "9 of 12 files that match are left out, because %02d does not stand for a number with so many digits: "
        "100% 1.png, 100% 2.png, 100% 3.png, ...; "
        "write %s in the place of %02d for all of them"
    )
    (tmp_path / "100% x.png").touch()
    assert "does not stand for their names" in match_files(pattern, "*").warning(pattern)
    assert match_files(pattern, "1[0-9]").warning(pattern) == ""
