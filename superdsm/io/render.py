"""Arrays to pictures: contours of objects over the image, and the adjacency graph of the atoms."""

import math
from collections.abc import Sequence
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[Any]
RGB: TypeAlias = npt.NDArray[np.uint8]
Mask: TypeAlias = npt.NDArray[np.bool_]

# Vivid on grey, on black and on the pink and violet of stained tissue; neighbours in the list differ most.
COLOURS = np.array(
    [
        (64, 224, 255),
        (255, 196, 0),
        (255, 80, 160),
        (96, 255, 96),
        (255, 112, 48),
        (176, 144, 255),
        (240, 255, 112),
        (0, 200, 160),
    ],
    dtype=np.uint8,
)
# From unsure to sure; told apart with any kind of colour vision, and on grey.
CONFIDENCE_COLOURS = ((255, 72, 0), (255, 190, 40), (190, 230, 190), (64, 190, 255))
CLUSTER_COLOUR = (90, 130, 190)
ATOM_COLOUR = (255, 160, 64)
EDGE_COLOUR = (96, 255, 160)
SEED_COLOUR = (255, 64, 96)
GAMMA = 0.5  # lifts dim nuclei to a visible grey; the noise of the background stays dark
LEVELS = 4096  # before the gamma: as many as keep dark greys apart
SAMPLES = 1 << 17
NEAR = 4


def overlay(image: Image, labels: Image, *, border: int = 2) -> RGB:
    """Draw the contours of objects into an image.

    The contours lie inside of the objects: their outer edges are the edges of the masks. Objects that touch have
    different colours. Objects that are cut by the border of the image have open contours there.

    Parameters
    ----------
    image : ndarray, shape (rows, columns) or (rows, columns, 3)
        Grey intensities, shown with stretched contrast, or a uint8 colour image, shown as it is.
    labels : ndarray of int, shape (rows, columns)
        Label image; 0 is the background.
    border : int, optional
        Width of the contours, in pixels.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3)
    """
    labels = np.asarray(labels)
    if image.shape[:2] != labels.shape:
        raise ValueError(f"the image has {image.shape[:2]} pixels, but the label image {labels.shape}")
    picture = _background(image)
    if not labels.any():
        return picture
    contour = _contours(labels, border)
    picture[contour] = COLOURS[_colouring(labels)][labels[contour]]
    return picture


def confidence_picture(image: Image, labels: Image, confidences: Sequence[float | None], *, border: int = 2) -> RGB:
    """Draw the contours of objects in colours that tell how sure these are.

    Parameters
    ----------
    image, labels, border
        See `overlay`.
    confidences : sequence of float or None
        From 0 (orange) to 1 (blue) for the labels 1, 2, ...; None: not known (white).

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3)
    """
    picture = _background(image)
    colours = np.array([(0, 0, 0), *map(_confidence_colour, confidences)], dtype=np.uint8)
    contour = _contours(np.asarray(labels), border)
    picture[contour] = colours[labels[contour]]
    return picture


def _confidence_colour(value: float | None) -> tuple[int, ...]:
    if value is None:
        return (255, 255, 255)
    levels = np.linspace(0, 1, len(CONFIDENCE_COLOURS))
    channels = np.transpose(CONFIDENCE_COLOURS)
    return tuple(round(float(np.interp(value, levels, channel))) for channel in channels)


def adjacency_picture(g_raw: Image, atoms: Image, adjacencies: Image, seeds: Image, clusters: Image) -> RGB:
    """Draw the atoms and the graph of their adjacencies.

    Outlines of clusters are blue, those between atoms of a cluster orange; edges of the graph are green lines between
    the seeds of adjacent atoms, which are red dots.

    Parameters
    ----------
    g_raw : ndarray, shape (rows, columns)
        Grey intensities.
    atoms, clusters : ndarray of int, shape (rows, columns)
        Label images.
    adjacencies : ndarray of int, shape (n, 2)
        Pairs of labels of adjacent atoms.
    seeds : ndarray of int, shape (n_atoms, 2)
        Row and column of the seed of atom 1, 2, ....

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3)
    """
    picture = _background(g_raw)
    atoms, clusters = np.asarray(atoms), np.asarray(clusters)
    picture[_boundaries(atoms)] = ATOM_COLOUR
    picture[_boundaries(clusters)] = CLUSTER_COLOUR
    points = np.asarray(seeds, dtype=float).reshape(-1, 2)
    radius = _dot_radius(points, g_raw.shape)
    for first, second in np.asarray(adjacencies, dtype=int).reshape(-1, 2):
        _line(picture, points[first - 1], points[second - 1], max(1.0, 0.6 * radius), EDGE_COLOUR)
    for point in points:
        _line(picture, point, point, 2 * radius + 2, (0, 0, 0))
        _line(picture, point, point, 2 * radius, SEED_COLOUR)
    return picture


