"""The label image."""

import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm._ext import labels as kernels
from superdsm._ext.distance import vertical_distances
from superdsm.core import labels as module
from superdsm.core.labels import label_image
from superdsm.core.objects import EMPTY, Object, cropped
from tests.examples import examples
from tests.twins import masks as twin


def object_of(mask, atoms):
    offset, fragment = cropped(np.asarray(mask, bool), (0, 0))
    return Object(atoms, 1.0, True, False, offset, fragment, 100)


def box(shape, rows, cols, atoms=(1,)):
    mask = np.zeros(shape, bool)
    mask[slice(*rows), slice(*cols)] = True
    return object_of(mask, atoms)


def random_masks(seed):
    """Overlapping blobs; each has a pixel for itself."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(8, 40, 2))
    r, c = np.indices(shape)
    result = []
    for _ in range(rng.integers(1, 7)):
        row, col, radius = rng.integers(shape[0]), rng.integers(shape[1]), rng.integers(1, 10)
        result.append((r - row) ** 2 + (c - col) ** 2 <= radius**2)
    count = np.sum(result, axis=0)
    return shape, [mask for mask in result if (mask & (count == 1)).any()], rng


@settings(deadline=None, max_examples=examples(100))
@given(st.integers(0, 2**32 - 1))
def test_like_flooding_the_whole_image(seed):
    shape, masks, rng = random_masks(seed)
    items = [object_of(mask, (k, k + 50)) for k, mask in enumerate(masks, 1)]
    expected = twin.shared_out(masks, shape)
    result = label_image([items[k] for k in rng.permutation(len(items))], shape)
    assert result.dtype == np.uint16
    union = np.any(masks, axis=0) if masks else np.zeros(shape, bool)
    isolated = union & (expected == 0)  # the flooding alone does not get there
    np.testing.assert_array_equal(result[~isolated], expected[~isolated])
    for r, c in np.argwhere(isolated):
        assert result[r, c] == 1 + np.flatnonzero([mask[r, c] for mask in masks])[0]


@settings(deadline=None, max_examples=examples(60))
@given(st.integers(0, 2**32 - 1))
def test_distances_of_contested_pixels(seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.array([-1, 0, 1, 7], np.int32), p=[0.5, 0.3, 0.1, 0.1], size=tuple(rng.integers(1, 25, 2)))
    expected = np.zeros(labels.shape)
    if (labels > 0).any():
        expected = np.where(labels == -1, ndi.distance_transform_edt(labels <= 0) ** 2, 0)
    np.testing.assert_array_equal(
        kernels.contested_distances(labels, vertical_distances((labels > 0).view(np.uint8))), expected.round()
    )


def test_pixels_of_one_object_are_its_own():
    shape = (20, 30)
    a, b = box(shape, (2, 12), (2, 15), (1,)), box(shape, (5, 15), (10, 25), (2,))
    result = label_image([b, a], shape)
    assert (result[2:12, 2:10] == 1).all()
    assert (result[5:15, 15:25] == 2).all()
    assert set(np.unique(result[5:12, 10:15])) == {1, 2}
    assert ((result > 0) == (np.maximum(*[_drawn(item, shape) for item in (a, b)]))).all()


def _drawn(item, shape):
    image = np.zeros(shape, bool)
    item.draw(image)
    return image


def test_labels_follow_the_atoms_and_skip_empty_masks():
    shape = (10, 10)
    items = [
        box(shape, (0, 2), (0, 2), (9,)),
        Object((1,), 0.0, False, False, (0, 0), EMPTY, 0),
        box(shape, (4, 6), (0, 2), (2, 30)),
        box(shape, (8, 10), (0, 2), (2, 4)),
    ]
    result = label_image(items, shape)
    assert (result[0, 0], result[4, 0], result[8, 0]) == (3, 2, 1)


def test_no_objects():
    result = label_image([], (3, 4))
    assert result.shape == (3, 4)
    assert result.dtype == np.uint16
    assert not result.any()


def test_object_inside_another_one_keeps_its_pixels():
    shape = (20, 20)
    result = label_image([box(shape, (2, 18), (2, 18), (1,)), box(shape, (8, 12), (8, 12), (2,))], shape)
    assert (result[8:12, 8:12] == 2).all()
    assert np.count_nonzero(result == 1) == 16 * 16 - 16


def test_objects_that_others_cover_exactly_keep_a_label():
    shape = (10, 20)
    halves = [box(shape, (2, 8), (2, 10), (1,)), box(shape, (2, 8), (10, 18), (2,))]
    whole = box(shape, (2, 8), (2, 18), (3,))
    assert set(np.unique(label_image([*halves, whole], shape))) == {0, 1, 2, 3}
    twins = [box(shape, (2, 8), (2, 10), (k,)) for k in (1, 2, 3)]
    result = label_image(twins, shape)
    assert set(np.unique(result)) == {0, 1, 2, 3}
    assert ((result > 0) == _drawn(twins[0], shape)).all()


def test_more_identical_objects_than_pixels():
    result = label_image([box((3, 3), (1, 2), (1, 2), (k,)) for k in (1, 2, 3)], (3, 3))
    assert result[1, 1] == 1
    assert np.count_nonzero(result) == 1


@settings(deadline=None, max_examples=examples(40))
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.2, 0.5, 0.9]))
def test_merging_is_transitive(seed, threshold):
    shape, masks, _ = random_masks(seed)
    items = [object_of(mask, (k,)) for k, mask in enumerate(masks)]
    group = list(range(len(masks)))
    for i in range(len(masks)):
        for j in range(i):
            if (masks[i] & masks[j]).sum() > threshold * min(masks[i].sum(), masks[j].sum()):
                old, new = max(group[i], group[j]), min(group[i], group[j])
                group = [new if g == old else g for g in group]
    merged = [np.any([m for m, g in zip(masks, group, strict=True) if g == k], axis=0) for k in sorted(set(group))]
    expected = label_image([object_of(mask, (k,)) for k, mask in enumerate(merged)], shape)
    np.testing.assert_array_equal(label_image(items, shape, merge_overlap_threshold=threshold), expected)


def test_touching_boxes_do_not_merge_without_overlap():
    shape = (10, 10)
    items = [box(shape, (0, 5), (0, 5), (1,)), box(shape, (5, 10), (0, 5), (2,)), box(shape, (0, 5), (5, 10), (3,))]
    assert label_image(items, shape, merge_overlap_threshold=0.0).max() == 3


@pytest.mark.parametrize("radius", [-30, -2, -1, 1, 3, 30])
def test_dilation_of_each_mask(radius):
    shape = (16, 18)
    mask = np.zeros(shape, bool)
    mask[0:7, 3:12] = True
    mask[3, 5] = False
    expected = twin.dilate(mask, radius) if radius > 0 else twin.erode(mask, -radius)
    result = label_image([object_of(mask, (1,))], shape, dilate=radius)
    np.testing.assert_array_equal(result > 0, expected)


def test_objects_that_erode_away_get_no_label():
    shape = (20, 20)
    items = [box(shape, (2, 4), (2, 4), (1,)), box(shape, (8, 18), (8, 18), (2,))]
    result = label_image(items, shape, dilate=-1)
    assert set(np.unique(result)) == {0, 1}
    assert result[12, 12] == 1


def test_many_objects_need_32_bits(monkeypatch):
    monkeypatch.setattr(module, "MAX_UINT16", 3)
    shape = (1, 8)
    items = [box(shape, (0, 1), (2 * k, 2 * k + 1), (k,)) for k in range(4)]
    assert label_image(items[:3], shape).dtype == np.uint16
    assert label_image(items, shape).dtype == np.uint32
    assert label_image(items, shape).max() == 4
