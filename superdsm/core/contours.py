"""The masks of objects on the pixels of the image: outlines at a level between an object and its surroundings.

The model is fitted on the working grid, and tells which pixels belong together. Where the boundary of an object runs is
then read from the image itself, at its own resolution: at a fraction of the way from the local background to the
brightness of the object, so that dim and bright objects have the same outline.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from superdsm._ext.contours import step_across
from superdsm.core.distance import squared_distance_to
from superdsm.core.filters import gaussian
from superdsm.core.labels import label_image
from superdsm.core.necks import divide
from superdsm.core.normalise import quantile, sample
from superdsm.core.objects import BoolArray, FloatArray, Object
from superdsm.core.resample import draw_degrees, largest_piece, resample, resample_mask

Box = tuple[slice, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is around an object.

    Attributes
    ----------
    box : tuple of slice
        The part of the image that the arrays refer to.
    mask : ndarray of bool, 2-D
        The object.
    reach : ndarray of bool, same shape
        Pixels within a certain distance that are closer to the object than to others (itself included).
    inside : float
        Intensity of the bright part of the object.
    outside : float
        Intensity of the dark part of what is around.
    """

    box: Box
    mask: BoolArray
    reach: BoolArray
    inside: float
    outside: float

    @property
    def amplitude(self) -> float:
        """How much the object stands out."""
        return self.inside - self.outside


def surroundings(
    image: FloatArray,
    labels: npt.NDArray[np.int32],
    label: int,
    box: Box,
    *,
    reach: float,
    inside_quantile: float,
    outside_quantile: float,
) -> Surroundings:
    """Look at an object and what is around it.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
        Smoothed intensities.
    labels : ndarray of int32, same shape
        Label image.
    label : int
        The object.
    box : tuple of slice
        Its bounding box.
    reach : float
        How far to look, in radii of the object; at least `LEAST_REACH` pixels.
    inside_quantile, outside_quantile : float
        Which quantile of the intensities inside, and of those around, are looked at.

    Returns
    -------
    Surroundings
    """
    radius = math.sqrt(np.count_nonzero(labels[box] == label) / math.pi)
    far = int(max(LEAST_REACH, reach * radius)) + 1
    rows, columns = (
        slice(max(0, s.start - far), min(size, s.stop + far)) for s, size in zip(box, labels.shape, strict=True)
    )
    view = labels[rows, columns]
    mask = view == label
    others = (view > 0) & ~mask
    distance = squared_distance_to(mask, far)
    near = distance <= far * far
    if others.any():
        near &= distance <= squared_distance_to(others, far)
        near &= ~others
    part = image[rows, columns]
    inside = sample(part[mask], ENOUGH)
    around = sample(part[near & ~mask], ENOUGH)
    outside = quantile(around, outside_quantile) if around.size >= FEW else float(inside.min())
    return Surroundings((rows, columns), mask, near, quantile(inside, inside_quantile), outside)


LEAST_REACH = 3.0  # pixels
ENOUGH = 1009  # pixels, for a quantile
FEW = 8  # pixels; a quantile of fewer says little


def sharpness(image: FloatArray, labels: npt.NDArray[np.int32], label: int, box: Box, amplitude: float) -> float:
    """Return the step of the intensity across an outline, as a fraction of the amplitude.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
        Smoothed intensities.
    labels : ndarray of int32, same shape
        Label image.
    label : int
        The object.
    box : tuple of slice
        Its bounding box.
    amplitude : float
        See `Surroundings`.

    Returns
    -------
    float
    """
    part = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in box)
    return step_across(labels[part], image[part], label) / max(amplitude, TINY)


TINY = 1e-12


def to_image(
    objects: Sequence[Object],
    working_shape: tuple[int, int],
    image: FloatArray,
    radius: float,
    *,
    level: float,
    smoothing: float,
    reach: float,
    inside_quantile: float,
    outside_quantile: float,
    finest_radius: float,
    level_decay: float,
    narrow: float,
    least_divided: float,
) -> list[Object]:
    """Bring objects from the working grid to the pixels of the image, and fit their outlines to its intensities.

    Parameters
    ----------
    objects : sequence of Object
        The objects, with masks on the working grid.
    working_shape : tuple of int
        Rows and columns of the working grid.
    image : ndarray of float64, shape (rows, columns)
        Intensities.
    radius : float
        Radius of a typical object, in pixels of the image.
    level : float
        Where an outline runs: 0 is at the intensity of what is around the object, 1 at that of the object; 0 or less
        leaves the outlines as they are.
    smoothing : float
        Standard deviation of the Gaussian that the image is smoothed with, in pixels.
    reach : float
        How far an outline may move, in radii of the object.
    inside_quantile, outside_quantile : float
        Which quantiles of the intensities inside and around stand for those of the object and of the background.
    finest_radius : float
        Outlines are fitted on a coarser grid if the radius of a typical object is above this, in pixels, so that it has
        this radius there.
    level_decay : float
        Of objects of larger radii the level is less, by this power of the ratio: the better the outer edge is resolved,
        the more it is what people draw.
    narrow : float
        Objects are divided where their width is less than this fraction of that of the narrower part; see
        `superdsm.core.necks.divide`. 0: nowhere.
    least_divided : float
        Smaller objects are not divided, in areas of a typical object.

    Returns
    -------
    list of Object
        The objects with masks on the pixels of the image: disjoint, 4-connected, without holes. Those that are lost on
        the way are left out. The parts of one that was divided have the same atoms.
    """
    items = [item for item in sorted(objects, key=lambda item: item.atoms) if not item.is_empty]
    labels = label_image(items, working_shape).astype(np.int32)
    zoom = min(1.0, finest_radius / radius)
    rows, columns = image.shape
    fine = max(1, round(rows * zoom)), max(1, round(columns * zoom))
    labels = unmoved = regrid(labels, fine, smoothing=smoothing)
    if level > 0:
        smooth = gaussian(resample(image, fine), smoothing)
        labels = fit_outlines(
            labels, smooth, level=level * zoom**level_decay, reach=reach,
            inside_quantile=inside_quantile, outside_quantile=outside_quantile,
        )  # fmt: skip
        labels = _as_wanted(items, labels, unmoved)
    if narrow > 0:
        items = _divided(items, labels, narrow, least_divided * math.pi * (radius * zoom) ** 2)
    labels = regrid(labels, (rows, columns), smoothing=smoothing)
    result = []
    for label, box in enumerate(ndimage.find_objects(labels), 1):
        if box is None:  # no pixel has the label; the stubs of SciPy do not know that
            continue  # type: ignore[unreachable]
        view = labels[box]
        offset, fragment = largest_piece(view == label, (box[0].start, box[1].start))
        item = replace(items[label - 1], offset=offset, fragment=fragment)
        foreign = labels[item.slices]
        fragment &= (foreign == 0) | (foreign == label)
        result.append(item)
    return result


