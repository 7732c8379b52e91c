"""Graphs of clusters, and energies for all sets of their atoms, for tests."""

import itertools

from hypothesis import strategies as st

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
