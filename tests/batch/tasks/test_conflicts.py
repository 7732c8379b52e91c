"""Files that would be written twice are an error before anything starts."""

import json
import time
from pathlib import Path

import pytest

from superdsm.batch.components import installed
from superdsm.batch.tasks.conflicts import find_conflicts
from superdsm.batch.tasks.discovery import discover
from superdsm.batch.tasks.prepare import Preparer
from tests.laboratory import Laboratory


def found(root: Path) -> list[str]:
    components = installed()
    tree = discover(root, components)
    preparer = Preparer(tree, components)
    return [str(error) for error in find_conflicts([preparer.prepare(task) for task in tree.select()])]


def write(directory: Path, **fields: object) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "task.json"
    path.write_text(json.dumps({"runnable": True, "img_pathpattern": "%s.png", "file_ids": ["1", "2"]} | fields))
    return path


CLASHES = {
    "absolute": ("{ROOTDIR}/out/%s.png", "{ROOTDIR}/out/%s.png"),
    "relative": ("../out/%s.png", "{ROOTDIR}/a/../out/%s.png"),
    "another directory in the pattern": ("{ROOTDIR}/out/2/%s.png", "{ROOTDIR}/out/%s/2.png"),
    "another name": ("{ROOTDIR}/out/%s.png", "{ROOTDIR}/out/2.png"),
    "a link": ("{ROOTDIR}/out/%s.png", "{ROOTDIR}/link/%s.png"),
}


@pytest.mark.parametrize("name", CLASHES)
def test_two_tasks_that_write_the_same_file(name: str, tmp_path: Path) -> None:
    first, second = CLASHES[name]
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to("out")
    write(tmp_path / "a", seg_pathpattern=first)
    path = write(tmp_path / "b", seg_pathpattern=second, **({} if "%s" in second else {"file_ids": ["2"]}))
    errors = found(tmp_path)
    assert len(errors) == 1
    assert errors[0].startswith(f"{path}:1: seg_pathpattern of task b would write {tmp_path}/out/")
    assert f"of task a ({tmp_path}/a/task.json) would write too" in errors[0]


def test_different_files_in_one_directory_are_no_clash(tmp_path: Path) -> None:
    write(tmp_path / "a", seg_pathpattern="{ROOTDIR}/out/%s.png", overlay_pathpattern="{ROOTDIR}/out/%s-o.png")
    write(tmp_path / "b", seg_pathpattern="{ROOTDIR}/out/{DIRNAME}-%s.png")
    write(tmp_path / "c", seg_pathpattern="{ROOTDIR}/out/%s.png", file_ids=["3", "4/1", "4/2"])
    write(tmp_path / "d", seg_pathpattern="{ROOTDIR}/out/%s/%s.png")
    assert found(tmp_path) == []


def test_two_file_ids_or_two_outputs_with_the_same_file(tmp_path: Path) -> None:
    write(tmp_path / "a", seg_pathpattern="seg/%s.png", file_ids=["x/1", "x/./1"])
    write(tmp_path / "b", seg_pathpattern="out/%s.png", overlay_pathpattern="seg/../out/%s.png")
    first, second = found(tmp_path)
    assert f"file ids 'x/1' and 'x/./1' would both be written to {tmp_path}/a/seg/x/1.png" in first
    assert f"would write {tmp_path}/b/out/1.png in task b, as " in second


def test_many_clashes_are_told_briefly(tmp_path: Path) -> None:
    for number in range(9):
        write(tmp_path / f"{number}", seg_pathpattern="{ROOTDIR}/out/%s.png")
    errors = found(tmp_path)
    assert len(errors) == 6
    assert errors[-1] == "and 3 more outputs that would be overwritten"


def test_a_clash_ends_the_command_before_the_start(lab: Laboratory, capsys: pytest.CaptureFixture[str]) -> None:
    lab.task(seg_pathpattern="{ROOTDIR}/seg/%d.png")
    lab.task("derived", runnable=True, config={"level": {"offset": 1.0}})
    code, lines = lab.call("--run", "--executor", "serial")
    assert (code, lines) == (2, [])
    assert f"derived would write {lab.root}/seg/1.png, which seg_pathpattern of task ." in capsys.readouterr().err
    assert not (lab.root / "seg").exists()


@pytest.mark.speed
@pytest.mark.parametrize("pattern", ["seg/%d.png", "{ROOTDIR}/seg/{DIRNAME}-%d.png", "seg/%d/%d.png"])
def test_a_thousand_tasks_and_a_hundred_thousand_images_are_compared_quickly(tmp_path: Path, pattern: str) -> None:
    fields = {"img_pathpattern": "%d.png", "file_ids": "1-100", "seg_pathpattern": pattern}
    write(tmp_path, **fields | {"runnable": False})
    for number in range(1000):
        write(tmp_path / f"{number}", **fields)
    components = installed()
    tree = discover(tmp_path, components)
    preparer = Preparer(tree, components)
    prepared_tasks = [preparer.prepare(task) for task in tree.select()]
    start = time.perf_counter()
    assert find_conflicts(prepared_tasks) == []
    assert time.perf_counter() - start < 10
