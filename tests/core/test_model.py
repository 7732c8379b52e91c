"""The model kernels against the plain model, finite differences, and exact arithmetic."""

import sys

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm._ext.centres import find_centres
from superdsm._ext.model import DeformableModel, logistic
from superdsm._ext.region_layout import RegionLayout
from superdsm.core import model
from superdsm.errors import ConfigError
from tests.examples import examples
from tests.hyperparameters import model_params
from tests.twins import model as twin

COEFFICIENT = np.array([1, 1, 2, 2, 2, 1])  # of the plain model's basis, which is in another order:
POSITION = np.array([3, 5, 4, 1, 2, 0])
SMALL = {"smooth_amount": 4, "smooth_subsample": 8}  # a deformation that fits into small regions


def nucleus(shape, seed, noise=0.2, holes=0.02):
    """Intensities and region of a bright blob with a dent, with pixels, a row and a column missing."""
    rng = np.random.default_rng(seed)
    r, c = np.mgrid[: shape[0], : shape[1]]
    u, v = (r - shape[0] / 2) / (shape[0] / 2), (c - shape[1] / 2) / (shape[1] / 2)
    y = 1.0 * (2.3 * u**2 + 2 * v**2 + 0.8 * u * v < 1) - 0.4 + noise * rng.standard_normal(shape)
    y[(u - 0.5) ** 2 + (v - 0.4) ** 2 < 0.1] -= 1
    y[shape[0] // 2, shape[1] // 2 :] = 0
    omega = (u**2 + v**2 <= 1) & (rng.random(shape) >= holes)
    omega[shape[0] // 3] = False
    omega[:, shape[1] // 4] = False
    return y, omega


regions = st.builds(
    nucleus,
    st.tuples(st.integers(9, 70), st.integers(9, 70)),
    st.integers(0, 10**6),
    holes=st.sampled_from([0, 0.02, 0.5]),
)


def jacobian(order, n_xi):
    """d(parameters of the plain model) / d(parameters of the kernel)."""
    result = np.zeros((n_xi + 6, n_xi + 6))
    result[np.arange(6), n_xi + POSITION] = 1 / COEFFICIENT
    result[6 + order, np.arange(n_xi)] = 1
    return result


@settings(deadline=None, max_examples=examples(40))
@given(regions, st.integers(1, 5), st.integers(3, 20), st.integers(0, 10**6))
def test_derivatives_equal_the_plain_models(region, smooth_amount, subsample, seed):
    y, omega = region
    kernel = model.gaussian_kernel(smooth_amount, 2.0)
    fast = DeformableModel(RegionLayout(y, omega), kernel, subsample)
    n_xi = fast.n_centres
    G = twin.smooth_matrix(omega, smooth_amount, subsample)
    assert G.shape[1] == n_xi
    x = np.random.default_rng(seed).standard_normal(n_xi + 6)
    energy, gradient, hessian = fast.derivatives(x, 0.7, 0.9)

    centres = twin.centres(twin.compact(omega), subsample) if n_xi else np.zeros((0, 2), int)
    J = jacobian(np.lexsort(centres.T[::-1]), n_xi)
    A, params = np.column_stack([twin.basis(omega), G]), J @ x
    expected = twin.derivatives(y[omega], A, n_xi, params, 0.7, 0.9)
    assert energy == pytest.approx(twin.energy(y[omega], A @ params, x[:n_xi], 0.7, 0.9), rel=1e-12)
    np.testing.assert_allclose(gradient, J.T @ expected[0], atol=1e-12 * np.abs(gradient).max())
    np.testing.assert_allclose(hessian, J.T @ expected[1] @ J, atol=1e-12 * np.abs(hessian).max())


def test_derivatives_agree_with_finite_differences():
    y, omega = nucleus((40, 44), 3)
    region = DeformableModel(RegionLayout(y, omega), model.gaussian_kernel(4, 2.0), 8)
    n = region.n_centres + 6
    x, h = np.random.default_rng(1).standard_normal(n), 1e-6
    _, gradient, hessian = region.derivatives(x, 0.5, 1.0)
    for i in range(0, n, 3):
        step = h * np.eye(n)[i]
        above, below = region.derivatives(x + step, 0.5, 1.0), region.derivatives(x - step, 0.5, 1.0)
        assert (above[0] - below[0]) / (2 * h) == pytest.approx(gradient[i], abs=1e-6)
        np.testing.assert_allclose((above[1] - below[1]) / (2 * h), hessian[i], atol=1e-6)


@settings(deadline=None, max_examples=examples(15))
@given(regions)
def test_optimum_is_that_of_the_plain_model(region):
    y, omega = region
    params = model_params(alpha=0.5, smooth_amount=3, smooth_subsample=8, background_margin=20)
    found = model.fit(y, omega, (3, 5), (200, 200), params)
    theta, xi, energy = twin.fit_deformable(y, omega, 0.5, 3, 8)
    assert found.energy == pytest.approx(energy, rel=1e-8)
    assert found.n_params == 6 + xi.size
    assert found.n_pixels == omega.sum()
    s = twin.basis(omega) @ theta
    if xi.size:
        s += twin.smooth_matrix(omega, 3, 8) @ xi
    expected = np.zeros(omega.shape, bool)
    expected[omega] = s > 0
    mask = np.zeros((200, 200), bool)
    height, width = found.fragment.shape
    mask[found.offset[0] : found.offset[0] + height, found.offset[1] : found.offset[1] + width] = found.fragment
    # A surface that is zero up to rounding at a pixel may fall on either side.
    assert np.count_nonzero(mask[3 : 3 + omega.shape[0], 5 : 5 + omega.shape[1]] != expected) <= 1
    assert model.elliptical_energy(y, omega) == pytest.approx(twin.fit_elliptical(y, omega)[1], rel=1e-8)


def test_cvxopt_finds_the_same_optimum():
    pytest.importorskip("cvxopt", reason="cvxopt has no wheels for this Python")
    y, omega = nucleus((50, 60), 5)
    settings_ = {"alpha": 0.5, "smooth_amount": 4, "smooth_subsample": 8, "background_margin": 20}
    newton = model.fit(y, omega, (0, 0), (50, 60), model_params(**settings_))
    cvxopt = model.fit(y, omega, (0, 0), (50, 60), model_params(**settings_, solver="cvxopt"))
    assert newton.status == cvxopt.status == "optimal"
    assert cvxopt.energy == pytest.approx(newton.energy, rel=1e-7)
    assert np.array_equal(newton.fragment, cvxopt.fragment)


def test_a_solver_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cvxopt", None)
    y, omega = nucleus((50, 60), 5)
    with pytest.raises(ConfigError, match=r"needs the package cvxopt, which cannot be imported .* at 'newton'"):
        model.fit(y, omega, (0, 0), (50, 60), model_params(**SMALL, solver="cvxopt"))


@pytest.mark.parametrize("solver", ["newton", "cvxopt"])
def test_a_fit_that_takes_too_long_yields_the_elliptical_optimum(solver):
    if solver == "cvxopt":
        pytest.importorskip("cvxopt", reason="cvxopt has no wheels for this Python")
    y, omega = nucleus((50, 60), 5)
    params = model_params(**SMALL, solver=solver, cp_timeout=0.0)
    found = model.fit(y, omega, (0, 0), (50, 60), params)
    assert (found.status, found.is_optimal) == ("timeout", False)


@pytest.mark.parametrize(
    "extreme", [{"smooth_amount": 10**12}, {"gaussian_shape_multiplier": np.inf}, {"gaussian_shape_multiplier": 1e12}]
)
def test_a_kernel_that_is_larger_than_the_region_means_no_deformation(extreme):
    y, omega = nucleus((50, 60), 5)
    found = model.fit(y, omega, (0, 0), (50, 60), model_params(**SMALL | extreme))
    assert (found.n_params, found.status) == (6, "optimal")
    assert found.energy == model.elliptical_energy(y, omega)


def test_a_spacing_that_is_larger_than_the_region_leaves_one_centre():
    y, omega = nucleus((50, 60), 5)
    given = [model_params(**SMALL | {"smooth_subsample": spacing}) for spacing in (60, 2**40)]
    fits = [model.fit(y, omega, (0, 0), (50, 60), params) for params in given]
    assert fits[0].n_params == fits[1].n_params == 7
    assert fits[0].energy == fits[1].energy


def test_noise_has_no_model():
    y, omega = np.full((9, 9), -1.0), np.ones((9, 9), bool)
    y[4, 4] = 1
    params = model_params(**SMALL)
    for region in (omega, np.zeros_like(omega)):
        found = model.fit(y, region, (0, 0), (9, 9), params)
        assert (found.status, found.energy, found.is_optimal, found.fragment.size) == ("noise", 0, False, 0)
        assert model.elliptical_energy(y, region) == 0


@pytest.mark.parametrize("shape", [(1, 30), (30, 1), (2, 2), (1, 2)])
def test_degenerate_regions_have_an_optimum(shape):
    rng = np.random.default_rng(7)
    y = rng.standard_normal(shape)
    y.flat[:2] = 1
    found = model.fit(y, np.ones(shape, bool), (0, 0), shape, model_params(**SMALL))
    assert found.status == "optimal"
    assert 0 <= found.energy <= y.size * np.log(2) + 1e-12


def test_separable_data_has_energy_zero():
    r, c = np.mgrid[:40, :40]
    inside = (r - 20) ** 2 + (c - 18) ** 2 < 90
    params = model_params(**SMALL)
    found = model.fit(np.where(inside, 0.5, -0.5), np.ones((40, 40), bool), (0, 0), (40, 40), params)
    assert found.is_optimal
    assert found.energy < 1e-8
    assert found.fragment.sum() == inside.sum()


def test_on_boundary_looks_at_the_frame_outside_the_image():
    r, c = np.mgrid[:30, :60]
    y = np.where((r - 4) ** 2 + (c - 30) ** 2 < 80, 1.0, -1.0)
    omega = np.ones(y.shape, bool)
    params = model_params(**SMALL)
    assert model.fit(y, omega, (0, 0), y.shape, params).on_boundary
    assert not model.fit(y, omega, (50, 50), (200, 200), params).on_boundary


@settings(deadline=None, max_examples=examples(60))
@given(
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.integers(0, 10**6), st.sampled_from([0.02, 0.3, 1])
)
def test_centres_equal_the_plain_models(rows, columns, spacing, seed, density):
    mask = np.random.default_rng(seed).random((rows, columns)) < density
    mask.flat[seed % mask.size] = True
    expected = twin.centres(mask, spacing)
    expected = expected[np.lexsort(expected.T[::-1])]
    assert np.array_equal(find_centres(mask.view(np.uint8), spacing), expected)


@settings(deadline=None, max_examples=examples(50))
@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(-400, 400)), min_size=1, max_size=20))
def test_logistic_is_accurate(pixels):
    y, s = map(np.ascontiguousarray, np.transpose(pixels))
    energy, g, h = logistic(y, s)
    mpmath.mp.prec = 2000
    for i in range(y.size):
        z = mpmath.mpf(y[i]) * mpmath.mpf(s[i])
        p = 1 / (1 + mpmath.exp(z))
        # z itself is rounded, by which the exponential changes by a relative |z| / 2^53.
        tolerance = 1e-14 + float(abs(z)) * 1.2e-16
        assert energy[i] == pytest.approx(float(mpmath.log1p(mpmath.exp(-z))), rel=tolerance, abs=3e-16)
        assert g[i] == pytest.approx(float(-y[i] * p), rel=tolerance, abs=1e-300)
        assert h[i] == pytest.approx(float(mpmath.mpf(y[i]) ** 2 * p * (1 - p)), rel=tolerance, abs=1e-300)
