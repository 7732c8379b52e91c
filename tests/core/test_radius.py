"""The radius of the typical object: disks of known radii, and what must not matter."""

import numpy as np
import pytest

from superdsm.core.radius import estimate_radius
from tests.core.scenes import disks, grid_of_disks


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


def test_large_images_are_sampled():
    image, _ = grid_of_disks(6, number=60)
    assert image.size > 2**20
    assert estimate_radius(image).radius == pytest.approx(6, rel=0.2)
