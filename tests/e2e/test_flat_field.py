"""The stage ``flat-field``: off unless it is used, and the content of its files is part of the keys."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

import superdsm
from superdsm.batch.tasks.keys import make_recipe
from superdsm.cli import main
from superdsm.config import Config
from superdsm.errors import ConfigError, ImageError
from superdsm.io import read_image
from superdsm.io.images import read_builtin
from superdsm.plugins import default_pipeline, resolve_pipeline
from superdsm.plugins.identity import identity
from superdsm.stages.flat_field import FlatField
from superdsm.testing import check_stage, synthetic_image

from ..laboratory import Laboratory

SHAPE = (120, 150)


def light() -> Any:
    rows, columns = (np.linspace(-1, 1, size) for size in SHAPE)
    return 1 - 0.15 * (rows[:, None] ** 2 + columns**2) + 0.1 * columns


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """An image, the same unevenly illuminated, and the flat image."""
    image = 300 + 900 * gaussian_filter((synthetic_image(5, SHAPE, n_nuclei=6, radius=10.0)[1] > 0).astype(float), 1)
    tifffile.imwrite(tmp_path / "even.tif", np.rint(image).astype(np.uint16))
    tifffile.imwrite(tmp_path / "1.tif", np.rint(image * light() / light().mean() + 50).astype(np.uint16))
    tifffile.imwrite(tmp_path / "flat.tif", np.rint(10_000 * light() + 50).astype(np.uint16))
    tifffile.imwrite(tmp_path / "dark.tif", np.full(SHAPE, 50, np.uint16))
    return tmp_path


@pytest.mark.parametrize("profile", ["adaptive", "published"])
@pytest.mark.parametrize("dark", ["dark", "dark_image"])
def test_with_a_flat_image_the_image_is_as_if_evenly_illuminated(files: Path, profile: str, dark: str) -> None:
    settings = {"flat": str(files / "flat.tif"), dark: 50 if dark == "dark" else str(files / "dark.tif")}
    result = superdsm.segment(
        read_image(files / "1.tif"), {"flat-field": settings}, use=["flat-field"], profile=profile, last="ingest"
    )
    even = read_image(files / "even.tif").astype(float)
    np.testing.assert_allclose(result.fields["image"], even, atol=2.5)
    assert result.params["flat-field"]["flat"] == settings["flat"]
    assert result.fields["g_raw"].max() == 1


def test_without_one_it_is_estimated_and_told(files: Path) -> None:
    result = superdsm.segment(read_image(files / "1.tif"), {"flat-field": {"dark": 50}}, use=["flat-field"])
    assert result.summary["illumination"] == pytest.approx(light().max() / light().min(), rel=0.1)
    assert result.labels.max() > 0 and not [text for text in result.warnings if "illumination" in text]
    steep = np.outer(np.linspace(1, 90, 80), np.ones(90))
    doubtful = superdsm.segment(steep, use=["flat-field"])
    assert any("the estimated illumination varies" in text for text in doubtful.warnings)


def test_it_is_off_and_what_is_stored_keeps_its_keys() -> None:
    for profile in ("adaptive", "published"):
        pipeline = default_pipeline(profile)
        assert "flat-field" not in pipeline.ids
        assert resolve_pipeline(["flat-field"], profile=profile).ids == ["flat-field", *pipeline.ids]


def keys(**settings: Any) -> list[str]:
    pipeline = resolve_pipeline(["flat-field"], profile="published")
    return make_recipe(pipeline, Config({"flat-field": settings}), identity).keys("image")


def test_the_content_of_the_files_is_part_of_the_keys(files: Path) -> None:
    flat = str(files / "flat.tif")
    before = keys(flat=flat)
    assert before != keys() and before != keys(flat=str(files / "dark.tif"))
    (files / "elsewhere.tif").write_bytes((files / "flat.tif").read_bytes())
    assert keys(flat=str(files / "elsewhere.tif")) == before
    tifffile.imwrite(files / "flat.tif", np.full(SHAPE, 3, np.uint16))
    assert keys(flat=flat) != before


def test_what_is_wrong_with_the_files_is_said(files: Path) -> None:
    image = read_image(files / "1.tif")
    with pytest.raises(ConfigError, match=r"flat-field/flat: there is no file nowhere\.tif"):
        superdsm.segment(image, {"flat-field": {"flat": "nowhere.tif"}}, use=["flat-field"])
    tifffile.imwrite(files / "small.tif", np.ones((5, 6), np.uint16))
    with pytest.raises(ImageError, match=r"small\.tif: is no grey image of the size of the image \(they are 5 x 6 and"):
        superdsm.segment(image, {"flat-field": {"flat": str(files / "small.tif")}}, use=["flat-field"])
    settings: dict[str, Any] = {"dark": 1e6}
    result = superdsm.segment(image, {"flat-field": settings}, use=["flat-field"], last="ingest")
    assert "is not brighter than the dark intensity: its illumination was not corrected" in result.warnings[0]
    settings["flat"] = str(files / "flat.tif")
    with pytest.raises(ImageError, match=r"flat\.tif is not brighter than the dark intensity; give another one"):
        superdsm.segment(image, {"flat-field": settings}, use=["flat-field"])


def test_the_stage_keeps_the_promises_of_stages() -> None:
    check_stage(FlatField, pipeline=resolve_pipeline(["flat-field"]))


@pytest.mark.process
def test_a_task_computes_again_when_the_flat_image_has_changed(lab: Laboratory, files: Path) -> None:
    task = {
        "img_pathpattern": str(files / "%d.tif"),
        "file_ids": [1],
        "seg_pathpattern": "seg/%d.tif",
        "use": ["flat-field"],
        "config": {"profile": "adaptive", "flat-field": {"flat": str(files / "flat.tif"), "dark": 50}},
    }
    (lab.root / "task.json").write_text(json.dumps({"runnable": True, **task}))
    code, lines = lab.call("--run", "--executor", "serial")
    assert code == 0, lines
    assert "1 complete" in "\n".join(lab.call()[1])
    task["seg_pathpattern"] = str(files / "flat.tif")
    (lab.root / "task.json").write_text(json.dumps({"runnable": True, **task}))
    assert lab.call("--run")[0] == 2, "the flat image would be overwritten"
    task["seg_pathpattern"] = "seg/%d.tif"
    (lab.root / "task.json").write_text(json.dumps({"runnable": True, **task}))
    tifffile.imwrite(files / "flat.tif", np.rint(9_000 * light() + 50).astype(np.uint16))
    text = "\n".join(lab.call()[1])
    assert "1 to run" in text and "flat-field/flat" in text


def test_a_flat_image_that_changes_under_the_run_is_noticed(files: Path) -> None:
    flat = files / "flat.tif"
    pipeline = resolve_pipeline(["flat-field"])
    config = {"flat-field": {"flat": str(flat)}}
    evaluation = pipeline.evaluation(read_image(files / "1.tif"), config, read_image=read_builtin)
    tifffile.imwrite(flat, np.full(SHAPE, 3, np.uint16))
    with pytest.raises(ImageError, match="was changed while it was being used"):
        evaluation.ensure("flat-field")


def test_the_flat_image_is_not_overwritten(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flat = files / "flat.tif"
    before = flat.read_bytes()
    given = ["--use", "flat-field", "--set", f"flat-field/flat={flat}"]
    assert main(["segment", str(files / "1.tif"), "-o", str(flat), *given]) == 2
    assert "a file of the stage flat-field" in capsys.readouterr().err
    assert flat.read_bytes() == before
