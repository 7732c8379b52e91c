"""Distances between the contours of objects and of their partners.

Each true object R is compared with its partner S, the predicted object with the highest intersection over union. All is
computed within their common bounding box, at a cost linear in its pixels.
"""

import math

import numpy as np

from superdsm.core.distance import squared_distance_to
from superdsm.metrics.matching import Indices
from superdsm.metrics.overlaps import Bools, Floats, Labels, Overlaps


def distances(predicted: Labels, truth: Labels, pairs: Overlaps, partners: Indices) -> tuple[Floats, Floats]:
    """Return the Hausdorff distance and the normalised sum of distances of each true object to its partner.

    Parameters
    ----------
    predicted, truth : ndarray of int, shape (rows, columns)
        Label images.
    pairs : Overlaps
        The objects.
    partners : ndarray of intp, shape (number of true objects,)
        For each true object the index of a pair; -1: it has no partner.

    Returns
    -------
    hausdorff : ndarray of float64
        In pixels; NaN without a partner.
    nsd : ndarray of float64
        Between 0 and 1; 1 without a partner. See `distances_of` for both.
    """
    hausdorff, nsd = np.full(len(partners), np.nan), np.ones(len(partners))
    chosen = np.flatnonzero(partners >= 0)
    found = partners[chosen]
    others = pairs.of_predicted[found]
    first, second = pairs.truth.boxes[chosen], pairs.predicted.boxes[others]
    # what is outside of the image is background: with a frame around it, each box can be cut with a frame of its own
    framed = np.pad(truth, 1), np.pad(predicted, 1)
    corners = np.minimum(first[:, :2], second[:, :2]).tolist(), (np.maximum(first[:, 2:], second[:, 2:]) + 2).tolist()
    labels = pairs.truth.labels[chosen].tolist(), pairs.predicted.labels[others].tolist()
    same = (pairs.pixels[found] == pairs.truth.areas[chosen]) & (pairs.pixels[found] == pairs.predicted.areas[others])
    for at, equal, (top, left), (bottom, right), label, other in zip(
        chosen.tolist(), same.tolist(), *corners, *labels, strict=True
    ):
        if equal:
            hausdorff[at] = nsd[at] = 0.0
        else:
            box = slice(top, bottom), slice(left, right)
            hausdorff[at], nsd[at] = distances_of(framed[0][box] == label, framed[1][box] == other)
    return hausdorff, nsd


def distances_of(reference: Bools, result: Bools) -> tuple[float, float]:
    """Return the Hausdorff distance, and the normalised sum of distances of two objects.

    Parameters
    ----------
    reference, result : ndarray of bool, shape (rows, columns)
        Masks, neither of them empty; the outermost pixels are false.

    Returns
    -------
    hausdorff : float
        The greatest distance of a pixel of one contour to the nearest pixel of the other one, whichever of both ways is
        greater, in pixels (Huttenlocher, Klanderman and Rucklidge, PAMI 15(9), 1993; for cells: Bamford, ICIP 2003). A
        contour is made of the pixels of an object of which one of the four neighbours is outside.
    nsd : float
        The sum of D(x) over all pixels x that are in one of the objects only, divided by the sum over all that are in
        any of them, where D(x) is the distance of x to the boundary of the reference (Coelho, Shariff and Murphy, ISBI
        2009). The boundary is taken to run half-way between pixels inside and outside, so that an error of a pixel
        weighs the same on both sides.
    """
    edges = contour(reference), contour(result)
    to_reference, to_result = squared_distance_to(edges[0]), squared_distance_to(edges[1])
    hausdorff = math.sqrt(max(to_result[edges[0]].max(), to_reference[edges[1]].max()))
    # outside of an object, the nearest pixel of it is one of its contour
    depths = np.sqrt(np.where(reference, squared_distance_to(~reference), to_reference)) - 0.5
    return hausdorff, float(depths[reference ^ result].sum() / depths[reference | result].sum())


def contour(mask: Bools) -> Bools:
    """Return the pixels of a mask that have a neighbour (of four) outside; the outermost pixels are false."""
    inner = np.zeros_like(mask)
    inner[1:-1, 1:-1] = mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    return mask & ~inner
