"""The search in a cluster: which sets of atoms get a model."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm.core.energy_minimization import TooMuchWork
from superdsm.core.search import SetEnergy, search
from tests.core.graph_cases import graph_of, solve, superadditive
from tests.examples import examples
from tests.hyperparameters import search_params
from tests.twins import setcover as twin


def test_single_atom_is_fitted_once():
    result, batches = solve(graph_of(1, []), lambda members: 4.0, search_params(beta=1))
    assert batches == [[1]]
    assert result.cover == (1,)
    assert not result.tried_directly


def test_universe_is_taken_directly_if_it_costs_no_more_than_beta():
    energies = [0.0, 1.0, 2.0, 5.0]
    result, batches = solve(graph_of(2, [(0, 1)]), energies.__getitem__, search_params(beta=2.0))
    assert batches == [[1, 2, 3]]
    assert result.cover == (3,)
    assert result.solved_directly
    result, _ = solve(graph_of(2, [(0, 1)]), energies.__getitem__, search_params(beta=1.9))
    assert result.cover == (1, 2)
    assert not result.solved_directly


def test_not_directly_with_an_atom_that_is_not_optimal():
    energies = [0.0, 1.0, 2.0, 3.0]
    result, _ = solve(graph_of(2, [(0, 1)]), energies.__getitem__, search_params(beta=2.0), lambda m: m != 1)
    assert not result.solved_directly
    assert result.cover == (3,)  # but by the cover


@settings(deadline=None, max_examples=examples(150))
@given(superadditive(), st.sampled_from([0.0, 0.5, 1.0, 3.0, 10.0]))
def test_pruning_rules_no_better_cover_out(instance, beta):
    """The cover is as good as the best one of all connected sets, up to what the greedy choice loses anyway."""
    n, edges, energies = instance
    graph = graph_of(n, edges)
    result, batches = solve(graph, energies.__getitem__, search_params(beta=beta))
    fitted = [members for batch in batches for members in batch]
    possible = sorted(twin.connected_sets(n, edges) | {(1 << n) - 1})
    best = twin.best_cover(possible, [energies[m] + beta for m in possible]) if len(possible) < 14 else None
    cost = sum(energies[m] + beta for m in result.cover)
    assert len(set(fitted)) == len(fitted)
    assert set(fitted) <= set(possible)
    if best is not None:
        assert cost >= best - 1e-9
        exact = twin.best_cover(fitted, [energies[m] + beta for m in fitted])
        assert exact == pytest.approx(best)  # an optimal cover survives the pruning
    if result.solved_directly:
        assert result.cover == ((1 << n) - 1,)


@settings(deadline=None, max_examples=examples(100))
@given(superadditive(), st.sampled_from([0.0, 1.0, 3.0]))
def test_isbi24_fits_what_its_rule_says(instance, beta):
    n, edges, energies = instance
    universe = (1 << n) - 1
    result, batches = solve(graph_of(n, edges), energies.__getitem__, search_params(pruning="isbi24", beta=beta))
    if result.solved_directly or n <= 2:
        assert len(batches) == 1
        return
    neighbours = [{b for a, b in edges if a == v} | {a for a, b in edges if b == v} for v in range(n)]
    kept, expected = [1 << i for i in range(n)], []
    while kept:
        bounds = {}
        for members in kept:
            for u in range(n):
                new = members | 1 << u
                adjacent = any(members >> v & 1 and u in neighbours[v] for v in range(n))
                if adjacent and new not in (members, universe) and new not in bounds:
                    bounds[new] = energies[members] + energies[1 << u] + beta
        if bounds:
            expected.append(list(bounds))
        kept = [members for members, bound in bounds.items() if energies[members] < bound]
    assert batches[1:] == expected


def test_exact_pruning_knows_fits_that_were_not_kept():
    path = graph_of(4, [(0, 1), (1, 2), (2, 3)])
    energies = dict.fromkeys(range(16), 0.0) | {0b0011: 1.2, 0b1100: 1.2, 0b1111: 1.5}
    exact, isbi24 = (search_params(pruning=name, beta=1.0) for name in ("exact", "isbi24"))
    batches = {params.pruning: solve(path, energies.__getitem__, params)[1] for params in (exact, isbi24)}
    assert batches["exact"] == [[1, 2, 4, 8, 15], [3, 6, 12]]  # the packing {1, 2}, {3} forbids {1, 2, 3}
    assert batches["isbi24"] == [[1, 2, 4, 8, 15], [3, 6, 12], [7, 14]]
    _, doubtful = solve(path, energies.__getitem__, exact, lambda members: members != 0b0011)
    assert doubtful[2] == [7]  # a fit that is not optimal is no bound


def test_too_many_sets_name_the_cluster_and_what_to_change():
    n = 12
    graph = graph_of(n, itertools.combinations(range(n), 2))
    with pytest.raises(TooMuchWork, match=r"cluster 1 has 12 atoms.*max_seed_distance.*max_work_amount"):
        solve(graph, lambda m: float(m**2), search_params(beta=0.0, max_work_amount=1000))
    # no error if the cluster is solved directly
    result, _ = solve(graph, lambda m: 0.0, search_params(beta=0.0, max_work_amount=1000))
    assert result.solved_directly


@settings(deadline=None, max_examples=examples(150))
@given(superadditive(), st.sampled_from([0.0, 0.5, 1.0, 3.0, 10.0]))
def test_exact_cover_is_the_best_of_all_connected_sets(instance, beta):
    n, edges, energies = instance
    result, batches = solve(graph_of(n, edges), energies.__getitem__, search_params(beta=beta, cover="exact"))
    possible = sorted(twin.connected_sets(n, edges) | {(1 << n) - 1})
    best = twin.best_partition(possible, [energies[m] + beta for m in possible])
    assert sum(energies[m] + beta for m in result.cover) == pytest.approx(best)
    _, greedy = solve(graph_of(n, edges), energies.__getitem__, search_params(beta=beta))
    assert {m for batch in batches for m in batch} <= {m for batch in greedy for m in batch}  # tighter bounds


def budget_case():
    n = 8
    edges = [(i, i + 1) for i in range(n - 1)]
    return graph_of(n, edges), lambda members: 0.2 * members.bit_count() ** 2


@pytest.mark.parametrize("pruning", ["exact", "isbi24"])
@pytest.mark.parametrize("most", [1, 9, 12, 20])
def test_a_budget_bounds_the_fits(most, pruning):
    graph, energy = budget_case()
    unbounded, _ = solve(graph, energy, search_params(pruning=pruning, beta=2.0))
    params = search_params(pruning=pruning, beta=2.0, max_cluster_sets=most, max_work_amount=1)
    result, _ = solve(graph, energy, params)
    assert len(result.fitted) <= max(9, most) < len(unbounded.fitted)
    assert result.known.stopped == ["max_cluster_sets"]
    assert solve(graph, energy, params)[0].fitted == result.fitted
    union = 0
    for members in result.cover:
        union |= members
    assert union == graph.universe


def test_a_budget_that_is_not_needed_changes_nothing():
    graph, energy = budget_case()
    unbounded, batches = solve(graph, energy, search_params(beta=2.0))
    result, same = solve(graph, energy, search_params(beta=2.0, max_cluster_sets=10_000))
    assert (result.cover, same, result.known.stopped) == (unbounded.cover, batches, [])


def test_fits_that_are_refused_end_the_search():
    graph, energy = budget_case()
    steps = search(graph, search_params(beta=2.0, cover="exact"))
    sets = next(steps)
    sets = steps.send([SetEnergy.of(energy(m), True) for m in sets])
    with pytest.raises(StopIteration) as stop:
        steps.send([SetEnergy.of(energy(m), True) if k < 2 else None for k, m in enumerate(sets)])
    result = stop.value.value
    assert result.known.stopped == ["cluster_timeout"]
    assert len(result.fitted) == 9 + 2
    assert result.known.floor <= sum(energy(m) + 2.0 for m in result.cover)
