"""The sparse scores agree with those of all pairs of objects and of all pairs of pixels."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm.metrics import evaluate
from superdsm.metrics.overlaps import overlaps
from tests.twins import metrics as twin

LABELS = [0, 1, 2, 7, 300, 70_000]


@st.composite
def label_images(draw, largest=9):
    """Two label images that resemble each other: blocks of labels, with pixels changed in one of them."""
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=largest))
    coarse = draw(hnp.arrays(np.int32, shape, elements=st.sampled_from(LABELS)))
    truth = coarse.repeat(2, axis=0).repeat(2, axis=1)[: shape[0], : shape[1]]
    changes = draw(hnp.arrays(np.int32, shape, elements=st.sampled_from([*LABELS, -1, -1, -1, -1, -1])))
    other = np.where(changes < 0, truth, changes)
    names = dict(zip(LABELS, [0, *draw(st.permutations([4, 5, 6, 8, 1_000_000]))], strict=True))
    return np.vectorize(names.get, otypes=[np.int64])(other), truth


@given(label_images())
@settings(deadline=None)
def test_counts_and_scores_of_objects(images):
    predicted, truth = images
    result, expected = evaluate(predicted, truth), twin.detection(predicted, truth)
    for name in ("n_true", "n_predicted", "split", "merged", "missed", "spurious"):
        assert result.counts[name] == expected[name], name
    assert result.tally.matches == tuple(expected[f"tp_{percent}"] for percent in range(50, 100, 5))
    assert result.truth.seg == pytest.approx(expected["seg"])
    assert result.scores["aji"] == pytest.approx(twin.aji(predicted, truth))


@given(label_images())
@settings(deadline=None)
def test_each_object_is_of_one_kind(images):
    result = evaluate(*images)
    counts, truth, predicted = result.counts, result.truth.kinds.tolist(), result.predicted.kinds.tolist()
    assert counts["matched"] == truth.count("matched") == predicted.count("matched")
    assert counts["n_true"] == sum(counts[name] for name in ("matched", "merged", "missed", "inaccurate"))
    assert [predicted.count("split"), predicted.count("spurious")] == [counts["split"], counts["spurious"]]
    assert {*predicted} <= {"matched", "split", "spurious", "inaccurate"}
    assert counts["split"] == np.maximum(result.truth.holds - 1, 0).sum()
    assert counts["merged"] == np.maximum(result.predicted.holds - 1, 0).sum()


@given(label_images(largest=6))
@settings(deadline=None)
def test_agreement_of_pixels(images):
    predicted, truth = images
    scores = evaluate(predicted, truth).scores
    rand, adjusted = twin.pixel_pairs(predicted, truth)
    assert scores["rand"] == pytest.approx(rand)
    assert scores["adjusted_rand"] == pytest.approx(adjusted)
    both, any_of_them = ((truth > 0) & (predicted > 0)).sum(), ((truth > 0) | (predicted > 0)).sum()
    assert scores["jaccard"] == pytest.approx(both / any_of_them if any_of_them else None)


@given(label_images())
@settings(deadline=None)
def test_distances(images):
    predicted, truth = images
    result = evaluate(predicted, truth)
    labels = result.predicted.labels
    for index, label in enumerate(result.truth.labels):
        at = result.truth.partners[index]
        if at < 0:
            assert np.isnan(result.truth.hausdorff[index]) and result.truth.nsd[index] == 1
        else:
            pair = truth == label, predicted == labels[at]
            assert result.truth.iou[index] == float(max(twin.iou(pair[0], mask) for mask in twin.masks(predicted)))
            assert result.truth.hausdorff[index] == pytest.approx(twin.hausdorff(*pair))
            assert result.truth.nsd[index] == pytest.approx(twin.nsd(*pair))


@given(label_images())
@settings(deadline=None)
def test_swapping_the_images_swaps_the_errors(images):
    one, other = evaluate(*images), evaluate(*images[::-1])
    assert one.tally.matches == other.tally.matches
    for name, swapped in (("split", "merged"), ("missed", "spurious"), ("n_true", "n_predicted")):
        assert (one.counts[name], one.counts[swapped]) == (other.counts[swapped], other.counts[name])
    for name in ("dice", "jaccard", "rand", "adjusted_rand", "pq", "map"):
        assert one.scores[name] == pytest.approx(other.scores[name])


@given(label_images())
@settings(deadline=None)
def test_regions_are_those_of_the_masks(images):
    predicted, truth = images
    found = overlaps(predicted, truth)
    for regions, labels in ((found.truth, truth), (found.predicted, predicted)):
        assert regions.labels.tolist() == [label for label in np.unique(labels) if label]
        for index, mask in enumerate(twin.masks(labels)):
            points = np.argwhere(mask)
            assert regions.areas[index] == len(points)
            assert regions.boxes[index].tolist() == [*points.min(axis=0), *(points.max(axis=0) + 1)]
            assert regions.on_border[index] == (mask.sum() > mask[1:-1, 1:-1].sum())


@given(label_images())
@settings(deadline=None)
def test_renumbering_changes_nothing(images):
    predicted, truth = images
    renumbered = np.unique(predicted, return_inverse=True)[1].reshape(predicted.shape)
    renumbered = renumbered + (predicted.min() > 0)
    assert evaluate(renumbered.astype(np.uint8), truth).tally == evaluate(predicted, truth).tally
