"""Scores of label images, the slow way: masks of objects, all pairs of objects, all pairs of pixels."""

import itertools
from fractions import Fraction

import numpy as np


def masks(labels):
    return [labels == label for label in np.unique(labels) if label]


def iou(first, second):
    return Fraction(int((first & second).sum()), int((first | second).sum()))


def contour_points(mask):
    framed = np.pad(mask, 1)
    neighbours = framed[:-2, 1:-1] & framed[2:, 1:-1] & framed[1:-1, :-2] & framed[1:-1, 2:]
    return np.argwhere(mask & ~neighbours)


def all_distances(first, second):
    return np.sqrt(((first[:, None] - second[None]) ** 2).sum(axis=2))


def hausdorff(first, second):
    table = all_distances(contour_points(first), contour_points(second))
    return max(table.min(axis=0).max(), table.min(axis=1).max())


def nsd(reference, result):
    framed, other = np.pad(reference, 1), np.pad(result, 1)
    points = np.argwhere(framed | other)
    inside = framed[tuple(points.T)]
    depths = np.where(
        inside,
        all_distances(points, np.argwhere(~framed)).min(axis=1),
        all_distances(points, np.argwhere(framed)).min(axis=1),
    )
    wrong = inside != other[tuple(points.T)]
    return ((depths - 0.5) * wrong).sum() / (depths - 0.5).sum()


def pixel_pairs(predicted, truth):
    """Return the Rand index, and the adjusted one (None: not defined)."""
    together = [[0, 0], [0, 0]]
    for (t1, p1), (t2, p2) in itertools.combinations(zip(truth.flat, predicted.flat, strict=True), 2):
        together[int(t1 == t2)][int(p1 == p2)] += 1
    (neither, only_p), (only_t, both) = together
    total = neither + only_p + only_t + both
    if not total:
        return None, None
    expected = Fraction((both + only_t) * (both + only_p), total)
    best = Fraction(2 * both + only_t + only_p, 2) - expected
    return (both + neither) / total, float((both - expected) / best) if best else None


def detection(predicted, truth):
    """Return counts, and scores of objects."""
    true, other = masks(truth), masks(predicted)
    table = [[iou(t, p) for p in other] for t in true]
    common = [[int((t & p).sum()) for p in other] for t in true]
    result = {"n_true": len(true), "n_predicted": len(other)}
    for percent in range(50, 100, 5):
        result[f"tp_{percent}"] = sum(value > Fraction(percent, 100) for row in table for value in row)
    sizes = [int(mask.sum()) for mask in true], [int(mask.sum()) for mask in other]
    inside = [sum(2 * row[j] > sizes[1][j] for j in range(len(other))) for row in common]
    holds = [sum(2 * row[j] > sizes[0][i] for i, row in enumerate(common)) for j in range(len(other))]
    result["split"] = sum(max(0, count - 1) for count in inside)
    result["merged"] = sum(max(0, count - 1) for count in holds)
    result["missed"] = sum(10 * max(row, default=0) < sizes[0][i] for i, row in enumerate(common))
    result["spurious"] = sum(10 * max((row[j] for row in common), default=0) < sizes[1][j] for j in range(len(other)))
    result["seg"] = [
        float(max((table[i][j] for j in range(len(other)) if 2 * row[j] > sizes[0][i]), default=0))
        for i, row in enumerate(common)
    ]
    return result


def aji(predicted, truth):
    true, other = masks(truth), masks(predicted)
    used, intersection, union = set(), 0, 0
    for t in true:
        best = max(range(len(other)), key=lambda j: (iou(t, other[j]), -j), default=None)
        if best is None or not (t & other[best]).any():
            union += int(t.sum())
        else:
            used.add(best)
            intersection += int((t & other[best]).sum())
            union += int((t | other[best]).sum())
    union += sum(int(p.sum()) for j, p in enumerate(other) if j not in used)
    return intersection / union if union else None
