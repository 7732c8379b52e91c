"""The size of a pixel on its way from the file or the task to lengths, label images, and keys."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from superdsm.cli import main
from superdsm.io import open_image
from tests.laboratory import Laboratory

pytestmark = pytest.mark.process


def tiff(lab: Laboratory, number: int, size: float | None) -> Path:
    """Write an image as ImageJ does, with the size of a pixel in micrometres."""
    path = lab.images / f"{number}.tif"
    pixels = np.random.default_rng(number).integers(0, 255, (12, 16), dtype=np.uint8)
    known: dict[str, Any] = {} if size is None else {"resolution": (1 / size, 1 / size), "metadata": {"unit": "um"}}
    tifffile.imwrite(path, pixels, imagej=size is not None, **known)
    settled = path.stat().st_mtime - 10
    os.utime(path, (settled, settled))
    return path


def told(path: Path) -> tuple[float, float]:
    """Return the size of a pixel as two other libraries read it."""
    with tifffile.TiffFile(path) as tif:
        page = tif.pages.first
        assert tif.imagej_metadata is not None
        assert tif.imagej_metadata["unit"] in ("um", "µm", "\\u00B5m")
        pixels, units = page.tags["XResolution"].value
    with Image.open(path) as image:
        dpi = float(image.tag_v2[282])
    return units / pixels, 1 / dpi


def test_label_tiffs_of_a_task_have_the_size_of_the_file_or_of_the_task(lab: Laboratory) -> None:
    for number, size in ((1, 0.25), (2, 0.5), (3, None)):
        tiff(lab, number, size)
    fields = {"img_pathpattern": f"{lab.images}/%d.tif", "seg_pathpattern": "seg/%d.tif"}
    lab.task(**fields)
    assert lab.run()[0] == 0
    assert told(lab.root / "seg" / "1.tif") == pytest.approx((0.25, 0.25))
    assert told(lab.root / "seg" / "2.tif") == pytest.approx((0.5, 0.5))
    assert open_image(lab.root / "seg" / "3.tif").pixel_size is None
    lab.task(**fields, pixel_size="650 nm")
    plan = lab.plan()
    assert {tuple(group["reasons"]) for group in plan.values()} == {("pixel_size as in the file -> 0.65",)}
    assert lab.run()[0] == 0
    for number in (1, 2, 3):
        assert told(lab.root / "seg" / f"{number}.tif") == pytest.approx((0.65, 0.65))
        assert open_image(lab.root / "seg" / f"{number}.tif").pixel_size == pytest.approx((0.65, 0.65))


def test_where_it_changes_nothing_it_is_no_reason(lab: Laboratory, capsys: pytest.CaptureFixture[str]) -> None:
    lab.task()
    lab.run()
    lab.task(pixel_size=0.5)
    assert {group["action"] for group in lab.plan().values()} == {"nothing"}
    lab.task(pixel_size=0.25, config={"pixel_size": None})
    assert lab.call()[0] == 2
    assert "pixel_size stands among the fields and in config; remove one of them" in capsys.readouterr().err


def test_it_is_inherited_and_taken_back(lab: Laboratory) -> None:
    for number in (1, 2, 3):
        tiff(lab, number, 0.25)
    lab.task(img_pathpattern=f"{lab.images}/%d.tif", seg_pathpattern="seg/%d.tif", pixel_size=2)
    lab.task("same")
    lab.task("other", pixel_size=3)
    lab.task("file", pixel_size=None)
    for name in ("same", "other", "file"):
        lab.task(name, runnable=True, **({} if name == "same" else {"pixel_size": 3 if name == "other" else None}))
    assert lab.run()[0] == 0
    sizes = {name: told(lab.root / name / "seg" / "1.tif")[0] for name in ("", "same", "other", "file")}
    assert sizes == pytest.approx({"": 2, "same": 2, "other": 3, "file": 0.25})


@pytest.mark.parametrize("wrong", [0, -1, "x", "5 um2", True, []])
def test_what_is_no_size_is_told_with_its_line(lab: Laboratory, wrong: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = lab.task(pixel_size=wrong)
    assert lab.call()[0] == 2
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if '"pixel_size"' in text)
    assert f"{path}:{line}: pixel_size = {wrong!r}; expected" in capsys.readouterr().err


RADIUS = {"without": ["dsm", "c2f-region-analysis", "postprocess"], "seg_pathpattern": ...}


def test_lengths_in_micrometres_follow_the_files(lab: Laboratory) -> None:
    for number, size in ((1, 0.25), (2, 0.5), (3, None)):
        tiff(lab, number, size)
    fields = RADIUS | {"img_pathpattern": f"{lab.images}/%d.tif", "config": {"AF_scale": "5 um"}}
    lab.task(**fields)
    code, images = lab.run()
    assert code == 1
    radii = {id_: image["summary"]["radius"] for (_, id_), image in images.items() if image["ok"]}
    assert radii == pytest.approx({1: 20 * 2**0.5, 2: 10 * 2**0.5}, abs=1e-3)
    assert "the size of a pixel is not known; give pixel_size in micrometres" in images[".", 3]["message"]
    assert {group["action"] for group in lab.plan().values()} == {"nothing", "skip"}
    lab.task(**fields, pixel_size=0.1)
    _, images = lab.run()
    assert {image["summary"]["radius"] for image in images.values()} == {round(50 * 2**0.5, 3)}


def test_segment_takes_the_size_of_the_file_unless_it_is_given(
    lab: Laboratory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    image, labels = tiff(lab, 1, 0.5), lab.root / "labels.tif"
    command = ["segment", str(image), "-o", str(labels), "--set", "nucleus_radius=2 um"]
    assert main(command) == 0
    assert "radius 4 px" in capsys.readouterr().out and told(labels) == pytest.approx((0.5, 0.5))
    assert main([*command, "--set", "pixel_size=0.25"]) == 0
    assert "radius 8 px" in capsys.readouterr().out and told(labels) == pytest.approx((0.25, 0.25))
    assert main(["segment", str(tiff(lab, 2, None)), *command[2:]]) == 2
    assert "the size of a pixel is not known" in capsys.readouterr().err
