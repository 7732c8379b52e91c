"""Scores of cases that are worked out by hand, and what is no label image."""

import json

import numpy as np
import pytest

from superdsm.errors import ImageError
from superdsm.metrics import COUNTS, SCORES, Evaluation, evaluate, summarise


def image(*rows: str) -> np.ndarray:
    """A label image of digits; a dot is background."""
    return np.array([[0 if char == "." else int(char) for char in row] for row in rows])


EMPTY = np.zeros((4, 5), np.uint8)
TRUTH = image(
    "11112222....",
    "11112222.33.",
    "11112222.33.",
    "............",
)


def kinds(result: Evaluation) -> tuple[list[str], list[str]]:
    return result.truth.kinds.tolist(), result.predicted.kinds.tolist()


def test_a_perfect_result() -> None:
    result = evaluate(TRUTH * 40, TRUTH)
    assert result.counts == dict(zip(COUNTS, (3, 3, 3, 0, 0, 0, 0, 0), strict=True))
    low = {"hausdorff": 0.0, "nsd": 0.0}
    assert result.scores == {name: low.get(name, 1.0) for name in SCORES}


def test_a_false_merge() -> None:
    merged = np.where(TRUTH == 2, 1, TRUTH)
    result = evaluate(merged, TRUTH)
    assert kinds(result) == (["inaccurate", "merged", "matched"], ["inaccurate", "matched"])
    assert result.counts == dict(zip(COUNTS, (3, 2, 1, 0, 1, 0, 0, 1), strict=True))
    assert result.predicted.holds.tolist() == [2, 1]
    scores = result.scores
    assert result.truth.seg.tolist() == [0.5, 0.5, 1.0], "the whole of both objects is covered"
    assert scores["seg"] == pytest.approx(2 / 3)
    assert (scores["precision_50"], scores["recall_50"]) == pytest.approx((1 / 2, 1 / 3))
    assert (scores["f1_50"], scores["ap_50"], scores["map"]) == pytest.approx((2 / 5, 1 / 4, 1 / 4))
    assert (scores["sq"], scores["rq"], scores["pq"]) == pytest.approx((1, 2 / 5, 2 / 5))
    assert (scores["dice"], scores["jaccard"]) == (1, 1), "the foreground is right"
    # twice 12 of 24 pixels, and 4 of 4
    assert scores["aji"] == pytest.approx((12 + 12 + 4) / (24 + 24 + 4))
    # 48 pixels; the pairs between objects 1 and 2 are together only in the result
    assert scores["rand"] == pytest.approx(1 - 12 * 12 / (48 * 47 / 2))


def test_a_false_split() -> None:
    split = TRUTH.copy()
    split[2][TRUTH[2] == 1] = 9
    result = evaluate(split, TRUTH)
    assert kinds(result) == (["matched"] * 3, ["matched", "matched", "matched", "split"])
    assert result.counts["split"] == 1 and result.truth.holds.tolist() == [2, 1, 1]
    assert result.predicted.labels[result.predicted.kinds == "split"] == 9, "the smaller part is the one too many"
    assert result.truth.iou.tolist() == pytest.approx([8 / 12, 1, 1])
    assert result.tally.matches == (3, 3, 3, 3, 2, 2, 2, 2, 2, 2)
    assert result.scores["aji"] == pytest.approx((8 + 12 + 4) / (12 + 12 + 4 + 4))
    # Hausdorff distance of 4 x 3 pixels to the upper 4 x 2: one row
    assert result.truth.hausdorff.tolist() == [1, 0, 0]
    # 0.5 + 1.5 + 1.5 + 0.5 of 10 x 0.5 + 2 x 1.5 for object 1: the row itself is at the boundary
    assert result.truth.nsd.tolist() == pytest.approx([4 * 0.5 / (10 * 0.5 + 2 * 1.5), 0, 0])


def test_missed_and_spurious() -> None:
    predicted = np.where(TRUTH == 3, 0, TRUTH)
    predicted[3, 11] = 3
    result = evaluate(predicted, TRUTH)
    assert kinds(result) == (["matched", "matched", "missed"], ["matched", "matched", "spurious"])
    assert result.truth.partners.tolist() == [0, 1, -1]
    assert np.isnan(result.truth.hausdorff[2]) and result.truth.nsd[2] == 1
    assert result.scores["hausdorff"] == 0, "the mean of those that have a partner"
    assert result.scores["nsd"] == pytest.approx(1 / 3)
    assert result.scores["dice"] == pytest.approx(2 * 24 / (28 + 25))


