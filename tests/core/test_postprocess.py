"""The criteria of the postprocessing, and the kernels for masks."""

import dataclasses
import json
import math
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from skimage.measure import regionprops

from superdsm._ext import masks as kernels
from superdsm.core import postprocess as core
from superdsm.core.objects import EMPTY, Object, cropped
from superdsm.core.postprocess import contrast, eccentricity, is_glare, raw_moments
from superdsm.stages.postprocess import Postprocess
from tests.examples import examples
from tests.hyperparameters import defaults
from tests.twins import masks as twin

postprocess = partial(core.postprocess, **defaults(Postprocess))

masks = npst.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def object_of(mask, energy=1.0, on_boundary=False, atoms=(1,)):
    offset, fragment = cropped(mask, (0, 0))
    return Object(atoms, energy, True, on_boundary, offset, fragment, 100)


def disk_mask(shape, row, col, radius):
    r, c = np.indices(shape)
    return (r - row) ** 2 + (c - col) ** 2 <= radius**2


def nucleus(shape=(64, 80), row=30, col=40, radius=10, seed=0):
    """A bright disk with noise, and its mask."""
    mask = disk_mask(shape, row, col, radius)
    g_raw = ndi.gaussian_filter(mask.astype(float), 1) + 0.1
    return g_raw + 0.01 * np.random.default_rng(seed).random(shape), mask


# --- kernels ---


@settings(deadline=None, max_examples=examples(100))
@given(masks, st.integers(0, 6))
def test_dilation_and_erosion(mask, radius):
    np.testing.assert_array_equal(kernels.dilate(mask.view(np.uint8), radius), twin.dilate(mask, radius))
    np.testing.assert_array_equal(kernels.erode(mask.view(np.uint8), radius), twin.erode(mask, radius))


@settings(deadline=None, max_examples=examples(100))
@given(masks)
def test_eccentricity_is_that_of_regionprops(mask):
    moments = raw_moments(mask)
    r, c = np.nonzero(mask)
    assert moments == (len(r), r.sum(), c.sum(), (r * r).sum(), (r * c).sum(), (c * c).sum())
    if mask.any():
        expected = regionprops(mask.astype(np.uint8))[0].eccentricity
        assert eccentricity(moments) == pytest.approx(expected, abs=1e-6)


def test_eccentricity_of_simple_shapes():
    assert eccentricity(raw_moments(np.ones((1, 1), bool))) == 0
    assert eccentricity(raw_moments(np.ones((5, 5), bool))) == 0
    assert eccentricity(raw_moments(np.ones((1, 9), bool))) == 1


@settings(deadline=None, max_examples=examples(40))
@given(
    st.integers(0, 2**32 - 1), st.integers(0, 4), st.sampled_from([0.4, 1.0, 2.5, 30.0]), st.sampled_from([1e-4, 0.1])
)
def test_contrast_is_that_of_the_whole_image(seed, offset, scale, epsilon):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(12, 50, 2))
    one = disk_mask(shape, *rng.integers(0, 12, 2), rng.integers(1, 6))
    other = disk_mask(shape, *rng.integers(0, 50, 2), rng.integers(1, 9))
    g_raw = rng.random(shape)
    near = np.asarray(~twin.erode(~(one | other), offset)).view(np.uint8)
    value = contrast(object_of(one), g_raw, near, std=g_raw.std(), offset=offset, scale=scale, epsilon=epsilon)
    assert value == pytest.approx(twin.contrast(one, one | other, g_raw, offset, scale, epsilon), rel=1e-10)


def test_contrast_without_exterior_is_infinite():
    mask = np.ones((5, 5), bool)
    near = np.ones((5, 5), np.uint8)
    assert contrast(object_of(mask), np.eye(5), near, std=1.0, offset=5, scale=5, epsilon=1e-4) == math.inf


def test_contrast_on_black_background_without_regulariser():
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    near = np.zeros((9, 9), np.uint8)
    for g_raw, expected in ((mask.astype(float), math.inf), (np.zeros((9, 9)), 1.0)):
        assert contrast(object_of(mask), g_raw, near, std=1.0, offset=0, scale=5, epsilon=0.0) == expected


