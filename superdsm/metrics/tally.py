"""Scores as ratios of sums: over objects, over pixels, or over pairs of pixels.

A `Tally` holds the sums of an image. Tallies of several images are added; the scores of the sum are the pooled ones.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from superdsm.metrics.matching import (
    INACCURATE,
    MATCHED,
    MERGED,
    MISSED,
    SPLIT,
    SPURIOUS,
    Indices,
    Objects,
    TrueObjects,
    matched_pairs,
)
from superdsm.metrics.overlaps import Integers, Overlaps

TWENTIETHS = tuple(range(10, 20))  # the thresholds of the intersection over union, times 20
PERCENTS = tuple(5 * step for step in TWENTIETHS)
BY_IOU = tuple(f"{name}_{percent}" for name in ("precision", "recall", "f1", "ap") for percent in PERCENTS)
COUNTS = ("n_true", "n_predicted", "matched", "split", "merged", "missed", "spurious", "inaccurate")
SCORES = (
    "seg",
    "dice",
    "jaccard",
    *BY_IOU,
    "map",
    "sq",
    "rq",
    "pq",
    "aji",
    "rand",
    "adjusted_rand",
    "hausdorff",
    "nsd",
)
PARTIAL = {"seg", "sq", "hausdorff", "nsd", *(name for name in BY_IOU if name.startswith("recall"))}
LOW_IS_GOOD = ("hausdorff", "nsd")


@dataclass(frozen=True, slots=True)
class Tally:
    """The sums of which the scores of one or more images are made.

    Attributes
    ----------
    n_true, n_predicted : int
        Numbers of objects.
    matches : tuple of int
        By threshold (0.5, 0.55, ..., 0.95): the number of matched pairs.
    split, merged, missed, spurious, inaccurate : int
        Numbers of objects of these kinds; the last one of true objects, see `superdsm.metrics.matching`.
    seg, matched_iou, nsd : float
        Sums over true objects: of SEG, of the intersection over union of matched pairs, of normalised distances.
    hausdorff : float
        Sum of Hausdorff distances, in pixels, over the `n_partners` true objects that have a partner.
    common, true_pixels, predicted_pixels : int
        Pixels that are in objects of both images, of the truth, and of the prediction.
    aggregated, aggregated_union : int
        Intersection and union of the aggregated Jaccard index, in pixels.
    agreeing, pixel_pairs : int
        Pairs of pixels that are treated alike by both images, and all of them.
    above_chance, above_chance_at_best : float
        Pairs of pixels that are together in both images, beyond what is expected by chance; and at most.
    """

    n_true: int = 0
    n_predicted: int = 0
    matches: tuple[int, ...] = (0,) * len(TWENTIETHS)
    split: int = 0
    merged: int = 0
    missed: int = 0
    spurious: int = 0
    inaccurate: int = 0
    seg: float = 0.0
    matched_iou: float = 0.0
    nsd: float = 0.0
    hausdorff: float = 0.0
    n_partners: int = 0
    common: int = 0
    true_pixels: int = 0
    predicted_pixels: int = 0
    aggregated: int = 0
    aggregated_union: int = 0
    agreeing: int = 0
    pixel_pairs: int = 0
    above_chance: float = 0.0
    above_chance_at_best: float = 0.0

    def __add__(self, other: "Tally") -> "Tally":
        sums = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in sums:
            if name != "matches":
                sums[name] += getattr(other, name)
        sums["matches"] = tuple(map(sum, zip(self.matches, other.matches, strict=True)))
        return Tally(**sums)

    def counts(self, *, partial: bool = False) -> dict[str, int | None]:
        """Return the numbers of objects by kind; None: not known with a partly labelled ground truth."""
        values = {name: self.matches[0] if name == "matched" else getattr(self, name) for name in COUNTS}
        return values | ({"spurious": None} if partial else {})

    def scores(self, *, partial: bool = False) -> dict[str, float | None]:
        """Return the scores by name, in the order of `SCORES`.

        Parameters
        ----------
        partial : bool, optional
            Whether only a part of the objects is labelled in the ground truth. Then only scores of true objects are
            defined.

        Returns
        -------
        dict of float or None
            None: not defined, for want of objects or for a partial ground truth.
        """
        found = {
            "seg": _ratio(self.seg, self.n_true),
            "dice": _ratio(2 * self.common, self.true_pixels + self.predicted_pixels),
            "jaccard": _ratio(self.common, self.true_pixels + self.predicted_pixels - self.common),
            "sq": _ratio(self.matched_iou, self.matches[0]),
            "pq": _ratio(2 * self.matched_iou, self.n_true + self.n_predicted),
            "aji": _ratio(self.aggregated, self.aggregated_union),
            "rand": _ratio(self.agreeing, self.pixel_pairs),
            "adjusted_rand": _ratio(self.above_chance, self.above_chance_at_best),
            "hausdorff": _ratio(self.hausdorff, self.n_partners),
            "nsd": _ratio(self.nsd, self.n_true),
        }
        for percent, matches in zip(PERCENTS, self.matches, strict=True):
            found |= {
                f"precision_{percent}": _ratio(matches, self.n_predicted),
                f"recall_{percent}": _ratio(matches, self.n_true),
                f"f1_{percent}": _ratio(2 * matches, self.n_true + self.n_predicted),
                f"ap_{percent}": _ratio(matches, self.n_true + self.n_predicted - matches),
            }
        found["rq"] = found["f1_50"]
        found["map"] = mean([found[f"ap_{percent}"] for percent in PERCENTS])
        return {name: None if partial and name not in PARTIAL else found[name] for name in SCORES}


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def mean(values: list[float | None]) -> float | None:
    """Return the mean of the values that are defined; None: there are none."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def tally(pairs: Overlaps, truth: TrueObjects, predicted: Objects) -> Tally:
    """Return the sums of an image.

    Parameters
    ----------
    pairs : Overlaps
        The objects that count, and their overlaps.
    truth, predicted : TrueObjects, Objects
        What became of them.
    """
    known = ~np.isnan(truth.hausdorff)
    matches = [int(matched_pairs(pairs, step).sum()) for step in TWENTIETHS]
    return Tally(
        n_true=len(pairs.truth),
        n_predicted=len(pairs.predicted),
        matches=tuple(matches),
        split=int((predicted.kinds == SPLIT).sum()),
        merged=int((truth.kinds == MERGED).sum()),
        missed=int((truth.kinds == MISSED).sum()),
        spurious=int((predicted.kinds == SPURIOUS).sum()),
        inaccurate=int((truth.kinds == INACCURATE).sum()),
        seg=float(truth.seg.sum()),
        matched_iou=float(truth.iou[truth.kinds == MATCHED].sum()),
        nsd=float(truth.nsd.sum()),
        hausdorff=float(truth.hausdorff[known].sum()),
        n_partners=int(known.sum()),
        **_pixels(pairs),
        **_aggregated(pairs, truth.partners),
    )


