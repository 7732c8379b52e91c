"""What pictures are made of: contours, colours, maps, and words."""

from typing import Any

import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from superdsm.io.render import atoms_picture, coloured_labels, graph_picture, grey_picture, overlay, signed_map
from superdsm.io.render.contours import contours
from superdsm.io.render.drawing import WHITE, scale_bar
from superdsm.io.render.maps import ATOM_COLOUR, CLUSTER_COLOUR, EDGE_COLOUR, LEGEND_HEIGHT, SEED_COLOUR

LABELS = hnp.arrays(np.uint16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=14), elements=st.integers(0, 5))


def disk(radius: float = 20, size: int = 80) -> Any:
    rows, columns = np.indices((size, size)) - size // 2
    return (np.hypot(rows, columns) <= radius).astype(np.uint16)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("position", ["inner", "center", "outer"])
def test_contours_have_their_width_on_their_side_of_the_edge(width: int, position: str) -> None:
    labels = disk()
    inside = ndi.distance_transform_edt(labels)
    outside = ndi.distance_transform_edt(labels == 0)
    drawn = contours(labels, width, position) > 0
    outer = {"inner": 0, "center": width // 2, "outer": width}[position]
    assert outside[drawn].max(initial=0) <= outer
    assert drawn[(outside > 0) & (outside <= outer)].all()
    inner = width - outer
    assert inside[drawn].max(initial=0) <= inner + 1
    assert drawn[(inside > 0) & (inside < inner)].all()


@settings(deadline=None, max_examples=80)
@given(LABELS, st.integers(1, 5), st.sampled_from(["inner", "center", "outer"]))
def test_objects_that_touch_are_separated_at_any_position(labels: Any, width: int, position: str) -> None:
    drawn = contours(labels, width, position)
    assert set(np.unique(drawn)) <= {0, *np.unique(labels)}
    for axis in (0, 1):
        one, other = np.moveaxis(labels, axis, 0)[:-1], np.moveaxis(labels, axis, 0)[1:]
        first, second = np.moveaxis(drawn, axis, 0)[:-1], np.moveaxis(drawn, axis, 0)[1:]
        touching = (one != other) & (one > 0) & (other > 0)
        assert (first[touching] == one[touching]).all() and (second[touching] == other[touching]).all()
    assert (drawn[labels > 0] * (drawn[labels > 0] != labels[labels > 0]) == 0).all(), "not in another object"


def test_an_unknown_position_is_named() -> None:
    with pytest.raises(ValueError, match="middle"):
        contours(disk(), 2, "middle")


@settings(deadline=None, max_examples=80)
@given(LABELS)
def test_objects_that_touch_have_different_colours(labels: Any) -> None:
    picture = coloured_labels(labels)
    assert not picture[labels == 0].any() and picture[labels > 0].any(axis=-1).all()
    for axis in (0, 1):
        one, other = np.moveaxis(labels, axis, 0)[:-1], np.moveaxis(labels, axis, 0)[1:]
        first, second = np.moveaxis(picture, axis, 0)[:-1], np.moveaxis(picture, axis, 0)[1:]
        assert (first[one != other] != second[one != other]).any(axis=-1).all()


def test_a_crowd_that_needs_more_colours_than_there_are_by_hand_has_no_two_alike() -> None:
    labels = np.arange(1, 26).reshape(5, 5)  # all at most four pixels from each other, along rows and columns
    picture = coloured_labels(labels)
    for row in range(5):
        assert len(np.unique(picture[row], axis=0)) == len(np.unique(picture[:, row], axis=0)) == 5
    star = np.ones((9, 9), dtype=int)
    star[::2, ::2] = np.arange(2, 27).reshape(5, 5)
    colours = coloured_labels(star)
    assert not (colours[star > 1] == colours[1, 1]).all(axis=-1).any()


def test_objects_far_from_each_other_do_not_all_have_the_same_colour() -> None:
    labels = np.zeros((1, 100), dtype=int)
    labels[0, ::10] = np.arange(1, 11)
    assert len(np.unique(coloured_labels(labels)[labels > 0], axis=0)) > 4


def test_enhancement_lifts_dim_intensities_and_without_it_they_are_linear() -> None:
    image = np.linspace(0, 1, 10_000).reshape(100, 100)
    plain, lifted = grey_picture(image, enhance=False)[..., 0], grey_picture(image)[..., 0]
    assert np.abs(plain - image * 255).max() <= 0.6
    assert lifted[25].mean() > 1.5 * plain[25].mean()


def test_one_colour_for_all_contours() -> None:
    labels = np.zeros((20, 40), dtype=int)
    labels[5:15, 5:15], labels[5:15, 15:30] = 1, 2
    picture = overlay(np.zeros(labels.shape), labels, colour=(10, 20, 30))
    assert set(map(tuple, picture[picture.any(axis=-1)])) == {(10, 20, 30)}


def test_the_map_tells_signs_apart_and_is_dark_at_zero() -> None:
    y = np.linspace(-2, 2, 401)[None].repeat(8, axis=0)
    red, _, blue = np.moveaxis(signed_map(y, legend=False).astype(int), -1, 0)
    assert (red[0, 260:] > blue[0, 260:]).all() and (blue[0, :140] > red[0, :140]).all()
    assert max(red[0, 200], blue[0, 200]) < 30
    brightness = signed_map(y, legend=False).astype(int).sum(axis=-1)[0]
    assert (np.diff(brightness[200:]) >= 0).all() and (np.diff(brightness[:201]) <= 0).all()


@pytest.mark.parametrize("columns", [1, 20, 300])
def test_the_legend_is_below_and_fits(columns: int) -> None:
    y = np.full((10, columns), 0.25)
    picture = signed_map(y)
    assert picture.shape == (10 + LEGEND_HEIGHT, columns, 3)
    assert (picture[24:].max() == 255) == (columns == 300), "words where there is room"


@pytest.mark.parametrize("value", [0.0, -3.0, 1e-300])
def test_flat_maps_can_be_drawn(value: float) -> None:
    assert signed_map(np.full((5, 7), value)).dtype == np.uint8


def scene() -> tuple[Any, ...]:
    y = np.zeros((90, 120))
    atoms = np.ones(y.shape, dtype=np.int32)
    atoms[:, 40:], atoms[:, 80:] = 2, 3
    return y, atoms, np.array([[1, 2]]), np.array([[30, 20], [30, 60], [45, 100]]), np.where(atoms == 3, 2, 1)


def test_the_graph_has_outlines_edges_and_seeds() -> None:
    arrays = scene()
    before = [array.copy() for array in arrays]
    picture = graph_picture(*arrays)
    for array, copy in zip(arrays, before, strict=True):
        assert np.array_equal(array, copy)
    for row, column in arrays[3]:
        assert tuple(picture[row, column]) == SEED_COLOUR
    assert (picture[30, 26:39] == EDGE_COLOUR).all(), "the edge between the seeds 1 and 2"
    assert not (picture[:, 82:95] == EDGE_COLOUR).all(axis=-1).any(), "atom 3 has no neighbour"
    assert (picture[:20, 79] == CLUSTER_COLOUR).all(), "the line between the clusters"
    assert (picture[60:, 39] == ATOM_COLOUR).all(), "the line between the atoms 1 and 2"
    assert np.array_equal(atoms_picture(arrays[0], arrays[1], arrays[4])[60:], picture[60:])


def test_the_graph_of_nothing() -> None:
    none, flat = np.zeros((0, 2), dtype=np.int32), np.zeros((5, 1), dtype=np.int32)
    assert graph_picture(np.zeros((5, 1)), flat, none, none, flat).shape == (5, 1, 3)


@pytest.mark.parametrize(("pixel_size", "words"), [(0.65, 20), (0.01, 0.2), (13.0, 500)])
def test_the_scale_bar_has_a_round_length(pixel_size: float, words: float) -> None:
    picture = np.zeros((200, 200, 3), dtype=np.uint8)
    scale_bar(picture, pixel_size)
    lengths = (picture[150:] == WHITE).all(axis=-1).sum(axis=1)
    assert lengths.max() == round(words / pixel_size)


def test_a_scale_bar_that_does_not_fit_is_left_out() -> None:
    picture = np.zeros((20, 30, 3), dtype=np.uint8)
    scale_bar(picture, 0.5)
    assert not picture.any()
