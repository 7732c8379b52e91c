"""Candidate objects: models are fitted to sets of atoms, the best family of them is chosen (TPAMI 2023, Sec. 3.3)."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from superdsm._ext.candidate_regions import enclosing_labels
from superdsm.core import model
from superdsm.core.candidate_regions import Regions
from superdsm.core.certificate import (
    ClusterCertificate,
    certificate_of_image,
    certify_cluster,
    confidence,
    warnings,
    without_superadditivity,
)
from superdsm.core.graph import ClusterGraph, cluster_graphs
from superdsm.core.objects import EMPTY, BoolArray, FloatArray, IntArray, Object
from superdsm.core.search import ClusterResult, SearchParams, SetEnergy, TooMuchWork, search
from superdsm.parallel import Map, serial_map

__all__ = ["Fitter", "Minimisation", "TooMuchWork", "mark_cover", "minimise_energies", "solve_all"]

Record: TypeAlias = dict[str, Any]

PRUNINGS = ("exact", "isbi24")
COVERS = ("greedy", "exact")
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
    certificate : dict
        How far the cover is from the optimum at most: see `superdsm.core.certificate.certificate_of_image`.
    warnings : list of str
        What the user should know.
    """

    cover: list[Object]
    objects: list[Object]
    performance: dict[str, int]
    log: list[Record]
    certificate: Record
    warnings: list[str]


