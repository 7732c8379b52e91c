"""Corrections by hand: what a person says of objects becomes constraints of the energy minimisation.

A correction fixes sets of atoms that have to be in the cover, or forbids sets that hold atoms which belong to different
objects. What is left free is minimised again: sets that are merged get the one model of their union; an object that is
split is covered anew by as many sets as there are points, each with one of them, of the least energy; atoms that an
object loses to another one are covered anew. All other objects stay. They are still the best ones: a better cover of
their atoms would have been part of a better cover of their cluster.

Atoms are divided where two points of a split are in one of them, and added where there was no foreground.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from superdsm.core.candidate_regions import Regions
from superdsm.core.certificate import (
    Json,
    certify_cluster,
    without_superadditivity,
)
from superdsm.core.correction_certificate import corrected_certificate
from superdsm.core.correction_scene import ImpossibleError, Pixel, Scene, nearest, polygon
from superdsm.core.correction_setting import Setting
from superdsm.core.energy_minimization import Fitter, Minimisation, mark_cover, solve_all
from superdsm.core.objects import CORRECTED, OUTLINED, BoolArray, Object, cropped
from superdsm.core.search import SetEnergy
from superdsm.parallel import Map, serial_map

MOST_SETS = 2000  # models that a split fits, where max_cluster_sets says nothing


@dataclass(slots=True)
class _Corrector:
    """The objects of an image while they are corrected.

    Attributes
    ----------
    scene, setting, map
        What to work with.
    cover : list of Object
        The objects as they are now.
    objects, records, lower
        The models that were fitted by their atoms, their records for the log, and lower bounds of their energies.
    gaps : dict of int to float
        By cluster: what the cover may cost too much on account of the search.
    touched : list of tuple of int
        Sets of atoms that belong together since a correction was about them.
    fitter : Fitter or None
        Fits models to the atoms as they are now.
    """

    scene: Scene
    setting: Setting
    map: Map
    cover: list[Object]
    objects: dict[tuple[int, ...], Object]
    records: dict[tuple[int, ...], Json]
    lower: dict[tuple[int, ...], float]
    touched: list[tuple[int, ...]] = field(default_factory=list)
    gaps: dict[tuple[int, ...], float] = field(default_factory=dict)
    fitter: Fitter | None = None

    # --- places ---

    def pixel(self, point: Sequence[float]) -> Pixel:
        """Return the pixel of the working grid at a point of the image."""
        zoom, shape = self.setting.zoom, self.scene.y.shape
        row, column = (math.floor((position + 0.5) * zoom) for position in point)
        if not (0 <= row < shape[0] and 0 <= column < shape[1]):
            raise ImpossibleError(f"the point {_text(point)} is outside of the image")
        return row, column

    def at(self, point: Sequence[float]) -> int:
        """Return the index of the object at a point."""
        found = nearest(self.cover, self.pixel(point))
        if found is None:
            raise ImpossibleError(f"the point {_text(point)} is in no object")
        return found

    # --- what can be said ---

    def merge(self, points: Sequence[Sequence[float]]) -> None:
        """Make one object of several."""
        found = sorted({self.at(point) for point in points})
        atoms = sorted({atom for index in found for atom in self.cover[index].atoms})
        if len(found) == 1:
            self.put(found, [_fixed(self.cover[found[0]])])
            return
        whole = self.fit([tuple(atoms)])[0]
        if whole.is_empty:
            raise ImpossibleError("no outline fits these objects together; add one by its outline")
        self.put(found, [_fixed(whole)])
        self.free(set(atoms))

    def split(self, points: Sequence[Sequence[float]]) -> None:
        """Make several objects of one: one for each point."""
        found = sorted({self.at(point) for point in points})
        if len(found) == len(points):
            self.put(found, [_fixed(self.cover[index]) for index in found])
            return
        labels = sorted({atom for index in found for atom in self.cover[index].atoms})
        places = [self.scene.atom_near(self.pixel(point), labels) for point in points]
        if len({pixel for _, pixel in places}) < len(places):
            raise ImpossibleError("two of the points are in the same pixel; take them farther apart")
        markers = self.markers(places)
        labels = sorted({*labels, *markers})
        parts = self.divided(labels, markers)
        if len(parts) < len(points):
            raise ImpossibleError("no outlines fit the parts; drop the object, and add each part by its outline")
        self.put(found, [_fixed(part) for part in parts])
        self.touched.append(tuple(labels))

    def drop(self, points: Sequence[Sequence[float]]) -> None:
        """Remove an object."""
        self.put([self.at(points[0])], [])

    def keep(self, points: Sequence[Sequence[float]]) -> None:
        """Let an object be as it is, whatever later stages say."""
        index = self.at(points[0])
        self.put([index], [_fixed(self.cover[index])])

    def add(self, points: Sequence[Sequence[float]], outline: Sequence[Sequence[float]] = ()) -> None:
        """Add an object; one that is there is kept."""
        if outline:
            self.draw(outline)
            return
        pixel = self.pixel(points[0])
        index = nearest(self.cover, pixel)
        taken = self.taken()
        if index is not None and taken[pixel]:
            self.put([index], [_fixed(self.cover[index])])
            return
        inside, around, threshold = self.scene.grown(pixel, self.setting.radius, taken)
        label = self.new_atom(inside, around, threshold, pixel)
        found = self.fit([(label,)])[0]
        if found.is_empty:  # too small or too odd for a model
            found = _with_mask(found, inside)
        self.put([], [_fixed(found)])

    def draw(self, outline: Sequence[Sequence[float]]) -> None:
        """Add an object that has been drawn."""
        zoom = self.setting.zoom
        corners = [((row + 0.5) * zoom - 0.5, (column + 0.5) * zoom - 0.5) for row, column in outline]
        inside = polygon(corners, self.scene.y.shape) & ~self.taken()
        if not inside.any():
            raise ImpossibleError("within the outline is no pixel that belongs to no other object; drop that one first")
        rows, columns = np.nonzero(inside)
        middle = len(rows) // 2
        label = self.new_atom(inside, np.zeros_like(inside), 0.0, (int(rows[middle]), int(columns[middle])))
        found = _with_mask(self.fit([(label,)])[0], inside)
        self.put([], [_fixed(found, OUTLINED)])

    # --- carrying it out ---

    def put(self, indices: Sequence[int], objects: Sequence[Object]) -> None:
        """Put objects in the place of others."""
        gone = [self.cover[index] for index in indices]
        self.touched.append(tuple(sorted({atom for item in (*gone, *objects) for atom in item.atoms})))
        self.cover = [item for index, item in enumerate(self.cover) if index not in set(indices)] + list(objects)

    def free(self, atoms: set[int]) -> None:
        """Cover anew what is left of objects that have lost some of their atoms to one that was fixed."""
        losers = [index for index, item in enumerate(self.cover) if atoms & set(item.atoms) and not item.is_corrected]
        rest = sorted({atom for index in losers for atom in self.cover[index].atoms} - atoms)
        if losers:
            self.put(losers, self.minimised(rest))

    def taken(self) -> BoolArray:
        """Return the pixels of all objects."""
        mask = np.zeros(self.scene.y.shape, bool)
        for item in self.cover:
            item.draw(mask)
        return mask

    def new_atom(self, inside: BoolArray, around: BoolArray, threshold: float, seed: Pixel) -> int:
        """Add an atom to the scene."""
        self.fitter = None
        return self.scene.add(inside, around, threshold, seed)

    def markers(self, places: Sequence[tuple[int, Pixel]]) -> list[int]:
        """Return an atom for each place; atoms with several places are divided."""
        by_atom: dict[int, list[int]] = {}
        for number, (atom, _) in enumerate(places):
            by_atom.setdefault(atom, []).append(number)
        markers = [atom for atom, _ in places]
        for atom, numbers in by_atom.items():
            if len(numbers) == 1:
                continue
            parts = self.scene.divide(atom, [places[number][1] for number in numbers])
            for number, part in zip(numbers, parts, strict=True):
                markers[number] = part
            self.fitter = None
            for known in (self.objects, self.records, self.lower):  # of what the atom was before
                for gone in [atoms for atoms in known if atom in atoms]:
                    del known[gone]
        return markers

    def fit(self, sets: Sequence[tuple[int, ...]]) -> list[Object]:
        """Return models of sets of atoms."""
        fitter = self.fits()
        fitter.fit_all([(0, atoms) for atoms in sets], self.map)
        self.remember(fitter)
        return [fitter.objects[atoms] for atoms in sets]

    def fits(self) -> Fitter:
        """Return what fits models to the atoms as they are now, and knows those that were fitted before."""
        if self.fitter is None:
            scene, params = self.scene, self.setting.model_params
            margin = params.background_margin
            regions = Regions.of(scene.y, scene.y_mask, scene.atoms, len(scene.seeds), margin, self.map)
            function = self.setting.fit_for(scene.y, scene.atoms)
            self.fitter = Fitter(regions, params, function, self.setting.certify, math.inf, [0.0])
        fitter = self.fitter
        fitter.timeout, fitter.seconds = math.inf, [0.0]
        for atoms, item in self.objects.items():
            fitter.objects.setdefault(atoms, item)
            energy = SetEnergy.of(item.energy, item.is_optimal, self.lower.get(atoms))
            fitter.energies.setdefault(atoms, energy)
            fitter.records.setdefault(atoms, self.records[atoms])
        return fitter

    def remember(self, fitter: Fitter) -> None:
        """Take over the models that were fitted."""
        for atoms, item in fitter.objects.items():
            if atoms not in self.objects:
                self.objects[atoms], self.records[atoms] = item, fitter.records[atoms]
                if self.setting.certify:
                    self.lower[atoms] = fitter.energies[atoms].lower

    def minimised(self, labels: Sequence[int]) -> list[Object]:
        """Return the cover of some atoms of the least energy."""
        setting = self.setting
        graphs = [self.scene.graph(piece, most=setting.max_seed_distance) for piece in self.scene.pieces(labels)]
        fitter = self.fits()
        fitter.seconds = [0.0] * len(graphs)
        results = solve_all(graphs, setting.search, fitter, setting.cluster_timeout, self.map)
        certificates = [certify_cluster(result) for result in results]
        if not setting.superadditive:
            certificates = [without_superadditivity(one, setting.search.beta) for one in certificates]
        self.remember(fitter)
        mark_cover(certificates, fitter, setting.search.beta)
        for one in certificates:
            self.gaps[one.atoms] = one.gap
        return [fitter.objects[atoms] for one in certificates for atoms in one.cover]

    def divided(self, labels: Sequence[int], markers: Sequence[int]) -> list[Object]:
        """Return the cover of some atoms by as few sets as can be, no two markers in one, of the least energy."""
        setting = self.setting
        pieces = self.scene.pieces(labels)
        graphs = [self.scene.graph(piece, [atom for atom in markers if atom in piece]) for piece in pieces]
        fitter = self.fits()
        # With so large a price of a further object, the best cover is one of those with the fewest objects.
        known = [item.energy for atoms, item in self.objects.items() if set(atoms) <= set(labels)]
        singles = [item.energy for item in self.fit([(atom,) for atom in labels])]
        price = setting.search.beta + 1.0 + math.fsum(singles) + max(known, default=0.0)
        sets = setting.search.max_cluster_sets or MOST_SETS
        params = replace(setting.search, pruning="exact", cover="exact", beta=price, max_cluster_sets=sets)
        fitter.seconds = [0.0] * len(graphs)
        results = solve_all(graphs, params, fitter, setting.cluster_timeout, self.map)
        self.remember(fitter)
        found = [
            graph.labels(members) for graph, result in zip(graphs, results, strict=True) for members in result.cover
        ]
        if len(found) > len(markers):  # the budget was spent before the sets were large enough
            found = self.shares(labels, markers)
        return [item for item in self.fit(found) if not item.is_empty]

    def shares(self, labels: Sequence[int], markers: Sequence[int]) -> list[tuple[int, ...]]:
        """Give each atom to the marker that is the fewest steps away in the graph, or else nearest."""
        seeds, pairs = self.scene.seeds, self.scene.adjacencies.tolist()
        neighbours: dict[int, set[int]] = {label: set() for label in labels}
        for a, b in pairs:
            if a in neighbours and b in neighbours:
                neighbours[a].add(b)
                neighbours[b].add(a)
        owner = {marker: marker for marker in markers}
        fresh = list(markers)
        while fresh:
            reached = [(b, owner[a]) for a in fresh for b in sorted(neighbours[a]) if b not in owner]
            fresh = []
            for atom, marker in reached:
                if atom not in owner:
                    owner[atom] = marker
                    fresh.append(atom)
        for atom in labels:
            owner.setdefault(atom, min(markers, key=lambda marker: math.dist(seeds[marker - 1], seeds[atom - 1])))
        return [tuple(sorted(atom for atom in labels if owner[atom] == marker)) for marker in markers]


def correct(
    outcome: Minimisation,
    corrections: Mapping[str, Any],
    scene: Scene,
    setting: Setting,
    map: Map = serial_map,  # noqa: A002 - the name of the seam for parallelism
) -> Minimisation:
    """Carry out corrections by hand, one after the other.

    Parameters
    ----------
    outcome : Minimisation
        The outcome without them.
    corrections : mapping
        See `superdsm.corrections.Corrections.field`: the list ``corrections``, and ``source``, where they come from.
    scene : Scene
        The atoms; it is changed.
    setting : Setting
        What to work with.
    map : superdsm.parallel.Map, optional
        For parallelism; the outcome does not depend on it.

    Returns
    -------
    Minimisation
        Its objects that were corrected have the reason `superdsm.core.objects.CORRECTED`. Atoms that were divided or
        added have labels beyond those of the region analysis; the first part of a divided one keeps its label.

    Raises
    ------
    ImpossibleError
        One of them cannot be carried out; names the source, and which one it is.
    """
    lower = outcome.certificate["lower_energies"] if outcome.certificate else None
    corrector = _Corrector(
        scene,
        setting,
        map,
        list(outcome.cover),
        {item.atoms: item for item in outcome.objects},
        {item.atoms: record for item, record in zip(outcome.objects, outcome.log, strict=True)},
        {item.atoms: bound for item, bound in zip(outcome.objects, lower or [], strict=bool(lower))},
    )
    for number, item in enumerate(corrections["corrections"], 1):
        given = {name: item[name] for name in ("points", "outline") if name in item}
        try:
            getattr(corrector, item["action"])(**{"points": (), **given} if item["action"] == "add" else given)
        except ImpossibleError as exc:
            raise ImpossibleError(f"{corrections['source']}: correction {number} ({item['action']}): {exc}") from exc
    return Minimisation(
        sorted(corrector.cover, key=lambda item: item.atoms),
        list(corrector.objects.values()),
        outcome.performance,
        [corrector.records[atoms] for atoms in corrector.objects],
        corrected_certificate(
            outcome.certificate,
            corrector.cover,
            corrector.touched,
            corrector.gaps,
            list(corrector.objects),
            [corrector.lower[atoms] for atoms in corrector.objects] if setting.certify else None,
            setting.search.beta,
        ),
        outcome.warnings,
    )


def _fixed(item: Object, *more: str) -> Object:
    """Return an object of which a person has said that it is right."""
    reasons = dict.fromkeys((CORRECTED, *more, *(name for name in item.reasons if name == OUTLINED)))
    return replace(item, margin=None, confidence=1.0, reasons=tuple(reasons))


def _with_mask(item: Object, mask: BoolArray) -> Object:
    offset, fragment = cropped(mask, (0, 0))
    rows, columns = mask.shape
    edge = offset[0] == 0 or offset[1] == 0
    edge = edge or offset[0] + fragment.shape[0] == rows or offset[1] + fragment.shape[1] == columns
    return replace(item, offset=offset, fragment=fragment, on_boundary=edge, n_pixels=int(np.count_nonzero(mask)))


def _text(point: Sequence[float]) -> str:
    return f"({point[0]:g}, {point[1]:g})"
