"""The graph of a cluster, and its connected sets."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm._ext.graph import count_connected
from superdsm.core.graph import cluster_graphs
from tests.core.graph_cases import graph_of, graphs
from tests.examples import examples
from tests.twins import setcover as twin


@settings(deadline=None, max_examples=examples(100))
@given(graphs(), st.data())
def test_connected_sets_are_counted(graph, data):
    n, edges = graph
    apart = {pair for pair in itertools.combinations(range(n), 2) if data.draw(st.booleans())}
    near = [sum(1 << b for b in range(n) if (min(a, b), max(a, b)) not in apart) for a in range(n)]
    expected = twin.connected_sets(n, edges, lambda a, b: (a, b) not in apart) | {(1 << n) - 1}
    one = graph_of(n, edges, near)
    assert one.count_sets(10**6) == len(expected)
    limit = data.draw(st.integers(1, len(expected) + 1))
    assert one.count_sets(limit) == min(limit + 1, len(expected))


def test_counting_stops_early():
    n = 40
    complete = graph_of(n, itertools.combinations(range(n), 2))
    assert complete.count_sets(1000) == 1001
    path = graph_of(200, [(i, i + 1) for i in range(199)])
    assert path.count_sets(10**6) == 200 * 201 // 2


def test_counting_in_an_empty_graph():
    nothing = np.zeros(0, np.int32)
    assert count_connected(np.zeros(1, np.int32), nothing, np.zeros((0, 0), np.uint8), 5) == 0


def test_graphs_of_clusters():
    pairs = np.array([[1, 3], [3, 4], [2, 3], [4, 3], [5, 5]], np.int32)
    seeds = np.array([[0, 0], [9, 9], [0, 3], [4, 3], [1, 1]])
    made = cluster_graphs(np.array([7, 2, 7, 7, 9]), pairs, seeds, max_seed_distance=4.0)
    assert [(one.cluster, one.atoms) for one in made] == [(2, (2,)), (7, (1, 3, 4)), (9, (5,))]
    assert made[1].neighbours == (0b010, 0b101, 0b010)
    assert made[1].near == (0b011, 0b111, 0b110)
    assert list(made[1].extensions(0b001)) == [1]
    assert list(made[1].extensions(0b011)) == []  # atom 4 is too far from atom 1
    assert made[1].labels(0b101) == (1, 4)
    assert cluster_graphs(np.zeros(0, int), np.zeros((0, 2)), np.zeros((0, 2)), np.inf) == []
