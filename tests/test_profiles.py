"""Profiles: their stages and defaults, the keys of their results, and the working resolution."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage as ndi

import superdsm
from superdsm import profiles
from superdsm.batch.tasks.keys import make_recipe
from superdsm.config import Config
from superdsm.errors import ConfigError, PipelineError
from superdsm.io import read_image
from superdsm.params import param
from superdsm.plugins import default_pipeline, identity
from superdsm.stage import Stage, StageContext
from superdsm.testing.synthetic import synthetic_image
from tests.profile_fixtures import agreement
from tests.test_lengths import Size

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


class TestIdentity:
    @pytest.mark.parametrize(("name", "config"), [("defaults", {}), ("given", GIVEN)])
    def test_results_of_published_keep_their_keys(self, name: str, config: dict[str, Any]) -> None:
        recipe = make_recipe(default_pipeline("published"), Config(config), identity)
        assert [recipe.digest, *recipe.keys("image").values()] == PUBLISHED_KEYS[name]

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
        from superdsm.io.picture_exporters import PICTURES
        from superdsm.records import ExportContext

        result = superdsm.segment(nuclei, profile="adaptive")
        by_name = {exporter.name: exporter for exporter in (*EXPORTERS, *PICTURES)}
        for name in ("adj", "seg", "overlay"):
            export(by_name[name], tmp_path / f"{name}.png", result.fields, ExportContext("x", {}, {}))
        assert read_image(tmp_path / "adj.png").shape[:2] == result.fields["y"].shape != nuclei.shape
        assert read_image(tmp_path / "seg.png").shape == read_image(tmp_path / "overlay.png").shape[:2] == nuclei.shape
