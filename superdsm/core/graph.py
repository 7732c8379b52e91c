"""The adjacency graph of the atoms of a cluster, with sets of atoms as bit masks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from superdsm._ext.graph import count_connected


@dataclass(frozen=True, slots=True)
class ClusterGraph:
    """The atoms of a cluster and which of them may be joined; bit ``i`` of a bit mask is the atom ``atoms[i]``.

    Attributes
    ----------
    cluster : int
        Label of the cluster.
    atoms : tuple of int
        Labels of the atoms, ascending.
    neighbours : tuple of int
        By atom: the bit mask of the adjacent ones.
    near : tuple of int
        By atom: the bit mask of those with seeds not farther than the largest seed distance, itself included.
    whole : bool
        Whether all atoms together may be an object, however far from each other.
    """

    cluster: int
    atoms: tuple[int, ...]
    neighbours: tuple[int, ...]
    near: tuple[int, ...]
    whole: bool = True

    @property
    def universe(self) -> int:
        """The bit mask of all atoms."""
        return (1 << len(self.atoms)) - 1

    def labels(self, members: int) -> tuple[int, ...]:
        """Labels of the atoms in a bit mask, ascending."""
        return tuple(self.atoms[i] for i in bits(members))

    def extensions(self, members: int) -> Iterator[int]:
        """Indices of the atoms that may be joined to a set: adjacent, and near all of its atoms; ascending."""
        adjacent, near = 0, -1
        for i in bits(members):
            adjacent |= self.neighbours[i]
            near &= self.near[i]
        return bits(adjacent & near & ~members)

    def pairs(self, masks: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
        """Labels of the pairs of atoms that a symmetric relation holds for, given as a bit mask by atom."""
        found = ((i, j) for i, mask in enumerate(masks) for j in bits(mask) if i < j)
        return tuple((self.atoms[i], self.atoms[j]) for i, j in found)

    def count_sets(self, limit: int) -> int:
        """Count the sets that can be grown from single atoms, and the universe.

        Returns
        -------
        int
            The number of sets; ``limit + 1`` if it exceeds `limit`.
        """
        n = len(self.atoms)
        rows = [list(bits(mask)) for mask in self.neighbours]
        indptr = np.cumsum([0, *map(len, rows)], dtype=np.int32)
        indices = np.array([i for row in rows for i in row], np.int32)
        compatible = np.zeros((n, n), np.uint8)
        for i, mask in enumerate(self.near):
            compatible[i, list(bits(mask))] = 1
        count = count_connected(indptr, indices, compatible, limit)
        return min(limit + 1, count + (not self._can_grow_universe()))

    def _can_grow_universe(self) -> bool:
        universe, reached, fresh = self.universe, 1, 1
        while fresh:
            fresh = 0
            for i in bits(reached):
                fresh |= self.neighbours[i]
            fresh &= ~reached
            reached |= fresh
        return reached == universe and all(mask == universe for mask in self.near)


def bits(mask: int) -> Iterator[int]:
    """Indices of the bits that are set, ascending."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def cluster_graphs(
    atom_clusters: npt.ArrayLike,
    adjacencies: npt.ArrayLike,
    seeds: npt.ArrayLike,
    max_seed_distance: float,
) -> list[ClusterGraph]:
    """Make the graphs of all clusters.

    Parameters
    ----------
    atom_clusters : ndarray of int, shape (n,)
        The label of the cluster of atom 1, 2, ....
    adjacencies : ndarray of int, shape (m, 2)
        Pairs of adjacent atoms, in any order.
    seeds : ndarray, shape (n, 2)
        Row and column of the seed of atom 1, 2, ....
    max_seed_distance : float
        Atoms with seeds farther from each other than this are not joined, in pixels.

    Returns
    -------
    list of ClusterGraph
        By the label of the cluster, ascending. Clusters without atoms are left out.
    """
    atom_clusters = np.asarray(atom_clusters)
    order = np.argsort(atom_clusters, kind="stable")
    sorted_clusters = atom_clusters[order]
    starts = np.flatnonzero(np.diff(sorted_clusters, prepend=-1))
    groups = np.split(order + 1, starts[1:]) if order.size else []
    index = np.zeros(atom_clusters.size + 1, int)
    for group in groups:
        index[group] = np.arange(group.size)
    neighbours = [0] * (atom_clusters.size + 1)
    for a, b in np.asarray(adjacencies).tolist():
        if a != b and atom_clusters[a - 1] == atom_clusters[b - 1]:
            neighbours[a] |= 1 << int(index[b])
            neighbours[b] |= 1 << int(index[a])
    graphs = []
    for group in groups:
        labels = tuple(group.tolist())
        near = _near(np.asarray(seeds, float)[group - 1], max_seed_distance)
        graphs.append(
            ClusterGraph(int(atom_clusters[labels[0] - 1]), labels, tuple(neighbours[a] for a in labels), near)
        )
    return graphs


def _near(seeds: npt.NDArray[np.float64], max_seed_distance: float) -> tuple[int, ...]:
    n = len(seeds)
    if max_seed_distance == np.inf:
        return ((1 << n) - 1,) * n
    distance = np.hypot(*np.moveaxis(seeds[:, None] - seeds[None], -1, 0))
    near = distance <= max_seed_distance
    near[np.arange(n), np.arange(n)] = True
    return tuple(sum(1 << j for j in np.flatnonzero(row).tolist()) for row in near)
