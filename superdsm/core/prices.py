"""What an object costs beside its energy: for two brightnesses, an outline unlike an ellipse, size, and narrow necks.

The energy of a model only asks whether a region of the foreground has one smooth outline. Two nuclei that touch may
have one, but rarely also the same brightness, an elliptic outline together, and the size of one nucleus. The prices are
added to the energies, and so weigh against the price beta of a further object.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from superdsm._ext import prices as kernel
from superdsm.core import model
from superdsm.core.objects import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices, in units of the energy.

    Attributes
    ----------
    brightness : float
        Price of the variance of the logarithm of the brightness of an object's atoms.
    outline : float
        Price of the part of an object's area that is outside of the ellipse of its moments, beyond `outline_tolerance`.
    size : float
        Price of the logarithm of an object's area, beyond that of `size_tolerance` typical objects.
    typical_area : float
        Area of a typical object, in pixels.
    outline_tolerance, size_tolerance : float
        What is free.
    brightness_offset : float
        Brightness at the threshold of the foreground, in amplitudes: what is added to the mean of y.
    neck : float
        Price of the weakness of the links that hold the atoms of an object together; see `link_weaknesses`.
    neck_width : float
        Width at which a link between atoms is not weak, in diameters of the smaller atom.
    neck_depth : float
        What a dip of the brightness at a link, relative to the dimmer atom, counts beside the width.
    """

    brightness: float
    outline: float
    size: float
    typical_area: float
    outline_tolerance: float
    size_tolerance: float
    brightness_offset: float
    neck: float
    neck_width: float
    neck_depth: float


class PricedFit:
    """Fits models like `superdsm.core.model.fit`, and adds the prices to their energies.

    Parameters
    ----------
    prices : Prices
        The prices.
    y : ndarray of float64, shape (rows, columns)
        Intensities relative to the threshold of the foreground, in amplitudes.
    atoms : ndarray of int32, same shape
        Label image of the atoms 1, 2, ..., n.
    fit : callable, optional
        What fits the models.
    """

    def __init__(
        self, prices: Prices, y: FloatArray, atoms: IntArray, fit: Callable[..., model.Fit] = model.fit
    ) -> None:
        self._prices, self._atoms, self._fit = prices, atoms, fit
        members = np.where(y > 0, atoms, 0).ravel()
        self._sizes = np.bincount(members, minlength=int(atoms.max(initial=0)) + 1).astype(np.float64)
        sums = np.bincount(members, y.ravel(), minlength=len(self._sizes))
        self._logs = np.log(sums.clip(0) / np.maximum(self._sizes, 1) + prices.brightness_offset)
        self._sizes[0] = 0
        self._links = link_weaknesses(y, atoms, prices) if prices.neck else {}

    def __call__(
        self,
        y: FloatArray,
        omega: BoolArray,
        offset: tuple[int, int],
        image_shape: tuple[int, int],
        params: Any,
        *,
        bound: bool = False,
    ) -> model.Fit:
        """Fit a model to a region; see `superdsm.core.model.fit`."""
        found = self._fit(y, omega, offset, image_shape, params, bound=bound)
        if not found.fragment.size:
            return found
        prices = self._prices
        unlike = outside_ellipse(found.fragment) - prices.outline_tolerance
        large = math.log(np.count_nonzero(found.fragment) / (prices.size_tolerance * prices.typical_area))
        price = prices.outline * max(0.0, unlike) + prices.size * max(0.0, large)
        (row, column), (height, width) = offset, omega.shape
        present = np.flatnonzero(np.bincount(self._atoms[row : row + height, column : column + width][omega]))
        if prices.brightness:
            price += prices.brightness * self._variance(present)
        if prices.neck:
            price += prices.neck * self._weakness(present.tolist())
        lower = None if found.lower is None else found.lower + price
        return replace(found, energy=found.energy + price, lower=lower)

    def _variance(self, present: npt.NDArray[np.intp]) -> float:
        """Variance of the logarithms of the brightness of atoms, which count by their foreground."""
        weights, logs = self._sizes[present], self._logs[present]
        total = weights.sum()
        if not total:
            return 0.0
        mean = (weights * logs).sum() / total
        return float((weights * (logs - mean) ** 2).sum() / total)

    def _weakness(self, present: list[int]) -> float:
        """Sum of the weaknesses of the strongest links that hold atoms together: a minimum spanning tree (Kruskal)."""
        pairs = (pair for pair in itertools.combinations(present, 2) if pair in self._links)
        groups = {atom: {atom} for atom in present}
        total = 0.0
        for weakness, (first, second) in sorted((self._links[pair], pair) for pair in pairs):
            if groups[first] is not groups[second]:
                total += weakness
                groups[first] |= groups[second]
                for atom in groups[second]:
                    groups[atom] = groups[first]
        return total


