"""Pictures of errors: every object in the colour of its kind, and colours that everybody can tell apart."""

import itertools

import numpy as np
import pytest
from skimage.color import rgb2lab

from superdsm.metrics import evaluate
from superdsm.metrics.matching import KINDS
from superdsm.metrics.picture import COLOURS, LEFT_OUT, TRUTH, error_picture

# Machado, Oliveira and Fernandes, IEEE TVCG 15(6), 2009, Table 1: what is seen without one kind of cones (linear RGB).
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def seen(colour: tuple[int, int, int], matrix: np.ndarray) -> np.ndarray:
    """A colour in the Lab space, as it is seen."""
    rgb = np.array(colour) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(matrix @ linear, 0, 1)
    return rgb2lab(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("kind", BLINDNESS)
def test_colours_can_be_told_apart(kind: str) -> None:
    assert set(COLOURS) == {*KINDS, LEFT_OUT}
    colours = {**COLOURS, "truth": TRUTH, "background": (0, 0, 0)}
    points = {name: seen(colour, np.array(BLINDNESS[kind])) for name, colour in colours.items()}
    close = {
        (one, other): np.linalg.norm(points[one] - points[other])
        for one, other in itertools.combinations(points, 2)
        if np.linalg.norm(points[one] - points[other]) < 15
    }
    assert close == {}


def blocks(shape: tuple[int, int], **boxes: tuple[int, int, int, int]) -> np.ndarray:
    labels = np.zeros(shape, int)
    for name, (top, left, bottom, right) in boxes.items():
        labels[top:bottom, left:right] = int(name[1:])
    return labels


TRUE = blocks(
    (40, 60), t1=(2, 2, 12, 12), t2=(2, 20, 12, 30), t3=(2, 30, 12, 38), t4=(20, 2, 30, 12), t5=(20, 20, 32, 32)
)
TRUE[36:, :4] = 6
RESULT = blocks(
    (40, 60), p1=(2, 2, 12, 11), p2=(2, 20, 12, 38), p4=(20, 20, 32, 27), p5=(20, 27, 32, 32), p7=(20, 45, 30, 55)
)
RESULT[4:8, 50:60] = 8


def test_each_kind_has_its_colour() -> None:
    picture = error_picture(RESULT, TRUE, evaluate(RESULT, TRUE, ignore_border=True))

    def at(row: int, column: int) -> tuple[int, ...]:
        return tuple(picture[row, column].tolist())

    assert at(5, 5) == COLOURS["matched"]
    assert at(5, 23) == at(5, 34) == COLOURS["merged"], "the whole predicted object"
    assert at(25, 23) == COLOURS["matched"] and at(25, 29) == COLOURS["split"]
    assert at(25, 50) == COLOURS["spurious"]
    inside = {tuple(colour) for colour in picture[21:29, 3:11].reshape(-1, 3).tolist()}
    assert inside == {COLOURS["missed"], (0, 0, 0)}, "striped"
    assert at(38, 1) == at(6, 55) == COLOURS[LEFT_OUT]
    assert at(2, 5) == at(5, 11) == at(20, 5) == TRUTH, "outlines of true objects"
    assert at(35, 35) == (0, 0, 0)


def test_an_image_is_seen_through_the_areas() -> None:
    background = np.full((40, 60, 3), 100, np.uint8)
    picture = error_picture(RESULT, TRUE, evaluate(RESULT, TRUE), background)
    expected = np.round((np.array(COLOURS["matched"]) + 100) / 2)
    assert picture[5, 5].tolist() == expected.tolist()
    assert picture[35, 35].tolist() == [100, 100, 100] and (background == 100).all()
    assert picture[25, 45].tolist() == list(COLOURS["spurious"]), "contours of predicted objects are opaque"


def test_inaccurate_objects_and_empty_images() -> None:
    truth, shifted = blocks((9, 20), t1=(1, 1, 8, 11)), blocks((9, 20), p1=(1, 6, 8, 16))
    picture = error_picture(shifted, truth, evaluate(shifted, truth))
    assert picture[4, 13].tolist() == list(COLOURS["inaccurate"])
    empty = np.zeros((3, 4), int)
    assert not error_picture(empty, empty, evaluate(empty, empty)).any()
