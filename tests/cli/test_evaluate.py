"""``superdsm evaluate``: what it prints and writes, and what it says of bad input."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from superdsm.cli import main
from superdsm.io import read_image, write_labels, write_rgb
from superdsm.metrics import SCORES, evaluate, summarise
from superdsm.metrics.picture import COLOURS

PERFECT = np.kron(np.arange(1, 7).reshape(2, 3), np.pad(np.ones((6, 6), int), 2))


def result(kind: str) -> np.ndarray:
    labels = PERFECT.copy()
    if kind == "merged":
        labels[4, 4:20], labels[labels == 2] = 1, 1
    elif kind == "missed":
        labels[labels == 5] = 0
    return labels


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two directories of label images, in different formats."""
    for name in ("good", "merged", "missed"):
        write_labels(tmp_path / "seg" / f"{name}.png", result(name))
        write_labels(tmp_path / "truth" / f"{name}.tif", PERFECT * 300)
    (tmp_path / "truth" / "readme.txt").write_text("not an image")
    return tmp_path / "seg", tmp_path / "truth"


def run(*args: object) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-m", "superdsm", "evaluate", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


def printed(capfd: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    code = main(["evaluate", *map(str, args)])
    return code, *capfd.readouterr()


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_two_label_images(folders: tuple[Path, Path]) -> None:
    done = run(folders[0] / "missed.png", folders[1] / "missed.tif")
    assert (done.returncode, done.stderr) == (0, "")
    assert "6 true objects: 5 matched, 0 merged with others, 1 missed, 0 inaccurate\n" in done.stdout
    assert re.search(r"^SEG \(Cell Tracking Challenge\) +0\.833$", done.stdout, re.MULTILINE)
    assert re.search(r"^AP( +0\.833){10}$", done.stdout, re.MULTILINE)


def test_two_directories(folders: tuple[Path, Path]) -> None:
    done = run(*folders)
    assert (done.returncode, done.stderr) == (0, "")
    table = done.stdout.partition("\n\n")[0].splitlines()
    assert table[0].split()[:4] == ["image", "true", "predicted", "SEG"]
    assert [line.split()[0] for line in table[1:]] == ["good", "merged", "missed", "mean", "all"]
    assert table[2].split()[-4:] == ["0", "1", "0", "0"] and table[3].split()[-4:] == ["0", "0", "1", "0"]
    assert table[-1].split()[1:3] == ["18", "16"]
    assert len({len(line) for line in table}) == 1, "columns are aligned"


def test_all_numbers_are_those_of_the_library(folders: tuple[Path, Path], capfd: pytest.CaptureFixture[str]) -> None:
    images = [evaluate(result(name), PERFECT) for name in ("good", "merged", "missed")]
    summary = summarise(images)
    code, out, _ = printed(capfd, *folders, "--json")
    data = json.loads(out)
    assert code == 0 and {name: data[name] for name in ("n_images", "counts", "pooled", "mean")} == summary.to_dict()
    assert [image["scores"] for image in data["images"]] == [image.scores for image in images]
    assert [data[name] for name in ("failed", "without_prediction", "without_truth")] == [{}, [], []]
    table = rows(printed(capfd, *folders, "--csv")[1])
    assert [(row["of"], row["image"]) for row in table] == [
        ("image", "good"),
        ("image", "merged"),
        ("image", "missed"),
        ("mean", ""),
        ("pooled", ""),
    ]
    for name in SCORES:
        assert float(table[2][name]) == images[2].scores[name]
        assert float(table[3][name]) == summary.mean[name] and float(table[4][name]) == summary.pooled[name]


def test_each_object(folders: tuple[Path, Path], capfd: pytest.CaptureFixture[str]) -> None:
    table = rows(printed(capfd, *folders, "--csv", "--objects")[1])
    assert len(table) == 18 + 16
    missed = [row for row in table if row["kind"] == "missed"]
    assert [(row["image"], row["of"], row["label"], row["partner"], row["hausdorff"]) for row in missed] == [
        ("missed", "true", "1500", "0", "")
    ]
    data = json.loads(printed(capfd, *folders, "--json", "--objects")[1])
    assert [record["label"] for record in data["images"][0]["objects"]["predicted"]] == [1, 2, 3, 4, 5, 6]
    lines = printed(capfd, *folders, "--objects")[1].splitlines()
    assert lines[0].split() == ["image", "of", "label", "kind", "area", "partner", "iou", "seg", "hausdorff", "nsd"]
    assert sum("missed" in line.split()[3:4] for line in lines) == 1


def test_what_counts_can_be_chosen(folders: tuple[Path, Path], capfd: pytest.CaptureFixture[str]) -> None:
    labels = PERFECT.copy()
    labels[:2, :2] = 9  # at the border, and small
    write_labels(folders[0] / "good.png", labels)
    paths = folders[0] / "good.png", folders[1] / "good.tif"
    for option in (["--ignore-border"], ["--min-area", "5"]):
        _, out, _ = printed(capfd, *paths, *option)
        assert "left out: 0 true and 1 predicted objects" in out and "0 spurious" in out
    assert ", 1 spurious" in printed(capfd, *paths)[1]
    data = json.loads(printed(capfd, *paths, "--partial", "--json")[1])
    assert data["pooled"]["seg"] == data["pooled"]["recall_50"] == 1
    assert data["pooled"]["dice"] is None and data["counts"]["spurious"] is None
    assert "spurious" not in printed(capfd, *paths, "--partial")[1]


def test_what_has_no_partner_is_told(folders: tuple[Path, Path]) -> None:
    (folders[0] / "good.png").unlink()
    write_labels(folders[0] / "other.png", PERFECT)
    done = run(*folders, "--json")
    assert done.returncode == 1, "some of the ground truth was not evaluated"
    assert done.stderr.splitlines() == [
        f"superdsm: warning: {folders[1]}: 1 without a partner in {folders[0]}, not evaluated: good",
        f"superdsm: warning: {folders[0]}: 1 without a partner in {folders[1]}, not evaluated: other",
    ]
    data = json.loads(done.stdout)
    assert (data["without_prediction"], data["without_truth"], data["n_images"]) == (["good"], ["other"], 2)
    (folders[1] / "good.tif").unlink()
    assert run(*folders).returncode == 0, "images without ground truth are not what was asked for"


def test_a_damaged_image_is_told_and_the_others_are_evaluated(folders: tuple[Path, Path]) -> None:
    (folders[0] / "good.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    write_labels(folders[0] / "missed.png", PERFECT[:-1])
    done = run(*folders, "--json")
    assert done.returncode == 1 and done.stderr.count("\n") == 2
    assert f"superdsm: error: {folders[0] / 'good.png'}: is truncated" in done.stderr
    assert f"has 19 x 30 pixels, but the ground truth 20 x 30 ({folders[1] / 'missed.tif'})" in done.stderr
    data = json.loads(done.stdout)
    assert sorted(data["failed"]) == ["good", "missed"] and data["n_images"] == 1
    for path in folders[0].iterdir():
        path.write_bytes(b"")
    assert run(*folders).returncode == 2


def bad_input(directory: Path) -> dict[str, tuple[list[object], str]]:
    """Arguments, and a part of the message, by name."""
    good = directory / "good.tif"
    write_labels(good, PERFECT)
    write_labels(directory / "small.tif", PERFECT[:5])
    write_labels(directory / "empty.tif", PERFECT * 0)
    write_rgb(directory / "colour.png", np.zeros((20, 30, 3), np.uint8))
    tifffile.imwrite(directory / "float.tif", PERFECT.astype(np.float32))
    tifffile.imwrite(directory / "negative.tif", PERFECT.astype(np.int16) - 1)
    folder, twins = directory / "folder", directory / "twins"
    write_labels(folder / "a.png", PERFECT)
    write_labels(twins / "a.png", PERFECT)
    write_labels(twins / "a.tif", PERFECT)
    (directory / "void").mkdir()
    return {
        "shapes": ([directory / "small.tif", good], "has 5 x 30 pixels, but the ground truth 20 x 30"),
        "no labels": ([directory / "empty.tif", directory / "empty.tif"], "there are no labels"),
        "colour": ([directory / "colour.png", good], "is in colour"),
        "float": ([good, directory / "float.tif"], "holds values of type float32"),
        "negative": ([directory / "negative.tif", good], "negative labels"),
        "missing": ([directory / "none.tif", good], "there is no such file"),
        "file and directory": ([folder, good], "is a directory, but"),
        "twice the same name": ([twins, folder], "has the same name as a.png"),
        "no common name": ([folder, directory / "void"], "no label image in it is called like one in"),
        "no truth": ([good], "where is the ground truth?"),
        "two truths": ([good, good, "--gt", "x"], "where is the ground truth?"),
        "nothing left": ([good, good, "--min-area", "1000"], "leave out all true objects"),
        "negative area": ([good, good, "--min-area", "-1"], "-1 is negative"),
        "two formats": ([good, good, "--csv", "--json"], "not allowed with"),
        "images for nothing": (
            [good, good, "--images", good],
            "--images: is what pictures are drawn on; add --overlay",
        ),
        "images of tasks": ([folder, "--gt", "%s", "--images", good, "--overlay", folder], "tasks know their images"),
        "best of images": ([good, good, "--by", "seg"], "--by: is about tasks"),
        "objects of tasks": ([folder, "--gt", "%s.png", "--objects"], "add --csv or --json"),
        "wrong size of image": (
            [good, good, "--overlay", directory / "o", "--images", directory / "small.tif"],
            "has not the same size",
        ),
        "overwritten": ([folder / "a.png", folder / "a.png", "--overlay", folder], "would be overwritten"),
        "no tasks": ([folder, "--gt", "%s.png"], "there is no task.json"),
    }


def test_bad_input_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name, (args, message) in bad_input(tmp_path).items():
        code, out, err = printed(capfd, *args)
        assert (code, out) == (2, ""), name
        assert err.startswith("superdsm: error: ") and err.count("\n") == 1 and message in err, (name, err)


def test_a_mask_is_recognised(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_labels(tmp_path / "mask.png", (PERFECT > 0) * 255)
    write_labels(tmp_path / "truth.png", PERFECT)
    code, _, err = printed(capfd, tmp_path / "mask.png", tmp_path / "truth.png")
    assert code == 0 and "has one label in 6 separate pieces: is it a mask?" in err


def test_empty_truth_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_labels(tmp_path / "truth.png", PERFECT * 0)
    write_labels(tmp_path / "seg.png", PERFECT)
    code, out, err = printed(capfd, tmp_path / "seg.png", tmp_path / "truth.png")
    assert code == 0 and "6 spurious" in out and "the ground truth holds no labels" in err


def test_pictures_of_errors(folders: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_labels(tmp_path / "images" / "merged.png", PERFECT * 0 + 90)
    pictures = tmp_path / "errors"
    code, _, err = printed(capfd, *folders, "--overlay", pictures, "--images", tmp_path / "images")
    assert code == 0 and "has no image for good, missed" in err and err.count("\n") == 1
    assert sorted(path.name for path in pictures.iterdir()) == ["good.png", "merged.png", "missed.png"]
    missed = read_image(pictures / "missed.png")
    assert missed[5, 5].tolist() == list(COLOURS["matched"])
    assert list(COLOURS["missed"]) in missed[13:17, 13:17].reshape(-1, 3).tolist()


def make_tree(root: Path) -> None:
    """Make a task, one that is derived from it, and a template between them, with outputs as of a run."""
    for index in (1, 2):
        write_labels(root / "images" / f"{index}.png", PERFECT)
        write_labels(root / "truth" / f"plate-{index}.png", PERFECT)
    task: dict[str, Any] = {
        "img_pathpattern": "{ROOTDIR}/images/%d.png",
        "file_ids": [1, 2],
        "seg_pathpattern": "%d.png",
    }
    for name, own in (
        ("plate", {**task, "runnable": True}),
        ("plate/template", {}),
        ("plate/template/better", {"runnable": True}),
        ("plate/worse", {"runnable": True}),
    ):
        (root / name).mkdir(parents=True)
        (root / name / "task.json").write_text(json.dumps(own))
    for index in (1, 2):
        write_labels(root / "plate" / f"{index}.png", result("merged"))
        write_labels(root / "plate" / "template" / "better" / f"{index}.png", result("good"))
        write_labels(root / "plate" / "worse" / f"{index}.png", PERFECT * (PERFECT < 2))


def test_all_tasks_of_a_tree(tmp_path: Path) -> None:
    make_tree(tmp_path)
    done = run(tmp_path, "--gt", "{ROOTDIR}/truth/plate-%d.png", "--overlay", tmp_path / "errors")
    assert done.returncode == 0
    table = [line.split() for line in done.stdout.partition("\n\n")[0].splitlines()]
    assert [row[0] for row in table] == ["task", "plate", "*", "against", "plate/worse", "against"]
    assert table[2][1:3] == ["plate/template/better", "2"] and table[3][1:3] == ["plate", "2"]
    assert table[3][-4:] == ["+0", "-2", "+0", "+0"] and table[5][-4:] == ["+0", "-2", "+10", "+0"]
    assert done.stdout.endswith("* the best of the tasks with the same images, by ap_50\n")
    warnings = done.stderr.splitlines()
    assert len(warnings) == 3 and all("2 label images are not up to date: 1, 2; run: " in line for line in warnings)
    assert (tmp_path / "errors" / "plate" / "worse" / "2.png").is_file()
    assert not (tmp_path / ".superdsm").exists(), "looking changes nothing"


def test_numbers_of_tasks(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make_tree(tmp_path)
    code, out, _ = printed(capfd, tmp_path, "--gt", "{ROOTDIR}/truth/{DIRNAME}-%d.png", "--json")
    assert code == 0
    (only,) = [task for task in json.loads(out)["tasks"] if task.get("n_images")]
    assert only["task"] == "plate", "the ground truth of the others would be called otherwise"
    code, out, _ = printed(capfd, tmp_path, "--gt", str(tmp_path / "truth" / "plate-%d.png"), "--json")
    tasks = {task["task"]: task for task in json.loads(out)["tasks"]}
    better = tasks["plate/template/better"]
    assert [name for name, task in tasks.items() if task["best"]] == [better["task"]]
    assert better["parent"] == "plate" and better["difference"]["n_images"] == 2
    expected = 1 - tasks["plate"]["pooled"]["seg"]
    assert better["difference"]["scores"]["seg"] == pytest.approx(expected)
    table = rows(printed(capfd, tmp_path, "--gt", str(tmp_path / "truth" / "plate-%d.png"), "--csv")[1])
    (row,) = [row for row in table if row["task"] == better["task"] and row["of"] == "difference"]
    assert float(row["seg"]) == pytest.approx(expected) and row["best"] == "1"
    objects = rows(printed(capfd, tmp_path, "--gt", str(tmp_path / "truth" / "plate-%d.png"), "--csv", "--objects")[1])
    assert {row["task"] for row in objects} == set(tasks)


def test_incomplete_tasks_are_told_and_never_the_best(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make_tree(tmp_path)
    (tmp_path / "plate" / "template" / "better" / "2.png").unlink()
    code, out, err = printed(capfd, tmp_path, "--gt", str(tmp_path / "truth" / "plate-%d.png"))
    assert code == 1
    assert "task plate/template/better: 1 without label image, not evaluated: 2; run: superdsm batch" in err
    table = [line.split() for line in out.partition("\n\n")[0].splitlines()]
    assert table[1][:2] == ["*", "plate"] and table[2][:2] == ["plate/template/better", "1"]
    assert table[3][:3] == ["against", "plate", "1"], "compared for the image that both have"
    (tmp_path / "truth" / "plate-2.png").unlink()
    code, _, err = printed(capfd, tmp_path, "--gt", str(tmp_path / "truth" / "plate-%d.png"))
    assert code == 0 and err.count("1 without ground truth, not evaluated: 2") == 3


def test_the_best_task_by_another_score(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make_tree(tmp_path)
    arguments = [tmp_path, "--gt", str(tmp_path / "truth" / "plate-%d.png")]
    _, out, _ = printed(capfd, *arguments, "--by", "hausdorff", "--ignore-border", "--min-area", "2")
    assert out.endswith("by hausdorff\n") and "hausdorff" in out.splitlines()[0].split()
    code, _, err = printed(capfd, *arguments, "--by", "sge")
    assert code == 2 and "there is no such score (did you mean 'seg'?)" in err
    assert "no such score with --partial" in printed(capfd, *arguments, "--by", "dice", "--partial")[2]
    assert printed(capfd, *arguments, "--partial")[1].endswith("by seg\n")


def test_mistakes_with_tasks(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make_tree(tmp_path)
    for pattern, message in (("truth.png", "is the same file for all 2 file ids"), ("%q.png", "'%q' is no conversion")):
        code, out, err = printed(capfd, tmp_path, "--gt", pattern)
        assert (code, out) == (2, "") and message in err and "--gt" in err
    arguments = [tmp_path, "--gt", str(tmp_path / "truth" / "plate-%d.png")]
    code, out, err = printed(capfd, *arguments, "--overlay", tmp_path)
    assert (code, out) == (2, "") and "would be overwritten by a picture" in err
    assert np.array_equal(read_image(tmp_path / "plate" / "1.png"), result("merged"))
    assert "no task has a label image with ground truth" in printed(capfd, tmp_path, "--gt", "none-%d.png")[2]
    task = tmp_path / "plate" / "worse" / "task.json"
    task.write_text(json.dumps({"runnable": True, "seg_pathpattern": None}))
    code, out, err = printed(capfd, *arguments)
    assert code == 1 and "task plate/worse: writes no label images" in err
    assert re.search(r"^  plate/worse +0 +-", out, re.MULTILINE)


@pytest.mark.slow
def test_results_of_the_program_itself(tmp_path: Path) -> None:
    """The whole way: a tree is run, then evaluated; nothing is out of date until a hyperparameter is changed."""
    examples = Path(__file__).resolve().parents[2] / "examples"
    for name in ("images", "true_labels"):
        shutil.copytree(examples / name, tmp_path / name)
    shutil.copy(examples / "task.json", tmp_path)
    assert main(["batch", str(tmp_path), "--run", "--quiet"]) == 0
    done = run(tmp_path, "--gt", "{ROOTDIR}/true_labels/%s.png", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["tasks"][0]["pooled"]["ap_50"] > 0.9
    task = json.loads((tmp_path / "task.json").read_text())
    task["config"]["AF_scale"] = 15
    (tmp_path / "task.json").write_text(json.dumps(task))
    assert "6 label images are not up to date" in run(tmp_path, "--gt", "{ROOTDIR}/true_labels/%s.png").stderr
