"""Outlines on the pixels of the image: from masks of another grid to where the intensities say."""

from functools import partial

import numpy as np
import pytest
from scipy import ndimage

from superdsm.core import contours
from superdsm.core.contours import regrid
from superdsm.core.objects import Object, cropped
from superdsm.core.resample import resample
from superdsm.stages.contours import Contours
from tests.core.scenes import disks
from tests.hyperparameters import defaults

to_image = partial(contours.to_image, **defaults(Contours, reach=0.8))  # for masks that are two pixels too small


def objects_of(labels):
    result = []
    for label in range(1, labels.max() + 1):
        offset, fragment = cropped(labels == label, (0, 0))
        result.append(Object((label,), 1.0, True, False, offset, fragment, 100))
    return result


def iou(item, truth):
    mask = np.zeros(truth.shape, bool)
    item.draw(mask)
    return np.count_nonzero(mask & truth) / np.count_nonzero(mask | truth)


@pytest.fixture
def scene():
    return disks((150, 160), [(40, 45), (40, 71), (105, 60), (100, 120)], [14, 12, 18, 10], [60, 20, 45, 200])


@pytest.mark.parametrize("zoom", [0.5, 1.0, 2.0])
def test_masks_of_the_working_grid_find_the_outlines(scene, zoom):
    image, truth = scene
    shape = tuple(round(size * zoom) for size in image.shape)
    work = regrid(truth, shape, smoothing=0.5)
    work = np.where(ndimage.binary_erosion(work > 0, iterations=2), work, 0)  # too small, as fits may be
    found = to_image(objects_of(work), shape, image, 14)
    assert [item.atoms for item in found] == [(1,), (2,), (3,), (4,)]
    for item in found:
        assert iou(item, truth == item.atoms[0]) > 0.85


def test_objects_are_disjoint_and_in_one_piece(scene):
    image, truth = scene
    count = np.zeros(image.shape, int)
    for item in to_image(objects_of(truth), image.shape, image, 14):
        assert ndimage.label(item.fragment)[1] == 1
        assert not (ndimage.binary_fill_holes(item.fragment) & ~item.fragment).any()
        count[item.slices] += item.fragment
    assert count.max() == 1


def test_outlines_do_not_depend_on_units(scene):
    image, truth = scene
    plain = to_image(objects_of(truth), image.shape, image, 14)
    for other in (10 * image + 300, image / 1000):
        assert to_image(objects_of(truth), image.shape, other, 14) == plain


def test_large_objects_are_fitted_on_a_coarser_grid():
    image, truth = disks((400, 420), [(200, 200)], [100], [50])
    (found,) = to_image(objects_of(truth), image.shape, image, 100)
    assert found.area != np.count_nonzero(truth) and iou(found, truth == 1) > 0.95


def test_level_zero_leaves_the_outlines(scene):
    image, truth = scene
    for item in to_image(objects_of(truth), image.shape, image, 14, level=0.0):
        assert iou(item, truth == item.atoms[0]) == 1
    assert to_image([], image.shape, image, 14) == []


def test_regrid_there_and_back(scene):
    _, truth = scene
    there = regrid(truth, (300, 320), smoothing=0.5)
    back = regrid(there, truth.shape, smoothing=0.5)
    assert np.mean(back == truth) > 0.99
    assert np.array_equal(resample(truth > 0, truth.shape) > 0, truth > 0)


def test_objects_with_necks_are_divided():
    image, truth = disks((80, 120), [(40, 35), (40, 58), (20, 100)], [13, 13, 13], [50, 50, 50])
    merged = np.where(truth == 2, 1, truth)
    found = to_image(objects_of(merged), image.shape, image, 13)
    assert [item.atoms for item in found] == [(1,), (3,), (1,)]
    assert sorted(round(iou(item, truth == label), 1) for item, label in zip(found, (1, 3, 2), strict=True)) > [0.8] * 3
    assert len(to_image(objects_of(merged), image.shape, image, 13, narrow=0)) == 2
    assert len(to_image(objects_of(merged), image.shape, image, 40)) == 2  # too small for two
