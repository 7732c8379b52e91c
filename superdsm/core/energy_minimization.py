"""Candidate objects: models are fitted to sets of atoms, the best family of them is chosen (TPAMI 2023, Sec. 3.3)."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from superdsm._ext.candidate_regions import enclosing_labels, union_region, valid_labels
from superdsm.core import model
from superdsm.core.distance import within
from superdsm.core.graph import ClusterGraph, cluster_graphs
from superdsm.core.objects import EMPTY, BoolArray, FloatArray, IntArray, Object
from superdsm.core.search import ClusterResult, SearchParams, TooMuchWork, search
from superdsm.parallel import Map, serial_map

__all__ = ["Minimisation", "Regions", "TooMuchWork", "minimise_energies"]

Record: TypeAlias = dict[str, Any]

PRUNINGS = ("exact", "isbi24")
COUNTS = (
    "direct_solution_trial_count",
    "direct_solution_success_count",
    "iterative_object_count",
    "iterative_computed_object_count",
    "overall_object_count",
    "overall_computed_object_count",
    "nontrivial_object_count",
    "nontrivial_computed_object_count",
)


@dataclass(frozen=True, slots=True)
class Minimisation:
    """The outcome of the global energy minimisation.

    Attributes
    ----------
    cover : list of Object
        The objects of the minimal set covers of all clusters, by their atoms.
    objects : list of Object
        All sets that a model was fitted to: cluster by cluster, single atoms, universe, then by generation.
    performance : dict of int
        Counts: see `minimise_energies`.
    log : list of dict
        A record of each fit, in the order of `objects`.
    """

    cover: list[Object]
    objects: list[Object]
    performance: dict[str, int]
    log: list[Record]


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """Cuts the regions of sets of atoms out of an image.

    Attributes
    ----------
    y : ndarray of float64, shape (rows, columns)
        Offset-corrected intensities.
    labels : ndarray of int32, same shape
        The atom of each pixel that may belong to a region, else 0.
    boxes : list of list of int
        First row, last row + 1, first column, last column + 1 by atom.
    sizes : list of int
        Number of pixels by atom.
    """

    y: FloatArray
    labels: IntArray
    boxes: list[list[int]]
    sizes: list[int]

    @classmethod
    def of(
        cls,
        y: FloatArray,
        y_mask: BoolArray,
        atoms: IntArray,
        n_atoms: int,
        background_margin: float,
        map_: Map = serial_map,
    ) -> "Regions":
        """Make the regions of an image; see `minimise_energies`."""
        near = np.ascontiguousarray(within(y > 0, background_margin, map=map_))
        mask = np.ascontiguousarray(y_mask, bool)
        labels, boxes, sizes = valid_labels(atoms, mask.view(np.uint8), near.view(np.uint8), n_atoms)
        return cls(y, labels, boxes.tolist(), sizes.tolist())

    def size(self, atoms: Sequence[int]) -> int:
        """Size of the region of a set of atoms, in pixels."""
        return sum(self.sizes[atom] for atom in atoms)

    def cut(self, atoms: Sequence[int]) -> tuple[BoolArray, FloatArray, tuple[int, int]]:
        """Return the region of a set of atoms within its bounding box, the intensities there, and the offset."""
        members = [atom for atom in atoms if self.sizes[atom]]
        if not members:
            return EMPTY, np.zeros((0, 0)), (0, 0)
        first = min(members)
        chosen = np.zeros(max(members) - first + 1, np.uint8)
        chosen[np.subtract(members, first)] = 1
        first_rows, last_rows, first_cols, last_cols = zip(*(self.boxes[atom] for atom in members), strict=True)
        offset = min(first_rows), min(first_cols)
        stop = max(last_rows), max(last_cols)
        region = union_region(self.labels, chosen, first, offset[0], stop[0], offset[1], stop[1])
        return region, self.y[offset[0] : stop[0], offset[1] : stop[1]], offset


def minimise_energies(
    y: FloatArray,
    y_mask: BoolArray,
    atoms: IntArray,
    adjacencies: IntArray,
    seeds: IntArray,
    clusters: IntArray,
    model_params: model.ModelParams,
    *,
    pruning: str = "exact",
    beta: float = 0.0,
    max_iter: int = 5,
    gamma: float = 0.8,
    max_seed_distance: float = np.inf,
    max_work_amount: float = 1e6,
    map: Map = serial_map,  # noqa: A002 - the name of the seam for parallelism
    fit: Callable[..., model.Fit] | None = None,
) -> Minimisation:
    """Find the objects of least total energy (TPAMI 2023, Sec. 3.3).

    Parameters
    ----------
    y : ndarray of float64, shape (rows, columns)
        Offset-corrected intensities.
    y_mask : ndarray of bool, same shape
        Pixels that may belong to a region.
    atoms : ndarray of int32, same shape
        Label image of the atoms 1, 2, ..., n.
    adjacencies : ndarray of int32, shape (m, 2)
        Pairs of adjacent atoms.
    seeds : ndarray, shape (n, 2)
        Row and column of the seeds of the atoms.
    clusters : ndarray of int32, shape (rows, columns)
        Label image of the clusters; each atom lies in one of them.
    model_params : superdsm.core.model.ModelParams
        Hyperparameters of the model.
    pruning : {"exact", "isbi24"}
        How sets of atoms are ruled out: such that the cover stays the same, or by their parts alone.
    beta : float
        The energy that each object costs.
    max_iter, gamma : int, float
        Number of runs of the set cover, and the factor of `beta` from run to run.
    max_seed_distance : float
        Atoms with seeds farther from each other than this are not joined, in pixels.
    max_work_amount : float
        Largest number of sets of a cluster that may have to be looked at.
    map : superdsm.parallel.Map, optional
        For parallelism; the outcome does not depend on it.
    fit : callable, optional
        Takes the place of `superdsm.core.model.fit`.

    Returns
    -------
    Minimisation
        Its `performance` counts sets of atoms: ``..._object_count`` are those that a search without pruning would fit
        (at most `max_work_amount` per cluster are counted), ``..._computed_object_count`` those that were fitted;
        "iterative" in the clusters that were neither trivial nor solved directly, "nontrivial" in those of more than
        two atoms, "overall" in all. ``direct_solution_trial_count`` is the number of clusters of more than one atom,
        ``direct_solution_success_count`` that of those of them which are a single object by Criterion 2.

    Raises
    ------
    TooMuchWork
        A cluster has too many sets of atoms.
    """
    if pruning not in PRUNINGS:
        raise ValueError(f"pruning = {pruning!r} is not known; expected one of {', '.join(PRUNINGS)}")
    params = SearchParams(pruning, beta, max_iter, gamma, max_work_amount)
    y = np.ascontiguousarray(y, np.float64)
    atoms = np.ascontiguousarray(atoms, np.int32)
    regions = Regions.of(y, y_mask, atoms, len(seeds), model_params.background_margin, map)
    atom_clusters = enclosing_labels(atoms, np.ascontiguousarray(clusters, np.int32), len(seeds))[1:]
    graphs = cluster_graphs(atom_clusters, adjacencies, seeds, max_seed_distance)
    fit = fit or model.fit

    def fit_set(atoms_of_set: tuple[int, ...]) -> tuple[Object, Record]:
        return _fit_set(regions, atoms_of_set, model_params, fit)

    results, objects, records = _solve_all(graphs, params, regions, fit_set, map)
    order = [(graph, members) for graph, result in zip(graphs, results, strict=True) for members in result.fitted]
    keys = [graph.labels(members) for graph, members in order]
    cover = [
        objects[graph.labels(members)]
        for graph, result in zip(graphs, results, strict=True)
        for members in result.cover
    ]
    return Minimisation(
        sorted(cover, key=lambda item: item.atoms),
        [objects[key] for key in keys],
        _performance(graphs, results, params),
        [records[key] for key in keys],
    )


def _solve_all(
    graphs: list[ClusterGraph],
    params: SearchParams,
    regions: Regions,
    fit_set: Callable[[tuple[int, ...]], tuple[Object, Record]],
    map_: Map,
) -> tuple[list[ClusterResult], dict[tuple[int, ...], Object], dict[tuple[int, ...], Record]]:
    """Search all clusters in step: in each round the fits that they wait for are made in one parallel map."""
    searches = [search(graph, params) for graph in graphs]
    pending = {k: next(one) for k, one in enumerate(searches)}
    results: dict[int, ClusterResult] = {}
    objects: dict[tuple[int, ...], Object] = {}
    records: dict[tuple[int, ...], Record] = {}
    while pending:
        jobs = [graphs[k].labels(members) for k, sets in pending.items() for members in sets]
        jobs.sort(key=regions.size, reverse=True)  # the longest first, so that no thread is left with one at the end
        for atoms, (item, record) in zip(jobs, map_(fit_set, jobs), strict=True):
            objects[atoms], records[atoms] = item, record
        waiting = {}
        for k, sets in pending.items():
            try:
                waiting[k] = searches[k].send([objects[graphs[k].labels(members)] for members in sets])
            except StopIteration as stop:
                results[k] = stop.value
        pending = waiting
    return [results[k] for k in range(len(graphs))], objects, records


def _fit_set(
    regions: Regions, atoms: tuple[int, ...], model_params: model.ModelParams, fit: Callable[..., model.Fit]
) -> tuple[Object, Record]:
    """Fit a model to a set of atoms; return the object and the record for the log."""
    start = time.perf_counter()
    region, y, offset = regions.cut(atoms)
    if region.size:
        result = fit(y, region, offset, regions.y.shape, model_params)
    else:
        result = model.Fit(0.0, False, False, (0, 0), EMPTY, 0, 0, 0, "noise")
    item = Object(
        atoms, result.energy, result.is_optimal, result.on_boundary, result.offset, result.fragment, result.n_pixels
    )
    record = {
        "atoms": list(atoms),
        "pixels": result.n_pixels,
        "params": result.n_params,
        "iterations": result.iterations,
        "energy": result.energy,
        "status": result.status,
        "seconds": time.perf_counter() - start,
    }
    return item, record


def _performance(graphs: list[ClusterGraph], results: list[ClusterResult], params: SearchParams) -> dict[str, int]:
    counts = dict.fromkeys(COUNTS, 0)
    limit = params.work_limit
    for graph, result in zip(graphs, results, strict=True):
        computed, possible = len(result.fitted), min(limit, graph.count_sets(limit))
        counts["direct_solution_trial_count"] += result.tried_directly
        counts["direct_solution_success_count"] += result.tried_directly and result.solved_directly
        groups = {"overall": True, "nontrivial": len(graph.atoms) > 2, "iterative": result.iterated}
        for group, belongs in groups.items():
            if belongs:
                counts[f"{group}_object_count"] += possible
                counts[f"{group}_computed_object_count"] += computed
    return counts
