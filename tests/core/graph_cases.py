"""Graphs of clusters, and energies for all sets of their atoms, for tests."""

import itertools

import numpy as np
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from superdsm.core.graph import ClusterGraph
from superdsm.core.search import SetEnergy, search


def graph_of(n, edges, near=None):
    neighbours = [0] * n
    for a, b in edges:
        neighbours[a] |= 1 << b
        neighbours[b] |= 1 << a
    universe = (1 << n) - 1
    return ClusterGraph(1, tuple(range(1, n + 1)), tuple(neighbours), tuple(near or [universe] * n))


def solve(graph, energy, params, is_optimal=lambda members: True):
    """Run a search with energies from a function; also return the batches."""
    batches = []
    steps = search(graph, params)
    sets = next(steps)
    while True:
        batches.append(sets)
        try:
            sets = steps.send([SetEnergy(energy(m), is_optimal(m), energy(m) if is_optimal(m) else 0.0) for m in sets])
        except StopIteration as stop:
            return stop.value, batches


@st.composite
def graphs(draw, max_size=6):
    n = draw(st.integers(1, max_size))
    pairs = list(itertools.combinations(range(n), 2))
    edges = [pair for pair in pairs if draw(st.booleans())]
    return n, edges


@st.composite
def superadditive(draw):
    """A graph, and energies as sums of non-negative parts for all subsets: superadditive by construction."""
    n, edges = draw(graphs())
    parts = [draw(st.sampled_from([0.0, 0.0, 0.5, 1.0, 3.0, 7.0])) for _ in range(1 << n)]
    energies = [sum(parts[sub] for sub in range(1, members + 1) if sub & members == sub) for members in range(1 << n)]
    return n, edges, energies


@st.composite
def planar(draw, max_size=9):
    """The Delaunay graph of random points, and superadditive energies: sums over the atoms and the pairs of a set."""
    n = draw(st.integers(4, max_size))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    points = rng.random((n, 2))
    triangles = Delaunay(points).simplices
    edges = sorted({tuple(sorted(pair)) for t in triangles.tolist() for pair in itertools.combinations(t, 2)})
    own = 0.2 * rng.random(n)
    same = rng.integers(0, 3, n)  # the object to which an atom belongs: pairs of different objects are expensive

    def energy(members):
        inside = [i for i in range(n) if members >> i & 1]
        pairs = itertools.combinations(inside, 2)
        return float(own[inside].sum()) + sum(0.05 + 3.0 * (same[a] != same[b]) for a, b in pairs)

    return n, edges, energy
