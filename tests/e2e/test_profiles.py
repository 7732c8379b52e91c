"""Profiles through the real command line: invariance, what is told, and batch processing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage as ndi

import superdsm
from superdsm import profiles
from superdsm.batch.api import Batch
from superdsm.io import read_image, write_labels
from superdsm.testing.synthetic import empty_well, synthetic_image
from tests.laboratory import without_seconds
from tests.profile_fixtures import agreement, run_cli, table

pytestmark = pytest.mark.process  # all but a few run the command line

ADAPTIVE = {"profile": "adaptive"}


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
            (("--profile", "adaptive", "--set", "nucleus_radius=tiny"), "is of the wrong type; expected: length"),
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
            contents[-1] |= {path: without_seconds(path) for path in sorted(tree.glob("**/summary.csv"))}
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

    def test_a_tree_keeps_the_profile_that_it_was_begun_with(self, tree: Path) -> None:
        from superdsm.batch.storage import default_profile

        assert default_profile.of_tree(tree) == "published", "as before there were profiles"
        default_profile.remember(tree)
        assert default_profile.of_tree(tree) == "published"
        (tree / ".superdsm" / "profile").write_text("adaptive\n")
        assert default_profile.of_tree(tree) == "adaptive"
        task = json.loads((tree / "task.json").read_text())
        (tree / "task.json").write_text(json.dumps(task | {"config": {}}))
        assert "the profile is adaptive, which this tree was begun with" in run_cli("batch", tree).stdout
