"""The radius of the typical object: disks of known radii, and what must not matter."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from superdsm._ext.radius import scale_maxima, without_overlaps
from superdsm.core import radius as radii
from superdsm.core.radius import refined_radius
from superdsm.stages.nucleus_size import NucleusSize
from tests.core.scenes import disks, grid_of_disks
from tests.hyperparameters import defaults

estimate_radius = partial(radii.estimate_radius, **defaults(NucleusSize, "largest_radius"))


@pytest.mark.parametrize("radius", [3, 5, 9, 17, 40, 90, 150])
def test_radius_of_disks(radius):
    image, _ = grid_of_disks(radius, number=4 if radius < 60 else 2)
    found = estimate_radius(image)
    assert found.radius == pytest.approx(radius, rel=0.25)
    assert found.spread < 0.3
    assert found.count >= 4


def test_radius_does_not_depend_on_units_nor_on_hot_pixels():
    image, _ = grid_of_disks(9, number=5)
    expected = estimate_radius(image).radius
    assert estimate_radius(300 * image + 7000).radius == pytest.approx(expected, rel=1e-6)
    image[3, 4] = 60_000
    assert estimate_radius(image).radius == pytest.approx(expected, rel=0.05)


def test_one_very_bright_object_is_only_one():
    centres = [(20 + 36 * i, 20 + 36 * j) for i in range(6) for j in range(6)]
    radii = [9.0] * 36
    radii[14] = 16.0
    amplitudes = [40.0] * 36
    amplitudes[14] = 8000.0
    image, _ = disks((240, 240), centres, radii, amplitudes)
    assert estimate_radius(image).radius == pytest.approx(9, rel=0.25)


def test_mixed_sizes_have_a_wide_spread():
    centres = [(40 + 80 * i, 40 + 80 * j) for i in range(5) for j in range(5)]
    uniform, _ = disks((400, 400), centres, [12.0] * 25, [40.0] * 25)
    mixed, _ = disks((400, 400), centres, [11.0, 26.0] * 12 + [11.0], [40.0] * 25)
    assert estimate_radius(mixed).spread > estimate_radius(uniform).spread + 0.2


@pytest.mark.parametrize("shape", [(64, 64), (5, 400), (1, 1), (2, 2)])
def test_nothing_is_found_in_constant_images(shape):
    assert estimate_radius(np.full(shape, 3.0)).radius is None


def test_large_images_are_sampled(monkeypatch):
    monkeypatch.setattr(radii, "MOST_PIXELS", 2**14)
    image, _ = grid_of_disks(6, number=24)
    assert image.size > 4 * radii.MOST_PIXELS
    assert estimate_radius(image).radius == pytest.approx(6, rel=0.2)


@pytest.mark.parametrize("wrong", [0.75, 1.0, 1.35])
@pytest.mark.parametrize("radius", [5, 9, 40])
def test_outlines_correct_the_radius(radius, wrong):
    image, _ = grid_of_disks(radius, number=4)
    full = refined_radius(image, wrong * radius, trust=1.0)
    assert full == pytest.approx(radius, rel=0.12)
    assert refined_radius(50 * image + 900, wrong * radius, trust=1.0) == pytest.approx(full, rel=1e-6)
    half = refined_radius(image, wrong * radius, trust=0.5)
    assert half == pytest.approx((full * wrong * radius) ** 0.5)


def test_outlines_of_large_images_are_sampled(monkeypatch):
    monkeypatch.setattr(radii, "MOST_COARSE_PIXELS", 2**16)
    image, _ = grid_of_disks(6, number=24)
    assert image.size > radii.MOST_COARSE_PIXELS  # and zoomed by 1.5
    assert refined_radius(image, 8.0, trust=1.0) == pytest.approx(6, rel=0.15)


def test_nothing_alone_changes_nothing():
    assert refined_radius(np.full((64, 64), 3.0), 7.0, trust=0.75) == 7.0


@given(st.integers(1, 20), st.integers(1, 20), st.integers(4, 6), st.integers(0, 2**32 - 1), st.sampled_from([2, 100]))
@settings(deadline=None, max_examples=60)
def test_maxima_over_scales_equal_their_definition(rows, columns, images, seed, values):
    rng = np.random.default_rng(seed)
    smoothed = list(rng.integers(0, values, (images, rows, columns)) / 7)  # with equal neighbours
    stack = np.subtract(smoothed[:-1], smoothed[1:])
    largest = ndimage.maximum_filter(stack, 3, mode="constant", cval=-np.inf)
    scale, row, column = np.nonzero((stack == largest) & (stack > 0.1))
    inner = (scale > 0) & (scale < images - 2)
    scale, row, column = scale[inner], row[inner], column[inner]
    at = [stack[scale + shift, row, column] for shift in (0, -1, 1)]
    found = scale_maxima(smoothed, 0.1)
    assert sorted(found.tolist()) == sorted(np.column_stack([scale, row, column, *at]).tolist())


@given(st.integers(0, 60), st.floats(0.1, 2), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_overlaps_equal_their_definition(n, overlap, seed):
    rng = np.random.default_rng(seed)
    blobs = rng.random((n, 3)) * [30, 30, 7] + [0, 0, 1]
    expected = np.ones(n, bool)
    for i in range(n):
        for j in range(i + 1, n):
            reach = overlap * max(blobs[i, 2], blobs[j, 2])
            if expected[i] and np.hypot(*(blobs[i] - blobs[j])[:2]) < reach:
                expected[j] = False
    octaves = np.floor(np.log2(blobs[:, 2])).astype(int)
    order = np.lexsort((blobs[:, 0], octaves)).astype(np.int32)
    starts = np.searchsorted(octaves[order], np.arange(4)).astype(np.int32)
    assert np.array_equal(without_overlaps(blobs, order, starts, 2.0 ** np.arange(1, 4), overlap), expected)


def test_dim_texture_does_not_count():
    image, _ = grid_of_disks(12, number=4, noise=0.2)
    small, _ = grid_of_disks(5, number=9, noise=0.0)
    beside = np.concatenate([image, np.resize(10 + 0.12 * (small - 10), (small.shape[0], image.shape[1]))])
    plain = refined_radius(image, 12.0, trust=1.0)
    assert refined_radius(beside, 12.0, trust=1.0) == pytest.approx(plain, rel=0.03)
