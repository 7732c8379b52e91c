"""Outlines hold exactly the pixels of the labels, and are those of a plain implementation."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.measure import points_in_poly

from superdsm.core.label_figures import figures
from superdsm.core.outlines import fill, outlines
from tests.twins.outlines import rings

LABELS = hnp.arrays(np.uint16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 3))
EXAMPLES = {
    "nothing": np.zeros((3, 4), int),
    "one pixel": np.array([[0, 0], [0, 7]]),
    "everything": np.ones((4, 5), int),
    "hole": np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]]),
    "island in a hole": np.pad(np.pad(np.pad([[1]], 1), 1, constant_values=1), 1),
    "another label in a hole": np.pad([[2]], 1, constant_values=1),
    "diagonal parts": np.eye(4, dtype=int),
    "ring that touches itself": np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]]),
    "open ring that meets in a corner": np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]]),
    "two holes that meet in a corner": np.array([[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 1]]),
    "checkerboard": np.indices((5, 6)).sum(0) % 2,
    "many labels": np.arange(70_000, 70_012).reshape(3, 4),
}


def from_its_least_corner(ring: Iterable[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    corners = tuple(ring)
    start = corners.index(min(corners))
    return corners[start:] + corners[:start]


def check(labels: np.ndarray[Any, Any]) -> None:
    back = np.zeros_like(labels)
    found = []
    for label, parts in outlines(labels):
        found.append(label)
        mask = labels == label
        components, count = ndi.label(mask)
        assert len(parts) == count
        for number, part in enumerate(parts, 1):
            expected = {from_its_least_corner(ring) for ring in rings(components == number)}
            assert {from_its_least_corner(map(tuple, ring.tolist())) for ring in part.rings} == expected
            assert all(len({tuple(corner) for corner in ring.tolist()}) == len(ring) >= 4 for ring in part.rings)
            (left, top), (right, bottom) = part.outer.min(axis=0), part.outer.max(axis=0)
            for hole in part.holes:
                assert (hole > (left, top)).all() and (hole < (right, bottom)).all()
        fill(back, [ring.tolist() for part in parts for ring in part.rings], label)
    assert found == sorted(set(labels.ravel().tolist()) - {0})
    np.testing.assert_array_equal(back, labels)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str) -> None:
    check(EXAMPLES[name])


@settings(deadline=None, max_examples=150)
@given(LABELS)
def test_any_label_image(labels: np.ndarray[Any, Any]) -> None:
    check(labels)


def test_another_implementation_agrees_on_which_pixels_are_inside() -> None:
    rng = np.random.default_rng(0)
    labels = (ndi.gaussian_filter(rng.random((40, 50)), 2) > 0.5).astype(int)
    rows, columns = np.mgrid[:40, :50]
    centres = np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5], axis=1)
    found = np.zeros(labels.shape, bool)
    for _, parts in outlines(labels):
        for part in parts:
            for ring in part.rings:
                found ^= points_in_poly(centres, ring.astype(float)).reshape(labels.shape)
    np.testing.assert_array_equal(found, labels > 0)


def test_directions() -> None:
    ((_, [part]),) = outlines(EXAMPLES["hole"])
    assert part.outer.tolist() == [[0, 0], [3, 0], [3, 3], [0, 3]]
    assert [hole.tolist() for hole in part.holes] == [[[1, 2], [2, 2], [2, 1], [1, 1]]]


def test_what_is_not_along_the_edges_of_pixels_is_refused() -> None:
    for ring in ([(0, 0), (1, 1), (0, 1)], [(0, 0), (0.5, 0), (0.5, 1), (0, 1)]):
        with pytest.raises(ValueError, match="does not lie along the edges"):
            fill(np.zeros((3, 3), int), [ring], 1)


@settings(deadline=None, max_examples=60)
@given(LABELS, st.booleans())
def test_figures(labels: np.ndarray[Any, Any], colour: bool) -> None:
    image = np.random.default_rng(0).random((*labels.shape, 3) if colour else labels.shape)
    found = figures(labels, image, (0.5, 0.25))
    assert all(len(values) == labels.max() + 1 for values in found.values())
    for label in range(1, int(labels.max()) + 1):
        rows, columns = np.nonzero(labels == label)
        if not rows.size:
            assert all(np.isnan(values[label]) for values in found.values())
            continue
        expected = {
            "Area px^2": rows.size,
            "Centroid X px": columns.mean() + 0.5,
            "Centroid Y px": rows.mean() + 0.5,
            "Area µm^2": rows.size / 8,
            "Centroid X µm": (columns.mean() + 0.5) / 4,
            "Centroid Y µm": (rows.mean() + 0.5) / 2,
        }
        if colour:
            expected |= {
                f"Mean {name}": image[rows, columns, c].mean() for c, name in enumerate(("red", "green", "blue"))
            }
        else:
            expected["Mean intensity"] = image[rows, columns].mean()
        assert {name: values[label] for name, values in found.items()} == pytest.approx(expected)
