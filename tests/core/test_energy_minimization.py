"""Regions of sets of atoms, and the objects that come of them."""

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace

import imageio.v3 as iio
import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm._ext import candidate_regions
from superdsm.core import energy_minimization
from superdsm.core.candidate_regions import Regions
from superdsm.core.energy_minimization import COUNTS
from superdsm.core.graph import cluster_graphs
from superdsm.core.ingest import grey_image
from superdsm.core.model import Fit
from superdsm.core.objects import EMPTY
from superdsm.core.preprocess import offset_corrected
from superdsm.stages.global_energy_minimization import GlobalEnergyMinimization
from tests.core.graph_cases import solve
from tests.examples import examples
from tests.hyperparameters import defaults, model_params, search_params

MODEL = model_params(smooth_amount=4, smooth_subsample=8, background_margin=8)
minimise_energies = partial(energy_minimization.minimise_energies, **defaults(GlobalEnergyMinimization))


# --- regions ---


@settings(deadline=None, max_examples=examples(60))
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_regions_are_like_in_the_whole_image(height, width, n, seed):
    rng = np.random.default_rng(seed)
    atoms = rng.integers(0, n + 1, (height, width)).astype(np.int32)
    mask, near = rng.random((2, height, width)) < 0.7
    y = rng.normal(size=(height, width))
    labels, boxes, sizes = candidate_regions.valid_labels(atoms, mask.view(np.uint8), near.view(np.uint8), n)
    np.testing.assert_array_equal(labels, np.where(mask & near, atoms, 0))
    np.testing.assert_array_equal(sizes[1:], [np.count_nonzero(labels == k) for k in range(1, n + 1)])
    regions = Regions(y, labels, boxes.tolist(), sizes.tolist())
    chosen = [k for k in range(1, n + 1) if rng.random() < 0.5]
    expected = np.isin(labels, chosen)
    region, intensities, offset = regions.cut(chosen)
    assert regions.size(chosen) == expected.sum() == region.sum()
    if expected.any():
        box = ndi.find_objects(expected.astype(int))[0]
        assert offset == (box[0].start, box[1].start)
        np.testing.assert_array_equal(region, expected[box])
        np.testing.assert_array_equal(intensities, y[box])
    else:
        assert region.shape == (0, 0)


def test_labels_of_what_encloses():
    inner = np.array([[0, 1, 1], [3, 3, 0]], np.int32)
    outer = np.array([[5, 5, 5], [6, 6, 6]], np.int32)
    np.testing.assert_array_equal(candidate_regions.enclosing_labels(inner, outer, 3), [0, 5, 0, 6])


# --- whole images ---


def image_of_squares():
    """Two clusters: a row of three atoms, and a single one; all atoms are squares of 10 x 10 pixels."""
    atoms = np.zeros((40, 60), np.int32)
    clusters = np.ones(atoms.shape, np.int32)
    clusters[:, 45:] = 2
    for k in range(3):
        atoms[10:20, 10 + 10 * k : 20 + 10 * k] = k + 1
    atoms[25:35, 48:58] = 4
    y = np.where(atoms > 0, 1.0, -1.0)
    seeds = np.array([[15, 15], [15, 25], [15, 35], [30, 53]], np.int32)
    return {
        "y": y,
        "y_mask": np.ones(atoms.shape, bool),
        "atoms": atoms,
        "adjacencies": np.array([[1, 2], [2, 3]], np.int32),
        "seeds": seeds,
        "clusters": clusters,
        "model_params": MODEL,
    }


def fake_fit(y, omega, offset, image_shape, params):
    """Energy: the square of the width in atoms, so that joining pays only with a large beta."""
    n_atoms = int(np.count_nonzero(omega)) // 100
    assert np.array_equal(y > 0, omega)
    assert image_shape == (40, 60)
    return Fit(float(n_atoms**2), True, False, offset, omega.copy(), int(omega.sum()), 6, n_atoms, "optimal")


@pytest.mark.parametrize(
    ("beta", "cover"), [(0.5, [(1,), (2,), (3,), (4,)]), (2.5, [(1, 2), (3,), (4,)]), (9, [(1, 2, 3), (4,)])]
)
def test_objects_of_an_image(beta, cover):
    result = minimise_energies(**image_of_squares(), beta=beta, fit=fake_fit)
    assert [item.atoms for item in result.cover] == cover
    assert all(item in result.objects for item in result.cover)
    assert [record["atoms"] for record in result.log] == [list(item.atoms) for item in result.objects]
    assert {"pixels", "params", "iterations", "energy", "status", "seconds"} < set(result.log[0])
    json.dumps([result.log, result.performance])
    first = result.cover[0]
    assert first.offset == (10, 10)
    assert first.fragment.shape == (10, 10 * len(first.atoms))
    assert first.n_pixels == 100 * len(first.atoms)


def test_counts():
    result = minimise_energies(**image_of_squares(), beta=0.5, fit=fake_fit)
    assert tuple(result.performance) == COUNTS
    counts = result.performance
    assert counts["direct_solution_trial_count"] == 1
    assert counts["direct_solution_success_count"] == 0
    assert counts["overall_object_count"] == 7  # six connected sets in a row of three, and one
    assert counts["nontrivial_object_count"] == counts["iterative_object_count"] == 6
    assert counts["overall_computed_object_count"] == len(result.objects)
    assert (
        counts["iterative_computed_object_count"]
        == counts["nontrivial_computed_object_count"]
        == len(result.objects) - 1
    )
    direct = minimise_energies(**image_of_squares(), beta=9, fit=fake_fit).performance
    assert direct["direct_solution_success_count"] == 1
    assert direct["iterative_object_count"] == direct["iterative_computed_object_count"] == 0
    assert direct["nontrivial_object_count"] == 6
    assert direct["nontrivial_computed_object_count"] == 4


