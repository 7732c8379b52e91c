"""Measurements of objects against plain NumPy, and figures that are known."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.draw import disk, ellipse

from superdsm.core import measure
from superdsm.core.objects import Object, cropped

IMAGES = hnp.arrays(np.float64, (20, 24), elements=st.integers(0, 50).map(float))
LABELS = hnp.arrays(np.uint16, (20, 24), elements=st.integers(0, 4))


def drawn(indices: Any) -> measure.Region:
    labels = np.zeros((80, 90), np.uint16)
    labels[indices] = 1
    (region,) = measure.regions(labels)
    return region


class TestIntensities:
    @given(image=IMAGES, labels=LABELS, gap=st.floats(0, 4), width=st.floats(1, 6))
    @settings(max_examples=60, deadline=None)
    def test_they_are_those_of_the_pixels_of_each_label(
        self, image: Any, labels: Any, gap: float, width: float
    ) -> None:
        order = np.unique(labels[labels > 0])
        labels = np.searchsorted(order, labels).astype(np.uint16) + np.isin(labels, order)
        rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
        for label, region in enumerate(measure.regions(labels), 1):
            found = measure.intensities(region, measure.ring_around(region, labels > 0, gap, width), image)
            values = image[labels == label]
            assert found["intensity_mean"] == pytest.approx(values.mean())
            assert found["intensity_median"] == np.median(values)
            assert found["intensity_integrated"] == values.sum()
            assert found["intensity_std"] == pytest.approx(values.std())
            assert (found["intensity_min"], found["intensity_max"]) == (values.min(), values.max())
            own = np.argwhere(labels == label)
            distance = np.sqrt(((rows[..., None] - own[:, 0]) ** 2 + (columns[..., None] - own[:, 1]) ** 2).min(axis=2))
            ring = image[(distance > gap) & (distance <= gap + width) & (labels == 0)]
            if ring.size:
                assert found["background"] == np.median(ring)
                assert found["intensity_above_background"] == pytest.approx(values.mean() - np.median(ring))
            else:
                assert math.isnan(found["background"]) and math.isnan(found["contrast"])

    def test_colours_are_weighted_and_grey_in_colour_is_exact(self) -> None:
        grey = np.random.default_rng(0).integers(0, 65535, (5, 6), np.uint16)
        np.testing.assert_array_equal(measure.grey_levels(np.dstack([grey] * 3)), grey)
        colour = np.zeros((1, 1, 3), np.uint8)
        colour[0, 0] = 100, 200, 50
        np.testing.assert_allclose(measure.grey_levels(colour), 0.2125 * 100 + 0.7154 * 200 + 0.0721 * 50)


class TestShape:
    def test_disk(self) -> None:
        found = measure.shape_of(drawn(disk((30, 40), 20)))
        assert (found["centroid_row"], found["centroid_column"]) == (30, 40)
        assert found["area"] == pytest.approx(math.pi * 20**2, rel=0.01)
        assert found["perimeter"] == pytest.approx(2 * math.pi * 20, rel=0.05)
        assert found["eccentricity"] < 0.05 and found["solidity"] > 0.97
        assert found["major_axis"] == pytest.approx(40, rel=0.01) == found["minor_axis"]

    def test_ellipse(self) -> None:
        found = measure.shape_of(drawn(ellipse(40, 45, 10, 30)))
        assert found["major_axis"] == pytest.approx(60, rel=0.03)
        assert found["minor_axis"] == pytest.approx(20, rel=0.05)
        assert abs(found["orientation"]) == pytest.approx(90)

    def test_a_line_has_a_hull(self) -> None:
        assert measure.shape_of(drawn((slice(4, 5), slice(3, 9))))["solidity"] == 1


class TestNearest:
    def test_distances(self) -> None:
        found = measure.nearest(np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 5.0]]))
        assert found.tolist() == [5, 1, 1]
        assert np.isnan(measure.nearest(np.zeros((1, 2)))).all() and measure.nearest(np.zeros((0, 2))).size == 0


class TestOverview:
    def item(self, mask: Any, atom: int) -> Object:
        offset, fragment = cropped(mask, (0, 0))
        return Object((atom,), 1.0, True, False, offset, fragment, 10)

    def test_figures(self) -> None:
        rng = np.random.default_rng(1)
        image = 10 + rng.normal(0, 1, (100, 120))
        masks = np.zeros((3, 100, 120), bool)
        masks[0, :10, :10] = masks[1, 30:50, 30:50] = masks[2, 60:70, 60:90] = True
        for mask in masks:
            image[mask] += 20
        found = measure.overview([self.item(mask, n) for n, mask in enumerate(masks)], image)
        assert found["area_median"] == 300 and found["boundary_share"] == pytest.approx(1 / 3, abs=1e-4)
        assert found["contrast"] == pytest.approx(20, rel=0.1)

    def test_what_cannot_be_said_is_left_out(self) -> None:
        assert measure.overview([], np.zeros((4, 5))) == {}
        whole = measure.overview([self.item(np.ones((4, 5), bool), 1)], np.ones((4, 5)))
        assert whole == {"area_median": 20.0, "boundary_share": 1.0}
