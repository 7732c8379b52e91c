"""What became of each object: which one it corresponds to, and what is wrong with it.

A true and a predicted object match if their intersection over union exceeds one half; then neither can match another
one (Kirillov et al., "Panoptic segmentation", CVPR 2019, Sec. 4.1). The kinds of errors are those of Coelho, Shariff
and Murphy ("Nuclear segmentation in microscope cell images: a hand-segmented dataset and comparison of algorithms",
ISBI 2009): split, merged, spurious and missing objects; what is none of these, but does not match, is inaccurate.
All comparisons are of integers, so that no rounding decides.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from superdsm.metrics.overlaps import Bools, Floats, Integers, Overlaps

MATCHED, MERGED, SPLIT, MISSED, SPURIOUS, INACCURATE = KINDS = (
    "matched",
    "merged",
    "split",
    "missed",
    "spurious",
    "inaccurate",
)
Indices = npt.NDArray[np.intp]
Number = TypeVar("Number", np.int64, np.intp, np.float64)
NONE = -1


@dataclass(frozen=True, slots=True, eq=False)
class TrueObjects:
    """What became of the true objects.

    Attributes
    ----------
    labels, areas : ndarray of int64, shape (n,)
        Labels, and sizes in pixels.
    on_border : ndarray of bool, shape (n,)
        Whether they are cut by the border of the image.
    kinds : ndarray of str, shape (n,)
        "matched", "merged" (more than half of it is in a predicted object that holds a larger part of another one as
        well), "missed" (no predicted object covers a tenth of it), or "inaccurate" (anything else).
    partners : ndarray of intp, shape (n,)
        Index of the predicted object with the highest intersection over union (the first of equal ones); -1: none.
    iou : ndarray of float64, shape (n,)
        That intersection over union.
    seg : ndarray of float64, shape (n,)
        Intersection over union with the predicted object that covers more than half of it, or 0: the SEG measure of the
        Cell Tracking Challenge (Maska et al., Bioinformatics 30(11), 2014, Suppl. B).
    covered : ndarray of float64, shape (n,)
        The largest part of it that one predicted object covers.
    n_predicted : ndarray of int64, shape (n,)
        How many predicted objects have more than half of their pixels in it.
    hausdorff, nsd : ndarray of float64, shape (n,)
        Distances to the partner, see `superdsm.metrics.boundaries`; without a partner NaN, and 1.
    """

    labels: Integers
    areas: Integers
    on_border: Bools
    kinds: npt.NDArray[np.str_]
    partners: Indices
    iou: Floats
    seg: Floats
    covered: Floats
    n_predicted: Integers
    hausdorff: Floats
    nsd: Floats


@dataclass(frozen=True, slots=True, eq=False)
class PredictedObjects:
    """What the predicted objects are.

    Attributes
    ----------
    labels, areas, on_border
        As those of `TrueObjects`.
    kinds : ndarray of str, shape (n,)
        "matched", "split" (more than half of it is in a true object, most of which another such predicted object
        takes), "spurious" (less than a tenth of it is in any true object), or "inaccurate" (anything else).
    partners : ndarray of intp, shape (n,)
        Index of the true object with the highest intersection over union (the first of equal ones); -1: none.
    iou : ndarray of float64, shape (n,)
        That intersection over union.
    n_true : ndarray of int64, shape (n,)
        How many true objects have more than half of their pixels in it: from two on, it is a false merge.
    """

    labels: Integers
    areas: Integers
    on_border: Bools
    kinds: npt.NDArray[np.str_]
    partners: Indices
    iou: Floats
    n_true: Integers


def matched_pairs(pairs: Overlaps, twentieths: int = 10) -> Bools:
    """Return which pairs have an intersection over union above a threshold (strictly).

    Parameters
    ----------
    pairs : Overlaps
        The pairs.
    twentieths : int, optional
        The threshold times 20, at least 10.

    Returns
    -------
    ndarray of bool, shape (m,)
    """
    return 20 * pairs.pixels > twentieths * pairs.unions


def true_objects(pairs: Overlaps, hausdorff: Floats, nsd: Floats) -> TrueObjects:
    """Describe the true objects, given the distances to their partners."""
    truth, count = pairs.truth, len(pairs.truth)
    held = 2 * pairs.pixels > truth.areas[pairs.of_truth]
    largest = _best(pairs.of_truth, pairs.pixels, count)
    seg, covered = np.zeros(count), np.zeros(count)
    seg[pairs.of_truth[held]] = pairs.iou[held]
    some = largest >= 0
    covered[some] = pairs.pixels[largest[some]] / truth.areas[some]
    kinds = np.full(count, INACCURATE)
    kinds[10 * _at(pairs.pixels, largest) < truth.areas] = MISSED
    kinds[pairs.of_truth[extras(pairs.of_predicted, pairs.pixels, held)]] = MERGED
    kinds[pairs.of_truth[matched_pairs(pairs)]] = MATCHED
    best = _best(pairs.of_truth, pairs.iou, count)
    inside = 2 * pairs.pixels > pairs.predicted.areas[pairs.of_predicted]
    return TrueObjects(
        truth.labels,
        truth.areas,
        truth.on_border,
        kinds,
        _at(pairs.of_predicted, best, NONE),
        _at(pairs.iou, best),
        seg,
        covered,
        np.bincount(pairs.of_truth[inside], minlength=count).astype(np.int64),
        hausdorff,
        nsd,
    )


def predicted_objects(pairs: Overlaps) -> PredictedObjects:
    """Describe the predicted objects."""
    predicted, count = pairs.predicted, len(pairs.predicted)
    inside = 2 * pairs.pixels > predicted.areas[pairs.of_predicted]
    held = 2 * pairs.pixels > pairs.truth.areas[pairs.of_truth]
    kinds = np.full(count, INACCURATE)
    largest = _best(pairs.of_predicted, pairs.pixels, count)
    kinds[10 * _at(pairs.pixels, largest) < predicted.areas] = SPURIOUS
    kinds[pairs.of_predicted[extras(pairs.of_truth, pairs.pixels, inside)]] = SPLIT
    kinds[pairs.of_predicted[matched_pairs(pairs)]] = MATCHED
    best = _best(pairs.of_predicted, pairs.iou, count)
    return PredictedObjects(
        predicted.labels,
        predicted.areas,
        predicted.on_border,
        kinds,
        _at(pairs.of_truth, best, NONE),
        _at(pairs.iou, best),
        np.bincount(pairs.of_predicted[held], minlength=count).astype(np.int64),
    )


def best_pairs(pairs: Overlaps) -> Indices:
    """Return the pair of each true object that has the highest intersection over union; -1: it overlaps nothing."""
    return _best(pairs.of_truth, pairs.iou, len(pairs.truth))


def _best(groups: Indices, values: Integers | Floats, count: int) -> Indices:
    """Return the index of the highest of the values of each group (the first of equal ones), or -1."""
    order = np.lexsort((-values, groups))
    result = np.full(count, NONE, np.intp)
    sorted_groups = groups[order]
    first = np.flatnonzero(np.diff(sorted_groups, prepend=-1))
    result[sorted_groups[first]] = order[first]
    return result


def extras(groups: Indices, pixels: Integers, which: Bools) -> Indices:
    """Return the pairs among `which` that are not the largest ones of their groups (of equal ones: not the first)."""
    chosen = np.flatnonzero(which)
    order = chosen[np.lexsort((-pixels[chosen], groups[chosen]))]
    again: Bools = np.diff(groups[order], prepend=-1) == 0
    return order[again]


def _at(values: npt.NDArray[Number], indices: Indices, missing: int = 0) -> npt.NDArray[Number]:
    """Return values by index, and `missing` for the index -1."""
    result = np.full(len(indices), missing, values.dtype)
    some = indices >= 0
    result[some] = values[indices[some]]
    return result
