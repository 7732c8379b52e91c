"""Kernels that follow positions and labels refuse those that lead out of their arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from superdsm._ext.candidate_regions import enclosing_labels, valid_labels
from superdsm._ext.clusters import adjacent_pairs
from superdsm._ext.labels import draw
from superdsm._ext.masks import contrast_sums, refine
from superdsm.core.labels import label_image
from superdsm.core.objects import Object

LABELS = np.array([[0, 1, 2], [0, 1, 2]], np.int32)
OTHER = np.zeros((2, 2), np.int32)
ONES = np.ones((2, 3), np.uint8)
NUMBERS = np.ones((2, 3))
FEW = np.ones((2, 2))
FEW_ONES = np.ones((2, 2), np.uint8)
FAR = 2**62


def place(row: int, column: int) -> Object:
    return Object((1,), 0.0, True, False, (row, column), np.ones((2, 2), bool), 4)


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        *(
            (lambda at=at: draw(np.zeros((4, 5), np.int32), ONES, *at, 1), "over the border of the image")
            for at in [(-1, 0), (0, -1), (3, 0), (0, 3), (FAR, 0), (-FAR, 0), (0, FAR), (0, -FAR)]
        ),
        (lambda: draw(np.zeros((1, 1), np.int32), ONES, 0, 0, 1), "over the border of the image"),
        (lambda: label_image([place(3, 0)], (4, 5)), "over the border of the image"),
        (lambda: valid_labels(LABELS, ONES, ONES, 1), "none of 0, 1, ..., 1"),
        (lambda: valid_labels(-LABELS, ONES, ONES, 2), "none of 0, 1, ..., 2"),
        (lambda: valid_labels(LABELS, FEW_ONES, ONES, 2), "differ in shape"),
        (lambda: valid_labels(LABELS, ONES, FEW_ONES, 2), "differ in shape"),
        (lambda: enclosing_labels(LABELS, LABELS, 1), "none of 0, 1, ..., 1"),
        (lambda: enclosing_labels(-LABELS, LABELS, 2), "none of 0, 1, ..., 2"),
        (lambda: enclosing_labels(LABELS, OTHER, 2), "differ in shape"),
        (lambda: adjacent_pairs(LABELS, OTHER, NUMBERS), "differ in shape"),
        (lambda: adjacent_pairs(LABELS, LABELS, FEW), "differ in shape"),
        (lambda: contrast_sums(ONES, FEW, ONES, NUMBERS, 1.0, 1.0), "differ in shape"),
        (lambda: contrast_sums(ONES, NUMBERS, FEW_ONES, NUMBERS, 1.0, 1.0), "differ in shape"),
        (lambda: contrast_sums(ONES, NUMBERS, ONES, FEW, 1.0, 1.0), "differ in shape"),
        (lambda: refine(ONES, FEW, 1, 1.0), "differ in shape"),
    ],
)
def test_what_leads_out_of_an_array_is_refused(cause: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cause()


def test_an_object_may_touch_the_border() -> None:
    assert label_image([place(2, 3)], (4, 5)).sum() == 4
    assert label_image([place(0, 0)], (2, 2)).all()
