import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm.core.ingest import grey_image
from superdsm.core.preprocess import offset_corrected
from superdsm.core.region_analysis import SplitRules, analyse_regions, split_cluster
from superdsm.io import read_image
from superdsm.stages.c2f_region_analysis import C2FRegionAnalysis
from tests.examples import examples
from tests.hyperparameters import defaults
from tests.twins import region_analysis as twin
from tests.twins.watershed import watershed

DEFAULTS = {
    "background_margin": 8,
    **defaults(C2FRegionAnalysis, min_atom_radius=3, max_cluster_marker_irregularity=0.5),
}


def blobs(positions, shape=(60, 80), radius=6.0):
    """Bright bumps on dark ground."""
    rows, cols = np.indices(shape)
    y = np.full(shape, -1.0)
    for r, c in positions:
        y = np.maximum(y, 2 * np.exp(-((rows - r) ** 2 + (cols - c) ** 2) / (2 * radius**2)) - 1)
    return y


@st.composite
def clusters(draw):
    """Intensities, with plateaus and ties or without; a connected cluster; pixels that are masked out."""
    shape = draw(st.integers(6, 28)), draw(st.integers(6, 28))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y = ndi.gaussian_filter(rng.normal(size=shape), draw(st.sampled_from([1, 2, 3])))
    y = y / y.std() - draw(st.sampled_from([-1.5, -0.5, 0, 0.5]))
    if draw(st.booleans()):
        y = np.round(y * 2) / 2
    cluster = np.ones(shape, bool)
    if draw(st.booleans()):
        labels = ndi.label(ndi.gaussian_filter(rng.normal(size=shape), 4) > -0.02)[0]
        cluster = labels == np.bincount(labels[labels > 0], minlength=2).argmax()
    y_mask = ndi.gaussian_filter(rng.normal(size=shape), 2) > draw(st.sampled_from([-9, -0.15]))
    return y, cluster, y_mask


@st.composite
def rules(draw):
    return SplitRules(
        background_margin=draw(st.sampled_from([1, 2.5, 4, 100])),
        seed_connectivity=draw(st.sampled_from([4, 8])),
        min_size=draw(st.sampled_from([0, 1, 10, 30])),
        max_atom_norm_energy=draw(st.sampled_from([0, 0.05, 0.3])),
        min_norm_energy_improvement=draw(st.sampled_from([-np.inf, -0.2, 0.1, 0.4])),
        max_failed_trials=draw(st.sampled_from([1, 2, 5, 500])),
    )


def stand_in_energy(y, omega):
    """Any function of the region will do: this one is cheap, and makes all decisions likely."""
    return float(abs(y[omega].sum()) * 12.9898 % 1 * np.count_nonzero(omega))


@settings(deadline=None, max_examples=examples(80))
@given(clusters(), rules())
def test_cluster_is_split_as_defined(example, chosen_rules):
    y, cluster, y_mask = example
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("superdsm.core.region_analysis.elliptical_energy", stand_in_energy)
        result = split_cluster(y, cluster, y_mask, chosen_rules)
    expected, history = twin.split_cluster(y, cluster, y_mask, chosen_rules, watershed, stand_in_energy)
    atoms = np.zeros(y.shape, int)
    for label, (region, _) in enumerate(expected, 1):
        atoms[region] = label
    np.testing.assert_array_equal(result.atoms, atoms)
    np.testing.assert_allclose(result.seeds, [np.argwhere(seed).mean(axis=0) for _, seed in expected])
    assert result.record["atoms"] == len(expected)
    assert result.record["trials"] == len(history)


def test_examples_take_all_branches():
    taken = set()
    for seed in range(30):
        rng = np.random.default_rng(seed)
        y = ndi.gaussian_filter(rng.normal(size=(24, 24)), 2)
        y = y / y.std() + 0.5 * (seed % 4)
        y_mask = ndi.gaussian_filter(rng.normal(size=y.shape), 2) > (-9 if seed % 2 else 0)
        chosen = SplitRules(2.5, 8, 12, 0.05, 0.1, 500)
        taken.update(twin.split_cluster(y, np.ones(y.shape, bool), y_mask, chosen, watershed, stand_in_energy)[1])
    assert taken == {"small first", "small second", "first undefined", "second undefined", "undone", "split"}


def test_the_trials_in_a_region_of_noise_are_bounded():
    y = np.random.default_rng(0).normal(2, 1, (120, 90))
    for most in (7, 500):
        record = analyse_regions(y, **DEFAULTS | {"max_failed_trials": most}).log[0]
        assert (record["trials"], record["given_up"]) == (most, 1)
    assert "given_up" not in analyse_regions(y, **DEFAULTS | {"max_failed_trials": 10_000}).log[0]


def test_touching_blobs_become_adjacent_atoms():
    y = blobs([(30, 20), (30, 34), (12, 65)])
    result = analyse_regions(y, **DEFAULTS)
    assert result.clusters.max() == 2
    assert result.atoms.max() == 3
    assert result.seeds[np.argsort(result.seeds[:, 1])].tolist() == [[30, 20], [30, 34], [12, 65]]
    a, b = sorted((int(result.atoms[30, 20]), int(result.atoms[30, 34])))
    assert result.adjacencies.tolist() == [[a, b]]
    assert result.y_mask.all()
    assert [(entry["cluster"], entry["atoms"]) for entry in result.log] == [(1, 1), (2, 2)]
    assert sum(entry["pixels"] for entry in result.log) == y.size
    json.dumps(result.log)