def test_a_tenth_is_the_bound_of_missed_and_spurious() -> None:
    truth, predicted = np.zeros((2, 1, 30), int)
    truth[0, :10], predicted[0, 9:19] = 1, 1
    assert kinds(evaluate(predicted, truth)) == (["inaccurate"], ["inaccurate"])
    truth[0, :10], predicted[0] = 1, np.roll(predicted[0], 1)
    assert kinds(evaluate(predicted, truth)) == (["missed"], ["spurious"])


@pytest.mark.parametrize("percent", range(50, 100, 5))
def test_thresholds_are_strict_and_exact(percent: int) -> None:
    truth, predicted = np.zeros((2, 1, 100), int)
    truth[:], predicted[0, :percent] = 1, 1
    matches = evaluate(predicted, truth).tally.matches
    assert matches == tuple(int(percent > threshold) for threshold in range(50, 100, 5))


def test_half_is_not_more_than_half() -> None:
    predicted = image("1122")
    assert evaluate(predicted, image("3333")).truth.seg.tolist() == [0]
    assert evaluate(predicted, image("3333")).counts["split"] == 1
    assert evaluate(image("3333"), predicted).truth.seg.tolist() == [0.5, 0.5]


def test_nothing_anywhere() -> None:
    scores = evaluate(EMPTY, EMPTY).scores
    assert {name: value for name, value in scores.items() if value is not None} == {"rand": 1.0}


def test_nothing_found_and_nothing_there() -> None:
    found = evaluate(EMPTY, np.eye(4, 5, dtype=int))
    assert (found.counts["missed"], found.scores["seg"], found.scores["ap_50"], found.scores["dice"]) == (1, 0, 0, 0)
    assert (found.scores["precision_50"], found.scores["recall_50"]) == (None, 0)
    other = evaluate(np.eye(4, 5, dtype=int), EMPTY)
    assert (other.counts["spurious"], other.scores["seg"], other.scores["ap_50"], other.scores["aji"]) == (
        1,
        None,
        0,
        0,
    )


def test_partial_truth_has_only_scores_of_true_objects() -> None:
    predicted = TRUTH.copy()
    predicted[3, 11] = 9
    result = evaluate(predicted, TRUTH, partial=True)
    known = {name for name, value in result.scores.items() if value is not None}
    assert known == {"seg", "sq", "hausdorff", "nsd", *(name for name in SCORES if name.startswith("recall"))}
    assert result.scores["seg"] == 1 and result.counts["spurious"] is None
    assert result.to_dict()["partial"] is True
    assert summarise([result, evaluate(TRUTH, TRUTH)]).pooled["dice"] is None


def test_the_border_can_be_ignored() -> None:
    truth = image("11....", "11.22.", "...22.", "......")
    predicted = image("1..333", "1.4433", "..44..", "......")
    everything = evaluate(predicted, truth)
    assert (everything.counts["n_true"], everything.counts["n_predicted"]) == (2, 3)
    inner = evaluate(predicted, truth, ignore_border=True)
    # Object 3 is at the border, but covers a quarter of the inner true object.
    assert (inner.truth.labels.tolist(), inner.predicted.labels.tolist()) == ([2], [3, 4])
    assert inner.left_out == (1, 1)
    assert inner.scores["dice"] == pytest.approx(2 * 3 / (4 + 9)), "pixels of ignored objects do not count"
    whole = evaluate(truth, truth, ignore_border=True)
    assert whole.counts["n_true"] == 1 and whole.scores["pq"] == whole.scores["rand"] == 1


def test_what_lies_in_an_ignored_object_is_ignored() -> None:
    truth = image("1111....", "1111....", "1111.22.", "........")
    predicted = image("........", ".33.....", ".33..44.", ".....4..")
    result = evaluate(predicted, truth, ignore_border=True)
    assert result.predicted.labels.tolist() == [4]
    assert (result.counts["spurious"], result.left_out) == (0, (1, 1))


