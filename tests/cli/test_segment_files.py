"""The files of ``superdsm segment``: which are meant, and which must not be written."""

import os
from pathlib import Path

import numpy as np
import pytest

from superdsm.cli import main
from superdsm.cli.segment_files import expanded, write_label_image
from superdsm.errors import ImageError
from superdsm.io import read_image, write_labels
from superdsm.testing.synthetic import synthetic_image
from superdsm.writing import PREFIX

STAGE = """
import numpy as np
from superdsm import Stage
from superdsm.core.objects import Object

class Many(Stage):
    id = "postprocess"
    version = "1"
    inputs = ("g_raw", "cover")
    outputs = ("postprocessed_objects",)

    def process(self, ctx, *, g_raw, cover):
        one = np.ones((1, 1), bool)
        places = (divmod(k, g_raw.shape[1]) for k in range(66_000))
        return {"postprocessed_objects": [Object((k,), 0.0, True, False, p, one, 1) for k, p in enumerate(places, 1)]}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two images under many names, a configuration and a script."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    image, _ = synthetic_image(1, (90, 100), n_nuclei=3, radius=14)
    for name in ("a", "b"):
        write_labels(tmp_path / "images" / f"{name}.png", image)
    (tmp_path / "link").symlink_to("images")
    (tmp_path / "soft.png").symlink_to("images/a.png")
    os.link(tmp_path / "images" / "a.png", tmp_path / "hard.png")
    (tmp_path / "config.json").write_text('{"AF_scale": 10}')
    (tmp_path / "stage.py").write_text(STAGE)
    return tmp_path


OVER_AN_INPUT = {
    "link/a.png": "one of the images",
    "images/../images/b.png": "one of the images",
    "soft.png": "one of the images",
    "hard.png": "one of the images",
}


@pytest.mark.parametrize("output", OVER_AN_INPUT)
@pytest.mark.parametrize("option", ["-o", "--overlay"])
def test_outputs_in_the_place_of_images(
    folder: Path, output: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    image = "images/b.png" if "b" in output else "images/a.png"
    others = ["--overlay", output] if option == "--overlay" else []
    assert main(["segment", image, "-o", "new.png" if others else output, *others, "--set", "AF_scale=10"]) == 2
    assert f"{output}: is {OVER_AN_INPUT[output]} and would be overwritten" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_outputs_in_the_place_of_other_inputs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Labels and pictures are written under names that end as those of images do, whatever is in the file."""
    (folder / "config.png").write_text('{"AF_scale": 10}')
    assert main(["segment", "images/a.png", "-o", "link/../config.png", "--config", "config.png"]) == 2
    assert "config.png: is the file of --config and would be overwritten" in capsys.readouterr().err
    os.link(folder / "stage.py", folder / "stage.png")
    assert main(["segment", "images/a.png", "-o", "stage.png", "--use", "stage.py:Many", "--set", "AF_scale=10"]) == 2
    assert "stage.png: is a script of --use and would be overwritten" in capsys.readouterr().err
    assert (folder / "stage.py").read_text() == STAGE


def test_patterns_that_the_shell_has_not_expanded(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert expanded([Path("images/*.png"), Path("soft.png")]) == [
        *(Path("images/a.png"), Path("images/b.png"), Path("soft.png"))
    ]
    assert expanded([Path("**/a.png")]) == [Path("images/a.png"), Path("link/a.png")]
    (folder / "[x].png").write_bytes((folder / "soft.png").read_bytes())
    assert expanded([Path("[x].png")]) == [Path("[x].png")]
    with pytest.raises(ImageError, match=r"\*\.tif: there is no such file, and none that the pattern stands for"):
        expanded([Path("*.tif")])
    assert main(["segment", "images/*.png", "-o", "out", "--set", "AF_scale=10", "--debug"]) == 0
    assert {path.name for path in (folder / "out").iterdir()} == {"a.png", "b.png"}
    assert main(["segment", "images/*.tif", "-o", "out"]) == 2
    assert "images/*.tif: there is no such file, and none that the pattern" in capsys.readouterr().err


def test_more_objects_than_a_png_can_hold(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = np.tile(read_image(folder / "soft.png"), (4, 4))[:300, :300]
    write_labels(folder / "big.png", image)
    arguments = ["segment", "big.png", "-o", "out.png", "--overlay", "ov.png", "--use", "stage.py:Many"]
    assert main([*arguments, "--set", "AF_scale=10"]) == 0
    out = capsys.readouterr().out
    assert "66000 objects" in out
    assert "warning: the labels are in out.labels.tif, for PNG holds 65,535 objects; give -o a name that ends" in out
    assert int(read_image(folder / "out.labels.tif").max()) == 66_000
    assert (folder / "ov.png").is_file()
    assert not (folder / "out.png").exists()
    labels = np.arange(70_000).reshape(700, 100)
    assert write_label_image(folder / "out.png", labels, None)[0].name == "out.labels-2.tif"
    assert write_label_image(folder / "out.tif", labels, None) == (folder / "out.tif", ())
    assert write_label_image(folder / "few.png", labels // 2, None) == (folder / "few.png", ())


def test_what_a_killed_command_left_is_removed(folder: Path) -> None:
    (folder / "out").mkdir()
    dead = folder / "out" / f"{PREFIX}00000000-{2**22 + 5}-0.png"
    dead.touch()
    os.utime(dead, (1, 1))
    assert main(["segment", "soft.png", "-o", "out", "--set", "AF_scale=10"]) == 0
    assert [path.name for path in (folder / "out").iterdir()] == ["soft.png"]


@pytest.mark.process
def test_without_semaphores_the_images_are_segmented_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from superdsm.cli import segment

    monkeypatch.setattr(segment, "semaphores_work", lambda: False)
    (folder / "images" / "b.png").write_bytes(b"damaged")
    arguments = ["images/a.png", "images/b.png", "soft.png", "-o", "out", "--jobs", "2", "--set", "AF_scale=10"]
    assert main(["segment", *arguments]) == 1
    streams = capsys.readouterr()
    assert {path.name for path in (folder / "out").iterdir()} == {"a.png", "soft.png"}
    assert "images/b.png" in streams.err
