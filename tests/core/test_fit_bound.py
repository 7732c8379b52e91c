"""The bound of a fit by duality, against solutions of much higher accuracy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm._ext.model import DeformableModel, EllipticalModel
from superdsm._ext.region_layout import RegionLayout
from superdsm.api import segment
from superdsm.core import model
from superdsm.core.candidate_regions import Regions
from superdsm.core.fit_bound import gap_bound, lower_bound
from superdsm.io import read_image
from tests.core.test_model import nucleus
from tests.examples import examples
from tests.hyperparameters import model_params
from tests.twins import model as twin

ALPHA, EPSILON = 0.5, 1.0


def fitted(y, omega, smooth=4, subsample=8):
    """Return a model of a region, its parameters, and the number of its centres."""
    region = RegionLayout(y, omega)
    elliptical = EllipticalModel(region)
    q, *_ = elliptical.fit()
    if min(omega.shape) > 4 * smooth:
        deformable = DeformableModel(region, model.gaussian_kernel(smooth, 2.0), subsample)
        if deformable.n_centres:
            return deformable, np.asarray(deformable.fit(q, ALPHA, EPSILON)[0]), deformable.n_centres
    return elliptical, np.asarray(q), 0


def accurate_minimum(y, omega, smooth=4, subsample=8):
    theta, xi, value = twin.fit_deformable(y, omega, ALPHA, smooth, subsample, EPSILON)
    basis = twin.basis(omega)
    matrix = np.column_stack([basis, twin.smooth_matrix(omega, smooth, subsample)]) if len(xi) else basis
    start = np.concatenate([theta, xi])
    return min(value, twin.newton(y[omega], matrix, len(xi), start, ALPHA, EPSILON, tol=1e-13)[1])


def largest(y, omega):
    return float(np.abs(y[omega]).max())


noisy = st.builds(nucleus, st.tuples(st.integers(20, 50), st.integers(20, 50)), st.integers(0, 10**6), st.just(0.6))


@settings(deadline=None, max_examples=examples(25))
@given(noisy)
def test_fits_are_bounded_tightly(image):
    y, omega = image
    region, x, _ = fitted(y, omega)
    energy = region.derivatives(x, ALPHA, EPSILON)[0]
    bound = lower_bound(region, x, largest(y, omega), ALPHA, EPSILON)
    minimum = accurate_minimum(y, omega)
    assert bound <= minimum * (1 + 1e-12)
    assert energy >= minimum * (1 - 1e-12)
    assert energy - bound <= 1e-9 * max(1, energy)


@settings(deadline=None, max_examples=examples(25))
@given(noisy, st.integers(0, 10**6), st.floats(-6, -1))
def test_the_theorem_holds_away_from_the_minimum(image, seed, size):
    y, omega = image
    region, x, _ = fitted(y, omega)
    minimum = accurate_minimum(y, omega)
    x = x + 10**size * np.random.default_rng(seed).standard_normal(len(x))
    energy, gradient, hessian = region.derivatives(x, ALPHA, EPSILON)
    gap = gap_bound(largest(y, omega), x[:-6], gradient, hessian, ALPHA, EPSILON)
    assert gap >= 0
    assert energy - gap <= minimum * (1 + 1e-12)
    if np.isfinite(gap):  # not much more than the squared decrement
        assert gap <= 2 * gradient @ np.linalg.solve(hessian, gradient) + 1e-12


def test_close_to_the_minimum_there_is_a_bound():
    y, omega = nucleus((40, 40), 1, 0.6)
    region, x, n_xi = fitted(y, omega)
    assert n_xi > 0
    energy, gradient, hessian = region.derivatives(x + 1e-3, ALPHA, EPSILON)
    gap = gap_bound(largest(y, omega), x[:-6] + 1e-3, gradient, hessian, ALPHA, EPSILON)
    assert 0 < gap < np.inf
    assert energy - gap <= accurate_minimum(y, omega)


def test_no_bound_far_away_or_without_curvature():
    y, omega = nucleus((40, 40), 1, 0.6)
    region, x, _ = fitted(y, omega)
    assert lower_bound(region, x + 100, largest(y, omega), ALPHA, EPSILON) == 0
    assert gap_bound(1.0, np.zeros(0), np.ones(6), np.zeros((6, 6)), ALPHA, EPSILON) == np.inf


def test_separable_data_have_the_bound_zero():
    r, c = np.mgrid[:30, :30]
    y = np.where((r - 15) ** 2 + (c - 15) ** 2 < 64, 1.0, -1.0)
    fit = model.fit(y, np.ones(y.shape, bool), (0, 0), y.shape, model_params(), bound=True)
    assert fit.is_optimal
    assert 0 <= fit.lower <= fit.energy < 1e-6


def test_the_bound_is_computed_on_demand_only():
    y, omega = nucleus((40, 40), 1, 0.6)
    params = model_params(alpha=ALPHA, smooth_amount=4, smooth_subsample=8)
    plain, bounded = (model.fit(y, omega, (0, 0), y.shape, params, bound=bound) for bound in (False, True))
    assert plain.lower is None
    assert bounded.energy == plain.energy
    assert bounded.energy - 1e-9 * max(1, bounded.energy) <= bounded.lower <= bounded.energy


@pytest.mark.parametrize(
    ("name", "every"),
    [("NIH3T3/images/dna-0", 12), pytest.param("NIH3T3/images/dna-10", 1, marks=pytest.mark.parity)],
)
def test_real_fits(shared_data, name, every):
    """The bound holds against a solution that is computed to 1e-12 with dense matrices."""
    fields = segment(
        read_image(shared_data / f"{name}.png"), last="global-energy-minimization", profile="published"
    ).fields
    params = model.ModelParams.from_config(fields["dsm_cfg"])
    regions = Regions.of(fields["y"], fields["y_mask"], fields["atoms"], len(fields["seeds"]), params.background_margin)
    checked = 0
    for item in fields["objects"][::every]:
        omega, y, offset = regions.cut(item.atoms)
        fit = model.fit(y, omega, offset, fields["y"].shape, params, bound=True)
        if not fit.is_optimal or fit.energy < 1e-3:
            continue
        start = twin.fit_elliptical(y, omega)[0]
        matrix = np.column_stack(
            [twin.basis(omega), twin.smooth_matrix(omega, params.smooth_amount, params.smooth_subsample)]
        )
        n_xi = matrix.shape[1] - 6
        first = np.concatenate([start, np.zeros(n_xi)])
        minimum = twin.newton(y[omega], matrix, n_xi, first, params.alpha, params.epsilon, tol=1e-12)[1]
        assert fit.lower <= minimum * (1 + 1e-12)
        assert minimum - fit.lower <= 1e-9 * max(1, minimum)
        checked += 1
    assert checked > 2
