"""Normalised intensities: noise of known strength, and dim objects beside bright ones."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superdsm.core import normalise
from superdsm.core.normalise import (
    HIGHEST,
    LOWEST,
    background,
    limited,
    looks_bright_field,
    noise_level,
    quantile,
    typical_amplitude,
    weighted_quantile,
    without_specks,
)
from superdsm.stages.normalise import Normalise
from tests.core.scenes import disks, grid_of_disks
from tests.hyperparameters import defaults

normalised = partial(normalise.normalised, **defaults(Normalise))


@pytest.mark.parametrize("sigma", [0.5, 3.0])
def test_noise_level(sigma):
    image, _ = grid_of_disks(12, noise=sigma)
    assert noise_level(image) == pytest.approx(sigma, rel=0.15)
    assert noise_level(np.add.outer(np.arange(50.0), np.arange(60.0))) == pytest.approx(0, abs=1e-9)
    assert noise_level(np.ones((2, 50))) == 0


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40), st.floats(0.05, 1))
def test_limited_weights(values, share):
    weights = np.array(values)
    cut = limited(weights, share)
    assert (cut <= weights).all() and (np.diff(cut[np.argsort(weights)]) >= 0).all()
    if share * len(weights) > 1:
        assert cut.max() <= share * cut.sum() * (1 + 1e-6) + 1e-9 or cut.max() == pytest.approx(cut.min())


def test_weighted_quantile_counts_weights():
    values = np.array([5.0, 1.0, 3.0])
    assert weighted_quantile(values, np.ones(3), 0.5) == 3
    assert weighted_quantile(values, np.array([10.0, 1, 1]), 0.5) == 5
    assert weighted_quantile(values, np.ones(3), 1.0) == 5


@pytest.mark.parametrize("radius", [3.0, 12.0, 30.0])
def test_background_of_uneven_light(radius):
    image, _ = grid_of_disks(radius, noise=0.0)
    light = np.broadcast_to(np.linspace(0, 5, image.shape[1]), image.shape)
    found = background(image + light, radius, 3.0)
    assert found.shape == image.shape
    assert np.abs(found - 10 - light).max() < 6


def test_typical_amplitude_of_few_bright_and_of_noise():
    image, _ = grid_of_disks(9, number=5)
    plain = typical_amplitude(image - 10, 9)
    assert 20 < plain < 60
    image[100:120, 100:120] += 20_000
    assert typical_amplitude(image - 10, 9) == pytest.approx(plain, rel=0.3)


def test_dim_and_bright_objects_are_alike():
    image, labels = disks((80, 200), [(40, 40), (40, 150)], [12, 12], [200, 30], noise=0.3)
    y = normalised(image, 12)
    foreground = [(y > 0)[labels == label].mean() for label in (1, 2)]
    assert min(foreground) > 0.85
    tops = [np.quantile(y[labels == label], 0.8) for label in (1, 2)]
    assert max(tops) < 2 * min(tops)
    assert (y > 0)[labels == 0].mean() < 0.02


def test_units_do_not_matter():
    image, _ = grid_of_disks(9)
    y = normalised(image, 9)
    assert np.allclose(normalised(1000 * image + 500, 9), y, atol=1e-6)
    assert y.min() >= LOWEST and y.max() <= HIGHEST


def test_nothing_stands_out_of_a_constant():
    assert (normalised(np.full((40, 50), 2.0), 9) < 0).all()


def test_specks_become_background():
    y = np.full((30, 30), -0.5)
    y[2:4, 2:4] = 0.4
    y[10:20, 10:20] = 0.4
    cleaned = without_specks(y, 20)
    assert (cleaned[2:4, 2:4] == -0.4).all() and (cleaned[10:20, 10:20] == 0.4).all()


def test_bright_field_is_what_is_bright_but_for_its_objects():
    image, _ = grid_of_disks(9)
    assert not looks_bright_field(image) and looks_bright_field(-image)
    assert not looks_bright_field(np.ones((20, 20)))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.floats(0, 1))
def test_quantile_equals_that_of_numpy(values, q):
    assert quantile(np.array(values), q) == np.quantile(values, q)
