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
