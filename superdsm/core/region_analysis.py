"""Coarse-to-fine region analysis: the atoms of which objects are made (TPAMI 2023, Sec. 3.3)."""

import math
from collections import deque
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from superdsm._ext.splitter import Splitter
from superdsm.core.clusters import find_adjacencies, find_clusters
from superdsm.core.distance import within
from superdsm.core.model import elliptical_energy
from superdsm.parallel import Map, serial_map


@dataclass(frozen=True, slots=True)
class RegionAnalysis:
    """The atoms of an image.

    Attributes
    ----------
    y_mask : ndarray of bool, shape (rows, columns)
        False where a component of the foreground is too irregular to be segmented.
    atoms : ndarray of int32, same shape
        Labels 1, 2, ... of the atoms, cluster by cluster.
    adjacencies : ndarray of int32, shape (m, 2)
        Pairs of adjacent atoms, the smaller label first, in lexicographic order.
    seeds : ndarray of int32, shape (n, 2)
        Row and column of the seed of atom 1, 2, ....
    clusters : ndarray of int32, shape (rows, columns)
        Labels 1, 2, ... of the clusters.
    log : list of dict
        By cluster: its label, the numbers of its pixels, atoms, trial splits, and fits, and where there are any,
        ``given_up``: the number of regions with more failed trials than allowed.
    """

    y_mask: npt.NDArray[np.bool_]
    atoms: npt.NDArray[np.int32]
    adjacencies: npt.NDArray[np.int32]
    seeds: npt.NDArray[np.int32]
    clusters: npt.NDArray[np.int32]
    log: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class SplitRules:
    """Hyperparameters of the analysis of a cluster; see `analyse_regions`."""

    background_margin: float
    seed_connectivity: int
    min_size: float
    max_atom_norm_energy: float
    min_norm_energy_improvement: float
    max_failed_trials: int


@dataclass(slots=True)
class ClusterAtoms:
    """The atoms of a cluster: labels 1, 2, ... in its bounding box, their seeds therein, and a record for the log."""

    atoms: npt.NDArray[np.int32]
    seeds: list[tuple[float, float]]
    record: dict[str, int]


class NormEnergies:
    """Elliptical energies per pixel of the regions of a cluster, each computed once.

    Attributes
    ----------
    fits : int
        Number of models fitted so far.
    """

    def __init__(self, y: npt.NDArray[np.float64], splitter: Splitter) -> None:
        self.fits = 0
        self._y = y
        self._splitter = splitter
        self._known: dict[tuple[int, int, tuple[int, ...], bytes], float] = {}  # by place, shape and digest

    def __call__(self, region: int, part: int = 0) -> float | None:
        """Return the energy per pixel; None if the pixels are all foreground or all background."""
        found = self._splitter.omega(region, part)
        if found is None:
            return None
        row, column, omega = found
        key = row, column, omega.shape, blake2b(omega.data, digest_size=16).digest()
        if key not in self._known:
            self.fits += 1
            y = self._y[row : row + omega.shape[0], column : column + omega.shape[1]]
            self._known[key] = elliptical_energy(y, omega) / np.count_nonzero(omega)
        return self._known[key]


def split_cluster(
    y: npt.NDArray[np.float64], cluster: npt.NDArray[np.bool_], y_mask: npt.NDArray[np.bool_], rules: SplitRules
) -> ClusterAtoms:
    """Split a cluster into atoms, as long as this lowers the elliptical energy per pixel enough.

    Parameters
    ----------
    y : ndarray of float64, shape (rows, columns)
        Offset-corrected intensities in the bounding box of the cluster.
    cluster : ndarray of bool, same shape
        The pixels of the cluster; 4-connected.
    y_mask : ndarray of bool, same shape
        Pixels that may hold seeds and to which models are fitted.
    rules : SplitRules

    Returns
    -------
    ClusterAtoms
    """
    y = np.ascontiguousarray(y)
    near = within(y > 0, rules.background_margin)
    inside = cluster & y_mask
    splitter = Splitter(y, cluster.view(np.uint8), inside.view(np.uint8), near.view(np.uint8), rules.seed_connectivity)
    norm_energy = NormEnergies(y, splitter)
    seed = splitter.find_seed(0)
    # Without any maximum (next to a brighter pixel of another cluster, diagonally) the cluster cannot be split.
    seeds = {0: splitter.brightest() if seed is None else seed}
    splitter.mark_tried(seeds[0])
    root = norm_energy(0)
    queue = deque([(0, root)] if root is not None and root > rules.max_atom_norm_energy else [])
    leaves = [] if queue else [0]
    n_trials = 0
    failed, given_up = {0: 0}, 0  # trials of each region since it came about; regions with too many

    def better(after: float, before: float) -> bool:
        return 1 - after / before >= rules.min_norm_energy_improvement

    while queue:
        region, before = queue.popleft()
        seed = splitter.find_seed(region) if splitter.size(region) >= 2 * rules.min_size else None
        if seed is not None and failed[region] >= rules.max_failed_trials:
            given_up += 1
            seed = None
        if seed is None:
            leaves.append(region)
            continue
        n_trials += 1
        splitter.mark_tried(seed)
        size1, size2 = splitter.split(region, seeds[region], seed)
        if size1 < rules.min_size:
            seeds[region] = seed
        elif size2 >= rules.min_size:
            after1 = norm_energy(region, 1)
            # the second part is not looked at where the first one decides
            after2 = norm_energy(region, 2) if after1 is None or better(after1, before) else None
            if after1 is None and after2 is not None:
                seeds[region] = seed
            elif after1 is not None and after2 is not None and better(after2, before):
                child = splitter.accept(region)
                seeds[child] = seed
                failed[region] = failed[child] = 0
                for part, energy in ((region, after1), (child, after2)):
                    if energy > rules.max_atom_norm_energy:
                        queue.append((part, energy))
                    else:
                        leaves.append(part)
                continue
        failed[region] += 1
        queue.append((region, before))
    atoms = np.zeros(y.shape, np.int32)
    leaves.sort()  # in the order in which regions were split off
    for label, region in enumerate(leaves, 1):
        splitter.paint(atoms, region, label)
    record = {"atoms": len(leaves), "trials": n_trials, "fits": norm_energy.fits}
    if given_up:
        record["given_up"] = given_up
    return ClusterAtoms(atoms, [splitter.center(seeds[region]) for region in leaves], record)


