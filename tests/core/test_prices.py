"""Prices of objects: ellipses are free, pairs are not."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm.core import model
from superdsm.core.prices import PricedFit, link_weaknesses, outside_ellipse
from tests.hyperparameters import model_params, object_prices


def ellipse(shape, centre, axes, angle=0.0):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    r, c = rows - centre[0], columns - centre[1]
    along, across = r * np.cos(angle) + c * np.sin(angle), c * np.cos(angle) - r * np.sin(angle)
    return (along / axes[0]) ** 2 + (across / axes[1]) ** 2 <= 1


@pytest.mark.parametrize("angle", [0.0, 0.6, 1.5])
@pytest.mark.parametrize("axes", [(12, 12), (20, 9)])
def test_ellipses_are_inside_of_their_ellipse(axes, angle):
    assert outside_ellipse(ellipse((60, 60), (30, 30), axes, angle)) < 0.03


def test_pairs_and_bent_shapes_are_not():
    pair = ellipse((60, 90), (30, 25), (14, 14)) | ellipse((60, 90), (30, 55), (14, 14))
    bent = ellipse((60, 60), (30, 30), (25, 25)) & ~ellipse((60, 60), (38, 30), (20, 16))
    assert min(outside_ellipse(pair), outside_ellipse(bent)) > 0.04
    assert outside_ellipse(np.ones((1, 1), bool)) == 0


@pytest.fixture
def scene():
    atoms = np.zeros((40, 80), np.int32)
    atoms[:, :40], atoms[:, 40:] = 1, 2
    y = np.where(ellipse((40, 80), (20, 40), (15, 30)), 0.5, -0.3)
    mask = y > 0

    def fit(y, omega, offset, shape, params, *, bound=False):
        return model.Fit(10.0, True, False, (0, 0), mask & omega, 100, 6, 3, "optimal")

    return y, atoms, fit


def fitted(prices, scene, y=None, atoms=(1, 2)):
    plain, labels, fit = scene
    y = plain if y is None else y
    region = np.isin(labels, atoms)
    return PricedFit(prices, y, labels, fit)(y, region, (0, 0), y.shape, SimpleNamespace()).energy


def test_only_objects_of_two_brightnesses_pay_for_brightness(scene):
    prices = object_prices(1e9, brightness=100.0)
    dim = scene[0].copy()
    dim[:, 40:] = np.where(dim[:, 40:] > 0, 0.1, dim[:, 40:])
    assert fitted(prices, scene) == 10
    assert fitted(prices, scene, dim, (1,)) == fitted(prices, scene, dim, (2,)) == 10
    expected = np.var(np.log([0.8, 0.4])) * 100
    assert fitted(prices, scene, dim) == pytest.approx(10 + expected, rel=0.05)


def test_large_objects_pay_for_size(scene):
    area = np.count_nonzero(scene[0] > 0)
    assert fitted(object_prices(area, size=7.0), scene) == 10
    assert fitted(object_prices(area / 3, size=7.0), scene) == pytest.approx(10 + 7 * np.log(3 / 1.2))


def test_half_an_ellipse_pays_for_its_outline(scene):
    prices = object_prices(1e9, outline=100.0, outline_tolerance=0.0)
    assert fitted(prices, scene, atoms=(1,)) > fitted(prices, scene) + 1


def test_empty_masks_pay_nothing(scene):
    y, atoms, _ = scene
    noise = PricedFit(object_prices(1.0, brightness=1.0, outline=1.0, size=1.0), y, atoms)
    assert noise(-np.abs(y), atoms > 0, (0, 0), y.shape, model_params()).energy == 0


def test_links_are_weak_where_they_are_narrow_or_dark():
    atoms = np.zeros((40, 80), np.int32)
    atoms[:, :40], atoms[:, 40:] = 1, 2
    whole = np.where(ellipse((40, 80), (20, 40), (15, 30)), 0.5, -0.3)
    pair = np.where(ellipse((40, 80), (20, 26), (15, 15)) | ellipse((40, 80), (20, 54), (15, 15)), 0.5, -0.3)
    dark = whole.copy()
    dark[:, 38:42] = np.minimum(dark[:, 38:42], 0.1)
    prices = object_prices(1e9, neck=1.0)
    weak = [link_weaknesses(y, atoms, prices)[1, 2] for y in (whole, dark, pair)]
    assert weak[0] < 0.2 and weak[1] == pytest.approx(weak[0] + 1 - 0.4 / 0.8, abs=0.01) and weak[2] > weak[0] + 0.3


def test_an_object_pays_for_the_strongest_links_that_hold_it_together(scene):
    atoms = np.zeros((40, 90), np.int32)
    atoms[:, :30], atoms[:20, 30:], atoms[20:, 30:] = 1, 2, 3
    y = np.where(ellipse((40, 90), (20, 45), (15, 40)), 0.5, -0.3)
    prices = object_prices(1e9, neck=3.0, neck_width=2.0)
    links = link_weaknesses(y, atoms, prices)
    assert len(links) == 3 and min(links.values()) > 0

    def fit(y, omega, offset, shape, params, *, bound=False):
        return model.Fit(10.0, True, False, (0, 0), omega & (y > 0), 100, 6, 3, "optimal")

    priced = PricedFit(prices, y, atoms, fit)
    energy = {n: priced(y, np.isin(atoms, n), (0, 0), y.shape, SimpleNamespace()).energy for n in [(1,), (1, 2, 3)]}
    assert energy[1,] == 10
    assert energy[1, 2, 3] == pytest.approx(10 + 3 * (sum(links.values()) - max(links.values())))


@given(st.integers(1, 30), st.integers(1, 30), st.floats(0.05, 1), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_outside_of_the_ellipse_equals_its_definition(rows, columns, density, seed):
    mask = np.random.default_rng(seed).random((rows, columns)) < density
    mask[0, 0] = True
    pixels = np.argwhere(mask).astype(float)
    moments = np.cov(pixels.T, bias=True) + np.eye(2) / 12 if len(pixels) > 1 else np.eye(2) / 12
    from_centre = pixels - pixels.mean(axis=0)
    distances = np.einsum("ni,ij,nj->n", from_centre, np.linalg.inv(moments), from_centre)
    certain = np.count_nonzero(distances > 4 + 1e-9), np.count_nonzero(distances > 4 - 1e-9)
    assert certain[0] <= round(outside_ellipse(mask) * len(pixels)) <= certain[1]
