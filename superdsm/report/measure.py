"""Measurements of objects whose distributions a report shows."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from superdsm.core.objects import Object

AREA, ECCENTRICITY, ENERGY = "area (px)", "eccentricity", "energy per pixel"
LABELS = (AREA, ECCENTRICITY, ENERGY)


def measured(objects: "Iterable[Object]") -> dict[str, list[float]]:
    """Return the measurements of objects by label, as `LABELS` has them.

    Parameters
    ----------
    objects : iterable of Object
        Empty ones are left out.
    """
    values: dict[str, list[float]] = {label: [] for label in LABELS}
    for item in objects:
        if item.is_empty or not item.area:
            continue
        values[AREA].append(float(item.area))
        values[ECCENTRICITY].append(_eccentricity(item))
        values[ENERGY].append(item.energy / item.n_pixels if item.n_pixels else math.nan)
    return values


def _eccentricity(item: "Object") -> float:
    """Return the eccentricity of the ellipse with the second moments of a mask."""
    import numpy as np

    rows, columns = (axis.astype(float) for axis in np.nonzero(item.fragment))
    (top, mixed), (_, left) = np.cov(rows, columns, bias=True) + np.eye(2) / 12  # a pixel is a square, not a point
    root = math.hypot((top - left) / 2, mixed)
    mean = (top + left) / 2
    return math.sqrt(max(0.0, 1 - (mean - root) / (mean + root)))
