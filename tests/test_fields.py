"""The vocabulary of the pipeline: which values a field may take."""

from typing import Any

import numpy as np
import pytest

from superdsm import Field, fields
from superdsm.content import check_value
from superdsm.fields import FIELDS, KINDS, empty_value
from tests.raises import Case, error_of, unprovoked

SHAPE = (4, 5)
LABELS = Field("labels", "array", "Labels.", "int32", ("rows", "columns"))
COLOURS = Field("colours", "array", "Colours.", "uint8", ("rows", "columns", 3))
PAIRS = Field("pairs", "array", "Pairs.", "int32", (None, 2))
ANY = Field("any", "array", "Anything.")

ERRORS: list[Case] = [
    (
        lambda: Field("x", "image", "An image."),
        ValueError,
        "field 'x': kind 'image' is none of array, json, table, objects",
    ),
    (
        lambda: Field("x", "array", "Numbers.", summary="number"),
        ValueError,
        "field 'x': a field of kind 'array' has no summary 'number'",
    ),
    (
        lambda: Field("x", "array", "An image.", grid="fine"),
        ValueError,
        "field 'x': grid 'fine' is none of 'image', 'working' and ''",
    ),
    (
        lambda: Field("x", "json", "Numbers.", holds="labels"),
        ValueError,
        "field 'x': a field of kind 'json' holds no 'labels'",
    ),
]


@pytest.mark.parametrize(("cause", "kind", "message"), ERRORS)
def test_errors(cause: Any, kind: type[Exception], message: str) -> None:
    assert str(error_of(cause, kind)) == message


def test_every_error_is_provoked() -> None:
    assert not unprovoked(fields, ERRORS)


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        (LABELS, [[1]], "is list, not an array"),
        (LABELS, np.zeros(SHAPE), "has dtype float64, not int32"),
        (LABELS, np.zeros(4, np.int32), "has 1 axes, not 2"),
        (LABELS, np.zeros((5, 4), np.int32), "has length 5 along axis 0, not 4"),
        (LABELS, np.zeros((4, 4), np.int32), "has length 4 along axis 1, not 5"),
        (COLOURS, np.zeros((4, 5, 4), np.uint8), "has length 4 along axis 2, not 3"),
        (PAIRS, np.zeros((7, 3), np.int32), "has length 3 along axis 1, not 2"),
        (FIELDS["y"], np.full(SHAPE, np.nan), "has NaN or infinite values"),
        (FIELDS["g_raw"], np.full(SHAPE, np.inf), "has NaN or infinite values"),
        (Field("o", "objects", "Objects."), {}, "is dict, not a list of objects"),
        (Field("t", "table", "A table."), [1], "is list, not a dict of columns"),
    ],
)
def test_illegal_values(field: Field, value: Any, problem: str) -> None:
    assert check_value(field, value, SHAPE) == problem


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (LABELS, np.zeros(SHAPE, np.int32)),
        (COLOURS, np.zeros((4, 5, 3), np.uint8)),
        (PAIRS, np.zeros((0, 2), np.int32)),
        (ANY, np.zeros((1, 2, 3), complex)),
        (FIELDS["y"], np.zeros(SHAPE)),
        (Field("o", "objects", "Objects."), ()),
        (Field("t", "table", "A table."), {"a": np.ones(2)}),
        (Field("j", "json", "Anything of JSON."), [1, {"a": None}]),
    ],
)
def test_legal_values(field: Field, value: Any) -> None:
    assert check_value(field, value, SHAPE) == ""
    assert check_value(field, None, SHAPE) == ("is None" if field.needed else "")


def test_sizes_are_not_checked_as_long_as_no_image_is_known() -> None:
    assert check_value(LABELS, np.zeros((9, 9), np.int32), None) == ""
    assert check_value(COLOURS, np.zeros((9, 9, 4), np.uint8), None) == "has length 4 along axis 2, not 3"


@pytest.mark.parametrize("field", [*FIELDS.values(), LABELS, COLOURS, PAIRS], ids=lambda field: field.name)
def test_what_an_empty_image_yields_is_legal(field: Field) -> None:
    value = empty_value(field, SHAPE)
    assert check_value(field, value, SHAPE) == ""
    if field.kind == "array" and field.shape:
        assert value.shape == tuple({"rows": 4, "columns": 5, None: 0}.get(axis, axis) for axis in field.shape)
        assert (value == (field.empty or 0)).all()


def test_an_empty_table_is_a_dict_of_its_own() -> None:
    field = Field("t", "table", "A table.", empty={"a": ()})
    empty_value(field, SHAPE)["b"] = 1
    assert empty_value(field, SHAPE) == {"a": ()}


def test_every_field_is_documented() -> None:
    assert all(field.doc and field.kind in KINDS and name == field.name for name, field in FIELDS.items())
