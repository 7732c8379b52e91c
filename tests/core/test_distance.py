"""Euclidean distances against SciPy and against the definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from superdsm.core.distance import edt, squared_distance_to, within
from superdsm.parallel import thread_map
from tests.examples import examples


@st.composite
def masks(draw):
    shape = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    density = draw(st.sampled_from([0.0, 0.01, 0.1, 0.5, 0.9, 0.99, 1.0]))
    return np.random.default_rng(draw(st.integers(0, 2**32 - 1))).random(shape) < density


@given(masks())
@settings(deadline=None, max_examples=examples(150))
def test_edt(mask):
    if mask.all():
        assert np.isinf(edt(mask)).all()
    else:
        assert np.array_equal(edt(mask), ndimage.distance_transform_edt(mask))


@given(masks(), st.one_of(st.integers(0, 60), st.floats(0, 60), st.integers(0, 900).map(np.sqrt)))
@settings(deadline=None, max_examples=examples(150))
def test_within(mask, radius):
    assert np.array_equal(within(mask, radius), edt(~mask) <= radius)


@given(masks(), st.floats(0, 30))
@settings(deadline=None, max_examples=examples(80))
def test_limited_reach(mask, reach):
    exact, limited = squared_distance_to(mask), squared_distance_to(mask, reach)
    assert (limited >= exact).all()
    near = exact <= reach**2
    assert np.array_equal(limited[near], exact[near])


def test_long_distances_are_exact():
    mask = np.ones((3, 4000), bool)
    mask[2, 0] = False
    rows, columns = np.indices(mask.shape)
    assert np.array_equal(edt(mask), np.sqrt((rows - 2.0) ** 2 + columns.astype(float) ** 2))
    assert np.array_equal(edt(mask.T), edt(mask).T)


@pytest.mark.parametrize("radius", [np.inf, 1e300, 5000.0])
def test_within_a_radius_beyond_the_image(radius):
    mask = np.zeros((20, 30), bool)
    assert not within(mask, radius).any()
    mask[19, 29] = True
    assert within(mask, radius).all()


def test_empty_arrays_and_negative_radii():
    assert within(np.zeros((0, 5), bool), 3).shape == (0, 5)
    assert edt(np.zeros((5, 0), bool)).shape == (5, 0)
    assert not within(np.ones((4, 4), bool), -1).any()


def test_threads_change_nothing():
    mask = np.random.default_rng(1).random((300, 200)) < 0.999
    with thread_map(3) as map_:
        assert np.array_equal(edt(mask, map_), ndimage.distance_transform_edt(mask))
        assert np.array_equal(within(~mask, 9.5, map_), within(~mask, 9.5))


def test_other_types_than_bool():
    labels = np.array([[0, 2, 3, 0], [0, 7, 7, 1]])
    assert np.array_equal(edt(labels), ndimage.distance_transform_edt(labels))
    assert np.array_equal(within(labels, 1), within(labels > 0, 1))