def _as_wanted(
    items: Sequence[Object], labels: npt.NDArray[np.int32], unmoved: npt.NDArray[np.int32]
) -> npt.NDArray[np.int32]:
    """Return a label image in which the outlines that were drawn by hand have not moved, and nothing wanted is lost."""
    there = np.bincount(labels.ravel(), minlength=len(items) + 1)
    for label, item in enumerate(items, 1):
        if item.is_outlined:
            labels[labels == label] = 0
        if item.is_outlined or (item.is_corrected and not there[label]):
            labels[unmoved == label] = label
    return labels


def _divided(items: Sequence[Object], labels: npt.NDArray[np.int32], narrow: float, least_area: float) -> list[Object]:
    """Divide the objects of a label image that have necks; return the objects by label, new ones at the end."""
    result = list(items)
    for label, box in enumerate(ndimage.find_objects(labels), 1):
        if box is None:  # no pixel has the label; the stubs of SciPy do not know that
            continue  # type: ignore[unreachable]
        if items[label - 1].is_corrected:
            continue
        mask = labels[box] == label
        parts = divide(mask, narrow) if np.count_nonzero(mask) >= least_area else None
        for part in range(2, 1 if parts is None else int(parts.max()) + 1):
            result.append(items[label - 1])
            labels[box][parts == part] = len(result)
    return result


def regrid(labels: npt.NDArray[np.int32], shape: tuple[int, int], *, smoothing: float) -> npt.NDArray[np.int32]:
    """Bring a label image to another grid, with smooth outlines.

    Parameters
    ----------
    labels : ndarray of int32, shape (rows, columns)
        The label image.
    shape : tuple of int
        Rows and columns of the other grid.
    smoothing : float
        Standard deviation of the Gaussian that rounds the outlines, in pixels of `labels`.

    Returns
    -------
    ndarray of int32, shape `shape`
        `labels` itself if the shape is the same.
    """
    if labels.shape == shape:
        return labels
    out, best = np.zeros(shape, np.int32), np.zeros(shape)
    for label, box in enumerate(ndimage.find_objects(labels), 1):
        if box is None:  # no pixel has the label; the stubs of SciPy do not know that
            continue  # type: ignore[unreachable]
        start = box[0].start, box[1].start
        offset, degrees = resample_mask(labels[box] == label, start, labels.shape, shape, smoothing=smoothing)
        draw_degrees(out, best, offset, degrees, label)
    return out


def fit_outlines(
    labels: npt.NDArray[np.int32],
    smooth: FloatArray,
    *,
    level: float,
    reach: float,
    inside_quantile: float,
    outside_quantile: float,
) -> npt.NDArray[np.int32]:
    """Move the outline of each object to where the intensity is at a level between object and background.

    Parameters
    ----------
    labels : ndarray of int32, shape (rows, columns)
        The label image.
    smooth : ndarray of float64, same shape
        Smoothed intensities.
    level, reach, inside_quantile, outside_quantile : float
        See `to_image`.

    Returns
    -------
    ndarray of int32, same shape
        Label image; each label is 4-connected.
    """
    out = np.zeros(labels.shape, np.int32)
    for label, box in enumerate(ndimage.find_objects(labels), 1):
        if box is None:  # no pixel has the label; the stubs of SciPy do not know that
            continue  # type: ignore[unreachable]
        seen = surroundings(
            smooth, labels, label, box,
            reach=reach, inside_quantile=inside_quantile, outside_quantile=outside_quantile,
        )  # fmt: skip
        bright = seen.reach & (smooth[seen.box] > seen.outside + level * seen.amplitude)
        offset, piece = largest_piece(bright, (seen.box[0].start, seen.box[1].start))
        view = out[offset[0] : offset[0] + piece.shape[0], offset[1] : offset[1] + piece.shape[1]]
        view[piece & (view == 0)] = label
    return out
