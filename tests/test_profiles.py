"""Profiles: their stages and defaults, the working resolution, lengths in pixels of the image, and what is told."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

import superdsm
from superdsm import profiles
from superdsm.batch.api import Batch
from superdsm.batch.tasks.keys import make_recipe
from superdsm.config import Config
from superdsm.errors import ConfigError, PipelineError
from superdsm.io import read_image, write_labels
from superdsm.lengths import in_pixels, pixel_size
from superdsm.params import param
from superdsm.plugins import default_pipeline, identity
from superdsm.stage import Stage, StageContext
from superdsm.testing.synthetic import empty_well, synthetic_image

GIVEN = {
    "AF_scale": 40,
    "histological": False,
    "preprocess": {"AF_sigma2": 1.5},
    "dsm": {"alpha": 0.25, "smooth_amount": 9.7},
    "global-energy-minimization": {"pruning": "isbi24", "beta": 100, "max_seed_distance": 90},
    "postprocess": {"min_object_radius": 7.5, "mask_max_distance": 2},
}
# The digest of the recipe, and the keys of the results of the seven stages for an image with the key "image", as they
# were before there were profiles: results in the stores of users.
PUBLISHED_KEYS = {
    "defaults": [
        "c650715cff7a985702b6d8faf28829af94b25a2d",
        "b1b5df5f7825358bff2b7dbabe0941d40547a89d",
        "a0d2f40277fdcbc2a9decd88bbfbacfaf1d85c93",
        "1cb5064791c08ac2872cb3a120ba0dae091ea800",
        "657d02347db927c5711520931abd07e488f796ae",
        "cd35b5ee2b188e24a51a57ffe0ca3884072c9d12",
        "7285e305102310e04e386676599c3596ee8cdde1",
        "473ceb3c5370c24d71433c39f59e83cf772ff9ef",
    ],
    "given": [
        "c5345cfc957f1b810e4bad3ac65b99dcaa04520b",
        "b1b5df5f7825358bff2b7dbabe0941d40547a89d",
        "e32f9567d8e073b3be369f8277f2ead29e52c60a",
        "3b290f3a82112b3382dc2d24b901cd839c5f0ba6",
        "4b98113cd30facebaf3a9456984aaf17812a9321",
        "76cc804607c44391546e2a2ea8281771ec953326",
        "9969b56da004f441e1eec282ca097fb95c7c8b3f",
        "d933939b2933f72fe2ee24f31a881b4efdf5c6a1",
    ],
}
ADAPTIVE = {"profile": "adaptive"}
PLUGINS = Path(__file__).resolve().parents[1] / "plugins"


@pytest.fixture(scope="module")
def nuclei() -> np.ndarray[Any, Any]:
    """A small image of small nuclei."""
    image: np.ndarray[Any, Any] = synthetic_image(5, (180, 200), n_nuclei=14, radius=9, clustering=0.3)[0]
    return image


def run_cli(*arguments: object, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "superdsm", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environ,
    )


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def agreement(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    """Fraction of the objects of `a` that have a partner of IoU 0.7 in `b`."""
    found = 0
    for label in range(1, int(a.max()) + 1):
        mask = a == label
        other = np.bincount(b[mask], minlength=2)
        other[0] = 0
        best = int(other.argmax())
        union = np.count_nonzero(mask | (b == best)) if other[best] else 1
        found += bool(other[best] / union > 0.7)
    return found / max(1, int(a.max()))


class TestIdentity:
    @pytest.mark.parametrize(("name", "config"), [("defaults", {}), ("given", GIVEN)])
    def test_results_of_published_keep_their_keys(self, name: str, config: dict[str, Any]) -> None:
        recipe = make_recipe(default_pipeline("published"), Config(config), identity)
        assert [recipe.digest, *recipe.keys("image")] == PUBLISHED_KEYS[name]

    def test_naming_the_profile_or_the_size_of_a_pixel_changes_no_key(self) -> None:
        recipes = [
            make_recipe(default_pipeline("published"), Config(config), identity).digest
            for config in ({}, {"profile": "published", "pixel_size": 0.65})
        ]
        assert recipes[0] == recipes[1] == PUBLISHED_KEYS["defaults"][0]

    def test_the_defaults_of_a_profile_are_part_of_the_keys(self) -> None:
        beta = profiles.ADAPTIVE.defaults["global-energy-minimization"]["AF_beta"]
        path = "global-energy-minimization/AF_beta"
        keys = [
            make_recipe(default_pipeline("adaptive"), Config(config), identity).digest
            for config in ({}, {path: beta}, {path: beta + 0.1})
        ]
        assert keys[0] == keys[1] != keys[2]

    def test_a_floor_is_part_of_the_key(self) -> None:
        stage = default_pipeline("published")["dsm"]
        assert identity(stage) != identity(stage.with_floors(smooth_amount=3))
        with pytest.raises(ConfigError, match="did you mean 'smooth_amount'"):
            stage.with_floors(smooth_amoun=3)


class TestPreset:
    @pytest.mark.parametrize("name", profiles.PROFILES)
    def test_every_profile_gives_a_pipeline_whose_defaults_are_legal(self, name: str) -> None:
        pipeline = default_pipeline(name)
        assert pipeline.profile == name and tuple(pipeline.ids) == profiles.PROFILES[name].stages
        pipeline.validate(Config({"profile": name}))

    @pytest.mark.parametrize("name", profiles.PROFILES)
    def test_of_automatic_hyperparameters_a_profile_sets_only_factors(self, name: str) -> None:
        pipeline = default_pipeline(name)
        for stage in pipeline:
            fixed = [key for key in stage.defaults if key in stage.declared and stage.declared[key].auto]
            assert not fixed, f"{name}: AF_{fixed[0]} of a user would have no effect"
        assert set(profiles.PROFILES[name].places.values()) <= set(pipeline.ids)

    def test_single_hyperparameters_win(self) -> None:
        regions = default_pipeline("adaptive")["c2f-region-analysis"]
        path = "c2f-region-analysis/max_atom_norm_energy"
        default = profiles.ADAPTIVE.defaults["c2f-region-analysis"]["max_atom_norm_energy"]
        assert regions.identity_params(Config())["max_atom_norm_energy"] == default != 0.05
        assert regions.identity_params(Config({path: 0.05}))["max_atom_norm_energy"] == 0.05
        stage = default_pipeline("adaptive")["global-energy-minimization"]
        assert stage.identity_params(Config({"global-energy-minimization/AF_beta": 3}))["beta"] == {"AF": 3.0}
        assert stage.identity_params(Config({"global-energy-minimization/beta": 3}))["beta"] == 3.0

    def test_one_that_is_not_known(self, nuclei: np.ndarray[Any, Any]) -> None:
        with pytest.raises(ConfigError, match="did you mean 'adaptive'"):
            superdsm.segment(nuclei, profile="adaptiv")
        with pytest.raises(ConfigError, match='profile = 3 is not allowed; expected: "adaptive" or "published"'):
            superdsm.segment(nuclei, {"profile": 3})

    def test_a_pipeline_of_another_profile_is_an_error(self, nuclei: np.ndarray[Any, Any]) -> None:
        with pytest.raises(ConfigError, match="the pipeline is that of the profile 'published'"):
            superdsm.segment(nuclei, ADAPTIVE, pipeline=default_pipeline("published"))

    def test_hyperparameters_of_a_stage_that_the_profile_replaces(self, nuclei: np.ndarray[Any, Any]) -> None:
        with pytest.raises(ConfigError, match="has no stage 'postprocess', but 'evidence' in its place"):
            superdsm.segment(nuclei, {"postprocess": {"min_contrast": 2}}, profile="adaptive")

    def test_the_result_says_the_profile_and_can_be_repeated_from_its_hyperparameters(
        self, nuclei: np.ndarray[Any, Any]
    ) -> None:
        first = superdsm.segment(nuclei, profile="adaptive")
        assert first.params["profile"] == "adaptive"
        again = superdsm.segment(nuclei, first.params)
        assert first.labels.max() >= 10
        assert np.array_equal(first.labels, again.labels)


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
    @settings(max_examples=60, deadline=None)
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
    @settings(max_examples=60, deadline=None)
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
        with pytest.raises(ConfigError, match="is no length; write for instance 12, or 5 um"):
            in_pixels(text, "px", {"pixel_size": 1}, "dsm/smooth_amount")

    def test_a_pixel_size_is_needed_and_checked(self) -> None:
        with pytest.raises(ConfigError, match="the size of a pixel is not known; give pixel_size"):
            in_pixels("5 um", "px", {}, "nucleus_radius")
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


class Pixels(Stage):
    """Look at the end of the pipeline."""

    id = "pixels"
    version = "1"
    inputs = ("g_raw", "postprocessed_objects")
    outputs = ("seen",)
    after = "postprocess"
    reach = param(5.0, "A length.", unit="px")

    def process(self, ctx: StageContext, *, g_raw: Any, postprocessed_objects: Any) -> dict[str, Any]:
        stops = [[item.slices[0].stop, item.slices[1].stop] for item in postprocessed_objects]
        return {"seen": {"shape": list(g_raw.shape), "stops": stops, "reach": ctx.params.reach}}


class Threshold(Stage):
    """Know nothing of resolutions."""

    id = "threshold"
    version = "1"
    inputs = ("g_raw",)
    outputs = ("y",)
    replaces = "preprocess"

    def process(self, ctx: StageContext, *, g_raw: Any) -> dict[str, Any]:
        return {"y": ndi.gaussian_filter(g_raw, 1.0) - 0.35}


class TestWorkingResolution:
    @pytest.mark.parametrize("radius", [6, 30])
    def test_nuclei_have_the_same_radius_on_the_working_grid(self, radius: float) -> None:
        image = np.zeros((240, 300))
        target = profiles.ADAPTIVE.defaults.get("resolution", {}).get(
            "target_radius", default_pipeline("adaptive")["resolution"].declared["target_radius"].default
        )
        run = default_pipeline("adaptive").using(Size).run(image, {"nucleus_radius": radius}, last="size")
        zoom = run.fields["zoom"]
        assert zoom == pytest.approx(target / radius)
        assert run.fields["seen"]["shape"] == [round(240 * zoom), round(300 * zoom)]
        assert run.fields["seen"]["length"] == pytest.approx(20 * zoom)
        assert run.fields["seen"]["area"] == pytest.approx(target**2 / 2)

    def test_a_stage_of_a_plugin_between_and_one_at_the_end_go_together_with_their_neighbours(self) -> None:
        image, truth = synthetic_image(3, (160, 170), n_nuclei=8, radius=8, clustering=0.0, bent=0.0)
        pipeline = default_pipeline("adaptive").using(Threshold).using(Pixels)
        assert "normalise" not in pipeline.ids and pipeline.ids[-1] == "pixels"
        result = superdsm.segment(image, {"nucleus_radius": 8}, pipeline=pipeline)
        seen = result.fields["seen"]
        assert result.fields["y"].shape == result.fields["g_work"].shape != image.shape
        assert seen["shape"] == [160, 170] == list(result.labels.shape)
        assert seen["reach"] == 5.0, "after the last stage lengths are again those of the image"
        assert len(seen["stops"]) >= 6 and all(row <= 160 and column <= 170 for row, column in seen["stops"])
        assert agreement(truth, result.labels) > 0.7

    def test_the_stage_of_the_tophat_plugin_works_at_the_working_resolution(
        self, nuclei: np.ndarray[Any, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.syspath_prepend(PLUGINS / "superdsm-tophat" / "src")
        from superdsm_tophat.stage import TopHat

        result = superdsm.segment(nuclei, pipeline=default_pipeline("adaptive").using(TopHat))
        assert result.labels.shape == nuclei.shape and result.labels.max() >= 8

    def test_a_pipeline_that_ends_on_the_working_grid_has_labels_there(self, nuclei: np.ndarray[Any, Any]) -> None:
        result = superdsm.segment(nuclei, profile="adaptive", last="global-energy-minimization")
        assert result.labels.shape == result.overlay().shape[:2] == result.fields["y"].shape != nuclei.shape

    def test_a_pipeline_can_go_on_in_the_middle_with_the_fields_of_a_complete_run(
        self, nuclei: np.ndarray[Any, Any]
    ) -> None:
        whole = superdsm.segment(nuclei, profile="adaptive")
        for first in (
            "nucleus-size",
            "resolution",
            "normalise",
            "global-energy-minimization",
            "restore",
            "contours",
            "evidence",
        ):
            again = superdsm.segment(nuclei, profile="adaptive", first=first, fields=whole.fields)
            assert np.array_equal(again.labels, whole.labels), first
            assert again.fields["zoom"] == 1 and again.fields["work"] == whole.fields["work"]

    def test_stages_can_be_left_out_and_named_by_their_place(self) -> None:
        pipeline = default_pipeline("adaptive")
        assert pipeline["preprocess"] is pipeline["normalise"]
        assert "evidence" not in pipeline.without("postprocess").ids
        with pytest.raises(PipelineError, match="there is no stage 'preproces'"):
            pipeline["preproces"]

    def test_fields_say_their_grid(self) -> None:
        grids = {}
        for stage in default_pipeline("adaptive"):
            grids |= {name: stage.field(name).grid for name in stage.outputs}
            if stage.id == "resolution":
                assert grids["g_raw"] == "working" and grids["g_image"] == "image"
            if stage.id == "global-energy-minimization":
                assert {grids[name] for name in ("y", "atoms", "cover", "seeds", "clusters")} == {"working"}
        assert {grids[name] for name in ("g_raw", "cover", "postprocessed_objects")} == {"image"}

    def test_pictures_of_atoms_are_on_the_working_grid(self, tmp_path: Path, nuclei: np.ndarray[Any, Any]) -> None:
        from superdsm.io.exporters import EXPORTERS, export
        from superdsm.records import ExportContext

        result = superdsm.segment(nuclei, profile="adaptive")
        by_name = {exporter.name: exporter for exporter in EXPORTERS}
        for name in ("adj", "seg", "overlay"):
            export(by_name[name], tmp_path / f"{name}.png", result.fields, ExportContext("x", {}, {}))
        assert read_image(tmp_path / "adj.png").shape[:2] == result.fields["g_work"].shape != nuclei.shape
        assert read_image(tmp_path / "seg.png").shape == read_image(tmp_path / "overlay.png").shape[:2] == nuclei.shape


class TestInvariance:
    def segmented(self, image: np.ndarray[Any, Any], folder: Path, *more: object) -> np.ndarray[Any, Any]:
        write_labels(folder / "image.png", image)
        done = run_cli("segment", folder / "image.png", "-o", folder / "labels.png", "--profile", "adaptive", *more)
        assert done.returncode == 0, done.stderr
        labels: np.ndarray[Any, Any] = read_image(folder / "labels.png")
        return labels

    def test_intensities_that_are_scaled_shifted_or_have_a_hot_pixel(
        self, nuclei: np.ndarray[Any, Any], tmp_path: Path
    ) -> None:
        plain = self.segmented(nuclei.astype(np.uint16), tmp_path)
        assert plain.max() >= 10
        hot = nuclei.astype(np.uint16)
        hot[3, 5] = 65535
        for other in (nuclei.astype(np.uint16) * 100, nuclei.astype(np.uint16) + 3000, hot):
            labels = self.segmented(other, tmp_path)
            assert agreement(plain, labels) >= 0.9 and agreement(labels, plain) >= 0.9

    def test_one_very_bright_object(self, nuclei: np.ndarray[Any, Any], tmp_path: Path) -> None:
        rows, columns = np.ogrid[:180, :260]
        wide = np.zeros((180, 260), np.uint16)
        wide[:, :200] = nuclei
        wide[:, 200:] = nuclei[:, -60:].min()
        plain = self.segmented(wide, tmp_path)
        wide[(rows - 90) ** 2 + (columns - 235) ** 2 < 9**2] = 20_000
        labels = self.segmented(wide, tmp_path)
        assert agreement(plain[:, :190], labels[:, :190]) >= 0.85

    @pytest.mark.parametrize(
        "image",
        [
            np.zeros((90, 80), np.uint8),
            np.full((90, 80), 200, np.uint8),
            empty_well(1, (160, 150)),
            empty_well(2, (200, 130)),
            np.eye(1, 900, 400, dtype=np.uint8).reshape(30, 30) * 255,
            np.zeros((1, 1), np.uint8),
            np.arange(30, dtype=np.uint8)[None],
        ],
        ids=["black", "constant", "noise", "more noise", "one pixel", "1 x 1", "one row"],
    )
    def test_an_image_without_objects_gives_none(self, image: np.ndarray[Any, Any]) -> None:
        result = superdsm.segment(image, profile="adaptive")
        assert result.labels.max(initial=0) == 0 and result.labels.shape == image.shape
        assert result.warnings

    def test_the_size_of_the_nuclei(self) -> None:
        image, truth = synthetic_image(11, (320, 320), n_nuclei=14, radius=20, clustering=0.0)
        small = ndi.zoom(image.astype(float), 0.4, order=1)
        result = superdsm.segment(small, profile="adaptive")
        enlarged = result.labels[(np.arange(320) * 0.4).astype(int)][:, (np.arange(320) * 0.4).astype(int)]
        assert agreement(truth, superdsm.segment(image, profile="adaptive").labels) >= 0.75
        assert agreement(truth, enlarged) >= 0.7

    def test_every_label_is_one_piece(self, nuclei: np.ndarray[Any, Any]) -> None:
        crowded = synthetic_image(8, (200, 200), n_nuclei=40, radius=10, clustering=0.9)[0]
        for image in (nuclei, crowded):
            labels = superdsm.segment(image, profile="adaptive").labels
            assert labels.max() >= 8
            for label in range(1, int(labels.max()) + 1):
                assert ndi.label(labels == label)[1] == 1

    def test_the_number_of_threads_changes_nothing(self, nuclei: np.ndarray[Any, Any]) -> None:
        one, many = (superdsm.segment(nuclei, profile="adaptive", jobs=jobs) for jobs in (1, 3))
        assert np.array_equal(one.labels, many.labels)
        assert one.fields["postprocessed_objects"] == many.fields["postprocessed_objects"]


class TestTold:
    def test_on_the_command_line(self, nuclei: np.ndarray[Any, Any], tmp_path: Path) -> None:
        write_labels(tmp_path / "a.png", nuclei)
        for profile, expected in (("adaptive", "objects, radius "), ("published", "objects, radius ")):
            done = run_cli("segment", tmp_path / "a.png", "-o", tmp_path / "l.png", "--profile", profile)
            assert done.returncode == 0 and expected in done.stdout, done.stdout + done.stderr

    def test_what_published_leaves_out_of_small_nuclei(self) -> None:
        image = synthetic_image(2, (256, 256), n_nuclei=60, radius=5, clustering=0.0, bent=0.0, noise=0.01)[0]
        result = superdsm.segment(image, {"AF_scale": 5 / 2**0.5}, profile="published")
        assert result.summary["irregular"] > 30
        assert result.summary["components"] >= result.summary["irregular"]
        assert any("left out as irregular" in text for text in result.warnings)

    @pytest.mark.parametrize("profile", profiles.PROFILES)
    def test_bright_field(self, nuclei: np.ndarray[Any, Any], profile: str) -> None:
        last = "nucleus-size" if profile == "adaptive" else "scale"
        colour = np.stack([240 - nuclei // 2] * 3, axis=2)
        for image, mode, expected in ((colour, False, True), (colour, True, False), (nuclei, False, False)):
            result = superdsm.segment(image, {"histological": mode}, profile=profile, last=last)
            assert any("looks like bright field" in text for text in result.warnings) is expected

    def test_an_uncertain_size(self) -> None:
        image = synthetic_image(1, (128, 128), n_nuclei=1, radius=12)[0]
        assert any("is uncertain" in text for text in superdsm.segment(image, profile="adaptive").warnings)

    def test_the_stages_of_a_profile(self) -> None:
        done = run_cli("stages", "--profile", "adaptive", "--json")
        assert [stage["id"] for stage in json.loads(done.stdout)] == list(profiles.ADAPTIVE.stages)
        done = run_cli("stages", "global-energy-minimization", "--profile", "adaptive", "--json")
        found = {spec["path"]: spec for spec in json.loads(done.stdout)["hyperparameters"]}
        defaults = profiles.ADAPTIVE.defaults["global-energy-minimization"]
        assert found["global-energy-minimization/beta"]["auto"]["default"] == defaults["AF_beta"]

    def test_wrong_settings_on_the_command_line(self, nuclei: np.ndarray[Any, Any], tmp_path: Path) -> None:
        write_labels(tmp_path / "a.png", nuclei)
        start = ("segment", tmp_path / "a.png", "-o", tmp_path / "l.png")
        for arguments, message in (
            (("--profile", "addaptive"), "did you mean 'adaptive'?"),
            (("--profile", "adaptive", "--set", "nucleus_radius=5 um"), "give pixel_size in micrometres"),
            (("--profile", "adaptive", "--set", "nucleus_radius=tiny"), "is no length"),
            (("--profile", "published", "--set", "nucleus_radius=5"), "unknown hyperparameter 'nucleus_radius'"),
            (("--profile", "adaptive", "--set", "nucleus_radius=5", "--set", "AF_scale=5"), "both say how large"),
        ):
            done = run_cli(*start, *arguments)
            assert done.returncode == 2 and message in done.stderr, done.stderr
            assert done.stderr.count("\n") == 1 and not (tmp_path / "l.png").exists()
        done = run_cli(*start, "--profile", "adaptive", "--set", "nucleus_radius=5 um", "--set", "pixel_size=0.5")
        assert done.returncode == 0 and "radius 10 px" in done.stdout


class TestBatch:
    @pytest.fixture
    def tree(self, tmp_path: Path, nuclei: np.ndarray[Any, Any]) -> Path:
        root = tmp_path / "tree"
        for name in ("", "derived", "other"):
            (root / name).mkdir(parents=True)
        for file_id in (1, 2):
            write_labels(root / f"{file_id}.png", nuclei[:, : 140 + 20 * file_id])
        task = {
            "runnable": True,
            "img_pathpattern": "{ROOTDIR}/%d.png",
            "file_ids": [1, 2],
            "seg_pathpattern": "seg/%d.png",
            "cfg_pathpattern": "cfg/%d.json",
            "config": ADAPTIVE,
        }
        (root / "task.json").write_text(json.dumps(task))
        derived = {"runnable": True, "config": {"global-energy-minimization": {"AF_beta": 2.0}}}
        (root / "derived" / "task.json").write_text(json.dumps(derived))
        other = {"runnable": True, "config": {"profile": "published", "AF_scale": 7}}
        (root / "other" / "task.json").write_text(json.dumps(other))
        return root

    def test_the_profile_is_inherited_shown_kept_and_picked_up(self, tree: Path) -> None:
        plan = run_cli("batch", tree).stdout
        assert ".: 2 images, profile adaptive" in plan and "derived: 2 images, profile adaptive" in plan
        assert "other: 2 images, profile published" in plan
        done = run_cli("batch", tree, "--run", "--jobs", 2)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "picked up: nucleus-size, " in plan
        assert run_cli("batch", tree).stdout.count("2 complete") == 3
        for name, profile in (("", "adaptive"), ("derived", "adaptive"), ("other", "published")):
            assert json.loads((tree / name / "manifest.json").read_text())["profile"] == profile
            config = json.loads((tree / name / "cfg" / "1.json").read_text())
            assert config["profile"] == profile
        assert read_image(tree / "seg" / "1.png").max() >= 5

    def test_the_store_says_the_grid_of_each_field(self, tree: Path) -> None:
        assert run_cli("batch", tree, "--run").returncode == 0
        grids: dict[str, set[tuple[str, ...]]] = {}
        for path in (tree / ".superdsm" / "results").glob("*/*.json"):
            content = json.loads(path.read_text().splitlines()[1])
            found = tuple(field.get("grid", "") for name, field in content["fields"].items() if name == "cover")
            grids.setdefault(content["stage"], set()).add(found)
        assert grids["global-energy-minimization"] == {("working",), ("",)}, "the latter is that of published"
        assert grids["contours"] == {("image",)}
        results = Batch.open(tree).results(".")
        assert results[1].field("atoms").shape != results[1].labels().shape
        assert "radius" in results.summary().columns

    def test_the_same_as_without_batch_processing_and_for_any_number_of_workers(
        self, tree: Path, tmp_path: Path
    ) -> None:
        contents = []
        for jobs in (1, 2):
            done = run_cli("batch", tree, "--run", "--force", "--jobs", jobs)
            assert done.returncode == 0, done.stdout + done.stderr
            contents.append({path: path.read_bytes() for path in sorted(tree.glob("**/seg/*.png"))})
            contents[-1] |= {path: path.read_bytes() for path in sorted(tree.glob("**/summary.csv"))}
        assert contents[0] == contents[1] and len(contents[0]) == 9
        run_cli("segment", tree / "2.png", "-o", tmp_path / "2.png", "--profile", "adaptive")
        assert (tmp_path / "2.png").read_bytes() == (tree / "seg" / "2.png").read_bytes()

    def test_what_cfg_says_gives_the_same_again(self, tree: Path, tmp_path: Path) -> None:
        assert run_cli("batch", tree, "--run").returncode == 0
        for name in (".", "other"):
            config = tree / name / "cfg" / "1.json"
            done = run_cli("segment", tree / "1.png", "-o", tmp_path / "1.png", "--config", config)
            assert done.returncode == 0, done.stderr
            assert (tmp_path / "1.png").read_bytes() == (tree / name / "seg" / "1.png").read_bytes()

    def test_the_summary_has_a_row_for_each_image(self, tree: Path) -> None:
        assert run_cli("batch", tree, "--run").returncode == 0
        rows = table(tree / "summary.csv")
        assert [row["file_id"] for row in rows] == ["1", "2"]
        for row in rows:
            assert row["status"] == "done" and int(row["objects"]) >= 5 and 6 < float(row["radius"]) < 13
            assert int(row["components"]) >= int(row["irregular"])
        assert float(table(tree / "other" / "summary.csv")[0]["radius"]) == pytest.approx(7 * 2**0.5, abs=1e-3)

    def test_another_profile_is_the_reason(self, tree: Path) -> None:
        assert run_cli("batch", tree, "--run", "--task", ".").returncode == 0
        plan = run_cli("batch", tree, "--task", ".", "--profile", "published").stdout
        assert "from scale; profile adaptive -> published" in plan

    def test_the_command_line_wins(self, tree: Path) -> None:
        plan = run_cli("batch", tree, "--profile", "published").stdout
        assert plan.count("profile published,") == 3 and "--profile published" in plan.splitlines()[-1]
        done = run_cli("batch", tree, "--profile", "publisht")
        assert done.returncode == 2 and "did you mean 'published'" in done.stderr

    def test_a_wrong_name_is_told_with_its_line(self, tree: Path) -> None:
        (tree / "other" / "task.json").write_text('{"runnable": true,\n "config": {\n  "profile": "publisht"}}')
        done = run_cli("batch", tree)
        assert done.returncode == 2 and "task.json:3: profile = 'publisht'" in done.stderr, done.stderr

    def test_hyperparameters_without_effect_are_told(self, tree: Path) -> None:
        derived = {"runnable": True, "config": {"postprocess": {"min_contrast": 2}}}
        (tree / "derived" / "task.json").write_text(json.dumps(derived))
        assert "the hyperparameters of postprocess have no effect" in run_cli("batch", tree).stdout

    def test_a_tree_keeps_the_profile_that_it_was_begun_with(self, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from superdsm.batch.tasks import default_profile

        monkeypatch.setattr(profiles, "DEFAULT_PROFILE", "adaptive")
        assert default_profile.of_tree(tree) == "adaptive"
        (tree / ".superdsm" / "tasks").mkdir(parents=True)
        assert default_profile.of_tree(tree) == "published", "it was begun before there were profiles"
        default_profile.remember(tree)
        assert default_profile.of_tree(tree) == "published"
        (tree / ".superdsm" / "profile").write_text("adaptive\n")
        monkeypatch.setattr(profiles, "DEFAULT_PROFILE", "published")
        assert default_profile.of_tree(tree) == "adaptive"
        task = json.loads((tree / "task.json").read_text())
        (tree / "task.json").write_text(json.dumps(task | {"config": {}}))
        assert "the profile is adaptive, which this tree was begun with" in run_cli("batch", tree).stdout