def _background(image: Image) -> RGB:
    """Return the image as RGB; intensities of a grey one are stretched so that dim objects can be seen as well."""
    if image.ndim == 3:
        return np.array(image, dtype=np.uint8)
    step = max(1, math.isqrt(image.size // SAMPLES))
    low, high = np.percentile(image[::step, ::step], (0.5, 99.8))
    if high <= low:  # nearly all is background
        low, high = image.min(), image.max()
    span = high - low if high > low else 1.0
    levels = ((np.linspace(0, 1, LEVELS) ** GAMMA) * 255).round().astype(np.uint8)
    grey = levels[((np.clip(image, low, high) - low) * ((LEVELS - 1) / span)).astype(np.uint16)]
    return np.repeat(grey[..., None], 3, axis=2)


def _contours(labels: Image, width: int) -> Mask:
    """Return the pixels of objects that are less than about `width` pixels away from another label."""
    inner = labels > 0
    _clear_unequal(inner, labels)
    core = inner
    for step in range(1, width):
        if not core.any():
            break
        core = _eroded(core, diagonal=step % 2 == 1)
    return (labels > 0) & ~core


def _clear_unequal(inner: Mask, labels: Image) -> None:
    """Clear the pixels of `inner` that have a 4-neighbour with another label."""
    for axis in (0, 1):
        before, after = _neighbours(axis)
        unequal = labels[before] != labels[after]
        inner[before] &= ~unequal
        inner[after] &= ~unequal


def _eroded(mask: Mask, *, diagonal: bool) -> Mask:
    """Erode by a square (`diagonal`) or by a cross; outside of the image counts as set."""
    result = mask
    for axis in (0, 1):
        before, after = _neighbours(axis)
        source = result if diagonal else mask
        result = result.copy()
        result[before] &= source[after]
        result[after] &= source[before]
    return result


def _neighbours(axis: int, reach: int = 1) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the index of all pixels but the last, and that of all but the first `reach` ones, along an axis."""
    before, after = [slice(None)] * 2, [slice(None)] * 2
    before[axis], after[axis] = slice(None, -reach), slice(reach, None)
    return tuple(before), tuple(after)


def _boundaries(labels: Image) -> Mask:
    """Return the pixels whose lower or right neighbour has another label: lines of one pixel."""
    result = np.zeros(labels.shape, dtype=bool)
    for axis in (0, 1):
        before, after = _neighbours(axis)
        result[before] |= labels[before] != labels[after]
    return result


def _colouring(labels: Image) -> npt.NDArray[np.intp]:
    """Return an index into `COLOURS` for each label, so that objects that touch, or nearly do, differ (greedily)."""
    neighbours: dict[int, set[int]] = {}
    count = int(labels.max()) + 1
    for axis, reach in product((0, 1), range(1, NEAR + 1)):
        before, after = _neighbours(axis, reach)
        first, second = labels[before], labels[after]
        touching = (first != second) & (first > 0) & (second > 0)
        codes = np.unique(first[touching].astype(np.int64) * count + second[touching])
        for one, other in zip((codes // count).tolist(), (codes % count).tolist(), strict=True):
            neighbours.setdefault(one, set()).add(other)
            neighbours.setdefault(other, set()).add(one)
    colours = np.zeros(count, dtype=np.intp)
    for label in sorted(neighbours):
        taken = {int(colours[other]) for other in neighbours[label] if other < label}
        free = [index for index in range(len(COLOURS)) if index not in taken]
        colours[label] = free[0] if free else label % len(COLOURS)
    return colours


def _dot_radius(points: npt.NDArray[np.float64], shape: tuple[int, ...]) -> float:
    """Return a radius for dots that suits the density of the points."""
    spacing = math.sqrt(shape[0] * shape[1] / max(1, len(points)))
    return min(5.0, max(1.5, spacing / 20))


def _line(picture: RGB, start: Image, stop: Image, width: float, colour: tuple[int, int, int]) -> None:
    """Draw a line with round ends and smooth edges; a line from a point to itself is a dot."""
    margin = width / 2 + 1
    low = np.floor(np.minimum(start, stop) - margin).astype(int).clip(0)
    high = np.ceil(np.maximum(start, stop) + margin).astype(int) + 1
    window = picture[low[0] : high[0], low[1] : high[1]]
    rows = np.arange(low[0], low[0] + window.shape[0])[:, None] - start[0]
    columns = np.arange(low[1], low[1] + window.shape[1])[None, :] - start[1]
    drow, dcolumn = np.subtract(stop, start)
    square = drow**2 + dcolumn**2
    along = np.clip((rows * drow + columns * dcolumn) / square, 0, 1) if square else 0.0
    distance = np.hypot(rows - along * drow, columns - along * dcolumn)
    opacity = np.clip(width / 2 + 0.5 - distance, 0, 1)[..., None]
    window[:] = (window + opacity * (np.array(colour) - window.astype(float))).round().astype(np.uint8)
