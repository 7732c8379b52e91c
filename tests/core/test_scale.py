"""Scale estimation against its twin, and against the reference's scales."""

import csv

import imageio.v3 as iio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from superdsm._ext import blobs
from superdsm.core import scale
from superdsm.core.ingest import grey_image
from superdsm.parallel import thread_map
from tests.examples import examples
from tests.twins import scale as twin


def scene(shape, seed, blobs, radius, noise):
    """Bright and dark disks of various sizes on uneven background."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(shape)
    image = 0.2 * rng.random() * rows / shape[0] + 0.2 * rng.random() * columns / shape[1]
    for _ in range(blobs):
        r, c, size = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), radius * rng.uniform(0.5, 1.5)
        distance = (rows - r) ** 2 / size**2 + (columns - c) ** 2 / (size * rng.uniform(0.5, 1)) ** 2
        image[distance < 1] += rng.uniform(-0.5, 1)
    return grey_image(ndimage.gaussian_filter(image, 1) + noise * rng.standard_normal(shape), False)[0]


scenes = st.builds(
    scene,
    st.tuples(st.integers(1, 140), st.integers(1, 140)),
    st.integers(0, 2**32 - 1),
    st.integers(0, 30),
    st.floats(3, 60),
    st.sampled_from([0, 0.01, 0.3]),
)


@given(scenes)
@settings(deadline=None, max_examples=examples(25))
def test_maxima_and_scale_as_the_twin(g_raw):
    assert np.array_equal(scale.local_maxima(scale.clipped(g_raw)), twin.blobs(g_raw))
    assert scale.estimate_scale(g_raw) == twin.estimate(g_raw)


@given(st.tuples(st.integers(1, 40), st.integers(1, 200)), st.integers(0, 9), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=examples(40))
def test_determinants_of_single_levels(shape, level, seed):
    # without other levels and with a kernel that is negative everywhere, all local maxima in the plane come out
    image = twin.normalised(ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), 2))
    image = np.ascontiguousarray(image)
    sigma = twin.sigmas()[level]
    det = twin.hessian_determinant(image, sigma)
    length = int(3 * sigma)
    kernels = np.zeros((2, 1, 1 + blobs.PADDING))
    kernels[:, 0, 0] = 1, -1
    found = blobs.maxima(
        image,
        blobs.integral(image, length // 2 + 2),
        np.array([length], np.intp),
        kernels,
        np.zeros(1, np.intp),
        np.zeros((shape[0], 0), np.float32),
        np.zeros(0, np.float32),
        np.zeros(1, np.intp),
        np.zeros(1, np.float32),
        0,
        shape[0],
        0.01,
    )
    negative = image > 0  # the response to the kernel, -2 * image, is
    masked = np.where(negative, det, 0)
    expected = (masked == ndimage.maximum_filter(masked, 3, mode="nearest")) & (masked > 0.01)
    assert np.array_equal(np.column_stack([found["row"], found["col"]]), np.argwhere(expected))
    assert np.array_equal(found["strength"], det[expected])


@pytest.mark.parametrize("shape", [(100, 150), (64, 30), (1, 500)])
@pytest.mark.parametrize("seed", range(5))
def test_signs_outside_the_margins_are_right(shape, seed):
    rng = np.random.default_rng(seed)
    columns = np.broadcast_to(np.arange(shape[1]), shape)
    image = [
        rng.random(shape),
        (rng.random(shape) < 0.5) * 1.0,
        (columns // 37 % 2) * 1.0,
        (columns > 120) * 1.0,
        scene(shape, seed, 20, 30, 0),
    ][seed]
    spectrum = scale.LaplacianSpectrum(image)
    for level in range(scale.FIRST, len(scale.SIGMAS)):
        part = spectrum.part(level)
        values = spectrum.waves[:, : part.shape[1]] @ part.T
        assert np.abs(values - ndimage.gaussian_laplace(image, scale.SIGMAS[level])).max() < scale.MARGINS[level]


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (1, 500), (500, 1), (2, 2), (3, 2000)])
@pytest.mark.parametrize("kind", ["constant", "noise", "spot"])
def test_tiny_and_constant_images(shape, kind):
    image = np.random.default_rng(0).random(shape) if kind == "noise" else np.zeros(shape)
    if kind == "spot":
        image[0, 0] = 1
    assert scale.estimate_scale(grey_image(image, False)[0]) == twin.estimate(grey_image(image, False)[0])


def test_constant_images_have_no_scale():
    assert scale.estimate_scale(np.zeros((300, 300))) is None


def test_threads_change_nothing():
    g_raw = scene((300, 260), 3, 20, 25, 0.01)
    with thread_map(3) as map_:
        assert np.array_equal(scale.blobs(g_raw, map_), scale.blobs(g_raw))


@given(st.integers(0, 100).map(np.sqrt), st.floats(0.1, 5), st.floats(0.1, 5))
@settings(deadline=None, max_examples=examples(100))
def test_common_area(distance, radius1, radius2):
    area = scale.common_area(distance, radius1, radius2)
    assert area == pytest.approx(twin.overlap(distance, radius1, radius2), abs=1e-12)
    assert area == pytest.approx(scale.common_area(distance, radius2, radius1), abs=1e-6)
    assert -1e-9 <= area <= 1 + 1e-9


def test_common_area_of_unit_disks():
    # distance 1: 2 pi / 3 - sqrt(3) / 2
    assert scale.common_area(1, 1, 1) == pytest.approx((2 * np.pi / 3 - np.sqrt(3) / 2) / np.pi)


def test_a_dropped_blob_drops_nobody():
    # the middle one overlaps both others; which of the outer ones is tested first depends on the order of the pairs
    points = np.array([[0.0, 0.0, 40.0], [0.0, 30.0, 30.0], [0.0, 62.0, 28.0]])
    assert scale.overlapping(points)[1] and not scale.overlapping(points)[0]
    assert np.array_equal(points[~scale.overlapping(points)], twin.pruned(points))


def test_reference(shared_data):
    rows = list(csv.DictReader((shared_data / "expected" / "scales.csv").read_text().splitlines()))
    estimated = [scale.estimate_scale(grey_image(iio.imread(shared_data / row["image"]), False)[0]) for row in rows]
    assert estimated == pytest.approx([float(row["scale"]) for row in rows], abs=1e-6)
    assert len(rows) >= 16
