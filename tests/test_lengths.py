"""Lengths in pixels of the image and in micrometres, on grids of other resolutions."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import superdsm
from superdsm.config import Config
from superdsm.errors import ConfigError
from superdsm.lengths import in_pixels, pixel_size
from superdsm.params import param
from superdsm.plugins import default_pipeline
from superdsm.stage import Stage, StageContext
from tests.examples import examples


class Size(Stage):
    """Tell what a stage is given."""

    id = "size"
    version = "1"
    inputs = ("g_raw",)
    outputs = ("seen",)
    before = "dsm"
    length = param(20.0, "A length.", unit="px")
    area = param(100.0, "An area.", unit="px2", auto=("scale^2", 1.0))
    count = param(9, "A whole length.", unit="px", truncate=True, floor=2)
    ratio = param(3.0, "No length.")

    def process(self, ctx: StageContext, *, g_raw: Any) -> dict[str, Any]:
        return {"seen": {**ctx.params, "shape": list(g_raw.shape)}}


class TestLengths:
    @given(zoom=st.floats(0.05, 8), length=st.floats(0, 500), area=st.floats(0, 1e4), count=st.integers(0, 400))
    @settings(max_examples=examples(60), deadline=None)
    def test_the_same_setting_of_a_resampled_image_is_the_same_on_the_working_grid(
        self, zoom: float, length: float, area: float, count: int
    ) -> None:
        stage = Size()
        fine, _ = stage.resolve(Config({"size": {"length": length, "area": area, "count": count}}), 10.0, zoom)
        other = Config({"size": {"length": 3 * length, "area": 9 * area, "count": 3 * count}})
        coarse, report = stage.resolve(other, 10.0, zoom / 3)
        assert coarse.length == pytest.approx(fine.length, rel=1e-9) == pytest.approx(length * zoom, rel=1e-9)
        assert coarse.area == pytest.approx(fine.area, rel=1e-9)
        assert coarse.count == fine.count
        assert coarse.ratio == 3.0
        assert report["size"]["length"] == 3 * length, "what is reported is in pixels of the image"

    @given(zoom=st.floats(0.05, 1), scale=st.floats(5, 20))
    @settings(max_examples=examples(60), deadline=None)
    def test_reported_values_give_the_same_again(self, zoom: float, scale: float) -> None:
        stage = default_pipeline("adaptive")["dsm"]
        values, report = stage.resolve(Config(), scale, zoom)
        again, _ = stage.resolve(Config(report), scale, zoom)
        for name in values:
            assert again[name] == (pytest.approx(values[name]) if isinstance(values[name], float) else values[name])

    def test_without_resampling_nothing_is_converted(self) -> None:
        values, _ = Size().resolve(Config({"size": {"length": 7.25}}), 10.0)
        assert values.length == 7.25 and values.count == 9

    @pytest.mark.parametrize(
        ("text", "unit", "size", "expected"),
        [
            ("5 um", "px", 0.5, 10),
            ("5µm", "px", "500 nm", 10),
            ("0.005 mm", "px", 0.5, 10),
            ("12 px", "px", None, 12),
            ("20 um2", "px2", 0.5, 80),
            ("20 um^2", "px2", 0.5, 80),
            ("20 µm²", "px2", 0.5, 80),
            ("40 px2", "px2", None, 40),
        ],
    )
    def test_micrometres(self, text: str, unit: str, size: Any, expected: float) -> None:
        config = {} if size is None else {"pixel_size": size}
        assert in_pixels(text, unit, config, "x") == pytest.approx(expected)

    @pytest.mark.parametrize("text", ["five um", "5 ft", "um", "5", "", "5 um2", "1.2.3 um"])
    def test_what_is_no_length(self, text: str) -> None:
        with pytest.raises(ConfigError, match="is of the wrong type; expected: length, for instance 12, or"):
            in_pixels(text, "px", {"pixel_size": 1}, "dsm/smooth_amount")

    def test_a_pixel_size_is_needed_and_checked(self) -> None:
        stage, config = Size(), Config({"size": {"length": "5 um"}})
        assert stage.identity_params(config)["length"] == "5.0 um", "the image tells the rest"
        assert stage.needs_pixel_size(config) and not stage.needs_pixel_size(Config({"size": {"length": "5 px"}}))
        with pytest.raises(ConfigError, match="the size of a pixel is not known; give pixel_size"):
            stage.resolve(config, 10.0)
        with pytest.raises(ConfigError, match="is negative; expected: a length"):
            stage.identity_params(Config({"size": {"length": "-5 um"}}))
        for wrong in (0, -1, True, "x", "5 um2", [1], float("inf"), float("nan")):
            with pytest.raises(ConfigError, match="pixel_size = "):
                pixel_size({"pixel_size": wrong})

    def test_lengths_in_micrometres_in_both_profiles(self) -> None:
        stage = default_pipeline("published")["postprocess"]
        config = Config({"pixel_size": 0.5, "postprocess": {"min_object_radius": "3 um"}})
        assert stage.identity_params(config)["min_object_radius"] == 6.0

    def test_a_radius_that_is_given_is_not_estimated(self, nuclei: np.ndarray[Any, Any]) -> None:
        radii = [
            superdsm.segment(nuclei, config, profile="adaptive", last="nucleus-size").fields["nuclei"]["radius"]
            for config in (
                {"nucleus_radius": 8},
                {"nucleus_radius": "4 um", "pixel_size": 0.5},
                {"AF_scale": 8 / 2**0.5},
            )
        ]
        assert radii == pytest.approx([8, 8, 8])
        with pytest.raises(ConfigError, match="both say how large"):
            superdsm.segment(nuclei, {"nucleus_radius": 8, "AF_scale": 6}, profile="adaptive")
