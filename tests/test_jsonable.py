"""JSON values and digests."""

import json
import math
from collections import OrderedDict
from types import MappingProxyType

import numpy as np
import pytest

from superdsm.config import Config
from superdsm.jsonable import arrays_and_sets, canonical_json, digest, digest_bytes, plain, scalars


def test_what_numpy_has_becomes_what_python_has() -> None:
    value = {"a": np.float64(0.5), "b": (np.int32(1), np.array([[1, 2]])), "c": MappingProxyType({"d": np.bool_(True)})}
    assert plain(value) == {"a": 0.5, "b": [1, [[1, 2]]], "c": {"d": True}}
    assert type(plain(value)["c"]["d"]) is bool
    assert plain(Config({"dsm/alpha": 1}))["dsm"] == {"alpha": 1}


def test_infinities_are_kept_and_the_value_is_copied() -> None:
    inner: list[float] = [math.inf, -math.inf]
    copy = plain({"a": inner})
    assert copy == {"a": inner}
    assert copy["a"] is not inner


def test_what_cannot_be_written_is_an_error() -> None:
    for value in ({1, 2}, object(), b"x", 1j):
        with pytest.raises(TypeError, match="is no JSON value"):
            plain({"a": value})
    with pytest.raises(TypeError, match="ndarray is no JSON value"):
        plain({"a": np.zeros(2)}, scalars)


def test_sets_are_sorted_where_nobody_wants_them_back() -> None:
    assert json.dumps({"a": {3, 1, 2}, "b": frozenset("a")}, default=arrays_and_sets) == '{"a": [1, 2, 3], "b": ["a"]}'


def test_digests_depend_on_the_content_alone() -> None:
    first, second = {"a": 1, "b": [1.0, None]}, OrderedDict(b=[1.0, None], a=1)
    assert canonical_json(first) == canonical_json(second) == '{"a":1,"b":[1.0,null]}'
    assert digest(first) == digest(second) == digest_bytes(b'{"a":1,"b":[1.0,null]}')
    assert digest(first) == "b628207cd39778ac62b20d94029c4c52c6e14a35"
