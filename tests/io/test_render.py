"""Pictures: what is drawn where, and that it is drawn quickly."""

import time
from typing import Any

import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from superdsm.io.render import COLOURS, overlay
from tests.examples import examples


def squares() -> tuple[Any, Any]:
    labels = np.zeros((60, 80), dtype=np.uint16)
    labels[10:30, 10:30] = 1
    labels[10:30, 30:50] = 2
    labels[40:55, 60:80] = 3
    return np.linspace(0, 1, labels.size).reshape(labels.shape), labels


def drawn(picture: Any) -> Any:
    """Pixels that are not grey."""
    return (np.ptp(picture.astype(int), axis=-1)) > 0


def test_few_bright_objects_stand_out_of_the_noise() -> None:
    noise = np.random.default_rng(0).normal(0.02, 0.004, (900, 900))
    labels = np.zeros(noise.shape, np.uint16)
    for number, (row, column) in enumerate([(100, 200), (450, 700)], 1):
        noise[row : row + 12, column : column + 12] = 0.8
        labels[row : row + 12, column : column + 12] = number
    picture = overlay(noise, labels).astype(int)
    assert picture[106, 206].min() > 230
    assert np.percentile(picture[:90], 95) < 80
    assert np.percentile(overlay(noise, 0 * labels)[:90], 50) > 80, "without objects the background is shown"


def test_without_objects_the_picture_is_the_image_with_stretched_contrast() -> None:
    image = np.linspace(3.0, 7.0, 50 * 40).reshape(50, 40)
    picture = overlay(image, np.zeros(image.shape, dtype=int))
    assert picture.shape == (50, 40, 3) and picture.dtype == np.uint8
    assert not drawn(picture).any()
    assert picture.min() == 0 and picture.max() == 255
    assert (np.diff(picture[..., 0].ravel().astype(int)) >= 0).all()


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_a_constant_image_has_no_contrast(value: float) -> None:
    assert not overlay(np.full((1, 7), value), np.zeros((1, 7), dtype=int)).any()


def test_a_few_hot_pixels_do_not_make_the_rest_dark() -> None:
    image = np.linspace(0, 1, 10_000).reshape(100, 100)
    image[0, :3] = 1000
    assert overlay(image, np.zeros(image.shape, dtype=int))[50].mean() > 100


def test_a_colour_image_is_shown_as_it_is() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    _, labels = squares()
    before = rgb.copy()
    picture = overlay(rgb, labels, border=1)
    assert np.array_equal(rgb, before)
    assert np.array_equal(picture[labels == 0], rgb[labels == 0])
    assert not np.array_equal(picture, rgb)


@pytest.mark.parametrize("border", [1, 2, 3, 5])
def test_contours_are_the_inner_rim_of_the_objects_in_the_width_that_is_asked_for(border: int) -> None:
    image, labels = squares()
    rim = drawn(overlay(image, labels, border=border))
    assert not rim[labels == 0].any()
    depth = np.minimum(ndi.distance_transform_cdt(np.pad(labels == 1, 1), "chessboard")[1:-1, 1:-1], 99)
    assert rim[(labels == 1) & (depth == 1)].all()
    assert rim[20, 10 : 10 + border].all() and not rim[20, 10 + border]
    assert not rim[(labels == 1) & (depth > border)].any()
    assert not rim[41 + border : 54 - border, 79].any(), "there is no contour along the border of the image"


def test_objects_that_touch_or_nearly_do_have_different_colours() -> None:
    image, labels = squares()
    labels[33:36, 10:30] = 4  # three pixels below object 1
    picture = overlay(image, labels, border=1)
    colour = {label: tuple(picture[tuple(np.argwhere(labels == label)[0])]) for label in (1, 2, 3, 4)}
    assert colour[1] not in (colour[2], colour[4])
    assert colour[3] == tuple(COLOURS[0])


@settings(deadline=None, max_examples=examples(60))
@given(
    hnp.arrays(np.uint16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 5)),
    st.integers(1, 4),
)
def test_any_label_image_can_be_drawn(labels: Any, border: int) -> None:
    """The colour of a contour tells touching objects apart, and only pixels of objects are touched."""
    image = np.zeros(labels.shape)
    picture = overlay(image, labels, border=border)
    assert not picture[labels == 0].any()
    for axis in (0, 1):
        one, other = np.moveaxis(labels, axis, 0)[:-1], np.moveaxis(labels, axis, 0)[1:]
        first, second = np.moveaxis(picture, axis, 0)[:-1], np.moveaxis(picture, axis, 0)[1:]
        touching = (one != other) & (one > 0) & (other > 0)
        assert (first[touching] != second[touching]).any(axis=-1).all()
        edge = (one != other) & (one > 0)
        assert first[edge].any(axis=-1).all()


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="pixels"):
        overlay(np.zeros((3, 4)), np.zeros((4, 3), dtype=int))


@pytest.mark.speed
def test_pictures_of_camera_size_are_drawn_quickly() -> None:
    rng = np.random.default_rng(0)
    labels = np.kron(np.arange(1, 109).reshape(9, 12), np.ones((112, 112), dtype=int)).astype(np.uint16)
    labels[ndi.uniform_filter(rng.random(labels.shape), 15) > 0.52] = 0
    image = rng.random(labels.shape)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        overlay(image, labels)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.25, "about 0.03 s on an idle core"
