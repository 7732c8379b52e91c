"""Edges of objects: disks that were blurred by a known amount."""

import numpy as np
import pytest
from scipy import ndimage

from superdsm.core import sharpness
from tests.core.test_contours import objects_of


def edge_width(objects, image):
    occupied = np.zeros(image.shape, bool)
    for item in objects:
        item.draw(occupied)
    return sharpness.edge_width(objects, occupied, image)


def disks(radius, blur, noise=0.0, count=3):
    size = 4 * radius
    rows, columns = np.indices((size, size)) - size // 2
    truth = np.hstack([(np.hypot(rows, columns) <= radius) * label for label in range(1, count + 1)]).astype(np.int32)
    image = ndimage.gaussian_filter((truth > 0).astype(float), blur)
    return image + np.random.default_rng(0).normal(0, noise, image.shape), objects_of(truth)


@pytest.mark.parametrize("radius", [8, 15, 40])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_the_width_is_that_of_the_blur(radius, noise):
    for blur in (radius / 8, radius / 5):
        image, objects = disks(radius, blur, noise)
        assert edge_width(objects, image) == pytest.approx(blur, rel=0.35)


@pytest.mark.parametrize("radius", [6, 20, 50])
def test_a_blurred_image_has_wider_edges_than_a_sharp_one(radius):
    sharp, objects = disks(radius, 0.5, 0.02)
    blurred = disks(radius, radius / 4, 0.02)[0]
    assert edge_width(objects, blurred) > 2 * edge_width(objects, sharp)


def test_it_does_not_depend_on_the_units_of_the_intensities():
    image, objects = disks(12, 2)
    assert edge_width(objects, 500 * image + 3000) == pytest.approx(edge_width(objects, image))


def test_what_has_no_edge_has_no_width():
    image, objects = disks(10, 1)
    assert edge_width([], image) is None
    assert edge_width(objects, -image) is None
    assert edge_width(objects, np.ones_like(image)) is None
    whole = objects_of(np.ones((9, 9), np.int32))
    assert edge_width(whole, np.arange(81.0).reshape(9, 9)) is None


def test_neighbours_are_no_surroundings():
    truth = np.zeros((40, 60), np.int32)
    truth[10:30, 10:30], truth[10:30, 30:50] = 1, 2
    image = ndimage.gaussian_filter((truth > 0).astype(float), 1.5)
    assert edge_width(objects_of(truth), image) == pytest.approx(1.5, rel=0.35)
