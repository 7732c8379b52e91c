"""Refinement of masks."""

import numpy as np
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm.core.objects import Object, cropped
from superdsm.core.refine import padded_box, refine_mask
from tests.examples import examples
from tests.twins import masks as twin


def object_of(mask):
    offset, fragment = cropped(mask, (0, 0))
    return Object((1,), 1.0, True, False, offset, fragment, 100)


def drawn(item, shape):
    image = np.zeros(shape, bool)
    item.draw(image)
    return image


def random_case(seed):
    """A blob that may touch the border of the image, may have holes and several parts, and a smooth image."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(3, 30, 2))
    mask = ndi.gaussian_filter(rng.random(shape), 1.5) > 0.52
    mask[rng.integers(shape[0]), rng.integers(shape[1])] = True
    return mask, ndi.gaussian_filter(rng.random(shape), 1)


@settings(deadline=None, max_examples=examples(100))
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.sampled_from([0.3, 1.0, 2.0]), st.booleans())
def test_like_in_the_whole_image(seed, distance, stdamp, holes):
    mask, smooth = random_case(seed)
    item = refine_mask(object_of(mask), smooth, stdamp=stdamp, max_distance=distance, fill_holes=holes)
    expected = twin.refined(mask, smooth, distance, stdamp, holes)
    np.testing.assert_array_equal(drawn(item, mask.shape), expected)
    if expected.any():
        assert item.fragment.any(axis=1)[[0, -1]].all()
    else:
        assert item.is_empty


@settings(deadline=None, max_examples=examples(40))
@given(st.integers(0, 2**32 - 1), st.sampled_from([(0.0, 1), (-1.0, 1), (2.0, 0), (2.0, -3)]), st.booleans())
def test_without_a_band_only_holes_are_filled(seed, settings_, holes):
    mask, smooth = random_case(seed)
    stdamp, distance = settings_
    item = refine_mask(object_of(mask), smooth, stdamp=stdamp, max_distance=distance, fill_holes=holes)
    np.testing.assert_array_equal(drawn(item, mask.shape), twin.fill_holes(mask) if holes else mask)


def test_a_band_wider_than_the_image():
    mask, smooth = random_case(1)
    item = refine_mask(object_of(mask), smooth, stdamp=1.0, max_distance=10**9, fill_holes=False)
    typical = abs(smooth - smooth[mask].mean()) <= smooth[mask].std()
    np.testing.assert_array_equal(drawn(item, mask.shape), typical)


def test_infinite_tolerance_takes_the_whole_band():
    mask = np.zeros((9, 12), bool)
    mask[4:6, 5:8] = True
    for smooth in (np.ones(mask.shape), np.random.default_rng(0).random(mask.shape)):
        item = refine_mask(object_of(mask), smooth, stdamp=np.inf, max_distance=1, fill_holes=False)
        np.testing.assert_array_equal(drawn(item, mask.shape), ndi.binary_dilation(mask))


@settings(deadline=None, max_examples=examples(40))
@given(st.integers(0, 2**32 - 1), st.integers(0, 5))
def test_padded_boxes(seed, pad):
    mask, _ = random_case(seed)
    item = object_of(mask)
    inside, box = padded_box(item, pad, mask.shape)
    np.testing.assert_array_equal(inside, mask[box])
    for part, start, extent, size in zip(box, item.offset, item.fragment.shape, mask.shape, strict=True):
        assert (part.start, part.stop) == (max(0, start - pad), min(size, start + extent + pad))
