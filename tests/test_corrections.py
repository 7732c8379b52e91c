"""Corrections by hand as JSON: whatever is not one is told in a line that names the file."""

import json
from pathlib import Path

import pytest

from superdsm.batch.tasks.corrections import corrections_file, file_name, read_corrections, write_corrections
from superdsm.corrections import ACTIONS, Correction, Corrections, CorrectionsError

KNOWN = ", ".join(ACTIONS)
LEGAL = [
    {"action": "merge", "points": [[1, 2], [3.5, 4]]},
    {"action": "split", "points": [[1, 2], [3, 4], [5, 6]]},
    {"action": "add", "points": [[0, 0]], "note": "dim"},
    {"action": "add", "outline": [[0, 0], [0, 9], [9, 0]]},
    {"action": "drop", "points": [[7, 7]]},
    {"action": "keep", "points": [[7, 8]]},
]


def test_a_file_is_what_was_written(tmp_path: Path) -> None:
    found = Corrections.of(LEGAL)
    path = write_corrections(tmp_path, "a/b", found)
    assert path == tmp_path / "corrections" / "a%2Fb.json"
    assert json.loads(path.read_text()) == {"version": 1, "image": "a/b", "corrections": LEGAL}
    again = read_corrections(tmp_path, "a/b")
    assert again.items == found.items
    assert again.digest == found.digest
    assert Corrections.of(again.field()).items == found.items
    write_corrections(tmp_path, "a/b", Corrections())
    assert not path.exists()
    assert not read_corrections(tmp_path, "a/b")


def test_notes_and_the_place_of_the_file_are_no_part_of_the_digest() -> None:
    first = Corrections.of([{"action": "drop", "points": [[1, 2]]}], "here")
    second = Corrections.of([{"action": "drop", "points": [[1.0, 2]], "note": "a speck"}], "there")
    assert first.digest == second.digest != Corrections.of([{"action": "drop", "points": [[2, 1]]}]).digest
    assert Corrections().digest == ""


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"action": "mrege", "points": []}, f"unknown action 'mrege' (did you mean 'merge'?); known are {KNOWN}"),
        ({"action": 3}, f"action is 3; known are {KNOWN}"),
        ({"action": "merge", "points": [[1, 2]]}, "'merge' takes at least 2 points, not 1"),
        ({"action": "drop", "points": []}, "'drop' takes one point, not 0"),
        ({"action": "drop", "outline": [[1, 2], [3, 4], [5, 6]]}, "'drop' takes points"),
        ({"action": "add", "points": [[1, 2]], "outline": [[1, 2]]}, "'add' takes points or an outline"),
        ({"action": "add", "outline": [[1, 2], [3, 4]]}, "an outline has three corners at least, not 2"),
        ({"action": "drop", "points": [[1]]}, "a point is [row, column], in pixels of the image, not [1]"),
        ({"action": "drop", "points": [[1, True]]}, "a point is [row, column], in pixels of the image, not [1, true]"),
        ({"action": "drop", "points": [[1, float("nan")]]}, "the point [1, NaN] is nowhere"),
        ({"action": "drop", "points": [[1, 10**12]]}, "the point [1, 1000000000000] is nowhere"),
        ({"action": "drop", "points": 3}, "a list of points [row, column] is expected, not 3"),
        ({"action": "drop", "point": [1, 2]}, "unknown field 'point' (did you mean 'points'?)"),
        ({"action": "drop", "points": [[1, 2]], "note": 3}, "note is 3, not a text"),
        ("drop", 'is "drop", not an object like {"action": "merge", "points": [[row, column], [row, column]]}'),
    ],
)  # fmt: skip
def test_what_is_none_is_told(value: object, problem: str) -> None:
    with pytest.raises(CorrectionsError) as caught:
        Corrections.of([LEGAL[4], value], "file.json")
    assert str(caught.value) == f"file.json: correction 2: {problem}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "line 1, column 2: invalid JSON: Expecting property name enclosed in double quotes"),
        ("3", "holds 3 where an object with corrections is expected"),
        ('{"corrections": "other.json"}', 'corrections is "other.json", not a list'),
        ('{"version": 2, "corrections": []}', "version is 2; this version of superdsm reads 1"),
        ('{"image": 4, "corrections": []}', "is about the image 4, not 3"),
        ('{"actions": []}', "unknown field 'actions'; a file has version, image and corrections"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, text: str, problem: str) -> None:
    path = corrections_file(tmp_path, 3)
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(CorrectionsError) as caught:
        read_corrections(tmp_path, 3)
    assert str(caught.value) == f"{path}: {problem}"
    assert "\n" not in str(caught.value)


def test_names_of_files_are_safe_and_different() -> None:
    ids = [
        "a/b",
        "a%2Fb",
        "..",
        ".",
        "/etc/passwd",
        "con",
        "COM1.x",
        "ä",
        "\ud800",
        "a b",
        "-x",
        "x" * 400,
        "x" * 401,
        7,
    ]
    names = [file_name(file_id) for file_id in ids]
    assert len({name.lower() for name in names}) == len(names)
    for name in names:
        assert name.isascii()
        assert not set(name) & set('/\\:*?"<>| ')
        assert not name.startswith((".", "-"))
        assert len(name) < 140
    assert file_name(7) == "7.json"


def test_corrections_made_in_python() -> None:
    one = Correction("merge", ((1.0, 2.0), (3.0, 4.0)))
    assert Corrections.of([one]).items == (one,)
    with pytest.raises(CorrectionsError, match="is expected, not 3"):
        Corrections.of(3)
