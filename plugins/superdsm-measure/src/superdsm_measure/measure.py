"""Measurements of objects: arrays in, columns out."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi
from scipy.spatial import cKDTree

from superdsm_measure.columns import COLUMNS

LUMINANCE = (0.2125, 0.7154, 0.0721)  # of red, green and blue
Grey = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def grey_levels(image: npt.NDArray[Any]) -> Grey:
    """Return the intensities of an image in the units of its file, of colour images the luminance.

    Parameters
    ----------
    image : ndarray, shape (rows, columns) or (rows, columns, channels)
        The image as it was read.

    Returns
    -------
    ndarray of float64, shape (rows, columns)
    """
    image = np.asarray(image, dtype=np.float64)
    if image.ndim == 2:
        return image
    if image.shape[2] < 3:
        grey: Grey = image[:, :, 0]
        return grey
    channels = image[:, :, :3]
    if (channels == channels[:, :, :1]).all():  # exactly, without rounding
        grey = channels[:, :, 0]
        return grey
    luminance: Grey = channels @ np.array(LUMINANCE)
    return luminance


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
        {"label": label, **_shape(item), **_intensity(item, image, occupied, gap, width), **_model(item, image.shape)}
        for label, item in enumerate(items, 1)
    ]
    centres = np.array([(row["centroid_row"], row["centroid_column"]) for row in rows]).reshape(-1, 2)
    for row, distance in zip(rows, _nearest(centres), strict=True):
        row["neighbour_distance"] = distance
    return {column.name: np.array([row[column.name] for row in rows], column.dtype) for column in COLUMNS}


def _shape(item: Any) -> dict[str, float]:
    from skimage.measure import regionprops

    (region,) = regionprops(item.fragment.astype(np.uint8))
    row, column = region.centroid
    return {
        "centroid_row": item.offset[0] + row,
        "centroid_column": item.offset[1] + column,
        "area": int(region.area),
        "perimeter": region.perimeter,
        "eccentricity": region.eccentricity,
        "solidity": region.area / _hull_area(item.fragment),
        "major_axis": region.axis_major_length,
        "minor_axis": region.axis_minor_length,
        "orientation": math.degrees(region.orientation),
    }


def _hull_area(mask: Mask) -> int:
    """Return the number of pixels whose centres lie in the convex hull of the pixels."""
    from skimage.morphology import convex_hull_image

    if min(mask.shape) == 1:  # a line, for which there is no hull with an area
        return mask.size
    return int(np.count_nonzero(convex_hull_image(mask)))


def _intensity(item: Any, image: Grey, occupied: Mask, gap: float, width: float) -> dict[str, float]:
    values = image[item.slices][item.fragment]
    mean = float(values.mean())
    around = _ring(item, image, occupied, gap, width)
    background = float(np.median(around)) if around.size else math.nan
    return {
        "intensity_mean": mean,
        "intensity_std": float(values.std()),
        "intensity_min": float(values.min()),
        "intensity_max": float(values.max()),
        "intensity_sum": float(values.sum()),
        "background": background,
        "contrast": mean / background if background else math.nan,
    }


def _ring(item: Any, image: Grey, occupied: Mask, gap: float, width: float) -> Grey:
    """Return the intensities around an object."""
    reach = math.ceil(gap + width)
    box = tuple(
        slice(max(0, part.start - reach), min(size, part.stop + reach))
        for part, size in zip(item.slices, image.shape, strict=True)
    )
    outside = np.ones([part.stop - part.start for part in box], bool)
    inner = tuple(
        slice(part.start - outer.start, part.stop - outer.start) for part, outer in zip(item.slices, box, strict=True)
    )
    outside[inner] = ~item.fragment
    distance = ndi.distance_transform_edt(outside)
    ring: Grey = image[box][(distance > gap) & (distance <= gap + width) & ~occupied[box]]
    return ring


def _model(item: Any, shape: tuple[int, int]) -> dict[str, float]:
    borders = any(
        part.start == 0 or part.stop == size for part, size in zip(item.slices, shape, strict=True)
    )  # the bounding box is tight
    return {
        "energy_per_pixel": item.energy / item.n_pixels if item.n_pixels else math.nan,
        "margin": math.nan if item.margin is None else item.margin,
        "confidence": math.nan if item.confidence is None else item.confidence,
        "touches_border": borders,
    }


def _nearest(centres: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the distance of each point to the nearest other one; NaN for a single point."""
    if len(centres) < 2:
        return np.full(len(centres), np.nan)
    distances, _ = cKDTree(centres).query(centres, k=2)
    nearest: npt.NDArray[np.float64] = np.asarray(distances)[:, 1]
    return nearest
