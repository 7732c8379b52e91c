"""Objects: models of sets of atoms, with their masks cut to bounding boxes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]

CORRECTED, OUTLINED = "corrected", "outlined"  # reasons of objects of which a person has said that they are right

EMPTY: BoolArray = np.zeros((0, 0), bool)
EMPTY.setflags(write=False)


class Verdict(NamedTuple):
    """Why an object is discarded: the criterion, its value for the object, and the limit that this misses."""

    reason: str
    value: float
    threshold: float


@dataclass(frozen=True, slots=True, eq=False)
class Object:
    """A model that was fitted to a set of atoms.

    Attributes
    ----------
    atoms : tuple of int
        Labels of the atoms, ascending.
    energy : float
        The energy nu of the set (TPAMI 2023, Eq. 5).
    is_optimal : bool
        Whether the solver converged.
    on_boundary : bool
        Whether the polynomial part of the model is positive somewhere on the frame of pixels just outside the image.
    offset : tuple of int
        Row and column of the first pixel of `fragment` in the image.
    fragment : ndarray of bool, 2-D
        The mask, cut to its bounding box; shape (0, 0) if it is empty.
    n_pixels : int
        Size of the region that the model was fitted to, in pixels.
    margin : float or None
        Of objects of a cover: by how much the energy rises at least if the atoms are covered without this object, or if
        nothing is where the object is. None: not known.
    confidence : float or None
        The same from 0 to 1, see `superdsm.core.certificate.confidence`.
    reasons : tuple of str
        Why the cover of the cluster of the object may not be the best one: keys of
        `superdsm.core.certificate.REASONS`. Of objects that a person wants as they are: `CORRECTED`, and `OUTLINED` if
        the mask was drawn by hand.
    verdict : Verdict or None
        Of an object that was discarded: why.
    """

    atoms: tuple[int, ...]
    energy: float
    is_optimal: bool
    on_boundary: bool
    offset: tuple[int, int]
    fragment: BoolArray
    n_pixels: int
    margin: float | None = None
    confidence: float | None = None
    reasons: tuple[str, ...] = ()
    verdict: Verdict | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Object):
            return NotImplemented
        names = (
            "atoms",
            "energy",
            "is_optimal",
            "on_boundary",
            "offset",
            "n_pixels",
            "margin",
            "confidence",
            "reasons",
            "verdict",
        )
        return all(getattr(self, name) == getattr(other, name) for name in names) and np.array_equal(
            self.fragment, other.fragment
        )

    def __hash__(self) -> int:
        return hash((self.atoms, self.energy, self.offset))

    @property
    def area(self) -> int:
        """Size of the mask, in pixels."""
        return int(np.count_nonzero(self.fragment))

    @property
    def is_corrected(self) -> bool:
        """Whether a person has said that this is an object, so that it is not discarded."""
        return CORRECTED in self.reasons

    @property
    def is_outlined(self) -> bool:
        """Whether the mask was drawn by hand, so that it stays as it is."""
        return OUTLINED in self.reasons

    @property
    def is_empty(self) -> bool:
        """Whether the mask holds no pixel."""
        return self.fragment.size == 0

    @property
    def slices(self) -> tuple[slice, slice]:
        """Where `fragment` lies in the image."""
        (row, col), (height, width) = self.offset, self.fragment.shape
        return slice(row, row + height), slice(col, col + width)

    def draw(self, mask: BoolArray) -> None:
        """Set the pixels of the mask in an array of the shape of the image."""
        mask[self.slices] |= self.fragment


def cropped(mask: BoolArray, offset: tuple[int, int]) -> tuple[tuple[int, int], BoolArray]:
    """Cut a mask to its bounding box.

    Parameters
    ----------
    mask : ndarray of bool, 2-D
        The mask of a part of the image.
    offset : tuple of int
        Row and column of ``mask[0, 0]`` in the image.

    Returns
    -------
    offset : tuple of int
        Row and column of the bounding box in the image; (0, 0) if the mask is empty.
    fragment : ndarray of bool, 2-D
        A copy of the mask within its bounding box, shape (0, 0) if it is empty.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    if rows.size == 0:
        return (0, 0), EMPTY
    cols = np.flatnonzero(mask.any(axis=0))
    fragment = mask[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1].copy()
    return (offset[0] + int(rows[0]), offset[1] + int(cols[0])), fragment


def discarded(cover: Sequence[Object], log: Sequence[Mapping[str, Any]]) -> list[Object]:
    """Return the objects of a cover that were discarded, each with its verdict.

    Parameters
    ----------
    cover : sequence of Object
        The objects.
    log : sequence of mapping
        A record per discarded object, with its ``atoms``, ``reason``, ``value`` and ``threshold``; where several
        objects may have the same atoms, with its ``offset`` as well.
    """
    items: dict[Any, Object] = {item.atoms: item for item in cover}
    items |= {(item.atoms, item.offset): item for item in cover}
    keys = (
        (tuple(record["atoms"]), tuple(record["offset"])) if "offset" in record else tuple(record["atoms"])
        for record in log
    )
    return [
        replace(
            items[key],
            verdict=Verdict(record["reason"], float(record["value"]), float(record["threshold"])),
        )
        for key, record in zip(keys, log, strict=True)
    ]