def link_weaknesses(y: FloatArray, atoms: IntArray, prices: Prices) -> dict[tuple[int, int], float]:
    """Return how weak the links between adjacent atoms are.

    A link is weak if it is narrow, as between two disks that touch, or darker than both atoms.

    Parameters
    ----------
    y : ndarray of float64, shape (rows, columns)
        Intensities relative to the threshold of the foreground, in amplitudes.
    atoms : ndarray of int32, same shape
        Label image of the atoms.
    prices : Prices
        `neck_width`, `neck_depth` and `brightness_offset` are used.

    Returns
    -------
    dict of (int, int) to float
        0 or more, by the labels of the two atoms, the smaller one first; pairs without common border are missing.
    """
    size = int(atoms.max(initial=0)) + 1
    foreground = np.where(y > 0, atoms, 0).ravel()
    diameters = 2 * np.sqrt(np.bincount(foreground, minlength=size) / math.pi)
    bright = _levels(y.ravel(), foreground, size)
    borders = []
    for one, other in (((slice(-1), slice(None)), (slice(1, None), slice(None))),
                       ((slice(None), slice(-1)), (slice(None), slice(1, None)))):  # fmt: skip
        first, second = atoms[one], atoms[other]
        at = np.nonzero((first != second) & (first > 0) & (second > 0))
        pair = np.minimum(first[at], second[at]) * np.int64(size) + np.maximum(first[at], second[at])
        borders.append((pair, np.minimum(y[one][at], y[other][at])))
    pairs, index = np.unique(np.concatenate([pair for pair, _ in borders]), return_inverse=True)
    levels = np.concatenate([level for _, level in borders])
    widths = np.bincount(index[levels > 0], minlength=len(pairs))
    highest = np.full(len(pairs), -1.0)
    np.maximum.at(highest, index, levels)
    first, second = pairs // size, pairs % size
    width = widths / np.maximum(np.minimum(diameters[first], diameters[second]), 1.0)
    offset = prices.brightness_offset
    dip = 1 - (highest + offset).clip(0) / (np.minimum(bright[first], bright[second]) + offset)
    weakness = np.maximum(0.0, prices.neck_width - width + prices.neck_depth * dip)
    return dict(zip(zip(first.tolist(), second.tolist(), strict=True), weakness.tolist(), strict=True))


def _levels(y: FloatArray, labels: IntArray, size: int, quantile: float = 0.6) -> FloatArray:
    """Return a quantile of y for each label; 0 for those without pixels."""
    chosen = np.flatnonzero(labels)
    members = labels[chosen]
    counts = np.bincount(members, minlength=size)
    values = y[chosen[np.argsort(members, kind="stable")]]
    ends = np.cumsum(counts)
    levels = np.zeros(size)
    for label in np.flatnonzero(counts).tolist():
        k = min(int(quantile * counts[label]), int(counts[label]) - 1)
        levels[label] = np.partition(values[ends[label] - counts[label] : ends[label]], k)[k]
    return levels


def outside_ellipse(mask: BoolArray) -> float:
    """Return which part of a mask is outside of the ellipse that has the same centre and second moments.

    Parameters
    ----------
    mask : ndarray of bool, 2-D
        The mask; not empty.

    Returns
    -------
    float
        0 for an ellipse but for its pixels, 0.05 to 0.2 for two that touch.
    """
    return kernel.outside_ellipse(np.ascontiguousarray(mask).view(np.uint8))