def test_atoms_tile_the_clusters():
    rng = np.random.default_rng(2)
    y = ndi.gaussian_filter(rng.normal(size=(120, 140)), 5)
    result = analyse_regions(y / y.std() - 0.5, **DEFAULTS)
    n = result.atoms.max()
    assert n > result.clusters.max() > 3
    pairs = np.unique(np.stack([result.atoms.ravel(), result.clusters.ravel()]), axis=1)
    assert pairs.shape[1] == n == len(result.seeds) and (pairs > 0).all()
    assert (np.diff(pairs[1]) >= 0).all()  # numbered cluster by cluster
    assert result.atoms[tuple(result.seeds.T)].tolist() == list(range(1, n + 1))


def test_larger_improvement_splits_less():
    rng = np.random.default_rng(3)
    y = ndi.gaussian_filter(rng.normal(size=(90, 90)), 4)
    y /= y.std()
    counts = [
        analyse_regions(y, **DEFAULTS | {"min_norm_energy_improvement": value}).atoms.max()
        for value in (-np.inf, 0.1, 1.1)
    ]
    assert counts[0] > counts[1] > counts[2]
    assert counts[2] == analyse_regions(y, **DEFAULTS).clusters.max()


def test_result_does_not_depend_on_threads():
    rng = np.random.default_rng(5)
    y = ndi.gaussian_filter(rng.normal(size=(150, 150)), 5)
    y /= y.std()

    def backwards(function, items):
        return [function(item) for item in reversed(list(items))][::-1]

    with ThreadPoolExecutor(4) as pool:
        results = [
            analyse_regions(y, **DEFAULTS),
            analyse_regions(y, **DEFAULTS, map=lambda function, items: list(pool.map(function, items))),
            analyse_regions(y, **DEFAULTS, map=backwards),
        ]
    for other in results[1:]:
        for name in ("y_mask", "atoms", "adjacencies", "seeds", "clusters"):
            np.testing.assert_array_equal(getattr(other, name), getattr(results[0], name))
        assert other.log == results[0].log


@pytest.mark.parametrize("value", [-1.0, 0.0])
def test_no_foreground(value):
    result = analyse_regions(np.full((20, 30), value), **DEFAULTS)
    assert not result.atoms.any() and not result.clusters.any() and result.y_mask.all()
    assert result.adjacencies.shape == (0, 2) and result.seeds.shape == (0, 2) and result.log == []


def test_only_foreground():
    result = analyse_regions(np.full((20, 30), 1.0), **DEFAULTS)
    assert (result.atoms == 1).all()
    assert result.log[0]["fits"] == 0


def test_cluster_without_a_maximum_is_an_atom():
    # The left pixel is dimmer than its diagonal neighbour in the other cluster: it is no maximum.
    y = np.full((12, 12), -1.0)
    y[4, 4] = 1
    y[5:8, 5:8] = 2
    result = analyse_regions(y, **DEFAULTS | {"max_cluster_marker_irregularity": 1, "min_atom_radius": 0})
    assert result.clusters.max() == 2
    assert result.seeds[result.atoms[4, 4] - 1].tolist() == [4, 4]


def test_large_plateaus_are_single_seeds():
    y = np.full((60, 100), -1.0)
    y[10:50, 10:50] = 1.0
    y[20:40, 50:52] = 0.5
    y[10:50, 52:90] = 1.0
    result = analyse_regions(y, **DEFAULTS | {"max_atom_norm_energy": 0})
    assert result.atoms[30, 20] != result.atoms[30, 80]
    assert result.atoms.max() == 2


def test_bad_input():
    with pytest.raises(ValueError, match="finite"):
        analyse_regions(np.full((5, 5), np.nan), **DEFAULTS)
    with pytest.raises(ValueError, match="two-dimensional"):
        analyse_regions(np.zeros(5), **DEFAULTS)
    with pytest.raises(ValueError, match="seed_connectivity"):
        analyse_regions(np.zeros((5, 5)), **DEFAULTS | {"seed_connectivity": 6})
    with pytest.raises(ValueError, match="max_atom_norm_energy"):
        analyse_regions(np.zeros((5, 5)), **DEFAULTS | {"max_atom_norm_energy": -0.1})


@pytest.mark.parametrize("name", ["NIH3T3_dna-30", "U2OS_dna-0"])
def test_atoms_of_real_images(shared_data, name):
    folder, image = name.split("_")
    g_raw, _ = grey_image(read_image(shared_data / folder / "images" / f"{image}.png"), False)
    stages = np.load(shared_data / "expected" / "stages" / f"{name}.npz")
    config = json.loads((shared_data / "expected" / "stages" / f"{name}.json").read_text())["config"]
    names = ("sigma1", "sigma2", "offset_clip", "lower_clip_mean")
    y = offset_corrected(g_raw, **{key: config["preprocess"][key] for key in names})
    np.testing.assert_allclose(y[::8, ::8], stages["y_sampled"], atol=1e-6)
    known = config["c2f-region-analysis"] | {"background_margin": config["dsm"]["background_margin"]}
    result = analyse_regions(y, **{name: known.get(name, default) for name, default in DEFAULTS.items()})
    np.testing.assert_array_equal(result.y_mask, stages["y_mask"])
    np.testing.assert_array_equal(result.clusters, stages["clusters"])
    # The same atoms, numbered in the same order within each cluster.
    expected = stages["atoms"].astype(np.int64)
    pairs = np.unique((result.atoms.astype(np.int64) << 32) + expected)
    assert pairs.size == result.atoms.max() == expected.max()
    clusters = np.array([result.clusters[result.atoms == atom][0] for atom in pairs >> 32])
    numbers = pairs & 0xFFFFFFFF
    for cluster in range(1, clusters.max() + 1):
        assert (np.diff(numbers[clusters == cluster]) > 0).all()
