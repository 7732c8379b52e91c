"""Clusters, the parts of an image that are analysed independently of each other, and which of their atoms touch."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from superdsm._ext.clusters import adjacent_pairs, border_counts, label_maxima, number_markers
from superdsm.core.distance import edt
from superdsm.core.watershed import watershed
from superdsm.parallel import Map, serial_map

FAINT = 0.25


def find_markers(
    y: npt.NDArray[np.float64], max_irregularity: float
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
    """Label the components of the foreground that are compact enough to be cells (TPAMI 2023, Sec. 3.3.1).

    Parameters
    ----------
    y : ndarray of float64, shape (rows, columns)
        Offset-corrected intensities; the foreground is where they are positive.
    max_irregularity : float
        Largest number of border pixels per pixel; a border pixel has a 4-neighbour in the background.

    Returns
    -------
    markers : ndarray of int32, same shape
        Labels of the 4-connected components, 1, 2, ... in raster order.
    y_mask : ndarray of bool, same shape
        False where a component was left out.
    """
    labels = np.empty(y.shape, np.int32)
    n = ndimage.label(y > 0, output=labels)
    area, border = border_counts(labels, n)
    area[0] = 1
    regular = border / area <= max_irregularity
    regular[0] = False
    numbers = np.where(regular, np.cumsum(regular), -1).astype(np.int32)
    numbers[0] = 0
    y_mask = number_markers(labels, numbers)
    return labels, y_mask


def find_clusters(
    y: npt.NDArray[np.float64],
    max_irregularity: float,
    map: Map = serial_map,  # noqa: A002 - the name of the seam for parallelism
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
    """Divide an image into clusters: the pixels that are closest to one compact component of the foreground.

    Parameters
    ----------
    y : ndarray of float64, shape (rows, columns)
        Offset-corrected intensities.
    max_irregularity : float
        See `find_markers`.
    map : Map
        Applies a function to items, possibly in several threads.

    Returns
    -------
    clusters : ndarray of int32, same shape
        Labels 1, 2, ... of the clusters, all 0 without a marker.
    y_mask : ndarray of bool, same shape
        False where a component of the foreground is too irregular to be segmented.
    """
    markers, y_mask = find_markers(y, max_irregularity)
    if not markers.any():
        return markers, y_mask
    return watershed(edt(markers == 0, map), markers), y_mask


def count_left_out(
    y: npt.NDArray[np.float64], y_mask: npt.NDArray[np.bool_], clusters: npt.NDArray[np.int32]
) -> tuple[int, int, float]:
    """Count what was left out of the foreground as irregular.

    Parameters
    ----------
    y : ndarray of float64, shape (rows, columns)
        Offset-corrected intensities.
    y_mask : ndarray of bool, same shape
        False where a component was left out.
    clusters : ndarray of int32, same shape
        Labels of the clusters; each has one component that was not left out.

    Returns
    -------
    irregular : int
        Components that stand out: their maximum is at least `FAINT` times what is typical of the others.
    specks : int
        Components that do not; noise has thousands of them.
    share : float
        Part of the foreground's intensity that was left out.
    """
    labels = np.empty(y.shape, np.int32)
    n = ndimage.label(~y_mask, output=labels)
    if n == 0:
        return 0, 0, 0.0
    y = np.ascontiguousarray(y, np.float64)
    peaks = label_maxima(labels, y, n)[1:]
    kept = label_maxima(np.ascontiguousarray(clusters, np.int32), y, int(clusters.max()))[1:]
    specks = int(np.count_nonzero(peaks < FAINT * np.median(kept))) if len(kept) else 0
    total = float(y[y > 0].sum())
    return n - specks, specks, float(y[~y_mask].sum()) / total


def find_adjacencies(
    atoms: npt.NDArray[np.int32], clusters: npt.NDArray[np.int32], y: npt.NDArray[np.float64]
) -> npt.NDArray[np.int32]:
    """Find the pairs of atoms that touch in the foreground (TPAMI 2023, Sec. 3.3.2).

    Atoms are adjacent if a pixel of one is a 4-neighbour of a pixel of the other, in the same cluster, and at least one
    of both pixels is foreground.

    Parameters
    ----------
    atoms, clusters : ndarray of int32, shape (rows, columns)
        Labels of the atoms and of the clusters; 0 elsewhere.
    y : ndarray of float64, same shape
        Offset-corrected intensities; the foreground is where they are positive.

    Returns
    -------
    ndarray of int32, shape (m, 2)
        Each pair once, the smaller label first, in lexicographic order.
    """
    pairs = np.unique(adjacent_pairs(atoms, clusters, np.ascontiguousarray(y, np.float64)))
    return np.column_stack([pairs >> 32, pairs & 0xFFFFFFFF]).astype(np.int32)
