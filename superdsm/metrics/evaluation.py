"""The evaluation of one image, and of several."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from superdsm.metrics.boundaries import distances
from superdsm.metrics.matching import Objects, TrueObjects, best_pairs, predicted_objects, true_objects
from superdsm.metrics.overlaps import Labels, check_labels, leave_out, overlaps
from superdsm.metrics.tally import SCORES, Tally, mean, tally


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """How good a predicted label image is.

    Attributes
    ----------
    tally : Tally
        The sums of which the scores are made.
    truth : TrueObjects
        What became of each true object that counts.
    predicted : Objects
        What each predicted object that counts is.
    left_out : tuple of int
        How many true, and how many predicted objects were left out at the border or as too small.
    partial : bool
        Whether only a part of the objects is labelled in the ground truth.
    """

    tally: Tally
    truth: TrueObjects
    predicted: Objects
    left_out: tuple[int, int] = (0, 0)
    partial: bool = False

    @property
    def counts(self) -> dict[str, int | None]:
        """Numbers of objects by kind, see `superdsm.metrics.COUNTS`."""
        return self.tally.counts(partial=self.partial)

    @property
    def scores(self) -> dict[str, float | None]:
        """Scores by name, see `superdsm.metrics.SCORES`; None: not defined."""
        return self.tally.scores(partial=self.partial)

    def to_dict(self, *, objects: bool = False) -> dict[str, Any]:
        """Return counts and scores as JSON values.

        Parameters
        ----------
        objects : bool, optional
            Whether to add a record for each object.
        """
        result: dict[str, Any] = {
            "counts": self.counts,
            "scores": self.scores,
            "left_out": dict(zip(("true", "predicted"), self.left_out, strict=True)),
            "partial": self.partial,
        }
        if objects:
            result["objects"] = self.objects()
        return result

    def objects(self) -> dict[str, list[dict[str, Any]]]:
        """Return a record (JSON values) for each true, and for each predicted object."""
        truth, predicted = self.truth, self.predicted
        return {
            "true": _records(truth, _labels(truth.partners, predicted.labels)),
            "predicted": _records(predicted, _labels(predicted.partners, truth.labels)),
        }


def _labels(partners: Any, labels: Any) -> list[int]:
    known = np.append(labels, 0)  # for the index -1, which stands for no partner
    return [int(label) for label in known[partners]]


def _records(objects: Objects, partners: list[int]) -> list[dict[str, Any]]:
    columns: dict[str, Sequence[Any]] = {
        "label": objects.labels.tolist(),
        "kind": objects.kinds.tolist(),
        "area": objects.areas.tolist(),
        "on_border": objects.on_border.tolist(),
        "partner": partners,
        "iou": objects.iou.tolist(),
        "covered": objects.covered.tolist(),
        "holds": objects.holds.tolist(),
    }
    if isinstance(objects, TrueObjects):
        columns |= {"seg": objects.seg.tolist(), "nsd": objects.nsd.tolist()}
        columns["hausdorff"] = [None if np.isnan(value) else float(value) for value in objects.hausdorff]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def evaluate(
    predicted: Labels, truth: Labels, *, partial: bool = False, ignore_border: bool = False, min_area: int = 0
) -> Evaluation:
    """Compare a label image with the ground truth.

    Parameters
    ----------
    predicted, truth : ndarray of int, shape (rows, columns)
        Label images; 0 is the background, and what has the same label is one object.
    partial : bool, optional
        Whether only a part of the objects is labelled in `truth`. Then what depends on predicted objects that have no
        true one is not defined.
    ignore_border : bool, optional
        Whether to leave out objects that are cut by the border of the image.
    min_area : int, optional
        Leave out smaller objects, in pixels. See `superdsm.metrics.overlaps.leave_out` for what is left out exactly.

    Returns
    -------
    Evaluation

    Raises
    ------
    ImageError
        An array is no label image, or their shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> from superdsm.metrics import evaluate
    >>> truth = np.array([[1, 1, 1, 0, 2, 2]])
    >>> evaluate(np.array([[5, 5, 0, 0, 0, 0]]), truth).counts["missed"]
    1
    """
    predicted, truth = check_labels(predicted, "the predicted image"), check_labels(truth, "the ground truth")
    found = overlaps(predicted, truth)
    pairs = leave_out(found, ignore_border=ignore_border, min_area=min_area)
    true = true_objects(pairs, *distances(predicted, truth, pairs, best_pairs(pairs)))
    other = predicted_objects(pairs)
    left_out = len(found.truth) - len(pairs.truth), len(found.predicted) - len(pairs.predicted)
    return Evaluation(tally(pairs, true, other), true, other, left_out, partial)


@dataclass(frozen=True, slots=True)
class Summary:
    """The scores of several images together.

    Attributes
    ----------
    n_images : int
        How many images there are.
    counts : dict
        Numbers of objects by kind, of all images.
    pooled : dict
        Scores of all objects, or all pixels, of all images together.
    mean : dict
        Means of the scores of the images. An image for which a score is not defined does not take part.
    """

    n_images: int
    counts: Mapping[str, int | None]
    pooled: Mapping[str, float | None]
    mean: Mapping[str, float | None]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "n_images": self.n_images,
            "counts": dict(self.counts),
            "pooled": dict(self.pooled),
            "mean": dict(self.mean),
        }


def summarise(evaluations: Iterable[Evaluation]) -> Summary:
    """Return the scores of several images together.

    Parameters
    ----------
    evaluations : iterable of Evaluation
        The images. If the ground truth of any of them is partial, that of all counts as partial.

    Raises
    ------
    ValueError
        There are no images.
    """
    images = list(evaluations)
    if not images:
        raise ValueError("there are no evaluations to summarise")
    partial = any(image.partial for image in images)
    total = sum((image.tally for image in images), Tally())
    each = [image.tally.scores(partial=partial) for image in images]
    means = {name: mean([scores[name] for scores in each]) for name in SCORES}
    return Summary(len(images), total.counts(partial=partial), total.scores(partial=partial), means)
