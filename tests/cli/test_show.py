"""``superdsm show``: what is known of a task, what would be found in an image, and nothing is written."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from superdsm import Batch
from superdsm.cli import main
from superdsm.io import write_labels
from superdsm.testing import synthetic_image


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with four images and one that cannot be read, none of which was processed."""
    for number in range(1, 5):
        image = synthetic_image(number, (80, 90), n_nuclei=4, radius=9, clustering=0)[0]
        write_labels(tmp_path / "root" / "images" / f"{number}.png", image)
    (tmp_path / "root" / "images" / "5.png").write_bytes(b"no image")
    task = {
        "runnable": True,
        "img_pathpattern": "{ROOTDIR}/images/%d.png",
        "file_ids": "1-5",
        "config": {"profile": "adaptive", "nucleus_radius": 9},
    }
    (tmp_path / "root" / "task.json").write_text(json.dumps(task))
    return tmp_path / "root"


def show(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> list[str]:
    assert main(["show", *map(str, arguments)]) == code
    captured = capsys.readouterr()
    return (captured.out if code == 0 else captured.err).splitlines()


def files(directory: Path) -> dict[str, tuple[int, bytes]]:
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in sorted(directory.rglob("*")) if p.is_file()}


def test_a_task(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(capsys, root) == [".: 5 images, profile adaptive: 0 done, 5 not processed yet"]
    assert main(["batch", str(root), "--run", "--executor", "serial"]) == 1
    Batch.open(root).correct(".", 2, [{"action": "drop", "points": [[1, 1]]}])
    capsys.readouterr()
    before = files(root)
    first, second, worst, *_ = show(capsys, root, ".")
    assert first.startswith(".: 5 images, profile adaptive: 4 done, 1 failed, ")
    assert first.endswith("1 corrected by hand")
    assert "px radius" in second
    assert second.startswith("  medians: ")
    assert worst.startswith("  5: failed: ")
    assert files(root) == before


def test_an_image(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = root / "images" / "1.png"
    before = files(tmp_path)
    lines = show(capsys, path, "--set", "nucleus_radius=9")
    assert lines[0] == f"{path}: 90 x 80 pixels, uint16"
    count = int(lines[1].split()[0])
    assert "(profile adaptive, " in lines[1]
    assert any(line.startswith("  area ") for line in lines)
    assert files(tmp_path) == before
    corrections = tmp_path / "c.json"
    corrections.write_text('{"corrections": [{"action": "add", "outline": [[0, 0], [0, 6], [6, 6], [6, 0]]}]}')
    lines = show(capsys, path, "--set", "nucleus_radius=9", "--corrections", corrections)
    assert lines[1].startswith(f"  {count + 1} objects")
    assert "  1 correction by hand" in lines
    published = show(capsys, path, "--profile", "published", "--set", "AF_scale=7")
    assert "(profile published, " in published[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{root}", "--profile", "published"], "--profile: is about an image, but {root} is a directory"),
        (["{root}", "--set", "AF_scale=3"], "--set: is about an image, but {root} is a directory"),
        (["{root}/images/1.png", "task"], "{root}/images/1.png: is no directory; only a directory has a task 'task'"),
        (["{root}/images"], "{root}/images: "),
        (["{root}/images/9.png"], "{root}/images/9.png: "),
        (["{root}/images/5.png"], "{root}/images/5.png: "),
        (["{root}/images/1.png", "--set", "AF_sclae=3"], "unknown hyperparameter 'AF_sclae'"),
    ],
)
def test_mistakes_are_one_line(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    lines = show(capsys, *(argument.format(root=root) for argument in arguments), code=2)
    assert len(lines) == 1
    assert lines[0].startswith(f"superdsm: error: {message.format(root=root)}")


@pytest.mark.process
def test_the_command_line(root: Path) -> None:
    command = [sys.executable, "-m", "superdsm", "show", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(".: 5 images")
