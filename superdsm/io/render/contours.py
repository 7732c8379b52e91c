"""Contours of objects: which pixels they are made of."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[Any]
Mask: TypeAlias = npt.NDArray[np.bool_]

POSITIONS = ("inner", "center", "outer")


def contours(labels: Image, width: int, position: str = "inner") -> Image:
    """Return a label image of the contours of objects.

    Objects that are cut by the border of the image have open contours there.

    Parameters
    ----------
    labels : ndarray of int, shape (rows, columns)
        Label image; 0 is the background.
    width : int
        Width of the contours, in pixels.
    position : str, optional
        "inner": the pixels of objects that are less than about `width` pixels away from another label; "outer": those
        of the background around them; "center": half of the width to each side of the edge (an odd pixel is inside).
        Where objects touch there is no background between them: they have an inner contour there in any case.

    Returns
    -------
    ndarray of int, shape (rows, columns)
        The label of the object whose contour a pixel belongs to, or 0.
    """
    if position not in POSITIONS:
        raise ValueError(f"position is {position!r}; it must be one of {', '.join(POSITIONS)}")
    outside = {"inner": 0, "center": width // 2, "outer": width}[position]
    if outside == 0:
        return np.where(_inner(labels, width), labels, 0)
    from skimage.segmentation import expand_labels

    inside = width - outside
    rim = _inner(labels, inside) if inside else _contacts(labels)
    grown = expand_labels(labels, outside)  # type: ignore[no-untyped-call]
    return np.where(rim | (labels == 0), grown, 0)


def boundaries(labels: Image) -> Mask:
    """Return the pixels whose lower or right neighbour has another label: lines of one pixel."""
    result = np.zeros(labels.shape, dtype=bool)
    for axis in (0, 1):
        before, after = neighbours(axis)
        result[before] |= labels[before] != labels[after]
    return result


def neighbours(axis: int, reach: int = 1) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the index of all pixels but the last, and that of all but the first `reach` ones, along an axis."""
    before, after = [slice(None)] * 2, [slice(None)] * 2
    before[axis], after[axis] = slice(None, -reach), slice(reach, None)
    return tuple(before), tuple(after)


def _inner(labels: Image, width: int) -> Mask:
    """Return the pixels of objects that are less than about `width` pixels away from another label."""
    core = labels > 0
    _clear_unequal(core, labels)
    for step in range(1, width):
        if not core.any():
            break
        core = _eroded(core, diagonal=step % 2 == 1)
    return (labels > 0) & ~core


def _contacts(labels: Image) -> Mask:
    """Return the pixels of objects that have a 4-neighbour in another object."""
    result = np.zeros(labels.shape, dtype=bool)
    for axis in (0, 1):
        before, after = neighbours(axis)
        touching = (labels[before] != labels[after]) & (labels[before] > 0) & (labels[after] > 0)
        result[before] |= touching
        result[after] |= touching
    return result


def _clear_unequal(inner: Mask, labels: Image) -> None:
    """Clear the pixels of `inner` that have a 4-neighbour with another label."""
    for axis in (0, 1):
        before, after = neighbours(axis)
        unequal = labels[before] != labels[after]
        inner[before] &= ~unequal
        inner[after] &= ~unequal


def _eroded(mask: Mask, *, diagonal: bool) -> Mask:
    """Erode by a square (`diagonal`) or by a cross; outside of the image counts as set."""
    result = mask
    for axis in (0, 1):
        before, after = neighbours(axis)
        source = result if diagonal else mask
        result = result.copy()
        result[before] &= source[after]
        result[after] &= source[before]
    return result
