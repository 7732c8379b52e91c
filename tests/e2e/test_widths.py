"""SUPERDSM_SIMD through the real command line: the same labels with all kernels, and one line for a bad value."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from superdsm._ext.simd import supported
from superdsm.testing.synthetic import synthetic_image

MESSAGE = "SUPERDSM_SIMD=mmx: no instruction set that this machine and build have; choose one of "


def run(width: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "superdsm", *map(str, arguments)],
        env={**os.environ, "SUPERDSM_SIMD": width},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "nuclei.tif"
    tifffile.imwrite(path, synthetic_image(7, (200, 220), n_nuclei=14, radius=12, clustering=0.8)[0])
    return path


def test_all_kernels_yield_the_same_labels(image: Path, tmp_path: Path) -> None:
    labels = {}
    for width in supported():
        out = tmp_path / f"{width}.tif"
        result = run(width.upper(), "segment", image, "-o", out, "--set", "AF_scale=12")
        assert result.returncode == 0, result.stderr
        labels[width] = tifffile.imread(out)
    first = labels[supported()[0]]
    assert first.max() > 5
    for width, other in labels.items():
        assert np.array_equal(other, first), width


def test_a_value_that_cannot_be_used_is_told_once(image: Path, tmp_path: Path) -> None:
    shutil.copy(image, tmp_path / "a.tif")
    shutil.copy(image, tmp_path / "b.tif")
    result = run("mmx", "segment", tmp_path / "a.tif", tmp_path / "b.tif", "-o", tmp_path / "out")
    assert result.returncode == 2
    assert result.stderr == f"superdsm: error: {MESSAGE}{', '.join(supported())}, or unset the variable\n"


def test_a_batch_says_so_before_the_first_image(image: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    shutil.copy(image, tmp_path / "images" / "a.tif")
    task = {"runnable": True, "img_pathpattern": "images/%s.tif", "file_ids": ["a"]}
    (tmp_path / "task.json").write_text(json.dumps(task))
    result = run("mmx", "batch", tmp_path, "--run")
    assert result.returncode == 2, result.stdout
    assert MESSAGE in result.stderr and len(result.stderr.splitlines()) == 1


def test_what_is_in_use_is_told() -> None:
    for width in supported():
        code = "from superdsm.api import instruction_set; print(instruction_set())"
        environment = {**os.environ, "SUPERDSM_SIMD": width}
        done = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, check=True)
        assert done.stdout.decode().strip() == width