def test_same_result_for_any_number_of_threads():
    image = image_of_squares()
    serial = minimise_energies(**image, beta=2.5, fit=fake_fit)
    with ThreadPoolExecutor(3) as pool:
        parallel = minimise_energies(
            **image, beta=2.5, fit=fake_fit, map=lambda function, items: list(pool.map(function, items))
        )
    assert parallel.cover == serial.cover
    assert parallel.objects == serial.objects
    assert parallel.performance == serial.performance


def test_seed_distance_forbids_sets():
    result = minimise_energies(**image_of_squares(), beta=2.5, max_seed_distance=9.9, fit=fake_fit)
    assert [item.atoms for item in result.objects] == [(1,), (2,), (3,), (1, 2, 3), (4,)]


def test_masked_and_distant_pixels_do_not_belong_to_regions():
    image = image_of_squares()
    image["y_mask"][10:20, 10:20] = False
    image["atoms"][image["atoms"] == 4] = 0
    image["atoms"][24:, 46:] = 4  # the square and what is around it
    image["model_params"] = dataclasses.replace(MODEL, background_margin=3)
    seen = {}

    def fit(y, omega, offset, image_shape, params):
        seen[offset] = omega
        return Fit(1.0, True, False, (0, 0), EMPTY, int(omega.sum()), 6, 1, "optimal")

    result = minimise_energies(**image, beta=0.0, fit=fit)
    atom = result.objects[0]
    assert (atom.atoms, atom.energy, atom.is_optimal, atom.is_empty, atom.n_pixels) == ((1,), 0.0, False, True, 0)
    near = ndi.distance_transform_edt(image["y"] <= 0) <= 3
    expected = near & (image["atoms"] == 4)
    np.testing.assert_array_equal(seen[24, 46], expected[24:38, 46:])
    assert not seen[24, 46].all()


def test_nothing_to_do():
    image = image_of_squares()
    for name in ("atoms", "seeds", "adjacencies"):
        image[name] = np.zeros_like(image[name]) if name == "atoms" else image[name][:0]
    result = minimise_energies(**image, fit=fake_fit)
    assert (result.cover, result.objects, result.log) == ([], [], [])
    assert set(result.performance.values()) == {0}


def test_unknown_pruning():
    with pytest.raises(ValueError, match=r"'fast'.*exact, isbi24"):
        minimise_energies(**image_of_squares(), pruning="fast", fit=fake_fit)


# --- the reference ---


def adjacent_atoms(atoms, y):
    """Pairs of atoms such that a foreground pixel of one is a neighbour of a pixel of the other."""
    pairs = set()
    for a, b, y_b in [
        (atoms[:-1], atoms[1:], y[1:]),
        (atoms[1:], atoms[:-1], y[:-1]),
        (atoms[:, :-1], atoms[:, 1:], y[:, 1:]),
        (atoms[:, 1:], atoms[:, :-1], y[:, :-1]),
    ]:
        border = (a != b) & (y_b > 0)
        pairs |= {(min(p, q), max(p, q)) for p, q in zip(a[border].tolist(), b[border].tolist(), strict=True)}
    return np.array(sorted(pairs), np.int32)


@pytest.mark.parametrize("name", ["BBBC033_bbbc033-z28", "NIH3T3_dna-30", "U2OS_dna-0"])
def test_cover_of_the_reference_from_its_energies(shared_data, name):
    stage = json.loads((shared_data / "expected" / "stages" / f"{name}.json").read_text())
    arrays = np.load(shared_data / "expected" / "stages" / f"{name}.npz")
    folder, image = name.split("_", 1)
    g_raw, _ = grey_image(iio.imread(next((shared_data / folder / "images").glob(f"{image}.*"))), False)
    config = stage["config"]["preprocess"]
    y = offset_corrected(g_raw, **{key: config[key] for key in ("sigma1", "sigma2", "offset_clip", "lower_clip_mean")})
    atoms, clusters = arrays["atoms"].astype(np.int32), arrays["clusters"].astype(np.int32)
    fits = {tuple(sorted(fit["atoms"])): SimpleNamespace(**fit) for fit in stage["fits"]}
    enclosing = candidate_regions.enclosing_labels(atoms, clusters, int(atoms.max()))[1:]
    pairs = adjacent_atoms(atoms, y)
    config = stage["config"]["global-energy-minimization"]
    params = search_params(**{name: config[name] for name in ("beta", "max_iter", "gamma", "max_work_amount")})
    cover, n_fits = set(), 0
    for graph in cluster_graphs(enclosing, pairs, np.zeros((atoms.max(), 2)), np.inf):
        result, _ = solve(
            graph,
            lambda members, graph=graph: (
                fits[graph.labels(members)].energy
            ),  # a KeyError: the reference never fitted it
            params,
            lambda members, graph=graph: fits[graph.labels(members)].is_optimal,
        )
        cover |= {graph.labels(members) for members in result.cover}
        n_fits += len(result.fitted)
    assert cover == {tuple(sorted(item["atoms"])) for item in stage["cover"]}
    assert n_fits <= len(fits)
