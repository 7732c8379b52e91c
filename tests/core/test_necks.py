"""Masks are divided at their necks, and only there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from superdsm.core.necks import divide
from superdsm.core.resample import largest_piece

SHAPE = (80, 120)


def disk(row, column, radius):
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return (rows - row) ** 2 + (columns - column) ** 2 < radius**2


@pytest.mark.parametrize("radius", [5, 8, 15, 24])
@pytest.mark.parametrize("turned", [False, True])
def test_two_disks_that_touch_are_divided_between_them(radius, turned):
    first, second = disk(40, 30, radius), disk(40, 30 + int(1.7 * radius), radius)
    mask = first | second
    parts = divide(mask.T if turned else mask, 0.88)
    assert parts is not None and parts.max() == 2
    parts = parts.T if turned else parts
    assert ((parts > 0) == mask).all()
    for one in (first & ~second, second & ~first):
        label = np.bincount(parts[one]).argmax()
        assert np.count_nonzero(parts[one] == label) > 0.97 * np.count_nonzero(one)


def test_a_chain_of_three_has_three_parts():
    parts = divide(disk(40, 20, 12) | disk(40, 40, 12) | disk(40, 60, 12), 0.88)
    assert parts is not None and parts.max() == 3


@pytest.mark.parametrize("narrow", [0.3, 0.88])
def test_the_width_of_the_neck_decides(narrow):
    mask = disk(40, 30, 15) | disk(40, 48, 15)  # the neck is 24 pixels wide, 0.8 of the disks
    assert (divide(mask, narrow) is None) == (narrow < 0.8)


def test_what_is_small_is_no_part_of_its_own():
    assert divide(disk(40, 40, 20) | disk(40, 62, 5), 0.88) is None


@settings(max_examples=60, deadline=None)
@given(st.floats(4, 30), st.floats(1, 2.5), st.floats(0, np.pi))
def test_ellipses_stay_whole(radius, elongation, angle):
    rows, columns = np.ogrid[-45:46, -75:76]
    along = rows * np.sin(angle) + columns * np.cos(angle)
    across = rows * np.cos(angle) - columns * np.sin(angle)
    mask = along**2 / elongation + across**2 * elongation < radius**2
    assert divide(mask, 0.88) is None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_the_parts_of_any_mask_are_a_partition_of_it(seed, narrow):
    mask = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((40, 40)), 3) > 0
    mask = largest_piece(mask, (0, 0))[1]
    parts = divide(mask, narrow)
    if parts is not None:
        assert ((parts > 0) == mask).all() and parts.max() >= 2
        assert set(np.unique(parts)) <= set(range(parts.max() + 1))


def test_nothing_and_single_pixels_stay():
    for mask in (np.zeros((4, 5), bool), np.ones((1, 1), bool), np.ones((1, 7), bool)):
        assert divide(mask, 1.0) is None
