"""Synthetic images: deterministic, with true labels, and as difficult as they claim to be."""

from typing import Any

import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm.testing.synthetic import Nucleus, empty_well, synthetic_image
from tests.examples import examples


def test_the_seed_decides() -> None:
    image, labels = synthetic_image(3)
    again, labels_again = synthetic_image(3)
    other, _ = synthetic_image(4)
    assert np.array_equal(image, again) and np.array_equal(labels, labels_again)
    assert not np.array_equal(image, other)


@settings(deadline=None, max_examples=examples(25))
@given(
    seed=st.integers(0, 1000),
    shape=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    n_nuclei=st.integers(0, 12),
    dtype=st.sampled_from([np.uint8, np.uint16]),
)
def test_any_shape(seed: int, shape: tuple[int, int], n_nuclei: int, dtype: Any) -> None:
    image, labels = synthetic_image(seed, shape, n_nuclei=n_nuclei, radius=8, dtype=dtype)
    assert image.shape == labels.shape == shape
    assert image.dtype == dtype and labels.dtype == np.uint16
    present = np.unique(labels[labels > 0])
    assert len(present) <= n_nuclei
    assert np.array_equal(present, np.arange(1, len(present) + 1))


def test_nuclei_are_whole_of_the_right_size_and_brighter_than_their_surroundings() -> None:
    image, labels = synthetic_image(1, (400, 400), n_nuclei=30, radius=15)
    assert labels.max() == 30
    touching = 0
    for label in range(1, 31):
        mask = labels == label
        assert ndi.label(mask)[1] == 1
        rows, columns = np.nonzero(mask)
        inside = rows.min() > 0 and rows.max() < 399 and columns.min() > 0 and columns.max() < 399
        assert mask.sum() < 2 * np.pi * 15**2
        assert mask.sum() > 0.4 * np.pi * 15**2 or not inside
        ring = ndi.binary_dilation(mask, iterations=8) & (labels == 0)
        assert image[mask].mean() > 1.3 * image[ring].mean()
        touching += bool(np.setdiff1d(labels[ndi.binary_dilation(mask, iterations=2)], [0, label]).size)
    assert touching >= 10, "there are clusters"


def test_the_background_is_uneven_and_there_is_noise() -> None:
    image, labels = synthetic_image(2, (300, 300), n_nuclei=10)
    background = np.where(labels == 0, image, np.nan)
    tiles = [np.nanmedian(background[r : r + 60, c : c + 60]) for r in range(0, 300, 60) for c in range(0, 300, 60)]
    assert max(tiles) > 1.5 * min(tiles)
    quiet, _ = synthetic_image(2, (300, 300), n_nuclei=10, background=0, noise=0)
    assert np.median(quiet[labels == 0]) < np.median(image[labels == 0])


def test_16_bit_images_have_the_range_of_a_12_bit_camera() -> None:
    image, _ = synthetic_image(5, dtype=np.uint16)
    assert 1000 < image.max() <= 4095


def test_an_empty_well_holds_noise_only() -> None:
    image = empty_well(1)
    assert 0 < image.std() < 10


@pytest.mark.parametrize("bend", [0.0, 0.5])
def test_a_nucleus_has_the_area_of_its_ellipse_also_when_it_is_bent(bend: float) -> None:
    """Bending shears the columns of the ellipse, which keeps their lengths."""
    window, level = Nucleus((50.0, 50.0), (20.0, 10.0), 0.7, bend).level((100, 100))
    assert (level < 1).sum() == pytest.approx(np.pi * 200, rel=0.02)
    assert level.shape == tuple(part.stop - part.start for part in window)
