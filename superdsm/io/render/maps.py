"""What the stages see: the offset-corrected intensities with their sign, the atoms, and the graph of these."""

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from superdsm.io.render.contours import boundaries
from superdsm.io.render.drawing import BLACK, Colour, line, text_width, write

Image: TypeAlias = npt.NDArray[Any]
RGB: TypeAlias = npt.NDArray[np.uint8]

# From below zero (blue) through zero (nearly black) to above (orange): told apart with any kind of colour vision, and
# dark where nothing is, so that what is drawn upon it can be seen.
MAP = ((158, 208, 255), (38, 96, 190), (16, 16, 20), (176, 84, 20), (255, 214, 130))
LEVELS = 1024  # colours of the map, on each side of zero
HIGHEST = 99.8  # percentile of the absolute values that is drawn in the last colour
SAMPLES = 1 << 17
LEGEND_HEIGHT = 30

CLUSTER_COLOUR: Colour = (235, 235, 235)
ATOM_COLOUR: Colour = (255, 84, 200)
EDGE_COLOUR: Colour = (96, 255, 160)
SEED_COLOUR: Colour = (255, 255, 255)


def signed_map(y: Image, *, legend: bool = True) -> RGB:
    """Draw offset-corrected intensities with their sign.

    The colours follow the square root of the absolute value, so that dim objects can be seen beside bright ones.

    Parameters
    ----------
    y : ndarray of float, shape (rows, columns)
        Offset-corrected intensities; above zero is foreground.
    legend : bool, optional
        Whether a strip with the colours and their values is added below.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3); with a legend there are 30 rows more
    """
    y = np.asarray(y)
    limit = _limit(y)
    picture = _colour_table()[_levels(y / limit)]
    return np.concatenate([picture, _legend(picture.shape[1], limit)]) if legend else picture


def atoms_picture(y: Image, atoms: Image, clusters: Image) -> RGB:
    """Draw the outlines of atoms (magenta) and clusters (white) upon the map of `signed_map`.

    Parameters
    ----------
    y : ndarray of float, shape (rows, columns)
        Offset-corrected intensities.
    atoms, clusters : ndarray of int, shape (rows, columns)
        Label images.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3)
    """
    picture = signed_map(y, legend=False)
    picture[boundaries(np.asarray(atoms))] = ATOM_COLOUR
    picture[boundaries(np.asarray(clusters))] = CLUSTER_COLOUR
    return picture


def graph_picture(y: Image, atoms: Image, adjacencies: Image, seeds: Image, clusters: Image) -> RGB:
    """Draw the atoms as `atoms_picture` does, and the graph of their adjacencies.

    Edges of the graph are green lines between the seeds of adjacent atoms, which are white dots.

    Parameters
    ----------
    y, atoms, clusters
        See `atoms_picture`.
    adjacencies : ndarray of int, shape (n, 2)
        Pairs of labels of adjacent atoms.
    seeds : ndarray of int, shape (n_atoms, 2)
        Row and column of the seed of atom 1, 2, ....

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3)
    """
    picture = atoms_picture(y, atoms, clusters)
    points = np.asarray(seeds, dtype=float).reshape(-1, 2)
    radius = _dot_radius(points, picture.shape)
    for first, second in np.asarray(adjacencies, dtype=int).reshape(-1, 2):
        line(picture, points[first - 1], points[second - 1], max(1.0, 0.6 * radius), EDGE_COLOUR)
    for point in points:
        line(picture, point, point, 2 * radius + 2, BLACK)
        line(picture, point, point, 2 * radius, SEED_COLOUR)
    return picture


def _limit(y: Image) -> float:
    """Return the absolute value that is drawn in the last colour."""
    step = max(1, math.isqrt(y.size // SAMPLES))
    limit = float(np.percentile(np.abs(y[::step, ::step]), HIGHEST)) if y.size else 0.0
    return limit or float(np.abs(y).max(initial=0.0)) or 1.0


def _levels(relative: Image) -> npt.NDArray[np.int16]:
    """Return the index of the colour of values, of which -1 and 1 have the last ones."""
    signed = np.sign(relative) * np.sqrt(np.minimum(np.abs(relative), 1.0))
    levels: npt.NDArray[np.int16] = (signed * LEVELS).round().astype(np.int16) + LEVELS
    return levels


def _colour_table() -> RGB:
    positions = np.linspace(0, 2 * LEVELS, len(MAP))
    table = [np.interp(np.arange(2 * LEVELS + 1), positions, channel) for channel in np.transpose(MAP)]
    return np.stack(table, axis=1).round().astype(np.uint8)


def _legend(columns: int, limit: float) -> RGB:
    """Return a strip with the colours from the least to the largest value, and words at its ends and in the middle."""
    strip = np.zeros((LEGEND_HEIGHT, columns, 3), dtype=np.uint8)
    strip[4:13] = _colour_table()[np.linspace(0, 2 * LEVELS, columns).round().astype(int)]
    words = (f"{-limit:.2g}", "0", f"{limit:.2g}")
    if columns < 2 * sum(map(text_width, words)):
        return strip
    for word, place in zip(words, (0.0, 0.5, 1.0), strict=True):
        write(strip, 14, round(place * (columns - text_width(word))), word)
    return strip


def _dot_radius(points: npt.NDArray[np.float64], shape: tuple[int, ...]) -> float:
    """Return a radius for dots that suits the density of the points."""
    spacing = math.sqrt(shape[0] * shape[1] / max(1, len(points)))
    return min(5.0, max(1.5, spacing / 20))
