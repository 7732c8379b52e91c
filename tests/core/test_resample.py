"""Resampling: what must be kept when pixels become larger or smaller."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from superdsm.core.objects import cropped
from superdsm.core.resample import draw_degrees, largest_piece, resample, resample_mask
from tests.examples import examples

sizes = st.integers(1, 40)


@given(sizes, sizes, sizes, sizes, st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=examples(60))
def test_shape_range_and_constants(rows, columns, new_rows, new_columns, seed):
    image = np.random.default_rng(seed).random((rows, columns))
    result = resample(image, (new_rows, new_columns))
    assert result.shape == (new_rows, new_columns) and result.flags.c_contiguous
    assert result.min() >= image.min() - 1e-9 and result.max() <= image.max() + 1e-9
    assert np.allclose(resample(np.full((rows, columns), 0.7), (new_rows, new_columns)), 0.7)


@given(sizes, sizes, st.integers(1, 9), st.integers(1, 9))
@settings(deadline=None, max_examples=examples(40))
def test_averages_over_blocks_and_keeps_the_mean(rows, columns, down, across):
    image = np.random.default_rng(1).random((rows * down, columns * across))
    expected = image.reshape(rows, down, columns, across).mean(axis=(1, 3))
    assert np.allclose(resample(image, (rows, columns)), expected)
    if rows * down > 3:
        assert resample(image, (rows * down - 1, columns)).mean() == pytest.approx(image.mean())


def test_the_same_shape_is_a_copy():
    image = np.random.default_rng(0).random((7, 9))
    result = resample(image, (7, 9))
    assert np.array_equal(result, image) and result is not image


def test_enlarging_a_ramp_keeps_it():
    ramp = np.add.outer(np.arange(20.0), 2 * np.arange(30.0))
    result = resample(ramp, (60, 90))
    places = (np.arange(60) + 0.5) / 3 - 0.5
    assert np.allclose(result[3:-3, 3:-3], np.add.outer(places, 2 * ((np.arange(90) + 0.5) / 3 - 0.5))[3:-3, 3:-3])


@pytest.mark.parametrize("zoom", [0.4, 1.7, 3.0])
def test_disks_keep_area_and_place(zoom):
    rows, columns = np.ogrid[:80, :80]
    mask = (rows - 37) ** 2 + (columns - 44) ** 2 < 15**2
    shape = (round(80 * zoom), round(80 * zoom))
    box = slice(22, 53), slice(29, 60)
    offset, degrees = resample_mask(mask[box], (22, 29), (80, 80), shape, smoothing=0.5)
    labels, best = np.zeros(shape, np.int32), np.zeros(shape)
    draw_degrees(labels, best, offset, degrees, 5)
    assert set(np.unique(labels)) == {0, 5}
    assert np.count_nonzero(labels) / zoom**2 == pytest.approx(np.count_nonzero(mask), rel=0.04)
    centre = (np.argwhere(labels).mean(axis=0) + 0.5) / zoom - 0.5
    assert np.allclose(centre, (37, 44), atol=0.3)


def test_masks_at_the_border_reach_it():
    offset, degrees = resample_mask(np.ones((10, 12), bool), (0, 0), (10, 12), (30, 36), smoothing=0.5)
    assert offset == (0, 0) and degrees.shape == (30, 36)
    assert degrees[15, 18] == pytest.approx(1)


def test_largest_piece_without_holes():
    mask = np.zeros((9, 12), bool)
    mask[1:6, 1:6] = True
    mask[3, 3] = False
    mask[7, 8:11] = True
    offset, piece = largest_piece(mask, (100, 200))
    assert offset == (101, 201) and piece.shape == (5, 5) and piece.all()
    assert largest_piece(np.zeros((3, 3), bool), (1, 1))[1].size == 0


@given(sizes, sizes, st.floats(0, 1), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=100)
def test_largest_piece_equals_its_definition(rows, columns, density, seed):
    mask = np.random.default_rng(seed).random((rows, columns)) < density
    pieces, n = ndimage.label(mask)
    areas = np.bincount(pieces.ravel(), minlength=2)[1:]
    expected = cropped(ndimage.binary_fill_holes(pieces == areas.argmax() + 1) if n else mask, (3, 5))
    offset, piece = largest_piece(mask, (3, 5))
    assert offset == (expected[0] if n else (0, 0)) and np.array_equal(piece, expected[1])


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_shrinking_averages_over_parts_of_pixels(before, after, seed):
    after = min(before, after)
    line = np.random.default_rng(seed).random(before)
    sums = np.concatenate([[0], np.cumsum(line)])
    edges = np.linspace(0, before, after + 1)
    expected = np.diff(np.interp(edges, np.arange(before + 1), sums)) / (before / after)
    assert np.allclose(resample(np.tile(line[:, None], (1, 3)), (after, 3)), expected[:, None])
    assert np.allclose(resample(np.tile(line, (3, 1)), (3, after)), expected)
