"""What corrections by hand need of an image: atoms that can be divided and added, and places for points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from superdsm.core.clusters import find_adjacencies
from superdsm.core.filters import gaussian
from superdsm.core.graph import ClusterGraph
from superdsm.core.objects import BoolArray, FloatArray, IntArray, Object
from superdsm.core.watershed import watershed

SMOOTHING = 1.0  # of the intensities in which atoms are divided and nuclei looked for, in pixels
WINDOW = 2.0  # how far a new object and its background reach from its point at most, in radii of a typical one
REACH = 1.5  # the same, without its background
CORE = 0.3  # what is looked at for the brightness at a point
BACKGROUND = 0.1  # quantile of the intensities in the window that stands for the background
Pixel = tuple[int, int]


class ImpossibleError(ValueError):
    """A correction cannot be carried out; the text says why."""


@dataclass(slots=True, eq=False)
class Scene:
    """The atoms of an image, which corrections change.

    Attributes
    ----------
    y : ndarray of float64, shape (rows, columns)
        Offset-corrected intensities; copied when an atom is added.
    y_mask : ndarray of bool, same shape
        Pixels that may belong to a region.
    atoms, clusters : ndarray of int32, same shape
        Label images.
    adjacencies : ndarray of int32, shape (m, 2)
        Pairs of adjacent atoms.
    seeds : ndarray of int32, shape (n, 2)
        Row and column of the seed of each atom.
    """

    y: FloatArray
    y_mask: BoolArray
    atoms: IntArray
    clusters: IntArray
    adjacencies: IntArray
    seeds: IntArray

    def divide(self, atom: int, pixels: Sequence[Pixel]) -> list[int]:
        """Divide an atom between pixels by a watershed of the intensities; return the labels of the parts.

        Parameters
        ----------
        atom : int
            The label; the part of the first pixel keeps it.
        pixels : sequence of (int, int)
            Pixels of the atom, all different.
        """
        box = ndimage.find_objects(self.atoms == atom, 1)[0]
        region = self.atoms[box] == atom
        first = len(self.seeds) + 1
        labels = [atom, *range(first, first + len(pixels) - 1)]
        markers = np.zeros(region.shape, np.int32)
        for number, (row, column) in enumerate(pixels, 1):
            markers[row - box[0].start, column - box[1].start] = number
        parts = watershed(_relief(self.y[box], region, markers), markers, region)
        self.atoms = self.atoms.copy()
        for number, label in enumerate(labels[1:], 2):
            self.atoms[box][parts == number] = label
        self.seeds = np.vstack([self.seeds, np.array(pixels[1:], np.int32)])
        self.seeds[atom - 1] = pixels[0]
        self.adjacencies = find_adjacencies(self.atoms, self.clusters, self.y)
        return labels

    def add(self, inside: BoolArray, around: BoolArray, threshold: float, seed: Pixel) -> int:
        """Make a new atom, which is a cluster for itself; return its label.

        Parameters
        ----------
        inside, around : ndarray of bool, shape (rows, columns)
            Its foreground, and its background.
        threshold : float
            The intensity that parts them.
        seed : (int, int)
            A pixel inside.
        """
        label = len(self.seeds) + 1
        shifted = self.y - threshold
        least = np.finfo(np.float64).tiny
        self.y = np.where(inside, np.maximum(shifted, least), np.where(around, np.minimum(shifted, -least), self.y))
        self.y_mask = self.y_mask | inside | around
        self.atoms = np.where(inside | around, np.int32(label), self.atoms)
        cluster = int(self.clusters.max(initial=0)) + 1
        self.clusters = np.where(inside | around, np.int32(cluster), self.clusters)
        self.seeds = np.vstack([self.seeds.reshape(-1, 2), np.array([seed], np.int32)])
        self.adjacencies = find_adjacencies(self.atoms, self.clusters, self.y)
        return label

    def grown(self, pixel: Pixel, radius: float, taken: BoolArray) -> tuple[BoolArray, BoolArray, float]:
        """Find what stands out around a pixel.

        Parameters
        ----------
        pixel : (int, int)
            Where.
        radius : float
            Radius of a typical object, in pixels.
        taken : ndarray of bool, shape (rows, columns)
            Pixels of other objects.

        Returns
        -------
        inside, around : ndarray of bool, shape (rows, columns)
            What stands out, and what it stands out of.
        threshold : float
            The intensity half-way between.

        Raises
        ------
        ImpossibleError
            Nothing stands out.
        """
        rows, columns = np.ogrid[: self.y.shape[0], : self.y.shape[1]]
        distance = np.hypot(rows - pixel[0], columns - pixel[1])
        window = (distance <= max(3.0, WINDOW * radius)) & ~taken
        smooth = gaussian(self.y, SMOOTHING)
        core = (distance <= max(1.0, CORE * radius)) & ~taken
        bright = float(smooth[core].mean())
        threshold = (bright + float(np.quantile(smooth[window], BACKGROUND))) / 2
        pieces, _ = ndimage.label((smooth > threshold) & window & (distance <= max(2.0, REACH * radius)))
        label = pieces[pixel]
        if not label:
            raise ImpossibleError("nothing stands out there; give the outline of the object")
        inside = ndimage.binary_fill_holes(pieces == label) & ~taken
        return inside, window & ~inside, threshold

    def atom_near(self, pixel: Pixel, labels: Sequence[int]) -> tuple[int, Pixel]:
        """Return the atom among some at a pixel, or nearest to it, and its pixel there."""
        if int(self.atoms[pixel]) in labels:
            return int(self.atoms[pixel]), pixel
        places = np.argwhere(np.isin(self.atoms, labels))
        row, column = places[np.square(places - pixel).sum(axis=1).argmin()].tolist()
        return int(self.atoms[row, column]), (row, column)

    def graph(self, labels: Sequence[int], apart: Sequence[int] = (), most: float = math.inf) -> ClusterGraph:
        """Return the graph of some atoms.

        Parameters
        ----------
        labels : sequence of int
            The atoms.
        apart : sequence of int, optional
            Atoms of which no two may be in one set.
        most : float, optional
            Largest distance of the seeds of two atoms in one set, in pixels.
        """
        atoms = tuple(sorted(labels))
        index = {atom: bit for bit, atom in enumerate(atoms)}
        neighbours = [0] * len(atoms)
        for a, b in self.adjacencies.tolist():
            if a in index and b in index:
                neighbours[index[a]] |= 1 << index[b]
                neighbours[index[b]] |= 1 << index[a]
        parted = sum(1 << index[atom] for atom in apart)
        near = []
        for atom, bit in index.items():
            mask = sum(1 << j for b, j in index.items() if math.dist(self.seeds[atom - 1], self.seeds[b - 1]) <= most)
            near.append((mask & ~parted if atom in apart else mask) | 1 << bit)
        return ClusterGraph(0, atoms, tuple(neighbours), tuple(near), whole=len(apart) < 2)

    def pieces(self, labels: Sequence[int]) -> list[list[int]]:
        """Return some atoms by the connected components of their graph."""
        return connected(labels, [tuple(pair) for pair in self.adjacencies.tolist()])


def _relief(y: FloatArray, region: BoolArray, markers: IntArray) -> FloatArray:
    """Return what is flooded to divide an atom: it rises with the distance from the markers, and where it is dark.

    The intensities alone would give almost all to the brightest marker where there is no valley between two of them.
    """
    distance = ndimage.distance_transform_edt(markers == 0)
    places = np.argwhere(markers)
    between = min(math.dist(a, b) for index, a in enumerate(places.tolist()) for b in places[:index].tolist())
    smooth = gaussian(np.ascontiguousarray(y), SMOOTHING)
    low, high = np.quantile(smooth[region & (y > 0)] if (region & (y > 0)).any() else smooth[region], (0.1, 0.9))
    dark = np.clip((high - smooth) / max(high - low, np.finfo(np.float64).tiny), 0, 1)
    return np.asarray(2 * distance / between + dark, np.float64)


def connected(labels: Sequence[int], pairs: Sequence[tuple[int, ...]]) -> list[list[int]]:
    """Return labels in groups that pairs connect, each ascending, the groups by their first label."""
    group = {label: label for label in sorted(labels)}

    def root(label: int) -> int:
        while group[label] != label:
            label = group[label]
        return label

    for a, b in pairs:
        if a in group and b in group:
            first, second = sorted((root(a), root(b)))
            group[second] = first
    found: dict[int, list[int]] = {}
    for label in group:
        found.setdefault(root(label), []).append(label)
    return list(found.values())


def nearest(objects: Sequence[Object], pixel: Pixel) -> int | None:
    """Return the index of the object at a pixel; None if there is none.

    Of several that hold the pixel it is the smallest. An object is also there if the pixel is outside by less than half
    of the radius of the object, for later stages move outlines; then it is the nearest one.
    """
    best: tuple[float, float, int] | None = None
    for index, item in enumerate(objects):
        if item.is_empty:
            continue
        reach = 0.5 * math.sqrt(item.area / math.pi)
        low, high = np.array(item.offset) - reach, np.array(item.offset) + item.fragment.shape + reach
        if not (low <= pixel).all() or not (pixel < high).all():
            continue
        row, column = pixel[0] - item.offset[0], pixel[1] - item.offset[1]
        places = np.argwhere(item.fragment)
        distance = math.sqrt(float(np.square(places - (row, column)).sum(axis=1).min()))
        if distance <= reach and (best is None or (distance, item.area) < best[:2]):
            best = distance, item.area, index
    return None if best is None else best[2]


def polygon(corners: Sequence[tuple[float, float]], shape: tuple[int, ...]) -> BoolArray:
    """Return the pixels whose centres are inside a polygon.

    Parameters
    ----------
    corners : sequence of (float, float)
        Row and column of the corners.
    shape : tuple of int
        Rows and columns of the image.
    """
    inside = np.zeros(shape, bool)
    columns = np.arange(shape[1])
    low = max(0, math.floor(min(row for row, _ in corners)))
    high = min(shape[0] - 1, math.ceil(max(row for row, _ in corners)))
    for row in range(low, high + 1):
        for (r0, c0), (r1, c1) in zip(corners, [*corners[1:], corners[0]], strict=True):
            if (r0 <= row) != (r1 <= row):
                inside[row] ^= columns >= c0 + (row - r0) / (r1 - r0) * (c1 - c0)
    return inside
