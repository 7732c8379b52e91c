"""Measurements of objects: size, shape, intensities, and what lies around."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from superdsm.core.objects import BoolArray, FloatArray, Object
from superdsm.core.sharpness import edge_width

SAMPLE = 200_000  # pixels of an image, about, from which its contrast is measured
NORMAL = 1.4826  # standard deviations per median absolute deviation, of a normal distribution
LUMINANCE = (0.2125, 0.7154, 0.0721)  # of red, green and blue
Slices = tuple[slice, slice]


class Region(NamedTuple):
    """A mask within its bounding box."""

    slices: Slices
    mask: BoolArray


def regions(labels: npt.NDArray[np.integer[Any]]) -> list[Region]:
    """Return the regions of a label image in the order of the labels 1, 2, ...; each has pixels.

    Parameters
    ----------
    labels : ndarray of int, shape (rows, columns)
        0: background.
    """
    boxes = ndimage.find_objects(labels.astype(np.int32, copy=False))
    return [Region((box[0], box[1]), labels[box] == label) for label, box in enumerate(boxes, 1)]


def grey_levels(image: npt.NDArray[Any]) -> FloatArray:
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
        grey: FloatArray = image[:, :, 0]
        return grey
    channels = image[:, :, :3]
    if (channels == channels[:, :, :1]).all():  # exactly, without rounding
        grey = channels[:, :, 0]
        return grey
    luminance: FloatArray = channels @ np.array(LUMINANCE)
    return luminance


def shape_of(region: Region) -> dict[str, float]:
    """Measure size and shape; all lengths in pixels, the orientation in degrees."""
    from skimage.measure import regionprops

    (found,) = regionprops(region.mask.view(np.uint8))  # type: ignore[no-untyped-call]
    row, column = found.centroid
    return {
        "centroid_row": region.slices[0].start + row,
        "centroid_column": region.slices[1].start + column,
        "area": int(found.area),
        "perimeter": float(found.perimeter),
        "eccentricity": float(found.eccentricity),
        "solidity": float(found.area / _hull_area(region.mask)),
        "major_axis": float(found.axis_major_length),
        "minor_axis": float(found.axis_minor_length),
        "orientation": math.degrees(found.orientation),
    }


def _hull_area(mask: BoolArray) -> int:
    """Return the number of pixels whose centres lie in the convex hull of the pixels."""
    from skimage.morphology import convex_hull_image

    if min(mask.shape) == 1:  # a line, for which there is no hull with an area
        return mask.size
    return int(np.count_nonzero(convex_hull_image(mask)))  # type: ignore[no-untyped-call]


class Ring(NamedTuple):
    """What lies around an object: pixels of no object, in a part of the image."""

    slices: Slices
    mask: BoolArray


def ring_around(region: Region, occupied: BoolArray, gap: float, width: float) -> Ring:
    """Return the ring that begins `gap` pixels away from an object and is `width` pixels wide, without other objects.

    Parameters
    ----------
    region : Region
        The object.
    occupied : ndarray of bool, shape (rows, columns)
        The pixels of all objects.
    gap, width : float
        In pixels.
    """
    reach = math.ceil(gap + width)
    rows, columns = (
        slice(max(0, part.start - reach), min(size, part.stop + reach))
        for part, size in zip(region.slices, occupied.shape, strict=True)
    )
    outside = np.ones((rows.stop - rows.start, columns.stop - columns.start), bool)
    inner = tuple(
        slice(part.start - outer.start, part.stop - outer.start)
        for part, outer in zip(region.slices, (rows, columns), strict=True)
    )
    outside[inner] = ~region.mask
    distance = ndimage.distance_transform_edt(outside)
    return Ring((rows, columns), (distance > gap) & (distance <= gap + width) & ~occupied[rows, columns])


def intensities(region: Region, ring: Ring, image: FloatArray) -> dict[str, float]:
    """Measure the intensities of an object, and of what lies around it.

    Returns
    -------
    dict
        mean, median, integrated, std, min, max; the background, which is the median of the ring (NaN if no pixel is
        left of it), by how much the mean is above it, and the ratio of both (NaN if the background is 0).
    """
    values = image[region.slices][region.mask]
    around = image[ring.slices][ring.mask]
    background = float(np.median(around)) if around.size else math.nan
    mean = float(values.mean())
    return {
        "intensity_mean": mean,
        "intensity_median": float(np.median(values)),
        "intensity_integrated": float(values.sum()),
        "intensity_std": float(values.std()),
        "intensity_min": float(values.min()),
        "intensity_max": float(values.max()),
        "background": background,
        "intensity_above_background": mean - background,
        "contrast": mean / background if background else math.nan,
    }


def touches_border(slices: Slices, shape: tuple[int, ...]) -> bool:
    """Return whether an object reaches the border of an image of the shape `shape`."""
    return any(part.start == 0 or part.stop == size for part, size in zip(slices, shape, strict=True))


def model_of(item: Object) -> dict[str, float]:
    """Return what the energy minimisation says of an object; NaN: not known."""
    return {
        "energy_per_pixel": item.energy / item.n_pixels if item.n_pixels else math.nan,
        "margin": math.nan if item.margin is None else item.margin,
        "confidence": math.nan if item.confidence is None else item.confidence,
    }


def nearest(centres: FloatArray) -> FloatArray:
    """Return the distance of each point, shape (n, 2), to the nearest other one; NaN for a single point."""
    if len(centres) < 2:
        return np.full(len(centres), np.nan)
    distances, _ = cKDTree(centres).query(centres, k=2)
    found: FloatArray = np.asarray(distances)[:, 1]
    return found


def overview(objects: Sequence[Object], image: FloatArray) -> dict[str, Any]:
    """Describe the objects of an image as a whole.

    Parameters
    ----------
    objects : sequence of Object
        The objects.
    image : ndarray of float64, shape (rows, columns)
        Intensities.

    Returns
    -------
    dict
        ``area_median`` in pixels; ``boundary_share``, the part of them that reach the border; ``contrast``, the median
        intensity of the objects above that of the background, in (robust) standard deviations of the background;
        ``edge_width`` in pixels, see `superdsm.core.sharpness.edge_width`.
        What cannot be said is left out.
    """
    items = [item for item in objects if not item.is_empty]
    if not items:
        return {}
    occupied = np.zeros(image.shape, bool)
    for item in items:
        item.draw(occupied)
    found: dict[str, Any] = {
        "area_median": float(np.median([item.area for item in items])),
        "boundary_share": round(sum(touches_border(item.slices, image.shape) for item in items) / len(items), 4),
    }
    step = max(1, math.isqrt(image.size // SAMPLE))
    sampled, inside = image[::step, ::step], occupied[::step, ::step]
    around = sampled[~inside]
    if around.size and inside.any():
        level = float(np.median(around))
        deviation = NORMAL * float(np.median(np.abs(around - level)))
        if deviation > 0:
            found["contrast"] = round((float(np.median(sampled[inside])) - level) / deviation, 3)
    if (width := edge_width(items, occupied, image)) is not None:
        found["edge_width"] = round(width, 3)
    return found
