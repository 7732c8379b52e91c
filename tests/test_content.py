"""What fields may hold: everything that a kernel would follow out of its arrays is refused before."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superdsm.content import Part, check_value, examine, misfit
from superdsm.core.objects import EMPTY, Object
from superdsm.fields import FIELDS

SHAPE = (4, 5)
OBJECT = Object((1, 2), 0.5, True, False, (1, 1), np.ones((3, 4), bool), 9)
NONE_SET = np.zeros((2, 2), bool)

NO_PLACE = "which is no position inside the image (item 0)"
NO_PIXEL = "has an object whose mask has no pixel; the shape of an empty one is (0, 0) (item 0)"
NO_MASK = "has an object whose mask is no two-dimensional array of bool (item 0)"
NO_LABELS = "which is no tuple of labels (item 0)"


def labels(*values: int) -> Any:
    array = np.zeros(SHAPE, np.int32)
    array.ravel()[: len(values)] = values
    return array


def rows(*values: tuple[int, int]) -> Any:
    return np.array(values, np.int32).reshape(-1, 2)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("atoms", labels(1, -1), "has the label -1; labels are 1, 2, ..., and 0 where there is none"),
        ("atoms", labels(1, 3), "has the label 3, but not the label 2; labels have no gaps"),
        ("clusters", labels(2, 2), "has the label 2, but not the label 1; labels have no gaps"),
        ("atoms", labels(2**31 - 1), "has the label 2147483647, but no more than 20 pixels; labels have no gaps"),
        ("atoms", labels(1).astype(np.int64), "has dtype int64, not int32"),
        ("atoms", labels(1).astype(">i4"), "has dtype >i4, not int32"),
        ("atoms", np.ma.masked_array(labels(1)), ""),
        ("seeds", rows((1, 1), (4, 0)), "reaches to row 5 and column 2 of an image of 4 x 5 pixels"),
        ("seeds", rows((0, -1)), "has the coordinate -1, which is outside the image"),
        ("adjacencies", rows((0, 1)), "has the label 0; labels are 1, 2, ..."),
        ("cover", [7], "has 7, which is no object (item 0)"),
        ("cover", [OBJECT, None], "has None, which is no object (item 1)"),
        ("cover", None, "is None"),
        ("cover", (OBJECT,), ""),
        ("cover", [replace(OBJECT, offset=(0, 0), fragment=EMPTY)], ""),
        ("cover", [replace(OBJECT, offset=(2, 1))], "reaches to row 5 and column 5 of an image of 4 x 5 pixels"),
        ("cover", [replace(OBJECT, offset=(1, -1))], f"has an object at (1, -1), {NO_PLACE}"),
        ("cover", [replace(OBJECT, offset=(1.0, 1))], f"has an object at (1.0, 1), {NO_PLACE}"),
        ("cover", [replace(OBJECT, offset=(np.int64(1), 1))], ""),
        ("cover", [replace(OBJECT, fragment=NONE_SET)], NO_PIXEL),
        ("cover", [replace(OBJECT, fragment=np.ones((2, 2)))], NO_MASK),
        ("cover", [replace(OBJECT, fragment=[[True]])], NO_MASK),
        ("cover", [replace(OBJECT, atoms=[1])], f"has an object of the atoms [1], {NO_LABELS}"),
        ("cover", [replace(OBJECT, atoms=(2**31,))], f"has an object of the atoms (2147483648,), {NO_LABELS}"),
        ("cover", [replace(OBJECT, energy=np.nan)], "has an object of the energy nan, which is no number (item 0)"),
        ("cover", [replace(OBJECT, energy="1")], "has an object of the energy '1', which is no number (item 0)"),
        ("cover", [replace(OBJECT, n_pixels=-1)], "has an object of -1 pixels, which is no count (item 0)"),
        ("scale", -1.0, "is -1.0, not a positive number"),
        ("scale", float("nan"), "is nan, not a positive number"),
        ("scale", float("inf"), "is inf, not a positive number"),
        ("scale", True, "is True, not a positive number"),
        ("scale", "x" * 99, f"is '{'x' * 56}..., not a positive number"),
        ("scale", np.float64(3), ""),
        ("scale", None, ""),
        ("dsm_cfg", 3, "is int, not a dict"),
    ],
)
def test_contents(name: str, value: Any, problem: str) -> None:
    assert check_value(FIELDS[name], value, SHAPE) == problem


class Hostile:
    def __repr__(self) -> str:
        raise ValueError("no")


def test_values_that_cannot_be_shown_are_named_by_their_type() -> None:
    assert check_value(FIELDS["cover"], [Hostile()], SHAPE) == "has Hostile, which is no object (item 0)"


@pytest.mark.parametrize(
    ("values", "one_grid", "found"),
    [
        ({"atoms": labels(1, 2), "seeds": rows((0, 0))}, True, ("seeds", "has 1 entries, but there are 2 atoms")),
        ({"seeds": rows((0, 0)), "atoms": labels(1)}, True, None),
        (
            {"seeds": rows((0, 0)), "adjacencies": rows((1, 2))},
            True,
            ("adjacencies", "has the label 2, but there are 1 atoms"),
        ),
        (
            {"adjacencies": rows((1, 2)), "atoms": labels(1)},
            True,
            ("atoms", "does not fit to 'adjacencies', which has the label 2, but there are 1 atoms"),
        ),
        ({"atoms": labels(1, 2), "adjacencies": rows()}, True, None),
        (
            {"y": np.zeros((4, 4)), "cover": [OBJECT]},
            True,
            ("cover", "reaches to row 4 and column 5 of an image of 4 x 4 pixels"),
        ),
        (
            {"cover": [OBJECT], "y": np.zeros((4, 4))},
            True,
            ("y", "has the shape (4, 4), but 'cover' reaches to row 4 and column 5"),
        ),
        ({"g_raw": np.zeros((9, 9)), "y": np.zeros(SHAPE)}, False, None),
        (
            {"g_raw": np.zeros((9, 9)), "y": np.zeros(SHAPE)},
            True,
            ("y", "has the shape (4, 5), but 'g_raw' has (9, 9)"),
        ),
    ],
)
def test_what_does_not_fit_together(values: dict[str, Any], one_grid: bool, found: tuple[str, str] | None) -> None:
    parts = [Part(FIELDS[name], examine(FIELDS[name], value, None)) for name, value in values.items()]
    assert misfit(parts, one_grid=one_grid) == found


@given(st.lists(st.integers(-2, 6), min_size=1, max_size=20))
def test_labels_are_legal_if_all_up_to_the_largest_are_there(values: list[int]) -> None:
    array = labels(*values)
    legal = set(range(1, array.max() + 1)) == set(array.ravel().tolist()) - {0}
    assert (check_value(FIELDS["atoms"], array, SHAPE) == "") == legal
    assert not legal or examine(FIELDS["atoms"], array, SHAPE).labels == array.max()
