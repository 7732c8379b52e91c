"""Clusters, their markers, and which of their atoms touch."""

import json

import numpy as np
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm._ext.clusters import border_counts
from superdsm.core.clusters import count_left_out, find_adjacencies, find_clusters, find_markers
from superdsm.core.ingest import grey_image
from superdsm.core.preprocess import offset_corrected
from superdsm.io import read_image
from tests.examples import examples
from tests.twins import region_analysis as twin
from tests.twins.watershed import watershed


@st.composite
def images(draw):
    shape = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y = ndi.gaussian_filter(rng.normal(size=shape), draw(st.sampled_from([0, 1, 3])))
    return y - draw(st.sampled_from([-9, 0, 0.05, 9]))


@settings(deadline=None, max_examples=examples(150))
@given(images(), st.sampled_from([0, 0.2, 0.5, 0.8, 1, np.inf]))
def test_markers_equal_the_definition(y, max_irregularity):
    markers, y_mask = find_markers(y, max_irregularity)
    expected, expected_mask = twin.find_markers(y, max_irregularity)
    np.testing.assert_array_equal(markers, expected)
    np.testing.assert_array_equal(y_mask, expected_mask)
    assert markers.dtype == np.int32 and y_mask.dtype == bool


@settings(deadline=None, max_examples=examples(30))
@given(images(), st.sampled_from([0.2, 0.6, np.inf]))
def test_clusters_are_flooded_by_the_distance_to_the_markers(y, max_irregularity):
    clusters, _ = find_clusters(y, max_irregularity)
    markers, _ = twin.find_markers(y, max_irregularity)
    expected = watershed(ndi.distance_transform_edt(markers == 0), markers) if markers.any() else markers
    np.testing.assert_array_equal(clusters, expected)


def test_outside_of_the_image_is_no_border():
    area, border = border_counts(np.ones((5, 6), np.int32), 1)
    assert (area[1], border[1]) == (30, 0)
    labels = np.zeros((5, 6), np.int32)
    labels[:3, :3] = 1
    area, border = border_counts(labels, 1)
    assert (area[1], border[1]) == (9, 5)


def test_no_foreground_no_clusters():
    clusters, y_mask = find_clusters(np.full((8, 9), -1.0), 0.2)
    assert not clusters.any()
    assert y_mask.all()


def test_clusters_of_a_real_image(shared_data):
    g_raw, _ = grey_image(read_image(shared_data / "U2OS" / "images" / "dna-10.png"), False)
    stages = np.load(shared_data / "expected" / "stages" / "U2OS_dna-10.npz")
    config = json.loads((shared_data / "expected" / "stages" / "U2OS_dna-10.json").read_text())["config"]["preprocess"]
    names = ("sigma1", "sigma2", "offset_clip", "lower_clip_mean")
    clusters, y_mask = find_clusters(offset_corrected(g_raw, **{name: config[name] for name in names}), 0.2)
    np.testing.assert_array_equal(y_mask, stages["y_mask"])
    np.testing.assert_array_equal(clusters, stages["clusters"])


@settings(deadline=None, max_examples=examples(200))
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1), st.sampled_from([-0.5, 0, 1, 9]))
def test_adjacencies_equal_the_definition(height, width, seed, threshold):
    rng = np.random.default_rng(seed)
    atoms = np.repeat(rng.integers(0, 6, (height, width)), 2, axis=1).astype(np.int32)
    clusters = np.where(atoms > 0, 1 + atoms % 2 * rng.integers(0, 2), 0).astype(np.int32)
    y = rng.normal(size=atoms.shape) - threshold
    pairs = find_adjacencies(atoms, clusters, y)
    assert pairs.dtype == np.int32 and pairs.shape[1] == 2
    assert [tuple(pair) for pair in pairs.tolist()] == sorted(twin.adjacencies(atoms, clusters, y))


def test_many_adjacencies():
    atoms = np.arange(1, 401, dtype=np.int32).reshape(20, 20)
    pairs = find_adjacencies(atoms, np.ones_like(atoms), np.ones(atoms.shape))
    assert len(pairs) == 2 * 20 * 19


def test_background_does_not_connect_atoms():
    atoms = np.array([[1, 1, 2, 2]], np.int32)
    clusters = np.ones_like(atoms)
    assert find_adjacencies(atoms, clusters, np.array([[1.0, 0, 0, 1]])).shape == (0, 2)
    assert find_adjacencies(atoms, clusters, np.array([[1.0, 0, 1, 1]])).tolist() == [[1, 2]]
    assert find_adjacencies(atoms, np.array([[1, 1, 2, 2]], np.int32), np.ones((1, 4))).shape == (0, 2)


@settings(deadline=None, max_examples=60)
@given(images(), st.sampled_from([0.2, 0.5]))
def test_what_is_left_out_is_counted_by_its_brightness(y, max_irregularity):
    clusters, y_mask = find_clusters(y, max_irregularity)
    labels, n = ndi.label(~y_mask)
    peaks = [y[labels == label].max() for label in range(1, n + 1)]
    kept = [y[clusters == label].max() for label in range(1, clusters.max() + 1)]
    specks = sum(peak < 0.25 * np.median(kept) for peak in peaks) if kept else 0
    irregular, found_specks, share = count_left_out(y, y_mask, clusters)
    assert (irregular, found_specks) == (n - specks, specks)
    assert np.isclose(share, y[~y_mask].sum() / y[y > 0].sum() if n else 0)
