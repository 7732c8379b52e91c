import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm.core.clusters import find_adjacencies
from tests.twins import regions as twin


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1), st.sampled_from([-0.5, 0, 1, 9]))
def test_equals_the_definition(height, width, seed, threshold):
    rng = np.random.default_rng(seed)
    atoms = np.repeat(rng.integers(0, 6, (height, width)), 2, axis=1).astype(np.int32)
    clusters = np.where(atoms > 0, 1 + atoms % 2 * rng.integers(0, 2), 0).astype(np.int32)
    y = rng.normal(size=atoms.shape) - threshold
    pairs = find_adjacencies(atoms, clusters, y)
    assert pairs.dtype == np.int32 and pairs.shape[1] == 2
    assert [tuple(pair) for pair in pairs.tolist()] == sorted(twin.adjacencies(atoms, clusters, y))


def test_many_pairs():
    atoms = np.arange(1, 401, dtype=np.int32).reshape(20, 20)
    pairs = find_adjacencies(atoms, np.ones_like(atoms), np.ones(atoms.shape))
    assert len(pairs) == 2 * 20 * 19


def test_background_does_not_connect():
    atoms = np.array([[1, 1, 2, 2]], np.int32)
    clusters = np.ones_like(atoms)
    assert find_adjacencies(atoms, clusters, np.array([[1.0, 0, 0, 1]])).shape == (0, 2)
    assert find_adjacencies(atoms, clusters, np.array([[1.0, 0, 1, 1]])).tolist() == [[1, 2]]
    assert find_adjacencies(atoms, np.array([[1, 1, 2, 2]], np.int32), np.ones((1, 4))).shape == (0, 2)
