"""The exact set cover against all partitions of the atoms."""

import itertools
import math
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm._ext.exact_cover import MAX_ATOMS, atom_prices, exact_packing, table_cover
from superdsm.core import exact_cover
from superdsm.core.exact_cover import minimum_cover
from superdsm.core.setcover import ExactPacking, Packing, min_weight_cover
from tests.core.graph_cases import planar
from tests.examples import examples
from tests.twins import setcover as twin


@st.composite
def instances(draw, max_size=7):
    """Single atoms, the universe, some other sets; small integers as weights make ties likely."""
    n = draw(st.integers(1, max_size))
    universe = (1 << n) - 1
    others = draw(st.lists(st.integers(1, universe), max_size=12))
    sets = list(dict.fromkeys([1 << i for i in range(n)] + [universe, *others]))
    weights = draw(st.lists(st.integers(0, 12).map(float), min_size=len(sets), max_size=len(sets)))
    return sets, weights


@pytest.fixture(params=["table", "milp"])
def method(request, monkeypatch):
    """Use the table, or integer programming, whatever the size of the instance."""
    monkeypatch.setattr(exact_cover, "MAX_TABLE_ATOMS", 20 if request.param == "table" else 0)
    return request.param


def check(sets, weights, cover):
    union = 0
    for index in cover.chosen:
        union |= sets[index]
    assert union == twin.union(sets)
    assert list(cover.chosen) == sorted(set(cover.chosen))
    assert cover.cost == math.fsum(weights[index] for index in cover.chosen)


@settings(deadline=None, max_examples=examples(150))
@given(instances())
def test_as_good_as_the_best_partition(instance):
    sets, weights = instance
    cover = minimum_cover(sets, weights)
    check(sets, weights, cover)
    exact = [Fraction(weight) for weight in weights]
    best = twin.best_partition(sets, exact)
    assert Fraction(cover.cost) == best
    assert Fraction(cover.lower_bound) <= best  # in rational arithmetic
    assert cover.proven


@settings(deadline=None, max_examples=examples(40))
@given(instances(max_size=6))
def test_integer_programming_finds_the_same_cost(instance):
    sets, weights = instance
    original = exact_cover.MAX_TABLE_ATOMS
    exact_cover.MAX_TABLE_ATOMS = 0
    try:
        other = minimum_cover(sets, weights)
    finally:
        exact_cover.MAX_TABLE_ATOMS = original
    check(sets, weights, other)
    assert other.cost == minimum_cover(sets, weights).cost
    assert other.lower_bound <= twin.best_partition(sets, weights) + 1e-12
    assert other.proven


@pytest.mark.parametrize("seed", range(2))
def test_nine_atoms(seed, monkeypatch):
    rng = random.Random(seed)
    n = 9
    sets = list({1 << i for i in range(n)} | {rng.randrange(1, 1 << n) for _ in range(40)})
    weights = [1 + members.bit_count() ** 0.7 * rng.random() for members in sets]
    best = twin.best_partition(sets, [Fraction(weight) for weight in weights])
    for method, most in (("table", 20), ("milp", 0)):
        monkeypatch.setattr(exact_cover, "MAX_TABLE_ATOMS", most)
        cover = minimum_cover(sets, weights)
        assert cover.cost == pytest.approx(float(best), rel=1e-12)
        assert Fraction(cover.lower_bound) <= best
        assert cover.lower_bound == pytest.approx(cover.cost, rel=1e-8)
        assert cover.method in (method, "prices")


@settings(deadline=None, max_examples=examples(20))
@given(planar(max_size=8), st.sampled_from([0.0, 0.5, 2.0, 8.0]))
def test_planar_superadditive_instances(instance, beta):
    n, edges, energy = instance
    sets = sorted(twin.connected_sets(n, edges) | {(1 << n) - 1})
    weights = [energy(members) + beta for members in sets]
    cover = minimum_cover(sets, weights)
    check(sets, weights, cover)
    assert cover.cost == pytest.approx(float(twin.best_partition(sets, weights)), rel=1e-12)


@pytest.mark.parametrize("n_pairs", [2, 5, 8])
def test_instances_that_break_the_greedy_cover(n_pairs, method):
    """Each pair is cheap, but sets of two that straddle the pairs look cheaper and leave single atoms behind."""
    n = 2 * n_pairs
    pairs = [0b11 << 2 * k for k in range(n_pairs)]
    straddling = [0b11 << 2 * k + 1 for k in range(n_pairs - 1)]
    singles = [1 << i for i in range(n)]
    sets = [*singles, *pairs, *straddling]
    weights = [1.0] * n + [1.0] * n_pairs + [0.9] * (n_pairs - 1)
    assert min_weight_cover(sets, weights, 0.0, max_iter=1, gamma=1.0).cost > n_pairs
    cover = minimum_cover(sets, weights)
    assert cover.chosen == tuple(range(n, n + n_pairs))
    assert cover.cost == n_pairs


def test_equal_costs_leave_the_greedy_cover(method):
    sets, weights = [1, 2, 4, 3, 6], [1.0, 1.0, 1.0, 2.0, 2.0]
    greedy = min_weight_cover(sets, weights, 0.0, max_iter=1, gamma=1.0)
    assert minimum_cover(sets, weights, incumbent=greedy.chosen).chosen == greedy.chosen == (0, 1, 2)
    assert minimum_cover(sets, weights, incumbent=(0, 4)).chosen == (0, 4)


