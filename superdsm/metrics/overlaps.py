"""Objects of two label images, and how many pixels they share: sparse, in time linear in the pixels.

Pixels are gone through once, as runs of equal labels in the rows; everything else works on runs, or on pairs of objects
that overlap. Nothing is as large as the number of objects squared.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from superdsm.errors import ImageError

Labels = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """The objects of a label image, by ascending label.

    Attributes
    ----------
    labels : ndarray of int64, shape (n,)
        The labels in the image.
    areas : ndarray of int64, shape (n,)
        Sizes in pixels.
    boxes : ndarray of int64, shape (n, 4)
        Bounding boxes: first row, first column, and the row and the column behind the last ones.
    on_border : ndarray of bool, shape (n,)
        Whether a pixel of the object is in the outermost rows or columns of the image.
    """

    labels: Integers
    areas: Integers
    boxes: Integers
    on_border: Bools

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, keep: Bools) -> "Regions":
        return Regions(self.labels[keep], self.areas[keep], self.boxes[keep], self.on_border[keep])


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """The objects of a true and of a predicted label image, and the pairs that share pixels.

    Attributes
    ----------
    truth, predicted : Regions
        The objects.
    of_truth, of_predicted : ndarray of intp, shape (m,)
        The pairs as indices of objects, sorted.
    pixels : ndarray of int64, shape (m,)
        How many pixels each pair shares.
    n_pixels : int
        How many pixels count: all of the image, less those of true objects that are left out.
    visible : ndarray of int64, shape (number of predicted objects,)
        How many pixels of each predicted object count.
    """

    truth: Regions
    predicted: Regions
    of_truth: npt.NDArray[np.intp]
    of_predicted: npt.NDArray[np.intp]
    pixels: Integers
    n_pixels: int
    visible: Integers

    @property
    def unions(self) -> Integers:
        """Size of the union of each pair, in pixels."""
        return self.truth.areas[self.of_truth] + self.predicted.areas[self.of_predicted] - self.pixels

    @property
    def iou(self) -> Floats:
        """Intersection over union of each pair."""
        return self.pixels / self.unions

    def selected(self, keep_true: Bools, keep_predicted: Bools) -> "Overlaps":
        """Leave objects out: true ones together with their pixels; predicted ones become background.

        Parameters
        ----------
        keep_true, keep_predicted : ndarray of bool
            Which objects to keep.
        """
        hidden = ~keep_true[self.of_truth]
        in_hidden = np.bincount(self.of_predicted[hidden], self.pixels[hidden], len(self.predicted)).astype(np.int64)
        pairs = keep_true[self.of_truth] & keep_predicted[self.of_predicted]
        return Overlaps(
            self.truth[keep_true],
            self.predicted[keep_predicted],
            (np.cumsum(keep_true) - 1)[self.of_truth[pairs]],
            (np.cumsum(keep_predicted) - 1)[self.of_predicted[pairs]],
            self.pixels[pairs],
            self.n_pixels - int(self.truth.areas[~keep_true].sum()),
            (self.visible - in_hidden)[keep_predicted],
        )


def check_labels(labels: Labels, what: str) -> Labels:
    """Return a label image as an array.

    Parameters
    ----------
    labels : array-like of int or bool, shape (rows, columns)
        0 is the background.
    what : str
        What it is, for messages: a path, or a word.

    Raises
    ------
    ImageError
        It is no label image.
    """
    labels = np.asarray(labels)
    if labels.ndim == 3:
        raise ImageError(f"{what}: is in colour or a stack; a label image has one integer per pixel, so convert it")
    if labels.ndim != 2:
        raise ImageError(f"{what}: has {labels.ndim} axes; give a 2-D label image")
    if labels.dtype.kind not in "bui":
        raise ImageError(f"{what}: holds values of type {labels.dtype}; a label image holds integers, so convert it")
    if labels.dtype.kind == "i" and labels.size and labels.min() < 0:
        raise ImageError(f"{what}: holds negative labels; give 0 for the background and positive labels for objects")
    if labels.dtype == np.uint64 and labels.size and labels.max() > np.iinfo(np.int64).max:
        raise ImageError(f"{what}: holds labels beyond 2**63; renumber the objects")
    return labels


def overlaps(predicted: Labels, truth: Labels) -> Overlaps:
    """Find the objects of two label images, and the pairs that overlap.

    Parameters
    ----------
    predicted, truth : ndarray of int, shape (rows, columns)
        Label images; 0 is the background. An object is all that has the same label, be it connected or not.

    Raises
    ------
    ImageError
        The label images differ in their shapes.
    """
    if predicted.shape != truth.shape:
        shapes = [" x ".join(map(str, labels.shape)) for labels in (predicted, truth)]
        raise ImageError(f"the predicted image has {shapes[0]} pixels, but the ground truth {shapes[1]}")
    runs = _runs(predicted, truth)
    true, of_truth = _regions(truth, runs)
    other, of_predicted = _regions(predicted, runs)
    both = (of_truth >= 0) & (of_predicted >= 0)
    width = max(1, len(other))
    codes, inverse = np.unique(of_truth[both] * width + of_predicted[both], return_inverse=True)
    pixels = np.bincount(inverse, runs.lengths[both], len(codes)).astype(np.int64)
    return Overlaps(true, other, codes // width, codes % width, pixels, truth.size, other.areas)


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    """Pixels in a row that have the same labels in both images."""

    starts: npt.NDArray[np.intp]
    lengths: Integers
    columns: int


def _runs(first: Labels, second: Labels) -> _Runs:
    change = np.ones(first.shape, bool)
    change[:, 1:] = (first[:, 1:] != first[:, :-1]) | (second[:, 1:] != second[:, :-1])
    starts = np.flatnonzero(change)
    return _Runs(starts, np.diff(starts, append=first.size).astype(np.int64), first.shape[1])


def _regions(labels: Labels, runs: _Runs) -> tuple[Regions, npt.NDArray[np.intp]]:
    """Return the objects of a label image, and the index of the object of each run (-1: the background)."""
    found, indices = np.unique(labels.ravel()[runs.starts].astype(np.int64), return_inverse=True)
    if len(found) and found[0] == 0:
        found, indices = found[1:], indices - 1
    inside = np.flatnonzero(indices >= 0)
    inside = inside[np.argsort(indices[inside], kind="stable")]
    first = np.flatnonzero(np.diff(indices[inside], prepend=-1))
    rows, columns = np.divmod(runs.starts[inside], max(1, runs.columns))
    ends = columns + runs.lengths[inside]
    boxes = np.zeros((len(found), 4), np.int64)
    areas = np.zeros(len(found), np.int64)
    if len(found):
        areas[:] = np.add.reduceat(runs.lengths[inside], first)
        for place, (values, reduce) in enumerate(
            ((rows, np.minimum), (columns, np.minimum), (rows + 1, np.maximum), (ends, np.maximum))
        ):
            boxes[:, place] = reduce.reduceat(values, first)
    on_border = (boxes[:, :2] == 0).any(axis=1) | (boxes[:, 2:] == labels.shape).any(axis=1)
    return Regions(found, areas, boxes, on_border), indices


def leave_out(pairs: Overlaps, *, ignore_border: bool = False, min_area: int = 0) -> Overlaps:
    """Leave out objects that are cut by the border of the image or too small, and what belongs to them.

    A true object is left out if it is at the border (with `ignore_border`) or smaller than `min_area`; its pixels do
    not count. A predicted object is left out if the same is true of it, or if more than half of it lies in true objects
    that are left out. It is kept, however, if it covers a tenth or more of a true object that is kept: it is an answer
    to that one, and leaving it out would turn a merge or a match into a miss.

    Parameters
    ----------
    pairs : Overlaps
        All objects.
    ignore_border : bool, optional
        Whether objects at the border are left out.
    min_area : int, optional
        Smallest size of objects, in pixels.
    """
    if not ignore_border and min_area <= 1:
        return pairs
    unwanted = [
        (regions.areas < min_area) | (regions.on_border if ignore_border else False)
        for regions in (pairs.truth, pairs.predicted)
    ]
    keep_true = ~unwanted[0]
    kept = keep_true[pairs.of_truth]
    in_hidden = np.bincount(pairs.of_predicted[~kept], pairs.pixels[~kept], len(pairs.predicted))
    answers = np.zeros(len(pairs.predicted), bool)
    answers[pairs.of_predicted[kept & (10 * pairs.pixels >= pairs.truth.areas[pairs.of_truth])]] = True
    unwanted[1] |= 2 * in_hidden > pairs.predicted.areas
    return pairs.selected(keep_true, ~unwanted[1] | answers)
