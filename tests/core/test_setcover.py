"""The greedy set cover."""

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm.core import setcover
from superdsm.core.setcover import Packing
from superdsm.stages.global_energy_minimization import GlobalEnergyMinimization
from tests.examples import examples
from tests.hyperparameters import defaults
from tests.twins import setcover as twin

min_weight_cover = partial(setcover.min_weight_cover, **defaults(GlobalEnergyMinimization, "max_iter", "gamma"))


@st.composite
def instances(draw):
    """Single atoms, the universe, some other sets; small integers as energies make ties likely."""
    n = draw(st.integers(1, 5))
    universe = (1 << n) - 1
    others = draw(st.lists(st.integers(1, universe), max_size=6))
    sets = list(dict.fromkeys([1 << i for i in range(n)] + [universe, *others]))
    energies = draw(st.lists(st.integers(0, 12).map(float), min_size=len(sets), max_size=len(sets)))
    return sets, energies, float(draw(st.integers(0, 8)))


@settings(deadline=None, max_examples=examples(200))
@given(instances(), st.integers(1, 6), st.sampled_from([0.0, 0.5, 0.8, 1.0]), st.sampled_from([1, 13, 40]))
def test_like_the_recursion(instance, max_iter, gamma, spread):
    sets, energies, beta = instance
    sets = [sum(1 << spread * i for i in range(5) if members >> i & 1) for members in sets]  # over several words
    cover = min_weight_cover(sets, energies, beta, max_iter=max_iter, gamma=gamma)
    chosen = twin.recursive_cover(sets, energies, beta, max_iter, gamma)
    assert list(cover.chosen) == sorted(chosen)
    assert cover.cost == pytest.approx(sum(energies[i] + beta for i in chosen))


@settings(deadline=None, max_examples=examples(100))
@given(instances(), st.integers(1, 6))
def test_valid_and_never_better_than_possible(instance, max_iter):
    sets, energies, beta = instance
    cover = min_weight_cover(sets, energies, beta, max_iter=max_iter, gamma=0.8)
    union = 0
    for index in cover.chosen:
        union |= sets[index]
    assert union == sets[0] | max(sets)
    assert cover.cost >= twin.best_cover(sets, [energy + beta for energy in energies]) - 1e-9


@settings(deadline=None, max_examples=examples(100))
@given(instances())
def test_more_runs_are_not_worse(instance):
    sets, energies, beta = instance
    costs = [min_weight_cover(sets, energies, beta, max_iter=n, gamma=0.5).cost for n in (1, 2, 5)]
    assert costs[0] >= costs[1] >= costs[2]


def test_single_set_is_at_most_the_universe_by_merging():
    # the greedy choice takes the atoms; both together cost more than the universe
    assert min_weight_cover([1, 2, 3], [0.0, 5.0, 5.5], 1.0, max_iter=1).chosen == (2,)


def test_ties_take_the_first():
    assert min_weight_cover([1, 2, 3, 3], [2.0, 2.0, 4.0, 4.0], 0.0, max_iter=1).chosen == (0, 1)
    assert min_weight_cover([3, 3, 1, 2], [4.0, 4.0, 2.0, 2.0], 0.0, max_iter=1).chosen == (0,)


def test_merge_needs_a_strictly_smaller_weight_and_whole_sets():
    assert min_weight_cover([1, 2, 3], [1.0, 1.0, 2.0], 0.0).chosen == (0, 1)
    # {1, 2} cuts the chosen {2, 3} in two: no merge, although it is light
    assert min_weight_cover([0b001, 0b110, 0b011], [0.0, 1.0, 1.1], 0.0, max_iter=1).chosen == (0, 1)


def test_retries_with_smaller_beta_help():
    # a large beta makes the greedy choice take the big set first, which then is useless
    sets, energies = [0b0111, 0b0011, 0b1100], [3.0, 0.0, 0.0]
    assert min_weight_cover(sets, energies, 10.0, max_iter=1).cost == 23.0
    assert min_weight_cover(sets, energies, 10.0, max_iter=5, gamma=0.5).cost == 20.0


def test_huge_number_of_runs_ends():
    assert min_weight_cover([1, 2, 3], [1.0, 1.0, 3.0], 0.0, max_iter=10**9).cost == 2.0
    assert min_weight_cover([1, 2, 3], [1.0, 1.0, 3.0], 1.0, max_iter=10**9, gamma=1.0).cost == 4.0
    assert min_weight_cover([1, 2, 3], [1.0, 1.0, 3.0], 1.0, max_iter=10**9, gamma=0.5).cost == 4.0


def test_more_atoms_than_bits_of_a_word():
    sets = [1 << i for i in range(100)] + [(1 << 100) - 1]
    assert min_weight_cover(sets, [1.0] * 100 + [20.0], 1.0).chosen == (100,)


@settings(deadline=None, max_examples=examples(100))
@given(instances(), st.integers(1, 31), st.sampled_from([1, 13, 40]))
def test_packing_takes_parts_by_descending_energy(instance, members, spread):
    sets, energies, _ = instance
    expected, left = 0.0, members
    for energy, part in sorted(zip(energies, sets, strict=True), key=lambda pair: (-pair[0], pair[1])):
        if part & left == part:
            expected += energy
            left &= ~part

    def spread_out(mask):
        return sum(1 << spread * i for i in range(5) if mask >> i & 1)

    packing = Packing([spread_out(part) for part in sets], energies, 5 * spread)
    assert packing.energy(spread_out(members)) == pytest.approx(expected)


def test_packing_without_parts():
    assert Packing([], [], 3).energy(0b101) == 0
    assert Packing([], [], 70).energy(1 << 69) == 0


def test_nothing_to_cover():
    assert min_weight_cover([], [], 1.0).chosen == ()
