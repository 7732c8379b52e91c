"""Bad input through the real command line: one clear line, exit code 2, and nothing half-written."""

import io
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from superdsm.io import read_image, write_labels
from superdsm.testing.synthetic import synthetic_image

GOOD, _ = synthetic_image(1, (90, 100), n_nuclei=3, radius=14)


def superdsm(*args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-m", "superdsm", *map(str, args)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=120)


def png(array: Any) -> bytes:
    return bytes(imagecodecs.png_encode(array))


def tiff(array: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def pillow(array: Any, name: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, name)
    return buffer.getvalue()


def without_rows(data: bytes) -> bytes:
    """A PNG whose header says that it has no rows."""
    header = data[12:20] + bytes(4) + data[24:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def tiff_without_rows(data: bytes) -> bytes:
    changed = bytearray(data)
    entry = data.index(struct.pack("<HH", 257, 4))  # the tag of the length
    changed[entry + 8 : entry + 12] = bytes(4)
    return bytes(changed)


def with_value(value: float) -> Any:
    image = GOOD.astype(np.float32)
    image[5, 6] = value
    return image


RGBA = np.dstack([GOOD, GOOD, GOOD, np.where(GOOD > 60, 255, 128).astype(np.uint8)])

IMAGES: dict[str, tuple[str, bytes, str]] = {
    "truncated PNG": ("a.png", png(GOOD)[:-100], "is truncated or damaged"),
    "truncated TIFF": ("a.tif", tiff(GOOD)[:-100], "is truncated or damaged"),
    "truncated TIFF, compressed": ("a.tif", tiff(GOOD, compression="lzw")[:-100], "is truncated or damaged"),
    "unsupported file": ("a.gif", pillow(GOOD, "gif"), "is a GIF file"),
    "text file": ("a.txt", b"notes on the experiment\n", "is a text file"),
    "text file with the suffix of an image": ("a.png", b"notes on the experiment\n", "is a text file"),
    "empty file": ("a.png", b"", "is an empty file"),
    "zero-size PNG": ("a.png", without_rows(png(GOOD)), "has no pixels (0 x 100)"),
    "zero-size TIFF": ("a.tif", tiff_without_rows(tiff(GOOD)), "has no pixels (0 x 100)"),
    "NaN": ("a.tif", tiff(with_value(np.nan)), "1 of its values are NaN or infinite"),
    "infinite": ("a.tif", tiff(with_value(np.inf)), "1 of its values are NaN or infinite"),
    "3-D stack": (
        "a.tif",
        tiff(np.stack([GOOD] * 4), photometric="minisblack"),
        "is a stack, 4 z planes of 90 x 100 px; say which",
    ),
    "RGBA with transparency": ("a.png", png(RGBA), "has transparent pixels"),
}

ARGUMENTS: dict[str, tuple[list[str], str]] = {
    "missing file": (["none.png", "-o", "out.png"], "none.png: there is no such file; check the path"),
    "missing file among others": (["good.png", "none.png", "-o", "out"], "none.png: there is no such file"),
    "directory": (["folder", "-o", "out.png"], "folder: is a directory; give image files"),
    "unknown hyperparameter": (
        ["good.png", "-o", "out.png", "--set", "dsm/alhpa=1"],
        "--set dsm/alhpa=1: unknown hyperparameter 'dsm/alhpa' (did you mean 'dsm/alpha'?)",
    ),
    "unknown hyperparameter in a file": (
        ["good.png", "-o", "out.png", "--profile", "published", "--config", "unknown.json"],
        "unknown.json: unknown hyperparameter 'postprocess/min_contrst' (did you mean 'postprocess/min_contrast'?)",
    ),
    "wrong type": (["good.png", "-o", "out.png", "--set", "dsm/alpha=high"], "dsm/alpha = 'high' is of the wrong type"),
    "wrong type in a file": (["good.png", "-o", "out.png", "--config", "type.json"], "type.json: dsm/alpha = [1]"),
    "out of range": (["good.png", "-o", "out.png", "--set", "AF_scale=-3"], "AF_scale = -3.0 is out of range"),
    "none of the choices": (
        ["good.png", "-o", "out.png", "--set", "global-energy-minimization/pruning=isbi42"],
        "did you mean 'isbi24'?",
    ),
    "invalid JSON": (
        ["good.png", "-o", "out.png", "--config", "invalid.json"],
        "invalid.json: line 3, column 1: invalid JSON",
    ),
    "configuration that is no object": (
        ["good.png", "-o", "out.png", "--config", "list.json"],
        "list.json: holds list",
    ),
    "missing configuration": (["good.png", "-o", "out.png", "--config", "none.json"], "none.json: cannot be read"),
    "setting without a value": (["good.png", "-o", "out.png", "--set", "AF_scale"], "give a name and a value"),
    "output below a file": (["good.png", "-o", "good.png/out.png"], "the output cannot be written there"),
    "overlay below a file": (
        ["good.png", "-o", "out.png", "--overlay", "good.png/o.png"],
        "the output cannot be written there",
    ),
    "output in another format": (["good.png", "-o", "out.gif"], "label images are written as .png, .tif or .tiff"),
    "output without a suffix": (["good.png", "-o", "out"], "not no suffix"),
    "several images to a file": (["good.png", "also.png", "-o", "out.png"], "there are 2 images; give a directory"),
    "several images to an existing file": (["good.png", "also.png", "-o", "type.json"], "give a directory"),
    "two images of one name": (["good.png", "good.tif", "-o", "out"], "would be written twice"),
    "labels and overlay in one file": (["good.png", "-o", "out.png", "--overlay", "out.png"], "would be written twice"),
    "output over an input": (["good.png", "-o", "good.png"], "is one of the images and would be overwritten"),
    "no jobs": (["good.png", "-o", "out.png", "--jobs", "0"], "--jobs 0: give the number of cores"),
    "unknown stage": (["good.png", "-o", "out.png", "--without", "contour"], "did you mean 'contours'?"),
    "unknown stage to use": (["good.png", "-o", "out.png", "--use", "tophat"], "tophat"),
    "no output": (["good.png"], "-o/--output"),
    "unknown option": (["good.png", "-o", "out.png", "--overlays", "o.png"], "unrecognized arguments"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("good.png", "also.png", "good.tif"):
        write_labels(tmp_path / name, GOOD)
    (tmp_path / "folder").mkdir()
    (tmp_path / "unknown.json").write_text('{"postprocess": {"min_contrst": 1}}')
    (tmp_path / "type.json").write_text('{"dsm": {"alpha": [1]}}')
    (tmp_path / "invalid.json").write_text('{\n  "AF_scale": 3\n]')
    (tmp_path / "list.json").write_text("[]")
    return tmp_path


def refused(folder: Path, part: str, *args: object) -> None:
    """Check that a command is refused in one line and leaves nothing behind."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    result = superdsm("segment", *args, cwd=folder)
    assert result.returncode == 2, result
    assert result.stdout == ""
    assert result.stderr.startswith("superdsm: error: ")
    assert result.stderr.count("\n") == 1, result.stderr
    assert part in result.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert not (folder / "out").exists()


@pytest.mark.parametrize("case", list(IMAGES))
def test_an_image_that_cannot_be_used(folder: Path, case: str) -> None:
    name, data, part = IMAGES[case]
    (folder / name).write_bytes(data)
    refused(folder, part, name, "-o", "out.png", "--overlay", "overlay.png")


@pytest.mark.parametrize("case", list(ARGUMENTS))
def test_arguments_that_cannot_be_used(folder: Path, case: str) -> None:
    args, part = ARGUMENTS[case]
    refused(folder, part, *args)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a directory that nobody may write to")
def test_an_output_directory_that_cannot_be_written(folder: Path) -> None:
    refused(folder, "the output cannot be written there", "good.png", "-o", "/proc/self/out.png")
    refused(folder, "the output cannot be written there", "good.png", "also.png", "-o", "/proc/self/out")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_an_output_directory_without_permission(folder: Path) -> None:
    (folder / "folder").chmod(0o500)
    refused(folder, "the output cannot be written there", "good.png", "-o", "folder/out.png")


# --- not errors ------------------------------------------------------------------------------------------------------


def noise(*shape: int) -> Any:
    return np.random.default_rng(0).integers(90, 110, shape, dtype=np.uint8)


EMPTY: dict[str, tuple[Callable[[], Any], list[str], str]] = {
    "constant": (lambda: np.full((80, 90), 7, dtype=np.uint8), [], True),
    "constant, given scale": (lambda: np.full((80, 90), 7, dtype=np.uint8), ["--set", "AF_scale=10"], False),
    "black": (lambda: np.zeros((80, 90), dtype=np.uint16), [], True),
    "no blob": (lambda: noise(5, 7), [], True),
    "noise": (lambda: noise(90, 100), ["--set", "AF_scale=10"], False),
    "1 x 1": (lambda: noise(1, 1), [], True),
    "1 x 1, given scale": (lambda: noise(1, 1), ["--set", "AF_scale=10"], False),
    "1 x 500": (lambda: noise(1, 500), [], True),
    "3 x 2000": (lambda: noise(3, 2000), [], True),
}


@pytest.mark.parametrize("case", list(EMPTY))
@pytest.mark.parametrize(("profile", "hint"), [("adaptive", "nucleus_radius"), ("published", "AF_scale")])
def test_an_image_in_which_nothing_is_found_is_no_error(tmp_path: Path, case: str, profile: str, hint: str) -> None:
    make, options, hinted = EMPTY[case]
    image = make()
    write_labels(tmp_path / "a.png", image)
    result = superdsm(
        "segment", "a.png", "-o", "out.tif", "--overlay", "o.png", "--profile", profile, *options, cwd=tmp_path
    )
    assert result.returncode == 0, result
    assert result.stderr == ""
    assert result.stdout.startswith("a.png: 0 objects, ")
    assert "; warning: " in result.stdout and (hint in result.stdout or not hinted)
    labels = read_image(tmp_path / "out.tif")
    assert labels.shape == image.shape and labels.dtype == np.uint16 and not labels.any()
    assert read_image(tmp_path / "o.png").shape == (*image.shape, 3)


@pytest.mark.parametrize("shape", [(1, 500), (500, 1), (3, 2000), (2, 2)])
def test_strips_go_through_with_a_given_scale(tmp_path: Path, shape: tuple[int, int]) -> None:
    """Whatever is found in such noise: there is nothing to complain about."""
    write_labels(tmp_path / "a.png", noise(*shape))
    result = superdsm("segment", "a.png", "-o", "out.png", "--set", "AF_scale=10", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert read_image(tmp_path / "out.png").shape == shape
