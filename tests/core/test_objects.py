"""Objects and their masks."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from superdsm.core.objects import Object, cropped, discarded
from tests.examples import examples


def make(mask, offset=(0, 0), atoms=(1,)):
    offset, fragment = cropped(np.asarray(mask, bool), offset)
    return Object(atoms, 1.5, True, False, offset, fragment, 10)


@settings(deadline=None, max_examples=examples(60))
@given(
    npst.arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 7))), st.tuples(st.integers(0, 3), st.integers(0, 3))
)
def test_cropping_and_drawing_are_inverse(mask, offset):
    item = make(mask, offset)
    image = np.zeros((12, 12), bool)
    expected = image.copy()
    expected[offset[0] : offset[0] + mask.shape[0], offset[1] : offset[1] + mask.shape[1]] = mask
    item.draw(image)
    np.testing.assert_array_equal(image, expected)
    assert item.area == mask.sum()
    assert item.is_empty == (not mask.any())
    if mask.any():
        assert item.fragment.any(axis=1)[[0, -1]].all()
        assert item.fragment.any(axis=0)[[0, -1]].all()
    else:
        assert item.fragment.shape == (0, 0)


def test_drawing_adds_to_what_is_there():
    image = np.ones((4, 4), bool)
    make([[1, 0], [0, 1]], (1, 1)).draw(image)
    assert image.all()


def test_values_do_not_change():
    item = make(np.ones((2, 3)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        item.energy = 0.0
    assert not hasattr(item, "__dict__")
    fragment = np.ones((5, 5), bool)
    assert not np.shares_memory(cropped(fragment, (0, 0))[1], fragment)


def test_equality_looks_at_the_mask():
    item = make(np.ones((2, 3)))
    assert item == make(np.ones((2, 3)))
    assert hash(item) == hash(make(np.ones((2, 3))))
    assert item != make([[1, 1, 1], [1, 1, 0]])
    assert item != make(np.ones((2, 3)), atoms=(2,))
    assert item != "item"


def test_discarded_parts_of_a_divided_object_are_told_apart():
    parts = [Object((1, 2), 0.5, True, False, (row, 3), np.ones((2, 2), bool), 4) for row in (0, 9)]
    whole = Object((3,), 0.5, True, False, (20, 3), np.ones((2, 2), bool), 4)
    verdict = {"reason": "small", "value": 1.0, "threshold": 2.0}
    log = [{"atoms": [1, 2], "offset": [9, 3], **verdict}, {"atoms": [3], **verdict}]
    assert [item.offset for item in discarded([*parts, whole], log)] == [(9, 3), (20, 3)]
