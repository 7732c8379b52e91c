"""Outlines of one 4-connected mask, edge by edge."""

from collections.abc import Iterator
from typing import Any

import numpy as np

# The edges of a pixel, with the pixel on the right of the direction of travel (y points down): from, to.
EDGES = (((0, 0), (1, 0)), ((1, 0), (1, 1)), ((1, 1), (0, 1)), ((0, 1), (0, 0)))
NEIGHBOURS = ((-1, 0), (0, 1), (1, 0), (0, -1))  # row and column of the pixel across each of the edges


def rings(mask: Any) -> Iterator[list[tuple[int, int]]]:
    """Yield the corners of each outline; where two edges go on, the way is to the left."""
    following: dict[tuple[int, int], list[tuple[int, int]]] = {}
    padded = np.pad(mask, 1)
    for y, x in np.argwhere(mask).tolist():
        for ((x0, y0), (x1, y1)), (row, column) in zip(EDGES, NEIGHBOURS, strict=True):
            if not padded[y + row + 1, x + column + 1]:
                following.setdefault((x + x0, y + y0), []).append((x + x1, y + y1))
    while following:
        start = min(following, key=lambda corner: (corner[1], corner[0]))
        ring, vertex, step = [start], start, (1, 0)
        while True:
            choices = following[vertex]
            left = (vertex[0] + step[1], vertex[1] - step[0])
            target = left if left in choices else choices[0]
            choices.remove(target)
            if not choices:
                del following[vertex]
            step = (target[0] - vertex[0], target[1] - vertex[1])
            vertex = target
            if vertex == start:
                break
            ring.append(vertex)
        yield _corners(ring)


def _corners(ring: list[tuple[int, int]]) -> list[tuple[int, int]]:
    around = zip([ring[-1], *ring[:-1]], ring, [*ring[1:], ring[0]], strict=True)
    return [
        here
        for before, here, after in around
        if (here[0] - before[0]) * (after[1] - here[1]) != (here[1] - before[1]) * (after[0] - here[0])
    ]
