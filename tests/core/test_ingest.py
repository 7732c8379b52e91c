"""Grey intensities of all kinds of images."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.color import rgb2gray

from superdsm.core import ingest
from superdsm.core.ingest import LARGE
from superdsm.stages.ingest import Ingest
from tests.examples import examples
from tests.hyperparameters import defaults

grey_image = partial(ingest.grey_image, **defaults(Ingest, "histological"))

DTYPES = [bool, np.uint8, np.uint16, np.int16, np.uint32, np.float32, np.float64]


def picture(dtype, *shape):
    values = np.random.default_rng(0).random(shape)
    dtype = np.dtype(dtype)
    if dtype.kind in "ui":
        return (values * np.iinfo(dtype).max).astype(dtype)
    return values > 0.5 if dtype.kind == "b" else values.astype(dtype)


def stretched(grey):
    grey = grey.astype(np.float64) - grey.astype(np.float64).min()
    return grey / grey.max()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [(), (1,)])
def test_grey(dtype, channels):
    image = picture(dtype, 20, 31, *channels)
    g_raw, g_rgb = grey_image(image)
    assert np.array_equal(g_raw, stretched(image.reshape(20, 31)))
    assert g_raw.dtype == np.float64 and g_rgb is None
    assert g_raw.min() == 0 and g_raw.max() == 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_colour(dtype):
    image = picture(dtype, 20, 31, 3)
    assert np.array_equal(grey_image(image)[0], stretched(rgb2gray(image)))


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 30))))
@settings(deadline=None, max_examples=examples(60))
def test_three_equal_channels(grey):
    image = np.repeat(grey[..., None], 3, axis=2)
    expected = rgb2gray(image)
    expected = expected - expected.min()
    expected = expected / expected.max() if expected.max() > 0 else expected
    assert np.array_equal(grey_image(image)[0], expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("width", [640, 641, 1349])
@pytest.mark.parametrize("levels", [1, 2, 30, 256])
def test_large_images_of_three_equal_channels(dtype, width, levels):
    grey = (np.random.default_rng(1).integers(7, 7 + levels, (LARGE // 3 // width + 2, width))).clip(0, 255)
    image = np.repeat(grey.astype(dtype)[..., None] * (np.iinfo(dtype).max // 255), 3, axis=2)
    luminance = rgb2gray(image)
    expected = luminance - luminance.min()
    assert np.array_equal(grey_image(image)[0], expected / (expected.max() or 1))


@pytest.mark.parametrize("histological", [False, True])
def test_colours_in_extended_precision(histological):
    image = picture(np.float64, 9, 8, 3)
    g_raw, g_rgb = grey_image(image.astype(np.longdouble), histological=histological)
    expected = grey_image(image, histological=histological)
    assert np.array_equal(g_raw, expected[0])
    assert g_rgb is expected[1] is None or np.array_equal(g_rgb, expected[1])


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
def test_alpha(dtype, channels):
    image = picture(dtype, 9, 8, channels)
    image[..., -1] = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    opaque = image[..., :-1] if channels == 4 else image[..., 0]
    assert np.array_equal(grey_image(image)[0], grey_image(opaque)[0])
    image[3, 4, -1] = 0
    with pytest.raises(ValueError, match="transparent"):
        grey_image(image)


@pytest.mark.parametrize(("dtype", "alpha"), [(bool, False), (np.float32, 0.5), (np.uint8, 254)])
def test_an_image_that_is_transparent_everywhere(dtype, alpha):
    image = np.ones((5, 6, 4), dtype)
    image[..., 3] = alpha
    with pytest.raises(ValueError, match="transparent"):
        grey_image(image)


def test_histological():
    image = np.full((4, 5, 3), 200, np.uint8)
    image[1, 2] = 20, 40, 60
    g_raw, g_rgb = grey_image(image, histological=True)
    assert g_raw[1, 2] == 1 and np.count_nonzero(g_raw) == 1
    assert np.array_equal(g_rgb, image) and not np.shares_memory(g_rgb, image)


@pytest.mark.parametrize(("dtype", "full"), [(bool, 1), (np.uint16, 65535), (np.float32, 1.0), (np.float64, 300.0)])
def test_colours_of_histological_images_become_bytes(dtype, full):
    image = np.zeros((2, 2, 3), dtype)
    image[0, 0] = full
    g_rgb = grey_image(image, histological=True)[1]
    assert g_rgb.dtype == np.uint8
    assert g_rgb[0, 0].tolist() == [255, 255, 255] and not g_rgb[1].any()


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 1), (3, 4, 3), (1, 1)])
def test_constant_images_become_zero(shape):
    assert not grey_image(np.full(shape, 7, np.uint8))[0].any()


def test_the_input_is_left_alone():
    image = picture(np.float64, 6, 7)
    image.flags.writeable = False
    grey_image(image)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((0, 5)), "no pixels"),
        (np.zeros((4, 0, 3)), "no pixels"),
        (np.zeros((10, 20, 30)), "10 x 20 x 30 is a stack"),
        (np.zeros((2, 10, 20, 3)), "a stack"),
        (np.zeros(5), "not an image"),
        (np.float64(3), "not an image"),
        (np.array([[1.0, np.nan]]), "NaN"),
        (np.array([[1.0, np.inf]]), "infinite"),
        (np.array([[-1e308, 1e308]]), "1e\\+300"),
        (np.zeros((3, 3), complex), "complex128"),
        (np.array([["a", "b"]]), "type"),
    ],
)
def test_bad_images(image, message):
    with pytest.raises(ValueError, match=message) as caught:
        grey_image(image)
    assert "\n" not in str(caught.value) and ";" in str(caught.value)


def test_histological_needs_colour():
    with pytest.raises(ValueError, match="grey"):
        grey_image(np.zeros((3, 3)), histological=True)


@pytest.mark.parametrize("histological", [False, True])
@pytest.mark.parametrize(
    "layout",
    [
        np.asfortranarray,
        lambda a: a[::-1],
        lambda a: a[::2, ::3],
        lambda a: a.swapaxes(0, 1),
        lambda a: a.astype(">u2"),
    ],
    ids=["Fortran", "reversed", "strided", "transposed", "swapped bytes"],
)
def test_the_layout_of_the_memory_does_not_change_a_bit(layout, histological):
    rgb = np.random.default_rng(0).integers(0, 60_000, (37, 41, 3)).astype(np.uint16)
    for image in (rgb,) if histological else (rgb, rgb[..., 0]):
        array = layout(image)
        expected = grey_image(np.array(array, np.uint16, order="C"), histological=histological)
        found = grey_image(array, histological=histological)
        assert found[0].flags.c_contiguous
        assert np.array_equal(found[0], expected[0])
        assert np.array_equal(found[1], expected[1]) if histological else found[1] is None