@pytest.mark.parametrize(("offset", "scale"), [(1.0, math.inf), (math.inf, 5.0)])
def test_contrast_with_infinite_distances_weighs_all_background_alike(offset, scale):
    mask = np.zeros((9, 30), bool)
    mask[4, 4] = True
    g_raw = np.random.default_rng(0).random((9, 30))
    value = contrast(object_of(mask), g_raw, mask.view(np.uint8), std=1.0, offset=offset, scale=scale, epsilon=0.0)
    assert value == pytest.approx(g_raw[4, 4] / g_raw[~mask].mean())


@settings(deadline=None, max_examples=examples(60))
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.sampled_from([0.0, 0.5, 0.9]))
def test_glare_is_that_of_the_whole_image(seed, num_layers, min_layer):
    rng = np.random.default_rng(seed)
    smooth = ndi.gaussian_filter(rng.random((30, 40)), rng.choice([1.0, 3.0, 8.0]))
    mask = disk_mask(smooth.shape, rng.integers(0, 30), rng.integers(0, 40), rng.integers(1, 15))
    value = is_glare(object_of(mask), smooth, num_layers=num_layers, min_layer=min_layer)
    assert value == twin.is_glare(mask, smooth, num_layers, min_layer)


def test_glare_is_a_single_spot():
    r, c = np.indices((40, 40))
    spot = np.exp(-((r - 20) ** 2 + (c - 20) ** 2) / 50)
    two = np.exp(-((r - 20) ** 2 + (c - 13) ** 2) / 10) + np.exp(-((r - 20) ** 2 + (c - 27) ** 2) / 10)
    mask = object_of(disk_mask((40, 40), 20, 20, 14))
    assert is_glare(mask, spot, num_layers=5, min_layer=0.5)
    assert not is_glare(mask, two, num_layers=5, min_layer=0.5)


@settings(deadline=None, max_examples=examples(200))
@given(masks)
def test_holes_are_filled_as_scipy_does(mask):
    np.testing.assert_array_equal(kernels.fill_holes(mask.view(np.uint8)), ndi.binary_fill_holes(mask))


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (1, 1), (1, 5), (5, 1)])
def test_masks_of_no_width_have_no_holes(shape):
    for value in (0, 1):
        mask = np.full(shape, value, np.uint8)
        np.testing.assert_array_equal(kernels.fill_holes(mask), mask.astype(bool))


# --- the stage's function ---


def reasons(log):
    return [record["reason"] for record in log]


def run(item, g_raw, **hyperparameters):
    objects, log = postprocess(g_raw, [item], **hyperparameters)
    assert len(objects) + len(log) == 1
    json.dumps(log)
    if log:
        assert log[0]["atoms"] == list(item.atoms)
    return log[0]["reason"] if log else None


def test_a_nucleus_is_kept_and_refined():
    g_raw, mask = nucleus()
    rough = mask.copy()
    rough[30, 39:41] = False  # a hole
    objects, log = postprocess(g_raw, [object_of(rough)])
    assert log == []
    drawn = np.zeros_like(mask)
    objects[0].draw(drawn)
    np.testing.assert_array_equal(drawn, twin.refined(rough, ndi.gaussian_filter(g_raw, 3), 1, 2))
    assert drawn[30, 40]


def test_nothing():
    assert postprocess(np.zeros((4, 5)), []) == ([], [])


def test_empty_masks_are_dropped():
    item = Object((3,), 0.0, False, False, (0, 0), EMPTY, 0)
    assert run(item, np.zeros((4, 5))) == "empty"


def test_limits_are_inclusive():
    g_raw, mask = nucleus()
    item = object_of(mask, energy=20.0)
    radius = math.sqrt(mask.sum() / math.pi)
    value = eccentricity(raw_moments(item.fragment))
    above = math.nextafter
    assert run(item, g_raw, max_norm_energy=0.2, min_object_radius=radius, max_object_radius=radius) is None
    assert run(item, g_raw, max_norm_energy=above(0.2, 0)) == "norm_energy"
    assert run(item, g_raw, min_object_radius=above(radius, math.inf)) == "small"
    assert run(item, g_raw, max_object_radius=above(radius, 0)) == "large"
    assert run(item, g_raw, max_eccentricity=value) is None
    assert run(item, g_raw, min_contrast=1e9) == "contrast"


