"""What is kept as a nucleus: the objects of a picture are the measure of each other."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy import ndimage

from superdsm.core import evidence
from superdsm.core.evidence import sampled_labels, solidity
from superdsm.stages.evidence import Evidence
from tests.core.scenes import disks
from tests.core.test_contours import objects_of
from tests.hyperparameters import defaults

select = partial(evidence.select, **defaults(Evidence))

CENTRES = [(25, 25), (25, 75), (25, 125), (75, 25), (75, 75), (75, 125)]


def reasons(log):
    return {tuple(record["atoms"]): record["reason"] for record in log}


def test_alike_objects_are_all_kept_also_dim_ones():
    for amplitude in (3.0, 3000.0):
        image, truth = disks((100, 150), CENTRES, [10] * 6, [amplitude] * 6, noise=0.05)
        kept, log = select(image, objects_of(truth), 10)
        assert len(kept) == 6 and not log


@pytest.mark.parametrize(
    ("amplitudes", "radii", "expected"),
    [
        ([50, 50, 50, 50, 50, 5], [10] * 6, "dim"),
        ([50, 50, 50, 50, 50, 1.0], [10] * 6, "noise"),
        ([50] * 6, [10] * 5 + [2], "small"),
    ],
)
def test_what_is_unlike_the_others_is_discarded(amplitudes, radii, expected):
    image, truth = disks((100, 150), CENTRES, radii, amplitudes, noise=0.2)
    kept, log = select(image, objects_of(truth), 10)
    assert reasons(log) == {(6,): expected} and len(kept) == 5
    assert log[0]["value"] < log[0]["threshold"]


def test_blurred_and_large_and_badly_fitted_objects():
    image, truth = disks((100, 150), CENTRES, [10] * 6, [50] * 6)
    image[55:, 105:] = ndimage.gaussian_filter(image[55:, 105:], 5)
    assert reasons(select(image, objects_of(truth), 10, min_sharpness=0.6)[1]) == {(6,): "blurred"}
    items = objects_of(truth)
    items[0] = replace(items[0], energy=90.0)
    assert reasons(select(image, items, 10)[1]) == {(1,): "norm_energy"}
    assert len(select(image, objects_of(truth), 5, max_area=2.0)[1]) == 6


def test_outlines_with_bays_are_discarded():
    image, truth = disks((100, 150), CENTRES, [10] * 6, [50] * 6)
    items = objects_of(truth)
    star = items[5].fragment.copy()
    star[:7, 6:13] = star[-7:, 6:13] = star[6:13, :7] = star[6:13, -7:] = False
    items[5] = replace(items[5], fragment=star)
    assert reasons(select(image, items, 10)[1]) == {(6,): "irregular"}
    assert not select(image, items, 10, min_solidity=0)[1]


def test_solidity_of_simple_masks():
    square = np.ones((6, 9), bool)
    assert solidity(square) == pytest.approx(1)
    corner = square.copy()
    corner[:3, :4] = False  # the hull cuts the corner: half of the rectangle belongs to it
    assert solidity(corner) == pytest.approx(42 / (54 - 6))
    rows, columns = np.ogrid[-20:21, -20:21]
    assert 0.95 < solidity(rows**2 + columns**2 < 400) < 1
    assert solidity(np.ones((1, 1), bool)) == pytest.approx(1)


def test_units_do_not_matter():
    image, truth = disks((100, 150), CENTRES, [10] * 6, [50, 50, 50, 50, 50, 5])
    plain = [item.atoms for item in select(image, objects_of(truth), 10)[0]]
    assert [item.atoms for item in select(1e4 * image + 5, objects_of(truth), 10)[0]] == plain


def test_no_objects():
    assert select(np.ones((20, 20)), [], 5) == ([], [])


def test_large_nuclei_are_measured_on_a_coarser_grid():
    image, truth = disks((400, 600), [(4 * r, 4 * c) for r, c in CENTRES], [40] * 6, [50, 50, 50, 50, 50, 5], noise=0.2)
    for finest in (12.0, 24.0, 1e4):
        assert reasons(select(image, objects_of(truth), 40, finest_radius=finest)[1]) == {(6,): "dim"}


def test_no_object_is_lost_on_a_coarser_grid():
    labels = np.zeros((40, 60), int)
    labels[5:30, 5:30] = 1
    labels[33, 41] = 2
    items = objects_of(labels)
    sampled = sampled_labels(items, labels.shape, (13, 20))
    assert sampled.shape == (13, 20) and sampled[10, 13] == 2
    assert np.count_nonzero(sampled == 1) == pytest.approx(625 / 9, rel=0.1)
    assert np.array_equal(sampled_labels(items, labels.shape, (40, 60)), labels)
