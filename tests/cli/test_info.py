"""``superdsm info``: of image files, of directories, of the installation."""

import json
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from superdsm import host


def info(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "superdsm", "info", *map(str, args)], capture_output=True, text=True, check=False
    )


def test_of_a_stack(tmp_path: Path) -> None:
    array = np.arange(3 * 40 * 50, dtype=np.uint16).reshape(3, 40, 50)
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        array,
        ome=True,
        metadata={
            "axes": "CYX",
            "Channel": {"Name": ["DAPI", "GFP", "RFP"]},
            "PhysicalSizeX": 325.0,
            "PhysicalSizeXUnit": "nm",
            "PhysicalSizeY": 0.5,
        },
    )
    result = info(tmp_path / "a.ome.tif")
    assert (result.returncode, result.stderr) == (0, "")
    for part in ("OME-TIFF", "3 channels (DAPI, GFP, RFP) of 40 x 50 px", "0.5 x 0.325 µm", "min 0", "--channel"):
        assert part in result.stdout
    record = json.loads(info(tmp_path / "a.ome.tif", "--json").stdout)
    assert record["pixel size"] == [0.5, 0.325]
    assert record["intensities"] == {"min": 0.0, "median": 999.5, "max": 1999.0}


def test_a_bad_file_among_others(tmp_path: Path) -> None:
    iio.imwrite(tmp_path / "a.png", np.full((9, 8), 255, np.uint8))
    (tmp_path / "b.png").write_text("no image")
    result = info(tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png")
    assert result.returncode == 2
    assert "100 % of the pixels" in result.stdout
    lines = result.stderr.splitlines()
    assert len(lines) == 2 and "is a text file" in lines[0] and "no such file" in lines[1]


def test_which_profile_fits(tmp_path: Path) -> None:
    from superdsm.cli.info import describe_image
    from superdsm.testing import synthetic_image

    small = synthetic_image(3, (128, 128), n_nuclei=8, radius=9.0)[0]
    large = synthetic_image(3, (600, 600), n_nuclei=8, radius=50.0)[0]
    colour = np.zeros((*small.shape, 3), np.uint8)
    colour[..., 2] = np.clip(small.astype(int) - np.percentile(small, 40), 0, 255)
    colour[:40, :40, 0] = 200
    images = {
        "small": (small, "adaptive"),
        "large": (large, "adaptive; published, too, for nuclei of this size"),
        "composite": (colour, "adaptive"),
        "dark": (255 - small, "none: dark objects on bright ground; invert the image"),
        "tissue": (
            np.stack([255 - small] * 3, 2),
            "adaptive with --set histological=true, for stained tissue in colour",
        ),
        "empty": (np.zeros((64, 64), np.uint8), "none: nothing stands out that could be nuclei"),
    }
    for name, (image, expected) in images.items():
        iio.imwrite(tmp_path / f"{name}.png", image)
        record = describe_image(tmp_path / f"{name}.png")
        assert record["profile that fits"].startswith(expected), name
    assert describe_image(tmp_path / "small.png")["nuclei"]["radius"] == pytest.approx(9, rel=0.2)
    text = info(tmp_path / "composite.png").stdout
    assert "blue channel of a fluorescence composite" in text and "profile that fits:" in text


def test_of_the_installation(tmp_path: Path) -> None:
    result = info()
    assert (result.returncode, result.stderr) == (0, "")
    for part in ("width of registers:", "linear algebra:", "plugins:", "memory:", "cores to use:"):
        assert part in result.stdout
    assert "instruction set:" in result.stdout and host.versions()["python"] in result.stdout
    record = json.loads(info(tmp_path, "--json").stdout)
    assert record["file system"]
    assert record["version of superdsm"] == host.version_of("superdsm")
    assert host.version_of("no-such-distribution") is None


def test_a_pattern_that_the_shell_has_not_expanded(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        iio.imwrite(tmp_path / name, np.zeros((3, 4), dtype=np.uint8))
    result = info(tmp_path / "*.png", "--json")
    assert [record["file"] for record in json.loads(result.stdout)] == [f"{tmp_path}/a.png", f"{tmp_path}/b.png"]
    result = info(tmp_path / "*.tif")
    assert result.returncode == 2
    assert "*.tif: there is no such file, and none that the pattern stands for" in result.stderr
