"""What became of each object: which one it corresponds to, and what is wrong with it.

A true and a predicted object match if their intersection over union exceeds one half; then neither can match another
one (Kirillov et al., "Panoptic segmentation", CVPR 2019, Sec. 4.1). The kinds of errors are those of Coelho, Shariff
and Murphy ("Nuclear segmentation in microscope cell images: a hand-segmented dataset and comparison of algorithms",
ISBI 2009): split, merged, spurious and missing objects; what is none of these, but does not match, is inaccurate.
All comparisons are of integers, so that no rounding decides.
"""

from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from superdsm.metrics.overlaps import Bools, Floats, Integers, Overlaps, Regions

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
class Objects:
    """What became of the objects of an image.

    Attributes
    ----------
    labels, areas : ndarray of int64, shape (n,)
        Labels, and sizes in pixels.
    on_border : ndarray of bool, shape (n,)
        Whether they are cut by the border of the image.
    kinds : ndarray of str, shape (n,)
        True objects: "matched", "merged" (more than half of it is in a predicted object that holds a larger part of
        another one as well), "missed" (no predicted object covers a tenth of it), or "inaccurate" (anything else).
        Predicted objects: "matched", "split" (more than half of it is in a true object of which another such predicted
        object takes a larger part), "spurious" (no true object covers a tenth of it), or "inaccurate".
    partners : ndarray of intp, shape (n,)
        Index of the object of the other image with the highest intersection over union (the first of equal ones); -1:
        none.
    iou : ndarray of float64, shape (n,)
        That intersection over union; 0 without a partner.
    covered : ndarray of float64, shape (n,)
        The largest part of it that one object of the other image covers.
    holds : ndarray of int64, shape (n,)
        How many objects of the other image have more than half of their pixels in it. From two on, a true object is
        split, and a predicted one is a false merge.
    """

    labels: Integers
    areas: Integers
    on_border: Bools
    kinds: npt.NDArray[np.str_]
    partners: Indices
    iou: Floats
    covered: Floats
    holds: Integers


@dataclass(frozen=True, slots=True, eq=False)
class TrueObjects(Objects):
    """What became of the true objects.

    Attributes
    ----------
    seg : ndarray of float64, shape (n,)
        Intersection over union with the predicted object that covers more than half of it, or 0: the SEG measure of the
        Cell Tracking Challenge (Maska et al., Bioinformatics 30(11), 2014).
    hausdorff, nsd : ndarray of float64, shape (n,)
        Distances to the partner, see `superdsm.metrics.boundaries`; without a partner NaN, and 1.
    """

    seg: Floats
    hausdorff: Floats
    nsd: Floats


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
    objects = _objects((pairs.truth, pairs.of_truth), (pairs.predicted, pairs.of_predicted), pairs, MERGED, MISSED)
    held = 2 * pairs.pixels > pairs.truth.areas[pairs.of_truth]
    seg = np.zeros(len(pairs.truth))
    seg[pairs.of_truth[held]] = pairs.iou[held]
    columns = {field.name: getattr(objects, field.name) for field in fields(objects)}
    return TrueObjects(**columns, seg=seg, hausdorff=hausdorff, nsd=nsd)


def predicted_objects(pairs: Overlaps) -> Objects:
    """Describe the predicted objects."""
    return _objects((pairs.predicted, pairs.of_predicted), (pairs.truth, pairs.of_truth), pairs, SPLIT, SPURIOUS)


def _objects(
    own: tuple[Regions, Indices], other: tuple[Regions, Indices], pairs: Overlaps, extra: str, alone: str
) -> Objects:
    """Describe the objects of one image, given the names of their errors."""
    (regions, mine), (others, theirs) = own, other
    count = len(regions)
    largest, best = (_best(mine, values, count) for values in (pairs.pixels, pairs.iou))
    taken = 2 * pairs.pixels > regions.areas[mine]
    holding = 2 * pairs.pixels > others.areas[theirs]
    overlap = _at(pairs.pixels, largest)
    # These kinds exclude each other: one that is taken is not alone, and one that is not the largest cannot match.
    kinds = np.full(count, INACCURATE)
    kinds[10 * overlap < regions.areas] = alone
    kinds[mine[_all_but_largest(theirs, pairs.pixels, taken)]] = extra
    kinds[mine[matched_pairs(pairs)]] = MATCHED
    return Objects(
        regions.labels,
        regions.areas,
        regions.on_border,
        kinds,
        _at(theirs, best, NONE),
        _at(pairs.iou, best),
        overlap / regions.areas,
        np.bincount(mine[holding], minlength=count).astype(np.int64),
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


def _all_but_largest(groups: Indices, pixels: Integers, which: Bools) -> Indices:
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