def analyse_regions(
    y: npt.NDArray[np.float64],
    *,
    background_margin: float,
    seed_connectivity: int,
    min_atom_radius: float,
    max_atom_norm_energy: float,
    min_norm_energy_improvement: float,
    max_cluster_marker_irregularity: float,
    max_failed_trials: int,
    map: Map = serial_map,  # noqa: A002 - the name of the seam for parallelism
) -> RegionAnalysis:
    """Divide an image into clusters, and these into atoms (TPAMI 2023, Sec. 3.3).

    Parameters
    ----------
    y : ndarray of float64, shape (rows, columns)
        Offset-corrected intensities.
    background_margin : float
        Pixels farther than this from the foreground are left out of fits, in pixels.
    seed_connectivity : int
        Neighbourhood of the local maxima that are seeds, 4 or 8.
    min_atom_radius : float
        Regions smaller than a disk of this radius are not split off, in pixels.
    max_atom_norm_energy : float
        Regions of a higher energy per pixel are split further; not negative.
    min_norm_energy_improvement : float
        Relative improvement of the energy per pixel that a split must bring; may be -inf.
    max_cluster_marker_irregularity : float
        Components of the foreground with more border pixels per pixel are left out.
    max_failed_trials : int
        A region is not split further after so many trials that brought nothing. Each floods the region, whose local
        maxima are as many as its pixels are in noise: without a bound, time would grow with the square of the pixels.
    map : Map
        Applies a function to items, possibly in several threads. The result is the same whatever it does.

    Returns
    -------
    RegionAnalysis

    Raises
    ------
    ValueError
        A hyperparameter is out of range, or `y` is not two-dimensional or not finite.
    """
    y = np.ascontiguousarray(y, np.float64)
    if y.ndim != 2 or not np.isfinite(y).all():
        raise ValueError("the intensities must be a two-dimensional array of finite numbers")
    if seed_connectivity not in (4, 8):
        raise ValueError(f"seed_connectivity must be 4 or 8, not {seed_connectivity}")
    if not max_atom_norm_energy >= 0:
        raise ValueError(f"max_atom_norm_energy must not be negative, but is {max_atom_norm_energy}")
    rules = SplitRules(
        background_margin,
        seed_connectivity,
        math.pi * min_atom_radius**2,
        max_atom_norm_energy,
        min_norm_energy_improvement,
        max_failed_trials,
    )
    clusters, y_mask = find_clusters(y, max_cluster_marker_irregularity, map)
    boxes = ndimage.find_objects(clusters)
    n_pixels = np.bincount(clusters.ravel(), minlength=len(boxes) + 1)
    # The largest clusters first: what is done last by parallel threads should be short.
    order = np.argsort(-n_pixels[1:], kind="stable").tolist()
    results = dict(zip(order, map(partial(_split, y, y_mask, clusters, boxes, rules), order), strict=True))

    atoms = np.zeros(y.shape, np.int32)
    seeds: list[tuple[float, float]] = []
    log: list[dict[str, Any]] = []
    for index, box in enumerate(boxes):
        result = results[index]
        np.copyto(atoms[box], result.atoms + len(seeds), where=result.atoms > 0)
        seeds += [(box[0].start + row, box[1].start + column) for row, column in result.seeds]
        log.append({"cluster": index + 1, "pixels": int(n_pixels[index + 1]), **result.record})
    positions = np.rint(np.array(seeds, np.float64).reshape(-1, 2)).astype(np.int32)
    return RegionAnalysis(y_mask, atoms, find_adjacencies(atoms, clusters, y), positions, clusters, log)


def _split(
    y: npt.NDArray[np.float64],
    y_mask: npt.NDArray[np.bool_],
    clusters: npt.NDArray[np.int32],
    boxes: list[tuple[slice, ...]],
    rules: SplitRules,
    index: int,
) -> ClusterAtoms:
    box = boxes[index]
    return split_cluster(y[box], clusters[box] == index + 1, y_mask[box], rules)
