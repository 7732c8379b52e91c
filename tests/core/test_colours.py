"""Fluorescence composites: which channel shows the nuclei, and that other colour images are left alone."""

from typing import Any

import numpy as np
import pytest

from superdsm.core.colours import channel_of, nuclear_channel
from superdsm.core.ingest import composite_channel, grey_image
from superdsm.testing import synthetic_image

SHAPE = (160, 190)
NOTHING = np.zeros(SHAPE)


def stain(seed: int, radius: float = 12.0, peak: float = 255.0) -> np.ndarray[Any, Any]:
    """Blobs on black, between 0 and `peak`."""
    image = synthetic_image(seed, SHAPE, n_nuclei=9, radius=radius)[0].astype(float)
    image = np.clip(image - np.percentile(image, 30), 0, None)
    return image / image.max() * peak


NUCLEI, RED, GREEN = stain(1), stain(2, 6.0), stain(3, 25.0)


def rgb(red: Any, green: Any, blue: Any, dtype: Any = np.uint8) -> np.ndarray[Any, Any]:
    scale = 1 if dtype == np.uint8 else 257 if dtype == np.uint16 else 1 / 255
    return (np.stack([red, green, blue], axis=2).clip(0, 255) * scale).astype(dtype)


COMPOSITES = {
    "blue only": (rgb(NOTHING, NOTHING, NUCLEI), "blue"),
    "red only": (rgb(NUCLEI, NOTHING, NOTHING), "red"),
    "green only": (rgb(NOTHING, NUCLEI, NOTHING), "green"),
    "one stain in orange": (rgb(NUCLEI, 0.6 * NUCLEI, NOTHING), "red"),
    "one stain in cyan": (rgb(NOTHING, 0.9 * NUCLEI, NUCLEI), "blue"),
    "nuclei and one marker": (rgb(RED, NOTHING, NUCLEI), "blue"),
    "nuclei and two markers": (rgb(RED, GREEN, NUCLEI), "blue"),
    "dim nuclei and two markers": (rgb(RED, GREEN, 0.3 * NUCLEI), "blue"),
    "nuclei in white and a marker": (rgb(NUCLEI + RED, NUCLEI, NUCLEI), "blue"),
    "nuclei in cyan, a marker in magenta": (rgb(RED, NUCLEI, NUCLEI + RED), "blue"),
    "two stains, none in blue": (rgb(RED, GREEN, NOTHING), "max"),
}


@pytest.mark.parametrize("name", COMPOSITES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_composites(name: str, dtype: Any) -> None:
    image, expected = COMPOSITES[name]
    image = image if dtype == np.uint8 else rgb(*np.moveaxis(image.astype(float), 2, 0), dtype)
    assert nuclear_channel(image) == expected
    grey = grey_image(image, False, expected)[0]
    assert np.array_equal(grey, grey_image(channel_of(image, expected), False)[0])


def bright_field() -> np.ndarray[Any, Any]:
    return rgb(240 - 0.4 * NUCLEI, 235 - 0.8 * NUCLEI, 240 - 0.3 * NUCLEI)


def noisy_grey() -> np.ndarray[Any, Any]:
    """As after compression by JPEG: channels that differ a little."""
    noise = np.random.default_rng(0).normal(0, 3, (*SHAPE, 3))
    return (NUCLEI[..., None] + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "image",
    [
        rgb(NUCLEI, NUCLEI, NUCLEI),
        rgb(NUCLEI, 0.9 * NUCLEI, 0.8 * NUCLEI),
        noisy_grey(),
        bright_field(),
        np.zeros((20, 30, 3), np.uint8),
        np.full((20, 30, 3), (3, 99, 240), np.uint8),
        np.zeros((1, 1, 3)),
    ],
    ids=["grey", "tinted a little", "noise", "bright field", "black", "one colour", "one pixel"],
)
def test_others_are_none(image: np.ndarray[Any, Any]) -> None:
    assert composite_channel(image) == ""


def test_what_is_no_colour_image() -> None:
    assert composite_channel(NUCLEI) == composite_channel(NUCLEI[..., None]) == ""
    opaque = np.dstack([COMPOSITES["nuclei and two markers"][0], np.full(SHAPE, 255, np.uint8)])
    assert composite_channel(opaque) == "blue"
    with pytest.raises(ValueError, match="NaN"):
        composite_channel(np.full((9, 9, 3), np.nan))