def minimise_energies(
    y: FloatArray,
    y_mask: BoolArray,
    atoms: IntArray,
    adjacencies: IntArray,
    seeds: IntArray,
    clusters: IntArray,
    model_params: model.ModelParams,
    *,
    pruning: str,
    beta: float,
    max_iter: int,
    gamma: float,
    max_seed_distance: float,
    max_work_amount: float,
    cover: str,
    cover_timeout: float,
    max_cluster_sets: int | None,
    cluster_timeout: float,
    certify: bool,
    map: Map = serial_map,  # noqa: A002 - the name of the seam for parallelism
    fit: Callable[..., model.Fit] | None = None,
    superadditive: bool = True,
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
    cover : {"greedy", "exact"}
        How the cover is chosen among the fitted sets.
    cover_timeout : float
        Limit of the branch and bound for the exact cover of a large cluster, in seconds.
    max_cluster_sets : int or None
        Most sets of a cluster to which a model is fitted, beyond its atoms and their union; the most promising ones of
        a generation come first. Then the best cover so far is taken. With it, `max_work_amount` is not needed.
    cluster_timeout : float
        The same for the time that the fits of a cluster take, in seconds. The outcome depends on the clock then.
    certify : bool
        Whether the energy of each fit is bounded by duality, instead of by the rule by which the solver stops.
    map : superdsm.parallel.Map, optional
        For parallelism; the outcome does not depend on it.
    fit : callable, optional
        Takes the place of `superdsm.core.model.fit`.
    superadditive : bool, optional
        Whether the energies that `fit` returns are superadditive, which certificates rest on.

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
    for name, value, known in (("pruning", pruning, PRUNINGS), ("cover", cover, COVERS)):
        if value not in known:
            raise ValueError(f"{name} = {value!r} is not known; expected one of {', '.join(known)}")
    params = SearchParams(pruning, beta, max_iter, gamma, max_work_amount, cover, cover_timeout, max_cluster_sets)
    y = np.ascontiguousarray(y, np.float64)
    atoms = np.ascontiguousarray(atoms, np.int32)
    regions = Regions.of(y, y_mask, atoms, len(seeds), model_params.background_margin, map)
    atom_clusters = enclosing_labels(atoms, np.ascontiguousarray(clusters, np.int32), len(seeds))[1:]
    graphs = cluster_graphs(atom_clusters, adjacencies, seeds, max_seed_distance)
    fitter = Fitter(regions, model_params, fit or model.fit, certify, np.inf, [0.0] * len(graphs))
    results = solve_all(graphs, params, fitter, cluster_timeout, map)
    order = [graph.labels(members) for graph, result in zip(graphs, results, strict=True) for members in result.fitted]
    certificates = [certify_cluster(result) for result in results]
    if not superadditive:
        certificates = [without_superadditivity(certificate, beta) for certificate in certificates]
    mark_cover(certificates, fitter, beta)
    settings = {
        "pruning": pruning,
        "cover": cover,
        "beta": beta,
        "max_seed_distance": None if max_seed_distance == np.inf else max_seed_distance,
    }
    bounds = [fitter.energies[labels].lower for labels in order] if certify else None
    return Minimisation(
        [fitter.objects[labels] for labels in sorted(labels for item in certificates for labels in item.cover)],
        [fitter.objects[labels] for labels in order],
        _performance(graphs, results, params),
        [fitter.records[labels] for labels in order],
        certificate_of_image(certificates, bounds, **settings),
        warnings(certificates),
    )


def mark_cover(certificates: Sequence[ClusterCertificate], fitter: "Fitter", beta: float) -> None:
    """Add to the objects of all covers how much better they are than what else could be there."""
    for item in certificates:
        for labels, margin in zip(item.cover, item.margins, strict=True):
            found = fitter.objects[labels]
            # A surface that is nowhere positive costs log 2 for each foreground pixel at least.
            foreground = np.count_nonzero(fitter.regions.y[found.slices][found.fragment] > 0)
            empty = foreground * math.log(2) - found.energy
            margin = max(0.0, min(margin, empty))
            fitter.objects[labels] = replace(
                found, margin=margin, confidence=confidence(margin, beta), reasons=item.reasons
            )


def solve_all(
    graphs: list[ClusterGraph], params: SearchParams, fitter: "Fitter", timeout: float, map_: Map
) -> list[ClusterResult]:
    """Search all clusters in step: in each round the fits that they wait for are made in one parallel map."""
    searches = [search(graph, params) for graph in graphs]
    pending = {k: next(one) for k, one in enumerate(searches)}
    results: dict[int, ClusterResult] = {}
    while pending:
        fitter.fit_all([(k, graphs[k].labels(members)) for k, sets in pending.items() for members in sets], map_)
        fitter.timeout = timeout  # the atoms and their unions are always fitted
        waiting = {}
        for k, sets in pending.items():
            start = time.perf_counter()
            try:
                waiting[k] = searches[k].send([fitter.energies.get(graphs[k].labels(members)) for members in sets])
            except StopIteration as stop:
                results[k] = stop.value
            fitter.seconds[k] += time.perf_counter() - start
        pending = waiting
    return [results[k] for k in range(len(graphs))]


@dataclass(slots=True, eq=False)
class Fitter:
    """Fits models to sets of atoms, within the time of each cluster, and keeps what it finds.

    Attributes
    ----------
    regions, model_params, function, certify
        What is needed for a fit; see `minimise_energies`.
    timeout : float
        Seconds for a cluster.
    seconds : list of float
        What was spent so far, by cluster.
    objects, records, energies : dict
        By the labels of the atoms.
    """

    regions: Regions
    model_params: model.ModelParams
    function: Callable[..., model.Fit]
    certify: bool
    timeout: float
    seconds: list[float]
    objects: dict[tuple[int, ...], Object] = field(default_factory=dict)
    records: dict[tuple[int, ...], Record] = field(default_factory=dict)
    energies: dict[tuple[int, ...], SetEnergy] = field(default_factory=dict)

    def fit_all(self, jobs: list[tuple[int, tuple[int, ...]]], map_: Map) -> None:
        """Fit models to the sets of atoms, each with the index of its cluster, the longest fits first.

        Those that have one are passed over.
        """
        jobs = [job for job in jobs if job[1] not in self.energies]
        jobs = sorted(jobs, key=lambda job: self.regions.size(job[1]), reverse=True)  # no thread is left with one
        for (_, atoms), outcome in zip(jobs, map_(self._fit, jobs), strict=True):
            if outcome is not None:
                self.objects[atoms], self.records[atoms], self.energies[atoms] = outcome

    def _fit(self, job: tuple[int, tuple[int, ...]]) -> tuple[Object, Record, SetEnergy] | None:
        """Fit a model; return the object, the record for the log, and the energy, or None if the time is over."""
        cluster, atoms = job
        if self.seconds[cluster] > self.timeout:
            return None
        start = time.perf_counter()
        region, y, offset = self.regions.cut(atoms)
        if region.size:
            options = {"bound": True} if self.certify else {}
            result = self.function(y, region, offset, self.regions.y.shape, self.model_params, **options)
        else:
            result = model.Fit(0.0, False, False, (0, 0), EMPTY, 0, 0, 0, "noise")
        item = Object(
            atoms, result.energy, result.is_optimal, result.on_boundary, result.offset, result.fragment, result.n_pixels
        )
        seconds = time.perf_counter() - start
        self.seconds[cluster] += seconds
        record = {
            "atoms": list(atoms),
            "pixels": result.n_pixels,
            "params": result.n_params,
            "iterations": result.iterations,
            "energy": result.energy,
            "status": result.status,
            "seconds": seconds,
        }
        return item, record, SetEnergy.of(result.energy, result.is_optimal, result.lower)


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
