"""A picture of what is right and wrong in a label image."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from superdsm.metrics.evaluation import Evaluation
from superdsm.metrics.matching import INACCURATE, MATCHED, MERGED, MISSED, SPLIT, SPURIOUS
from superdsm.metrics.overlaps import Bools, Integers, Labels

RGB: TypeAlias = npt.NDArray[np.uint8]
Codes: TypeAlias = npt.NDArray[np.uint8]

LEFT_OUT = "left out"
# The palette of Okabe and Ito (Color Universal Design, 2008): told apart with all common kinds of colour blindness.
COLOURS = {
    MATCHED: (0, 158, 115),  # bluish green
    SPLIT: (86, 180, 233),  # sky blue
    MERGED: (230, 159, 0),  # orange
    MISSED: (213, 94, 0),  # vermilion
    SPURIOUS: (204, 121, 167),  # reddish purple
    INACCURATE: (240, 228, 66),  # yellow
    LEFT_OUT: (70, 70, 70),
}
TRUTH = (255, 255, 255)
OPACITY = 0.5  # of areas, over an image
STRIPE = 3  # width of the stripes of missed objects, in pixels

_PALETTE = np.array([(0, 0, 0), *COLOURS.values()], np.uint8)
_CODES = {kind: code for code, kind in enumerate(COLOURS, start=1)}


def error_picture(predicted: Labels, truth: Labels, result: Evaluation, background: RGB | None = None) -> RGB:
    """Draw every kind of error in a colour of its own.

    Predicted objects are filled with the colours of their kinds, see `COLOURS`; one that holds several true objects has
    the colour of merged ones. True objects have white outlines; missed ones are striped, so that they differ in more
    than the colour. Objects that are left out are grey.

    Parameters
    ----------
    predicted, truth : ndarray of int, shape (rows, columns)
        Label images.
    result : Evaluation
        Their evaluation.
    background : ndarray of uint8, shape (rows, columns, 3), optional
        The image, to be seen through the areas; by default black.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3)
    """
    kinds = np.where(result.predicted.holds >= 2, MERGED, result.predicted.kinds).tolist()
    codes = _codes(predicted, result.predicted.labels, kinds)
    missing = _codes(truth, result.truth.labels, [MISSED if kind == MISSED else "" for kind in result.truth.kinds])
    rows, columns = np.ogrid[: truth.shape[0], : truth.shape[1]]
    gaps = (missing == _CODES[MISSED]) & ((rows + columns) % (2 * STRIPE) >= STRIPE)
    missing[gaps] = 0
    free = (codes == 0) | (codes == _CODES[LEFT_OUT])
    codes[free & (missing > 0)] = missing[free & (missing > 0)]
    if background is None:
        picture = _PALETTE[codes]
    else:
        picture = background.copy()
        area = codes > 0
        solid = area & (_edges(predicted) | (missing == _CODES[MISSED]))
        picture[area] = (OPACITY * _PALETTE[codes[area]] + (1 - OPACITY) * picture[area]).round().astype(np.uint8)
        picture[solid] = _PALETTE[codes[solid]]
    picture[_edges(truth)] = TRUTH
    return picture


def _codes(labels: Labels, known: Integers, kinds: Sequence[str]) -> Codes:
    """Return the code of the kind of each pixel's object; objects that are not known are those left out."""
    result = np.zeros(labels.shape, np.uint8)
    inside = labels > 0
    values = labels[inside].astype(np.int64)
    at = np.searchsorted(known, values)
    table = np.array([*(_CODES.get(kind, 0) for kind in kinds), 0], np.uint8)
    same = np.append(known, -1)[at] == values
    result[inside] = np.where(same, table[at], _CODES[LEFT_OUT])
    return result


def _edges(labels: Labels) -> Bools:
    """Return the pixels of objects that have a neighbour (of four) with another label."""
    edges = np.zeros(labels.shape, bool)
    for before, after in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        unequal = labels[before] != labels[after]
        edges[before] |= unequal
        edges[after] |= unequal
    return edges & (labels > 0)
