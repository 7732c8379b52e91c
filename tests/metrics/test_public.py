"""The same numbers as public implementations, and as the scores that the reference data come with.

The public implementations are imported where they are used, for that takes long.
"""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from superdsm.io import read_image
from superdsm.metrics import evaluate, summarise
from superdsm.testing import synthetic_image

pytestmark = pytest.mark.reference


def perturbed(truth: np.ndarray, seed: int) -> np.ndarray:
    """A result with errors of all kinds: shifted, with objects merged, split, removed and added."""
    rng = np.random.default_rng(seed)
    result = np.roll(truth, rng.integers(-3, 4, 2), axis=(0, 1))
    labels = np.unique(truth)[1:]
    for label in rng.choice(labels, len(labels) // 2, replace=False):
        mask = result == label
        columns = np.flatnonzero(mask.any(axis=0))
        choice = rng.integers(3)
        if choice == 0:
            result[mask] = 0
        elif choice == 1:
            result[mask] = rng.choice(labels)
        elif len(columns):
            mask[:, : int(np.median(columns))] = False
            result[mask] = result.max() + 1
    result[3:9, 3:12] = result.max() + 1
    return result


@pytest.fixture(scope="module", params=range(6))
def pair(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    truth = synthetic_image(request.param, (160, 200), n_nuclei=14, radius=11.0)[1].astype(np.int64)
    return perturbed(truth, request.param), truth


def test_the_images_have_errors_of_all_kinds() -> None:
    truths = [synthetic_image(seed, (160, 200), n_nuclei=14, radius=11.0)[1].astype(np.int64) for seed in range(6)]
    counts = summarise(evaluate(perturbed(truth, seed), truth) for seed, truth in enumerate(truths)).counts
    assert all(counts.values()), counts


def test_panoptic_quality_and_precision(pair: tuple[np.ndarray, np.ndarray]) -> None:
    import cellseg_metrics

    predicted, truth = pair
    scores = evaluate(predicted, truth).scores
    public = cellseg_metrics.panoptic_quality(truth, predicted, eps=0)
    assert (scores["pq"], scores["sq"], scores["rq"]) == pytest.approx((public["pq"], public["sq"], public["dq"]))
    for percent in range(50, 100, 5):
        # at 0.65 and the like, exactness matters only for ratios that equal the threshold
        expected = cellseg_metrics.average_precision(truth, predicted, percent / 100, eps=0)
        assert scores[f"precision_{percent}"] == pytest.approx(expected)


def test_aggregated_jaccard_index(pair: tuple[np.ndarray, np.ndarray]) -> None:
    import cellseg_metrics

    predicted, truth = pair
    result = evaluate(predicted, truth)
    largest = result.truth.covered == [
        (truth == label)[predicted == result.predicted.labels[at]].sum() / area if at >= 0 else 0
        for label, area, at in zip(result.truth.labels, result.truth.areas, result.truth.partners, strict=True)
    ]
    # The public one takes the largest intersection where the definition has the largest intersection over union.
    same = np.where(np.isin(truth, result.truth.labels[largest]), truth, 0)
    expected = cellseg_metrics.aggregated_jaccard_index(same, predicted, eps=0)
    assert evaluate(predicted, same).scores["aji"] == pytest.approx(expected)
    assert largest.sum() > len(largest) // 2


def test_overlap_of_the_foreground(pair: tuple[np.ndarray, np.ndarray]) -> None:
    import cellseg_metrics

    predicted, truth = pair
    scores = evaluate(predicted, truth).scores
    stats = cellseg_metrics.get_stats(truth > 0, predicted > 0)
    assert scores["dice"] == pytest.approx(cellseg_metrics.dice_coef(*stats, eps=0))
    assert scores["jaccard"] == pytest.approx(cellseg_metrics.iou_score(*stats, eps=0))


def test_rand_indices(pair: tuple[np.ndarray, np.ndarray]) -> None:
    import sklearn.metrics

    predicted, truth = (labels.ravel() for labels in pair)
    scores = evaluate(*pair).scores
    assert scores["rand"] == pytest.approx(sklearn.metrics.rand_score(truth, predicted))
    assert scores["adjusted_rand"] == pytest.approx(sklearn.metrics.adjusted_rand_score(truth, predicted))


def test_rand_indices_where_objects_are_left_out(pair: tuple[np.ndarray, np.ndarray]) -> None:
    import cellseg_metrics
    import sklearn.metrics

    predicted, truth = pair
    result = evaluate(predicted, truth, min_area=int(np.median(evaluate(predicted, truth).truth.areas)))
    assert min(result.left_out) > 0
    counts = ~np.isin(truth, np.setdiff1d(np.unique(truth), [0, *result.truth.labels]))
    kept = np.where(np.isin(predicted, result.predicted.labels), predicted, 0)
    expected = sklearn.metrics.adjusted_rand_score(truth[counts], kept[counts])
    assert result.scores["adjusted_rand"] == pytest.approx(expected)
    stats = cellseg_metrics.get_stats(truth[counts] > 0, kept[counts] > 0)
    assert result.scores["dice"] == pytest.approx(cellseg_metrics.dice_coef(*stats, eps=0))


def test_seg_of_the_cell_tracking_challenge(pair: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    from ctc_metrics.metrics import seg as ctc_seg
    from ctc_metrics.utils.representations import match as ctc_match

    for name, labels in zip(("result", "truth"), pair, strict=True):
        tifffile.imwrite(tmp_path / f"{name}.tif", labels.astype(np.uint16))
    labels, _, _, _, ious = ctc_match(str(tmp_path / "truth.tif"), str(tmp_path / "result.tif"))
    assert evaluate(*pair).scores["seg"] == pytest.approx(ctc_seg([labels], [ious]))


def test_hausdorff_distances(pair: tuple[np.ndarray, np.ndarray]) -> None:
    import skimage.metrics

    predicted, truth = pair
    result = evaluate(predicted, truth)
    cross = ndimage.generate_binary_structure(2, 1)
    for label, at, distance in zip(result.truth.labels, result.truth.partners, result.truth.hausdorff, strict=True):
        if at >= 0:
            masks = truth == label, predicted == result.predicted.labels[at]
            edges = [mask & ~ndimage.binary_erosion(mask, cross) for mask in masks]
            assert distance == pytest.approx(skimage.metrics.hausdorff_distance(*edges))


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("data_set", ["DSB2018-dev", "NIH3T3", "U2OS"])
def test_scores_that_the_reference_data_come_with(shared_data: Path, data_set: str) -> None:
    tool = load(shared_data.parent / "tools" / "gt_metrics.py")
    images, expected = [], []
    for path in sorted((shared_data / data_set / "masks").iterdir())[: 12 if data_set == "DSB2018-dev" else 4]:
        truth = read_image(path)
        image = read_image(shared_data / data_set / "images" / path.name).astype(float)
        image = ndimage.gaussian_filter(
            image if image.ndim == 2 else image.mean(axis=2), 1 if image.size < 500_000 else 4
        )
        predicted = ndimage.label(image > image.mean() + 0.5 * image.std())[0]
        images.append(evaluate(predicted, truth))
        expected.append(tool.score(predicted.copy(), truth.astype(np.int64)))
        assert images[-1].scores["dice"] == pytest.approx(expected[-1]["dice"], abs=1e-6)
    total = {name: sum(record[name] for record in expected) for name in expected[0] if name not in ("seg", "dice")}
    objects = total["n_gt"] + total["n_pred"]
    matches = [total[f"tp{percent / 100:.2f}"] for percent in range(50, 100, 5)]
    summary = summarise(images)
    assert summary.pooled["seg"] == pytest.approx(
        np.concatenate([record["seg"] for record in expected]).mean(), abs=1e-6
    )
    assert summary.mean["dice"] == pytest.approx(np.mean([record["dice"] for record in expected]), abs=1e-6)
    assert summary.pooled["f1_50"] == pytest.approx(2 * matches[0] / objects, abs=1e-6)
    assert summary.pooled["ap_50"] == pytest.approx(matches[0] / (objects - matches[0]), abs=1e-6)
    assert summary.pooled["map"] == pytest.approx(np.mean([tp / (objects - tp) for tp in matches]), abs=1e-6)
    names = {"split": "split", "merge": "merged", "missed": "missed", "spurious": "spurious"}
    assert {name: summary.counts[ours] for name, ours in names.items()} == {name: total[name] for name in names}
    assert (summary.counts["n_true"], summary.counts["n_predicted"]) == (total["n_gt"], total["n_pred"])