def _aggregated(pairs: Overlaps, partners: Indices) -> dict[str, int]:
    """Return the sums of the aggregated Jaccard index (Kumar et al., IEEE TMI 36(7), 2017, Algorithm 1).

    Each true object adds its intersection and its union with the predicted object that has the highest intersection
    over union with it; true objects without overlap and predicted objects that were not used add to the union.
    """
    used = np.zeros(len(pairs.predicted), bool)
    used[partners[partners >= 0]] = True
    chosen = partners[pairs.of_truth] == pairs.of_predicted
    union = pairs.unions[chosen].sum() + pairs.truth.areas[partners < 0].sum() + pairs.predicted.areas[~used].sum()
    return {"aggregated": int(pairs.pixels[chosen].sum()), "aggregated_union": int(union)}


def _pixels(pairs: Overlaps) -> dict[str, Any]:
    """Return the sums over pixels, and over pairs of pixels.

    The Rand index (Rand, JASA 66, 1971) and the adjusted one (Hubert and Arabie, J. Classification 2, 1985) compare
    partitions: the background is one part, and each object is one.
    """
    common, true, predicted = (int(areas.sum()) for areas in (pairs.pixels, pairs.truth.areas, pairs.visible))
    total = pairs.n_pixels
    alone = pairs.truth.areas - np.bincount(pairs.of_truth, pairs.pixels, len(pairs.truth)).astype(np.int64)
    others = pairs.visible - np.bincount(pairs.of_predicted, pairs.pixels, len(pairs.predicted)).astype(np.int64)
    together = _pairs_in(pairs.pixels, alone, others, total - true - predicted + common)
    in_truth, in_predicted = _pairs_in(pairs.truth.areas, total - true), _pairs_in(pairs.visible, total - predicted)
    everything = total * (total - 1) // 2
    expected = in_truth * in_predicted / everything if everything else 0.0
    return {
        "common": common,
        "true_pixels": true,
        "predicted_pixels": predicted,
        "agreeing": everything + 2 * together - in_truth - in_predicted,
        "pixel_pairs": everything,
        "above_chance": together - expected,
        "above_chance_at_best": (in_truth + in_predicted) / 2 - expected,
    }


def _pairs_in(*parts: Integers | int) -> int:
    """Return the number of pairs of pixels within parts of so many pixels."""
    return sum(int((sizes * (sizes - 1) // 2).sum()) for sizes in map(np.asarray, parts))