@settings(deadline=None, max_examples=examples(50))
@given(instances(), st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_does_not_change_the_cost(instance, rng):
    sets, weights = instance
    order = list(range(len(sets)))
    rng.shuffle(order)
    shuffled = minimum_cover([sets[i] for i in order], [weights[i] for i in order])
    assert shuffled.cost == minimum_cover(sets, weights).cost
    assert minimum_cover(sets, weights) == minimum_cover(sets, weights)


@settings(deadline=None, max_examples=examples(80))
@given(instances(max_size=5), st.data())
def test_constraints(instance, data):
    sets, weights = instance
    required = data.draw(st.sets(st.sampled_from(sets), max_size=2))
    forbidden = data.draw(st.sets(st.sampled_from(sets), max_size=3)) - required
    costs = [
        sum(weights[i] for i in family)
        for size in range(len(sets) + 1)
        for family in itertools.combinations(range(len(sets)), size)
        if size <= 5 + len(required)
        and required <= {sets[i] for i in family}
        and not forbidden & {sets[i] for i in family}
        and twin.union([sets[i] for i in family]) == twin.union(sets)
    ]
    if not costs:
        with pytest.raises(ValueError, match="belong to no candidate that is allowed"):
            minimum_cover(sets, weights, required=required, forbidden=forbidden)
        return
    cover = minimum_cover(sets, weights, required=required, forbidden=forbidden)
    chosen = {sets[i] for i in cover.chosen}
    assert required <= chosen
    assert not forbidden & chosen
    assert cover.cost == min(costs)
    assert cover.lower_bound <= min(costs)


def test_constraints_that_cannot_be_met():
    sets, weights = [1, 2, 3], [1.0, 1.0, 1.5]
    with pytest.raises(ValueError, match=r"\{0, 1\} is required and forbidden"):
        minimum_cover(sets, weights, required=[3], forbidden=[3])
    with pytest.raises(ValueError, match=r"\{2\} is required, but is none of the candidates"):
        minimum_cover(sets, weights, required=[4])
    with pytest.raises(ValueError, match=r"atoms \{1\} belong to no candidate"):
        minimum_cover(sets, weights, forbidden=[2, 3])
    with pytest.raises(ValueError, match="no cover"):
        minimum_cover(sets, weights, incumbent=[0])
    with pytest.raises(ValueError, match="lacks the candidate 2, which is required"):
        minimum_cover(sets, weights, required=[3], incumbent=[0, 1])


@pytest.mark.parametrize("n", [24, 90])
def test_large_clusters(n):
    """A hidden cover by sets of three, and many sets that overlap with it."""
    rng = random.Random(n)
    hidden = [0b111 << 3 * k for k in range(n // 3)]
    sets = [1 << i for i in range(n)] + hidden + [0b1111 << i for i in range(n - 3)]
    weights = [1.0] * n + [1.0] * len(hidden) + [1.5 + 0.1 * rng.random() for _ in range(n - 3)]
    cover = minimum_cover(sets, weights)
    assert cover.cost == pytest.approx(n / 3)
    assert cover.lower_bound == pytest.approx(n / 3)
    assert cover.proven


def test_without_time_the_greedy_cover_is_returned_with_a_bound():
    rng = random.Random(3)
    n = 30
    sets = [1 << i for i in range(n)] + [rng.randrange(1, 1 << n) & rng.randrange(1, 1 << n) for _ in range(200)]
    sets = [members for members in dict.fromkeys(sets) if members]
    weights = [1 + rng.random() * members.bit_count() for members in sets]
    stopped, best = minimum_cover(sets, weights, timeout=0), minimum_cover(sets, weights)
    assert stopped.lower_bound <= best.cost + 1e-9
    assert best.cost <= stopped.cost
    assert (stopped.method, stopped.proven) == ("prices", False)
    assert best.method == "milp"


def test_nothing_and_weights_of_zero():
    assert minimum_cover([], []).chosen == ()
    assert minimum_cover([1, 2, 3], [0.0, 0.0, 0.0]).cost == 0


@settings(deadline=None, max_examples=examples(100))
@given(instances())
def test_prices_are_feasible(instance):
    sets, weights = instance
    n = twin.union(sets).bit_length()
    prices = atom_prices(np.array(sets, np.uint64), np.array(weights), n)
    assert (prices >= 0).all()
    for members, weight in zip(sets, weights, strict=True):
        assert sum(prices[i] for i in range(n) if members >> i & 1) <= weight + 1e-9


def test_tables_have_a_limit():
    words, n = np.array([1], np.uint64), MAX_ATOMS + 1
    with pytest.raises(ValueError, match="too many"):
        table_cover(words, np.ones(1), np.zeros(n), 2.0)
    with pytest.raises(ValueError, match="too many"):
        exact_packing(words, np.ones(1), (1 << n) - 1)


@settings(deadline=None, max_examples=examples(100))
@given(instances(max_size=6), st.data())
def test_packing_of_greatest_energy(instance, data):
    sets, energies = instance
    members = data.draw(st.integers(1, twin.union(sets)))
    inside = [i for i, part in enumerate(sets) if part & ~members == 0]
    best = max(
        sum(energies[i] for i in family)
        for size in range(7)
        for family in itertools.combinations(inside, size)
        if sum(sets[i].bit_count() for i in family) == twin.union([sets[i] for i in family]).bit_count()
    )
    packing = ExactPacking(sets, energies, 6)
    assert packing.energy(members) == best
    assert packing.energy(members) >= Packing(sets, energies, 6).energy(members)
    spread = [sum(1 << 13 * i for i in range(6) if part >> i & 1) for part in [*sets, members]]
    assert ExactPacking(spread[:-1], energies, 78).energy(spread[-1]) == Packing(sets, energies, 6).energy(members)
