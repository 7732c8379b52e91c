"""Gaussian filters against SciPy: the same bits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from superdsm.core.filters import TILE, gaussian, gaussian_weights, largest_around, tiled
from superdsm.parallel import thread_map
from tests.examples import examples

shapes = st.tuples(st.integers(1, 70), st.integers(1, 70))
sigmas = st.one_of(st.floats(0.05, 40), st.sampled_from([1e-16, 0.1, np.sqrt(2), 1 / 8, 0.375]))


@given(shapes, sigmas, st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=examples(80))
def test_same_bits_as_scipy(shape, sigma, seed):
    image = np.random.default_rng(seed).random(shape)
    assert np.array_equal(gaussian(image, sigma), ndimage.gaussian_filter(image, sigma))


@given(shapes, st.floats(0.2, 10), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=examples(50))
def test_needed_tiles(shape, sigma, seed):
    rng = np.random.default_rng(seed)
    image, mask = rng.random(shape), rng.random(shape) < 0.02
    tiles = tiled(mask)
    needed = tiles.repeat(TILE, 0).repeat(TILE, 1)[: shape[0], : shape[1]].astype(bool)
    assert needed[mask].all()
    assert all(mask[r * TILE : (r + 1) * TILE, c * TILE : (c + 1) * TILE].any() for r, c in np.argwhere(tiles))
    result = gaussian(image, sigma, tiles=tiles)
    assert np.array_equal(result[needed], ndimage.gaussian_filter(image, sigma)[needed])
    assert not result[~needed].any()


def test_threads_and_memory_layout_change_no_bit():
    image = np.random.default_rng(0).random((130, 210))
    expected = ndimage.gaussian_filter(image, 7.3)
    with thread_map(3) as map_:
        assert np.array_equal(gaussian(image, 7.3, map_), expected)
    assert np.array_equal(gaussian(np.asfortranarray(image), 7.3), expected)
    assert np.array_equal(gaussian(image.repeat(2, 1)[:, ::2], 7.3), expected)


def test_flat_background_stays_on_the_side_of_zero_where_scipy_puts_it():
    image = np.full((90, 90), 0.1)
    image[:4, :4] = 0.7
    difference = gaussian(image, np.sqrt(2)) - gaussian(image, 12.5)
    expected = ndimage.gaussian_filter(image, np.sqrt(2)) - ndimage.gaussian_filter(image, 12.5)
    assert np.array_equal(np.sign(difference), np.sign(expected))


@pytest.mark.parametrize("sigma", [0.3, 1.4, 7.07, 60.0])
def test_weights_of_the_second_derivative(sigma):
    line = np.zeros(2 * 400 + 1)
    line[400] = 1
    expected = ndimage.gaussian_filter1d(line, sigma, order=2, mode="constant")
    weights = gaussian_weights(sigma, order=2)
    radius = len(weights) // 2
    np.testing.assert_allclose(weights, expected[400 - radius : 400 + radius + 1], rtol=1e-12, atol=1e-16)


def test_weights_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        gaussian_weights(3.0)[0] = 1


@given(shapes, st.integers(0, 90), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_largest_values_equal_those_of_scipy(shape, reach, seed):
    image = np.random.default_rng(seed).normal(size=shape)
    assert np.array_equal(largest_around(image, reach), ndimage.maximum_filter(image, 2 * reach + 1))
