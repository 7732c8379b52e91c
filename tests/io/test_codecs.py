"""Fields are stored without loss, without pickles, and with equal bytes."""

import io
import zipfile
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from superdsm.core.objects import Object
from superdsm.io.codecs import decode, encode, kind_of, pack, plain, unpack
from tests.examples import examples


def round_trip(values: dict[str, Any], kinds: dict[str, str]) -> dict[str, Any]:
    fields, arrays = encode(values, kinds)
    data = bytes(pack(arrays))
    assert bytes(pack(arrays)) == data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {info.date_time for info in archive.infolist()} <= {(1980, 1, 1, 0, 0, 0)}
    return decode(plain(fields), unpack(data, arrays))


dtypes = st.sampled_from(["bool", "uint8", "uint16", "int32", "int64", "float32", "float64", "<U3"])
arrays = dtypes.flatmap(lambda dtype: hnp.arrays(np.dtype(dtype), hnp.array_shapes(min_dims=1, min_side=0, max_side=5)))


@settings(deadline=None, max_examples=examples(60))
@given(arrays)
def test_arrays(array: np.ndarray) -> None:
    result = round_trip({"y": array}, {"y": "array"})["y"]
    assert result.dtype == array.dtype
    np.testing.assert_array_equal(result, array)
    assert not result.flags.writeable


def test_the_order_of_arrays_in_memory_is_kept() -> None:
    result = round_trip({"y": np.asfortranarray(np.arange(6.0).reshape(2, 3))}, {"y": "array"})["y"]
    assert result.flags.f_contiguous


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=examples(60))
@given(json_values)
def test_json(value: Any) -> None:
    assert round_trip({"scale": value}, {"scale": "json"})["scale"] == value


def test_numpy_numbers_in_json_become_numbers_of_python() -> None:
    value = {"a": np.int64(3), "b": (np.float32(0.5), np.bool_(True)), 7: np.arange(2)}
    assert plain(value) == {"a": 3, "b": [0.5, True], "7": [0, 1]}
    assert round_trip({"x": value}, {})["x"] == plain(value)


@st.composite
def objects(draw: st.DrawFn) -> Object:
    shape = draw(st.tuples(st.integers(0, 9), st.integers(0, 9)))
    return Object(
        atoms=tuple(sorted(draw(st.sets(st.integers(1, 2**31 - 1), max_size=4)))),
        energy=draw(st.floats(allow_nan=False)),
        is_optimal=draw(st.booleans()),
        on_boundary=draw(st.booleans()),
        offset=draw(st.tuples(st.integers(-9, 10**6), st.integers(-9, 10**6))),
        fragment=draw(hnp.arrays(bool, shape)),
        n_pixels=draw(st.integers(0, 2**40)),
    )


@settings(deadline=None, max_examples=examples(60))
@given(st.lists(objects(), max_size=5))
def test_objects(value: list[Object]) -> None:
    result = round_trip({"cover": value}, {"cover": "objects"})["cover"]
    assert result == value
    assert [obj.fragment.shape for obj in result] == [obj.fragment.shape for obj in value]
    assert all(type(item) is int for obj in result for item in (*obj.atoms, *obj.offset, obj.n_pixels))


@settings(deadline=None, max_examples=examples(30))
@given(st.integers(0, 4), st.lists(dtypes, max_size=4))
def test_tables(rows: int, columns: list[str]) -> None:
    table = {f"column {index}/ü": np.zeros(rows, dtype) for index, dtype in enumerate(columns)}
    result = round_trip({"table": table}, {"table": "table"})["table"]
    assert list(result) == list(table)
    for name, column in table.items():
        assert result[name].dtype == column.dtype
        np.testing.assert_array_equal(result[name], column)


def test_undeclared_fields_are_stored_by_what_they_are() -> None:
    assert kind_of(np.zeros(3), "json") == "array"
    assert kind_of({"a": np.zeros(3)}, "json") == "table"
    assert kind_of({"a": 3}, "json") == "json"
    assert kind_of(None, "array") == "json"
    assert round_trip({"g_rgb": None}, {"g_rgb": "array"}) == {"g_rgb": None}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (object(), "json"),
        (np.array([object()]), "array"),
        ({"a": np.zeros(2), "b": np.zeros(3)}, "table"),
        ({"a": {1, 2}}, "json"),
    ],
)
def test_what_cannot_be_stored_names_the_field(value: Any, kind: str) -> None:
    with pytest.raises(TypeError, match="the field 'thing' cannot be stored"):
        encode({"thing": value}, {"thing": kind})


def test_what_is_known_of_objects_of_a_cover_is_kept() -> None:
    item = Object((1,), 2.0, True, False, (0, 0), np.ones((2, 2), bool), 4)
    known = replace(item, margin=1.5, confidence=0.25, reasons=("greedy", "isbi24"))
    fields, arrays = encode({"objects": [item, known], "plain": [item]}, {"objects": "objects", "plain": "objects"})
    assert not any(name in ("plain.margin", "plain.reasons") for name in arrays)  # as earlier versions stored it
    assert decode(fields, arrays) == {"objects": [item, known], "plain": [item]}
