"""Regions of sets of atoms: what of an image a model is fitted to (TPAMI 2023, Sec. 3.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from superdsm._ext.candidate_regions import union_region, valid_labels
from superdsm.core.distance import within
from superdsm.core.objects import EMPTY, BoolArray, FloatArray, IntArray
from superdsm.parallel import Map, serial_map


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """Cuts the regions of sets of atoms out of an image.

    Attributes
    ----------
    y : ndarray of float64, shape (rows, columns)
        Offset-corrected intensities.
    labels : ndarray of int32, same shape
        The atom of each pixel that may belong to a region, else 0.
    boxes : list of list of int
        First row, last row + 1, first column, last column + 1 by atom.
    sizes : list of int
        Number of pixels by atom.
    """

    y: FloatArray
    labels: IntArray
    boxes: list[list[int]]
    sizes: list[int]

    @classmethod
    def of(
        cls,
        y: FloatArray,
        y_mask: BoolArray,
        atoms: IntArray,
        n_atoms: int,
        background_margin: float,
        map_: Map = serial_map,
    ) -> "Regions":
        """Make the regions of an image; see `minimise_energies`."""
        near = np.ascontiguousarray(within(y > 0, background_margin, map=map_))
        mask = np.ascontiguousarray(y_mask, bool)
        labels, boxes, sizes = valid_labels(atoms, mask.view(np.uint8), near.view(np.uint8), n_atoms)
        return cls(y, labels, boxes.tolist(), sizes.tolist())

    def size(self, atoms: Sequence[int]) -> int:
        """Size of the region of a set of atoms, in pixels."""
        return sum(self.sizes[atom] for atom in atoms)

    def cut(self, atoms: Sequence[int]) -> tuple[BoolArray, FloatArray, tuple[int, int]]:
        """Return the region of a set of atoms within its bounding box, the intensities there, and the offset."""
        members = [atom for atom in atoms if self.sizes[atom]]
        if not members:
            return EMPTY, np.zeros((0, 0)), (0, 0)
        first = min(members)
        chosen = np.zeros(max(members) - first + 1, np.uint8)
        chosen[np.subtract(members, first)] = 1
        first_rows, last_rows, first_cols, last_cols = zip(*(self.boxes[atom] for atom in members), strict=True)
        offset = min(first_rows), min(first_cols)
        stop = max(last_rows), max(last_cols)
        region = union_region(self.labels, chosen, first, offset[0], stop[0], offset[1], stop[1])
        return region, self.y[offset[0] : stop[0], offset[1] : stop[1]], offset
