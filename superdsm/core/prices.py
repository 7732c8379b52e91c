"""What an object costs beside its energy: for two brightnesses, an outline unlike an ellipse, and size.

The energy of a model only asks whether a region of the foreground has one smooth outline. Two nuclei that touch may
have one, but rarely also the same brightness, an elliptic outline together, and the size of one nucleus. The prices are
added to the energies, and so weigh against the price beta of a further object.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

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
    """

    brightness: float
    outline: float
    size: float
    typical_area: float
    outline_tolerance: float = 0.04
    size_tolerance: float = 1.2
    brightness_offset: float = 0.3


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
        if prices.brightness:
            price += prices.brightness * self._variance(omega, offset)
        lower = None if found.lower is None else found.lower + price
        return replace(found, energy=found.energy + price, lower=lower)

    def _variance(self, omega: BoolArray, offset: tuple[int, int]) -> float:
        """Variance of the logarithms of the brightness of the atoms of a region, which count by their foreground."""
        (row, column), (height, width) = offset, omega.shape
        part = self._atoms[row : row + height, column : column + width]
        present = np.flatnonzero(np.bincount(part[omega]))
        weights, logs = self._sizes[present], self._logs[present]
        total = weights.sum()
        if not total:
            return 0.0
        mean = (weights * logs).sum() / total
        return float((weights * (logs - mean) ** 2).sum() / total)


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
    rows, columns = (axis.astype(np.float64) for axis in np.nonzero(mask))
    rows -= rows.mean()
    columns -= columns.mean()
    # a pixel has an extent, so that also a line has two axes
    a, b, c = (rows * rows).mean() + 1 / 12, (rows * columns).mean(), (columns * columns).mean() + 1 / 12
    distances = (c * rows * rows - 2 * b * rows * columns + a * columns * columns) / (a * c - b * b)
    return float(np.count_nonzero(distances > 4) / len(rows))