def test_eccentric_objects_are_dropped():
    g_raw = np.full((40, 60), 0.1)
    mask = np.zeros(g_raw.shape, bool)
    mask[20:22, 5:55] = True
    g_raw[mask] = 1.0
    inside, boundary = object_of(mask), object_of(mask, on_boundary=True)
    assert run(inside, g_raw) == "eccentricity"
    assert run(boundary, g_raw) is None
    assert run(boundary, g_raw, max_boundary_eccentricity=None) == "eccentricity"
    assert run(boundary, g_raw, max_boundary_eccentricity=0.5) == "eccentricity"


def test_boundary_variants():
    g_raw, mask = nucleus()
    inside, boundary = object_of(mask), object_of(mask, on_boundary=True)
    assert run(boundary, g_raw, discard_image_boundary=True) == "image_boundary"
    assert run(inside, g_raw, discard_image_boundary=True) is None
    assert run(boundary, g_raw, min_object_radius=50) is None
    assert run(boundary, g_raw, min_boundary_obj_radius=50) == "small"
    assert run(inside, g_raw, min_boundary_obj_radius=50) is None
    assert run(boundary, g_raw, max_object_radius=3) == "large"


def test_glare_needs_a_large_object():
    g_raw, mask = nucleus()
    inside, boundary = object_of(mask), object_of(mask, on_boundary=True)
    assert run(inside, g_raw) is None
    assert run(inside, g_raw, min_glare_radius=5) == "glare"
    assert run(inside, g_raw, min_glare_radius=11) is None
    assert run(boundary, g_raw, min_glare_radius=5) == "glare"
    assert run(boundary, g_raw, min_glare_radius=5, min_boundary_glare_radius=20) is None
    assert run(inside, g_raw, min_boundary_glare_radius=5) is None
    assert run(boundary, g_raw, min_boundary_glare_radius=5, glare_detection_smoothness=4) == "glare"


def test_neighbours_are_no_background():
    """A dim object between bright ones: its contrast counts background only, in which the others lie too near."""
    shape = (60, 120)
    dim = disk_mask(shape, 30, 60, 8)
    bright = disk_mask(shape, 30, 35, 8) | disk_mask(shape, 30, 85, 8)
    g_raw = np.where(bright, 1.0, np.where(dim, 0.3, 0.1))
    cover = [object_of(dim, atoms=(1,)), object_of(bright, atoms=(2, 3))]
    kwargs = {"min_contrast": 2.5, "contrast_epsilon": 0.0, "mask_max_distance": 0, "max_eccentricity": 1}
    assert postprocess(g_raw, cover, **kwargs)[1] == []
    objects, log = postprocess(g_raw, cover[:1], **kwargs)
    assert (objects, reasons(log)) == ([], ["contrast"])


def test_a_mask_that_becomes_empty_is_dropped():
    g_raw = np.zeros((30, 30))
    g_raw[10, 10] = g_raw[10, 11] = 1.0
    g_raw[9, 11] = 0.5
    mask = g_raw > 0
    item = object_of(mask)
    assert run(item, g_raw, mask_stdamp=1e-9, mask_smoothness=0.3, max_eccentricity=1) == "empty_after_refinement"


def test_order_and_threads_do_not_matter():
    g_raw, mask = nucleus()
    cover = [object_of(mask, atoms=(k,), energy=10.0 * k) for k in range(1, 5)]
    objects, log = postprocess(g_raw, cover)
    assert [item.atoms for item in objects] == [(1,), (2,)]
    assert [record["atoms"] for record in log] == [[3], [4]]
    assert log[0]["value"] == pytest.approx(0.3)
    assert log[0]["threshold"] == 0.2
    with ThreadPoolExecutor(3) as pool:
        parallel = postprocess(g_raw, cover, map=lambda function, items: list(pool.map(function, items)))
    assert parallel == (objects, log)


def test_inputs_stay_as_they_are():
    g_raw, mask = nucleus()
    item = object_of(mask)
    copies = g_raw.copy(), item.fragment.copy()
    g_raw.setflags(write=False)
    item.fragment.setflags(write=False)
    objects, _ = postprocess(g_raw, [item])
    np.testing.assert_array_equal(g_raw, copies[0])
    np.testing.assert_array_equal(item.fragment, copies[1])
    assert dataclasses.replace(objects[0], offset=item.offset, fragment=item.fragment) == item


def test_unknown_hyperparameters():
    with pytest.raises(TypeError, match="min_radius"):
        postprocess(np.zeros((3, 3)), [], min_radius=3)
