"""Flat-field correction: the estimated illumination, and the division."""

from typing import Any

import numpy as np
import pytest

from superdsm.core.flat_field import background_surface, corrected, illumination
from superdsm.stages.flat_field import FlatField
from tests.hyperparameters import defaults
from tests.twins import flat_field as twin

DEGREE = defaults(FlatField, "degree")


def vignette(shape: tuple[int, int], depth: float = 0.6, tilt: float = 0.2) -> Any:
    """Bright in the middle, with a tilt."""
    rows, columns = (np.linspace(-1, 1, size) for size in shape)
    return 1 - depth / 2 * (rows[:, None] ** 2 + columns**2) + tilt * columns


def objects(shape: tuple[int, int], count: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    image = np.zeros(shape)
    for row, column in rng.random((count, 2)) * shape:
        image[(rows - row) ** 2 + (columns - column) ** 2 < 12**2] = 1.0
    return image


@pytest.mark.parametrize("shape", [(60, 83), (7, 40), (25, 9), (1, 1), (3, 200)])
@pytest.mark.parametrize("degree", [1, 2, 3])
def test_the_surface_is_that_of_the_twin(shape: tuple[int, int], degree: int) -> None:
    rng = np.random.default_rng(1)
    image = 100 * vignette(shape) + 300 * objects(shape, 3) + rng.normal(0, 2, shape)
    np.testing.assert_allclose(background_surface(image, degree), twin.background_surface(image, degree), rtol=1e-6)


@pytest.mark.parametrize("count", [0, 10, 40, 90])
def test_an_uneven_background_becomes_even_whatever_lies_on_it(count: int) -> None:
    """With 90 objects two fifths of the image are covered."""
    shape = (300, 400)
    light = vignette(shape)
    truth = 100 + 400 * objects(shape, count)
    image = truth * light + np.random.default_rng(2).normal(0, 2, shape)
    result = corrected(image, illumination(image, **DEGREE), dark=0.0)
    assert result.mean() == pytest.approx(image.mean(), rel=0.1)
    for part in (truth == 100, truth == 500) if count else (truth == 100,):
        spread = np.std(result[part]) / np.mean(result[part])
        before = np.std(image[part]) / np.mean(image[part])
        assert spread < 0.035 < 0.1 < before


def test_a_given_flat_and_a_dark_image_are_taken_exactly() -> None:
    shape = (20, 31)
    light, dark = vignette(shape), np.random.default_rng(3).random(shape) * 10
    truth = np.random.default_rng(4).random(shape) * 1000
    flat = 500 * light + dark
    np.testing.assert_allclose(corrected(truth * light / light.mean() + dark, flat, dark), truth)
    colour = np.stack([truth, 2 * truth, 3 * truth], axis=2)
    given = colour * (light / light.mean())[..., None] + dark[..., None]
    np.testing.assert_allclose(corrected(given, flat, dark), colour)


def test_even_images_stay_as_they_are() -> None:
    image = np.full((50, 60), 7, np.uint16)
    np.testing.assert_allclose(corrected(image, illumination(image, **DEGREE), dark=0.0), image)


def test_places_without_light_are_not_blown_up() -> None:
    flat = np.ones((10, 10))
    flat[0] = 0
    result = corrected(np.ones((10, 10)), flat, dark=0.0)
    assert result.max() <= 1 / 0.05 and np.isfinite(result).all()


def test_what_cannot_be_divided_is_refused() -> None:
    with pytest.raises(ValueError, match="has 3 x 4 pixels, but the image has 5 x 6"):
        corrected(np.ones((5, 6)), np.ones((3, 4)), dark=0.0)
    with pytest.raises(ValueError, match="not brighter than the dark intensity"):
        corrected(np.ones((5, 6)), np.ones((5, 6)), 2.0)