def test_small_objects_can_be_left_out() -> None:
    truth = image("111..2", "111...")
    predicted = image("113.42", "11....")
    result = evaluate(predicted, truth, min_area=3)
    assert result.truth.labels.tolist() == [1]
    assert result.predicted.labels.tolist() == [1, 3], "object 3 covers more than a tenth of object 1"
    assert result.left_out == (1, 2)
    # a predicted object just below the bound is still the answer to a true one
    small = evaluate(image("112", "1.."), image("11.", "11."), min_area=4)
    assert small.counts["matched"] == 1 and small.counts["n_predicted"] == 1


def test_objects_with_several_parts_and_large_labels() -> None:
    truth = np.array([[4_000_000_000, 0, 4_000_000_000]], np.uint32)
    result = evaluate(truth, truth)
    assert result.truth.labels.tolist() == [4_000_000_000] and result.truth.areas.tolist() == [2]
    assert result.scores["seg"] == 1


def test_pooled_and_mean() -> None:
    one = evaluate(TRUTH, TRUTH)
    other = evaluate(np.where(TRUTH == 3, 0, TRUTH)[:, 8:], TRUTH[:, 8:])
    both = summarise([one, other, evaluate(EMPTY, EMPTY)])
    assert both.n_images == 3
    assert (both.pooled["seg"], both.mean["seg"]) == pytest.approx((3 / 4, (1 + 0) / 2))
    assert (both.pooled["ap_50"], both.mean["ap_50"]) == pytest.approx((3 / 4, 1 / 2))
    assert both.pooled["dice"] == pytest.approx(2 * 28 / (32 + 28))
    assert both.counts["missed"] == 1
    with pytest.raises(ValueError, match="no evaluations"):
        summarise([])


def test_results_are_json_values() -> None:
    result = evaluate(np.where(TRUTH == 3, 0, TRUTH), TRUTH)
    data = json.loads(json.dumps(result.to_dict(objects=True), allow_nan=False))
    assert [record["kind"] for record in data["objects"]["true"]] == ["matched", "matched", "missed"]
    assert data["objects"]["true"][2]["partner"] == 0 and data["objects"]["true"][2]["hausdorff"] is None
    assert data["objects"]["predicted"][1]["partner"] == 2
    assert data["scores"] == result.scores and "objects" not in result.to_dict()
    json.dumps(summarise([result]).to_dict(), allow_nan=False)


def test_the_result_is_frozen() -> None:
    with pytest.raises(AttributeError):
        evaluate(TRUTH, TRUTH).partial = True  # type: ignore[misc]


@pytest.mark.parametrize(
    ("predicted", "truth", "message"),
    [
        (np.zeros((2, 3)), EMPTY, "the predicted image: holds values of type float64"),
        (EMPTY, np.zeros((4, 5, 3), int), "the ground truth: is in colour or a stack"),
        (np.zeros(5, int), EMPTY, "has 1 axes"),
        (EMPTY, np.full((4, 5), -1), "negative labels"),
        (np.zeros((2, 3), int), EMPTY, "has 2 x 3 pixels, but the ground truth 4 x 5"),
        (np.full((4, 5), 2**63, np.uint64), EMPTY, "beyond 2"),
    ],
)
def test_what_is_no_label_image(predicted: np.ndarray, truth: np.ndarray, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        evaluate(predicted, truth)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (1, 1)])
def test_images_without_or_with_one_pixel(shape: tuple[int, int]) -> None:
    labels = np.zeros(shape, int)
    assert evaluate(labels, labels).counts["n_true"] == 0
    assert evaluate(labels + 1, labels + 1).counts["n_true"] == labels.size


@pytest.mark.slow
def test_a_hundred_thousand_objects() -> None:
    """No step is quadratic: 16 times the objects take about 16 times as long, and tables of all pairs would not fit."""
    import time

    rows, columns = np.mgrid[:8, :8] - 3.5
    disk = rows**2 + columns**2 < 9
    seconds = []
    for side in (80, 320):
        truth = np.kron(np.arange(1, side * side + 1, dtype=np.int32).reshape(side, side), disk.astype(np.int32))
        predicted = np.roll(truth, 1, axis=0)
        start = time.process_time()
        result = evaluate(predicted, truth)
        seconds.append(time.process_time() - start)
        assert result.counts["matched"] == side * side
    assert seconds[1] < 60 and seconds[1] < 40 * seconds[0]
