import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm._ext.watershed import square_ranks
from superdsm.core.watershed import watershed
from tests.examples import examples
from tests.twins import watershed as twin


@st.composite
def reliefs(draw):
    """Values with many ties, few ties, or distances to the markers; markers; and a mask or none."""
    shape = draw(st.integers(1, 14)), draw(st.integers(1, 14))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    density = draw(st.sampled_from([0.0, 0.05, 0.3, 1.0]))
    markers = np.where(rng.random(shape) < density, rng.integers(1, 5, shape), 0)
    kind = draw(st.sampled_from(["levels", "negative", "random", "constant", "distances"]))
    values = {
        "levels": rng.integers(0, 4, shape).astype(float),
        "negative": rng.integers(-3, 3, shape) / 3,
        "random": rng.normal(size=shape),
        "constant": np.full(shape, 0.7),
        "distances": ndi.distance_transform_edt(markers == 0) if markers.any() else np.zeros(shape),
    }[kind]
    mask = rng.random(shape) < 0.8 if draw(st.booleans()) else None
    return values, markers, mask


@settings(deadline=None, max_examples=examples(300))
@given(reliefs())
def test_equals_textbook_heap(relief):
    values, markers, mask = relief
    labels = watershed(values, markers, mask)
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, twin.watershed(values, markers, mask))


def test_large_image_of_distances_equals_textbook_heap():
    rng = np.random.default_rng(1)
    markers = ndi.label(ndi.gaussian_filter(rng.normal(size=(150, 170)), 5) > 0.03)[0]
    distances = ndi.distance_transform_edt(markers == 0)
    expected = twin.watershed(distances, markers)
    np.testing.assert_array_equal(watershed(distances, markers), expected)
    # The same order of values, but ranked by sorting.
    np.testing.assert_array_equal(watershed(distances / 3, markers), expected)


def test_markers_of_equal_value_follow_the_heap_not_their_raster_order():
    rng = np.random.default_rng(0)
    markers = ndi.label(rng.random((40, 40)) < 0.1)[0]
    distances = ndi.distance_transform_edt(markers == 0)
    labels = watershed(distances, markers)
    assert (labels != twin.watershed(distances, markers, distinct_times=True)).any()


def test_each_pixel_enters_with_its_own_value():
    # Whoever crosses a ridge (9) first takes the whole valley behind it, since its pixels leave the queue at once.
    values = np.array([[0, 9, 1, 1, 1, 9, 0.0]])
    markers = np.array([[1, 0, 0, 0, 0, 0, 2]])
    assert watershed(values, markers).tolist() == [[1, 1, 1, 1, 1, 2, 2]]


def test_only_what_is_connected_within_the_mask_is_flooded():
    markers = np.array([[1, 0, 0, 0, 2]])
    mask = np.array([[True, True, False, True, False]])
    assert watershed(np.zeros((1, 5)), markers, mask).tolist() == [[1, 1, 0, 0, 0]]


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_empty_image(shape):
    assert watershed(np.zeros(shape), np.zeros(shape, int)).shape == shape


def test_infinite_values_come_last():
    values = np.array([[0, np.inf, 2, 0]])
    assert watershed(values, np.array([[1, 0, 0, 2]])).tolist() == [[1, 1, 2, 2]]


def test_bad_input():
    good = np.zeros((3, 4))
    with pytest.raises(ValueError, match="same shape"):
        watershed(good, np.zeros((4, 3), int))
    with pytest.raises(ValueError, match="same shape"):
        watershed(good, np.zeros((3, 4), int), np.ones((3, 3), bool))
    with pytest.raises(ValueError, match="two-dimensional"):
        watershed(np.zeros(3), np.zeros(3, int))
    with pytest.raises(ValueError, match="negative"):
        watershed(good, np.full((3, 4), -1))
    with pytest.raises(ValueError, match="NaN"):
        watershed(np.full((3, 4), np.nan), np.ones((3, 4), int))


def test_squares_of_distances():
    squares = np.arange(2000).reshape(40, 50)
    np.testing.assert_array_equal(square_ranks(np.sqrt(squares), 2000), squares)
    assert square_ranks(np.sqrt(squares), 1000) is None
    for value in (-1.0, 0.5, np.nextafter(np.sqrt(2), 2), np.inf, np.nan):
        assert square_ranks(np.array([[1.0, value]]), 2000) is None
