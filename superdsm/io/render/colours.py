"""Colours of objects: those that touch, or nearly do, are never alike."""

import colorsys
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from superdsm.io.render.contours import neighbours

Image: TypeAlias = npt.NDArray[Any]
RGB: TypeAlias = npt.NDArray[np.uint8]

# Vivid on grey, on black and on the pink and violet of stained tissue; neighbours in the list differ most.
COLOURS = np.array(
    [
        (64, 224, 255),
        (255, 196, 0),
        (255, 80, 160),
        (96, 255, 96),
        (255, 112, 48),
        (176, 144, 255),
        (240, 255, 112),
        (0, 200, 160),
    ],
    dtype=np.uint8,
)
GOLDEN = 0.6180339887  # steps of the hue that keep away from all earlier ones
NEAR = 4


def coloured_labels(labels: Image) -> RGB:
    """Return a label image as a picture: each object in a colour that no object near to it has, on black.

    Parameters
    ----------
    labels : ndarray of int, shape (rows, columns)
        Label image; 0 is the background.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3)
    """
    labels = np.asarray(labels)
    if not labels.any():
        return np.zeros((*labels.shape, 3), dtype=np.uint8)
    colours = label_colours(labels, varied=True)
    colours[0] = 0
    return colours[labels]


def label_colours(labels: Image, *, varied: bool = False) -> RGB:
    """Return a colour for each label from 0 to the largest one; `varied`: also for objects far from each other."""
    indices = _colouring(labels, varied)
    return _palette(int(indices.max()) + 1)[indices]


def _palette(count: int) -> RGB:
    """Return at least `count` colours; crowded objects may need more than there are by hand."""
    more = [colorsys.hsv_to_rgb(GOLDEN * index % 1, 0.65, 0.75) for index in range(count - len(COLOURS))]
    return np.concatenate([COLOURS, (np.array(more).reshape(-1, 3) * 255).round().astype(np.uint8)])


def _colouring(labels: Image, varied: bool) -> npt.NDArray[np.intp]:
    """Return an index of a colour for each label, so that objects that touch, or nearly do, differ (greedily)."""
    near = _near(labels)
    colours = np.arange(int(labels.max()) + 1) % (len(COLOURS) if varied else 1)
    for label in sorted(near):
        taken = {int(colours[other]) for other in near[label] if other < label}
        first = int(colours[label])
        liked = (*range(first, len(COLOURS)), *range(len(COLOURS) + len(taken) + 1))
        colours[label] = next(index for index in liked if index not in taken)
    return colours


def _near(labels: Image) -> dict[int, set[int]]:
    """Return by label the labels of the objects at most `NEAR` pixels away from it, along an axis."""
    near: dict[int, set[int]] = {}
    count = int(labels.max()) + 1
    for axis, reach in product((0, 1), range(1, NEAR + 1)):
        before, after = neighbours(axis, reach)
        first, second = labels[before], labels[after]
        touching = (first != second) & (first > 0) & (second > 0)
        codes = np.unique(first[touching].astype(np.int64) * count + second[touching])
        for one, other in zip((codes // count).tolist(), (codes % count).tolist(), strict=True):
            near.setdefault(one, set()).add(other)
            near.setdefault(other, set()).add(one)
    return near
