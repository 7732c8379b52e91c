"""The kernels for each width of registers: the same results, to the bit where that is promised."""

import numpy as np
import pytest
from scipy import ndimage

from superdsm._ext import instruction_set, simd
from superdsm._ext.model import DeformableModel, EllipticalModel, logistic
from superdsm._ext.region_layout import RegionLayout
from superdsm.core import model, scale
from superdsm.core.filters import gaussian
from tests.core.test_model import jacobian, nucleus
from tests.twins import model as twin

FUSED = ("avx512", "avx2", "neon")  # products are fused with sums there


@pytest.fixture(autouse=True)
def restored():
    """Every test leaves the kernels in use that it found."""
    before = simd.in_use()
    yield
    simd.use(before)


def each_width(function):
    """Call a function with the kernels for each width of this machine."""
    results = {}
    for width in simd.supported():
        simd.use(width)
        assert instruction_set() == width
        results[width] = function()
    return results


def assert_same_bits(results):
    """Assert that all arrays are the same, to the bit."""
    first, *others = results
    for other in others:
        assert len(other) == len(first)
        for a, b in zip(first, other, strict=True):
            assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


def fits(shape, seed, smooth_amount, spacing):
    """What the models say of a region: derivatives, optimum, mask, and the terms of single pixels."""
    y, omega = nucleus(shape, seed)
    layout = RegionLayout(y, omega)
    elliptical = EllipticalModel(layout)
    deformable = DeformableModel(layout, model.gaussian_kernel(smooth_amount, 2.0), spacing)
    x = np.random.default_rng(seed).standard_normal(deformable.n_centres + 6)
    q, energy, _, iterations = elliptical.fit()
    optimum = deformable.fit(q, 0.5, 1.0)
    at_x, at_q = deformable.derivatives(x, 0.7, 0.9), elliptical.derivatives(x[-6:].copy())
    terms = logistic(y.ravel(), 30 * np.cos(np.arange(y.size)))
    smooth = [*at_x, *at_q, *terms, energy, optimum[1]]
    return smooth, [*smooth, q, iterations, optimum[0], optimum[3], deformable.mask(x)]


# Odd sizes, a single strip, many strips, segments longer than a chunk, and many centre rows within reach.
CASES = [((9, 9), 1, 2, 3), ((33, 70), 2, 4, 7), ((1200, 19), 3, 60, 80), ((64, 64), 4, 12, 5)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_fits_have_the_same_bits(case):
    results = each_width(lambda: fits(*case))
    assert_same_bits([result for width, (_, result) in results.items() if width in FUSED] or [[]])
    assert_same_bits([result for width, (_, result) in results.items() if width not in FUSED])
    (first, _), *_, (last, _) = results.values()
    for a, b in zip(first, last, strict=True):  # not the parameters: those of separable data have no optimum
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * (1 + np.abs(a).max()))


@pytest.mark.parametrize("width", simd.supported())
def test_derivatives_equal_the_plain_models(width):
    simd.use(width)
    y, omega = nucleus((37, 45), 9)
    fast = DeformableModel(RegionLayout(y, omega), model.gaussian_kernel(3, 2.0), 6)
    n, G = fast.n_centres, twin.smooth_matrix(omega, 3, 6)
    x = np.random.default_rng(5).standard_normal(n + 6)
    energy, gradient, hessian = fast.derivatives(x, 0.7, 0.9)
    centres = twin.centres(twin.compact(omega), 6)
    J = jacobian(np.lexsort(centres.T[::-1]), n)
    A, params = np.column_stack([twin.basis(omega), G]), J @ x
    expected = twin.derivatives(y[omega], A, n, params, 0.7, 0.9)
    assert energy == pytest.approx(twin.energy(y[omega], A @ params, x[:n], 0.7, 0.9), rel=1e-12)
    np.testing.assert_allclose(gradient, J.T @ expected[0], atol=1e-12 * np.abs(gradient).max())
    np.testing.assert_allclose(hessian, J.T @ expected[1] @ J, atol=1e-12 * np.abs(hessian).max())


def test_filters_and_blobs_have_the_same_bits_everywhere():
    noise = np.random.default_rng(3).random((130, 171))
    image = ndimage.gaussian_filter(noise, 9)
    image = (image - image.min()) / np.ptp(image)

    def filtered():
        peaks = scale.local_maxima(image)
        return [gaussian(noise, 7.3), *(peaks if isinstance(peaks, tuple) else (peaks,))]

    results = each_width(filtered)
    assert_same_bits(list(results.values()))
    assert np.array_equal(results["scalar"][0], ndimage.gaussian_filter(noise, 7.3))
    assert len(results["scalar"][1]) > 0


def test_kernels_that_there_are_not():
    with pytest.raises(ValueError, match="'mmx' is not one of .*scalar"):
        simd.use("mmx")
    assert "scalar" in simd.supported()
