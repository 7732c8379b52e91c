"""Channels, z planes and pixel sizes of files, on the command line and in tasks."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from superdsm.io import open_image, read_image
from superdsm.testing import synthetic_image

pytestmark = pytest.mark.process


def run(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "superdsm", *map(str, args)], capture_output=True, text=True, check=False
    )


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """An OME-TIFF file with nuclei in the second of two channels."""
    nuclei = synthetic_image(4, (96, 110), n_nuclei=5, radius=9.0)[0]
    other = np.random.default_rng(0).integers(0, 9, nuclei.shape).astype(nuclei.dtype)
    metadata = {
        "axes": "CYX",
        "Channel": {"Name": ["GFP", "DAPI"]},
        "PhysicalSizeX": 0.65,
        "PhysicalSizeY": 0.65,
    }
    tifffile.imwrite(tmp_path / "1.ome.tif", np.stack([other, nuclei]), ome=True, metadata=metadata)
    tifffile.imwrite(tmp_path / "plain.tif", nuclei)
    return tmp_path / "1.ome.tif"


def test_the_command_line(stack: Path, tmp_path: Path) -> None:
    refused = run("segment", stack, "-o", tmp_path / "no.tif")
    assert refused.returncode == 2
    assert "2 channels (GFP, DAPI) of 96 x 110 px; say which" in refused.stderr
    assert run("segment", tmp_path / "plain.tif", "-o", tmp_path / "plain-labels.tif").returncode == 0
    expected = read_image(tmp_path / "plain-labels.tif")
    assert expected.max() == 5
    for channel in ("dapi", "1"):
        chosen = run("segment", stack, "-o", tmp_path / "labels.tif", "--channel", channel)
        assert (chosen.returncode, chosen.stderr) == (0, "")
        np.testing.assert_array_equal(read_image(tmp_path / "labels.tif"), expected)
        assert open_image(tmp_path / "labels.tif").pixel_size == pytest.approx((0.65, 0.65))
    assert "has no channel 'DAPPI'" in run("segment", stack, "-o", tmp_path / "no.tif", "--channel", "DAPPI").stderr


def test_a_task_and_one_derived_from_it(stack: Path, tmp_path: Path) -> None:
    task = {
        "runnable": True,
        "img_pathpattern": str(tmp_path / "%d.ome.tif"),
        "file_ids": [1],
        "channel": "DAPI",
        "seg_pathpattern": "seg/%d.tif",
        "config": {"profile": "adaptive"},
    }
    root = tmp_path / "root"
    (root / "other").mkdir(parents=True)
    (root / "task.json").write_text(json.dumps(task))
    (root / "other" / "task.json").write_text(json.dumps({"runnable": True, "channel": 0}))
    result = run("batch", root, "--run", "--jobs", 1)
    assert result.returncode == 0, result.stdout + result.stderr
    assert read_image(root / "seg" / "1.tif").max() == 5
    assert read_image(root / "other" / "seg" / "1.tif").max() != 5, "the result of another channel was taken"
    assert "complete" in run("batch", root).stdout
    (root / "task.json").write_text(json.dumps(task | {"channel": None}))
    failed = run("batch", root, "--run", "--task", ".", "--jobs", 1)
    assert failed.returncode == 1
    assert "say which plane to segment" in failed.stdout + failed.stderr


@pytest.fixture
def composite(tmp_path: Path) -> Path:
    """Nuclei in blue, and two markers; and the nuclei alone."""
    nuclei, one, other = (
        np.clip(image.astype(float) - np.percentile(image, 30), 0, None)
        for image in (
            synthetic_image(4, (96, 110), n_nuclei=5, radius=9.0)[0],
            synthetic_image(7, (96, 110), n_nuclei=3, radius=16.0)[0],
            synthetic_image(9, (96, 110), n_nuclei=9, radius=4.0)[0],
        )
    )
    planes = [np.rint(255 * image / image.max()).astype(np.uint8) for image in (one, other, nuclei)]
    tifffile.imwrite(tmp_path / "1.tif", np.stack(planes, axis=2), photometric="rgb")
    tifffile.imwrite(tmp_path / "blue.tif", planes[2])
    return tmp_path / "1.tif"


def test_the_nuclei_of_a_composite_are_found_and_the_line_says_how(composite: Path, tmp_path: Path) -> None:
    assert run("segment", tmp_path / "blue.tif", "-o", tmp_path / "blue-labels.tif").returncode == 0
    found = run("segment", composite, "-o", tmp_path / "labels.tif")
    assert found.returncode == 0
    assert "objects, blue channel of a fluorescence composite (another one: channel)" in found.stdout
    np.testing.assert_array_equal(read_image(tmp_path / "labels.tif"), read_image(tmp_path / "blue-labels.tif"))
    published = run("segment", composite, "-o", tmp_path / "labels.tif", "--profile", "published")
    assert "of which the luminance was segmented (7 % blue)" in published.stdout
    chosen = run("segment", composite, "-o", tmp_path / "labels.tif", "--channel", "red")
    assert "fluorescence composite" not in chosen.stdout


def test_notes_of_the_file_reach_the_user(composite: Path, tmp_path: Path) -> None:
    grey = read_image(tmp_path / "blue.tif")
    tifffile.imwrite(tmp_path / "2.tif", 255 - grey, photometric="miniswhite")
    note = "small values are shown white there: inverted"
    assert f"; note: {note}" in run("segment", tmp_path / "2.tif", "-o", tmp_path / "labels.tif").stdout
    assert note in run("info", tmp_path / "2.tif").stdout
    task = {
        "runnable": True,
        "img_pathpattern": str(tmp_path / "%d.tif"),
        "file_ids": [1, 2],
        "seg_pathpattern": "seg/%d.tif",
        "log_pathpattern": "log/%d.jsonl",
        "config": {"profile": "adaptive"},
    }
    root = tmp_path / "root"
    root.mkdir()
    (root / "task.json").write_text(json.dumps(task))
    done = run("batch", root, "--run", "--jobs", "1")
    assert done.returncode == 0 and note in done.stdout
    log = [json.loads(line) for line in (root / "log" / "2.jsonl").read_text().splitlines()]
    assert log[0] == {"stage": "read", "notes": [note]}
    first, second = (root / "summary.csv").read_text().splitlines()[1:]
    assert note in second and note not in first and "blue" in first
    # nothing is lost when only the last stage runs again
    task["config"] = {"profile": "adaptive", "evidence": {"min_sharpness": 0.1}}
    (root / "task.json").write_text(json.dumps(task))
    assert run("batch", root, "--run", "--jobs", "1").returncode == 0
    first, second = (root / "summary.csv").read_text().splitlines()[1:]
    assert note in second and note not in first and "blue" in first
