"""``superdsm report``: what went wrong stands first, nothing is computed anew, and the page is the same each time."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from superdsm.io import read_image, write_labels
from superdsm.testing import synthetic_image

pytestmark = pytest.mark.process


def run(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "superdsm", *map(str, args)], capture_output=True, text=True, check=False
    )


def picture(number: int, kind: str = "") -> Any:
    """Return a small image: an ordinary one, or one that went wrong."""
    shape = (120, 130)
    if kind == "empty":
        return np.random.default_rng(number).normal(100, 4, shape).astype(np.uint8)
    if kind == "scale":
        return synthetic_image(number, shape, n_nuclei=3, radius=18.0, clustering=0)[0]
    image = synthetic_image(number, shape, n_nuclei=16, radius=6.0, clustering=0.2)[0]
    return gaussian_filter(image, 4) if kind == "focus" else image


def make_root(root: Path, count: int, wrong: dict[int, str]) -> Path:
    for number in range(1, count + 1):
        write_labels(root / "images" / f"{number}.png", picture(number, wrong.get(number, "")))
    task = {
        "runnable": True,
        "img_pathpattern": "{ROOTDIR}/images/%d.png",
        "seg_pathpattern": "labels/%d.tif",
        "file_ids": f"1-{count}",
        "config": {"profile": "adaptive"},
    }
    (root / "task.json").write_text(json.dumps(task))
    return root


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_root(tmp_path_factory.mktemp("root"), 9, {3: "focus", 5: "scale", 8: "empty"})
    (root / "images" / "9.png").write_bytes(b"no image")
    assert run("batch", root, "--run", "--quiet").returncode == 1
    return root


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "<b>root & co"))


def data(page: Path) -> Any:
    found = re.search(r'id="data">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def state(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


def test_what_went_wrong_stands_first(root: Path) -> None:
    before = state(root)
    shown = run("report", root)
    assert (shown.returncode, shown.stderr) == (0, "")
    page = root / "report.html"
    assert (
        shown.stdout.strip()
        == f"{page}: 9 images, {sum(bool(image['flags']) for image in data(page)['images'])} flagged"
    )
    text = page.read_text(encoding="utf-8")
    cards = [int(number) + 1 for number in re.findall(r'<li class="card" data-image="(\d+)"', text)]
    assert cards[:2] == [9, 8] and set(cards[:4]) == {9, 8, 5, 3}
    assert "&lt;b&gt;root &amp; co" in text and "<b>root" not in text
    after = state(root)
    assert all(after[path] == content for path, content in before.items()), "nothing of the batch was touched"
    new = {Path(path).relative_to(root).parts[0] for path in after.keys() - before.keys()}
    assert new == {"report.html", "report_files", "superdsm_mqc.tsv"}


def test_the_views_are_there_and_the_page_is_the_same_again(root: Path) -> None:
    run("report", root)
    page = root / "report.html"
    images = data(page)["images"]
    for image in images[:8]:
        assert set(image["views"]) == {"overlay", "image", "graph"}
        assert image["thumbnail"].startswith("data:image/jpeg;base64,")
        for url in image["views"].values():
            assert read_image(root / url).ndim == 3
    assert images[8]["status"] == "failed" and images[8]["views"] == {} and "9.png" in images[8]["remark"]
    first = state(root)
    times = {path: path.stat().st_mtime_ns for path in (root / "report_files").rglob("*.jpg")}
    run("report", root)
    assert state(root) == first
    assert {path: path.stat().st_mtime_ns for path in times} == times, "pictures that are there are not made again"


def test_a_single_file_needs_no_other(root: Path, tmp_path: Path) -> None:
    page = tmp_path / "elsewhere" / "page.html"
    shown = run("report", root, "--single-file", "-o", page)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert sorted(path.name for path in page.parent.iterdir()) == ["page.html", "superdsm_mqc.tsv"]
    assert all(not image["views"] for image in data(page)["images"])
    assert sum(bool(image["thumbnail"]) for image in data(page)["images"]) == 8


def test_results_that_are_gone_are_not_computed_but_said(root: Path) -> None:
    shutil.rmtree(root / ".superdsm" / "results")
    shown = run("report", root)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "pictures are not shown, since results are not in the store any more" in (root / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["-o", "page.txt"], "give a name that ends in .html"), (["--jobs", "0"], "--jobs 0")],
)
def test_what_cannot_be_written_is_said_in_one_line(root: Path, arguments: list[str], message: str) -> None:
    shown = run("report", root, *arguments)
    assert shown.returncode == 2 and message in shown.stderr and len(shown.stderr.splitlines()) == 1


def test_a_root_without_results(tmp_path: Path) -> None:
    make_root(tmp_path, 1, {})
    shown = run("report", tmp_path)
    assert shown.returncode == 2 and "no image was processed yet" in shown.stderr
    assert not (tmp_path / "report.html").exists()


@pytest.mark.slow
def test_three_wrong_images_among_a_hundred_are_the_first_rows(tmp_path: Path) -> None:
    make_root(tmp_path, 100, {17: "focus", 45: "scale", 78: "empty"})
    assert run("batch", tmp_path, "--run", "--quiet").returncode == 0
    assert run("report", tmp_path, "--views", "none").returncode == 0
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    cards = [int(number) + 1 for number in re.findall(r'<li class="card" data-image="(\d+)"', text)]
    assert set(cards[:3]) == {17, 45, 78}


def test_a_run_ends_with_the_report_where_that_is_wanted(tmp_path: Path) -> None:
    make_root(tmp_path, 2, {})
    assert run("batch", tmp_path, "--run", "--quiet").returncode == 0
    assert not (tmp_path / "report.html").exists()
    shown = run("batch", tmp_path, "--run", "--html")
    assert shown.returncode == 0 and f"report: {tmp_path / 'report.html'}" in shown.stdout
    assert len(data(tmp_path / "report.html")["images"]) == 2
    (tmp_path / "report.html").unlink()
    task = json.loads((tmp_path / "task.json").read_text())
    (tmp_path / "task.json").write_text(json.dumps({**task, "report": True, "file_ids": "1-3"}))
    shutil.copy(tmp_path / "images" / "1.png", tmp_path / "images" / "3.png")
    assert run("batch", tmp_path, "--run", "--quiet").returncode == 0
    assert len(data(tmp_path / "report.html")["images"]) == 3


def test_a_report_that_cannot_be_written_is_said_and_counts(tmp_path: Path) -> None:
    make_root(tmp_path, 1, {})
    (tmp_path / "report.html").mkdir()
    shown = run("batch", tmp_path, "--run", "--html")
    assert shown.returncode == 1 and "the report cannot be written" in shown.stdout + shown.stderr


def test_errors_against_the_ground_truth(root: Path) -> None:
    for number in (1, 2):
        truth = read_image(root / "labels" / f"{number}.tif").copy()
        truth[truth == 1] = 0
        write_labels(root / "truth" / f"{number}.tif", truth)
    shown = run("report", root, "--gt", "{ROOTDIR}/truth/%d.tif")
    assert (shown.returncode, shown.stderr) == (0, "")
    images = data(root / "report.html")["images"]
    for number, image in enumerate(images[:3], 1):
        assert ("errors" in image["views"]) == (number < 3)
        assert (image["values"]["seg"] is not None) == (number < 3)
    count = images[0]["values"]["objects"]
    assert images[0]["values"]["seg"] == 1 and images[0]["values"]["ap_50"] == pytest.approx((count - 1) / count)
    assert read_image(root / images[0]["views"]["errors"]).ndim == 3
    assert run("report", root, "--gt", "truth.tif").returncode == 2
