"""Measurements of objects: arrays in, columns out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from superdsm.core.measure import (
    Region,
    grey_levels,
    intensities,
    model_of,
    nearest,
    ring_around,
    shape_of,
    touches_border,
)
from superdsm_measure.columns import COLUMNS

__all__ = ["grey_levels", "measure"]

Grey = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def measure(
    objects: Sequence[Any], image: Grey, *, gap: float = 3.0, width: float = 10.0
) -> dict[str, npt.NDArray[Any]]:
    """Measure objects.

    Parameters
    ----------
    objects : sequence of superdsm.core.objects.Object
        The objects, in any order; those without a mask are left out.
    image : ndarray of float64, shape (rows, columns)
        The intensities.
    gap, width : float
        The ring of the local background begins `gap` pixels away from the object and is `width` pixels wide.

    Returns
    -------
    dict of ndarray
        The columns of `superdsm_measure.columns.COLUMNS`, one row per object, in the order of the labels.
    """
    items = [item for item in sorted(objects, key=lambda item: item.atoms) if not item.is_empty]
    occupied = np.zeros(image.shape, bool)
    for item in items:
        item.draw(occupied)
    rows = [
        {
            "label": label,
            **shape_of(_region(item)),
            **_intensity(item, image, occupied, gap, width),
            **model_of(item),
            "touches_border": touches_border(item.slices, image.shape),
        }
        for label, item in enumerate(items, 1)
    ]
    centres = np.array([(row["centroid_row"], row["centroid_column"]) for row in rows]).reshape(-1, 2)
    for row, distance in zip(rows, nearest(centres), strict=True):
        row["neighbour_distance"] = distance
    return {column.name: np.array([row[column.name] for row in rows], column.dtype) for column in COLUMNS}


def _region(item: Any) -> Region:
    return Region(item.slices, item.fragment)


def _intensity(item: Any, image: Grey, occupied: Mask, gap: float, width: float) -> dict[str, float]:
    region = _region(item)
    found = intensities(region, ring_around(region, occupied, gap, width), image)
    return {
        **{name: found[name] for name in ("intensity_mean", "intensity_std", "intensity_min", "intensity_max")},
        "intensity_sum": found["intensity_integrated"],
        "background": found["background"],
        "contrast": found["contrast"],
    }
