"""Outlines along the edges of pixels, and back: polygons that hold exactly the pixels of a label.

Coordinates are (x, y) with x along the columns and y along the rows; the pixel in row r and column c is the square from
(c, r) to (c + 1, r + 1). A pixel belongs to a polygon if its centre does.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from skimage.measure import label as components_of

from superdsm._ext.outlines import trace

Ring = npt.NDArray[np.int32]  # shape (n, 2): corners, of which the first is not repeated at the end


class Part(NamedTuple):
    """A 4-connected part of an object.

    Attributes
    ----------
    outer : ndarray of int32, shape (n, 2)
        Corners of the outer outline, clockwise as displayed; the first is not repeated at the end.
    holes : list of ndarray of int32
        Corners of the outlines of the holes, counter-clockwise as displayed.
    """

    outer: Ring
    holes: list[Ring]

    @property
    def rings(self) -> list[Ring]:
        """All outlines, the outer one first."""
        return [self.outer, *self.holes]


def outlines(labels: npt.NDArray[np.integer[Any]]) -> Iterator[tuple[int, list[Part]]]:
    """Yield the outlines of each label.

    No outline visits a corner twice: where pixels of a label meet in a corner only, they are connected elsewhere or are
    different parts.

    Parameters
    ----------
    labels : ndarray of int, shape (rows, columns)
        Label image; 0 is the background.

    Yields
    ------
    label : int
        In ascending order.
    parts : list of Part
        The 4-connected parts of its pixels.
    """
    components = components_of(labels, background=0, connectivity=1)  # type: ignore[no-untyped-call]
    corners, starts, values = trace(np.ascontiguousarray(components, np.int32))
    pixels = corners[starts[:-1]]  # the first corner of an outline is the upper left one of a pixel of its label
    owners = np.asarray(labels)[pixels[:, 1], pixels[:, 0]]
    order = np.lexsort((np.arange(len(values)), values, owners))
    starting, ending = starts[:-1][order].tolist(), starts[1:][order].tolist()
    found, component = 0, 0
    parts: list[Part] = []
    for label, value, start, stop in zip(owners[order].tolist(), values[order].tolist(), starting, ending, strict=True):
        if label != found:
            if parts:
                yield found, parts
            found, component, parts = label, 0, []
        if value != component:
            component = value
            parts.append(Part(corners[start:stop], []))
        else:
            parts[-1].holes.append(corners[start:stop])
    if parts:
        yield found, parts


def fill(labels: npt.NDArray[np.integer[Any]], rings: Iterable[Sequence[Any]], label: int) -> None:
    """Set the pixels whose centres lie within an odd number of rings.

    Parameters
    ----------
    labels : ndarray of int, shape (rows, columns)
        Changed in place.
    rings : iterable of sequences of (x, y)
        Closed outlines along the edges of pixels: every side is horizontal or vertical, and between whole numbers.
    label : int
        The value to set.

    Raises
    ------
    ValueError
        A side does not lie along the edges of pixels.
    """
    crossings = np.zeros((labels.shape[0], labels.shape[1] + 1), bool)
    for ring in rings:
        points = [(x, y) for x, y in ring]
        for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
            if (x0 != x1 and y0 != y1) or any(value != int(value) for value in (x0, y0, x1, y1)):
                raise ValueError(f"the side from {x0, y0} to {x1, y1} does not lie along the edges of pixels")
            if x0 == x1:
                crossings[int(min(y0, y1)) : int(max(y0, y1)), int(x0)] ^= True
    inside = np.logical_xor.accumulate(crossings, axis=1)[:, :-1]
    labels[inside] = label
