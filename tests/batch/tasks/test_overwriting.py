"""What a run reads is never written, under whatever name: an error before anything starts."""

import json
import os
import time
from pathlib import Path

import pytest

from superdsm.batch.components import installed
from superdsm.batch.results import tables
from superdsm.batch.tasks.discovery import discover
from superdsm.batch.tasks.overwriting import Files
from superdsm.batch.tasks.prepare import Preparer
from superdsm.errors import TaskError
from tests.laboratory import Laboratory

ONE = {"file_ids": [1], "img_pathpattern": "{ROOTDIR}/../images/%d.png"}
OVER_AN_INPUT = {
    "the image": ({"seg_pathpattern": "{ROOTDIR}/../images/%d.png"}, "an image of task ."),
    "the image through ..": ({"seg_pathpattern": "seg/../../images/%d.png"}, "an image of task ."),
    "the image through a link": ({"seg_pathpattern": "link/%d.png"}, "an image of task ."),
    "the image by a link of its own": ({"seg_pathpattern": "soft/%d.png"}, "an image of task ."),
    "the image by a hard link": ({"seg_pathpattern": "hard/%d.png"}, "an image of task ."),
    "an image of another file id": (
        {"file_ids": [2, 12], "seg_pathpattern": "../images/1%d.png"},
        "an image of task .",
    ),
    "an image of another task": ({"seg_pathpattern": "below/own/%d.png"}, "an image of task below"),
    "its task.json": ({"cfg_pathpattern": "task.json"}, "the task.json of task ."),
    "another task.json": ({"cfg_pathpattern": "below/task.json"}, "the task.json of task below"),
    "a broken task.json": ({"cfg_pathpattern": "broken/task.json"}, "the task.json of task broken"),
    "base_config_path": ({"cfg_pathpattern": "base.json"}, "base_config_path of task ."),
    "a script": ({"log_pathpattern": "stages.py"}, "a script of task ."),
    "a journal": ({"log_pathpattern": ".superdsm/tasks/@/journal.jsonl"}, "where results are kept"),
    "a table": ({"log_pathpattern": "performance.csv"}, "a table of task ."),
    "the manifest": ({"cfg_pathpattern": "x/../manifest.json"}, "a table of task ."),
}


@pytest.fixture
def mined(lab: Laboratory) -> Laboratory:
    """A root in which files have many names."""
    (lab.root / "link").symlink_to("../images")
    lab.image(12)
    for kind in ("soft", "hard"):
        (lab.root / kind).mkdir()
    (lab.root / "soft" / "1.png").symlink_to(lab.images / "1.png")
    os.link(lab.images / "1.png", lab.root / "hard" / "1.png")
    (lab.root / "base.json").write_text("{}")
    own = lab.root / "below" / "own"
    own.mkdir(parents=True)
    (own / "1.png").write_bytes((lab.images / "1.png").read_bytes())
    lab.task("below", runnable=True, img_pathpattern=f"{own}/%d.png", file_ids=[1], seg_pathpattern="seg/%d.png")
    lab.task("broken", runnable=3)
    return lab


def contents(lab: Laboratory) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(lab.root.parent.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("name", OVER_AN_INPUT)
def test_outputs_in_the_place_of_inputs(name: str, mined: Laboratory, capsys: pytest.CaptureFixture[str]) -> None:
    fields, what = OVER_AN_INPUT[name]
    path = mined.task(**{**ONE, "base_config_path": "base.json", **fields})
    before = contents(mined)
    code, lines = mined.call("--run", "--executor", "serial", "--task", ".")
    error = capsys.readouterr().err
    assert (code, lines) == (2, []), error
    field = list(fields)[-1]
    assert f"{path}:" in error
    assert f"{field} of task . would write" in error
    assert what in error
    assert error.count("\n") == 1
    assert contents(mined) == before


@pytest.mark.parametrize(
    ("report", "what"),
    [
        ("images/1.png", "is an image of task ."),
        ("root/task.json", "is the task.json of task ."),
        ("root/stages.py", "is a script of task ."),
        ("root/x/../summary.csv", "is a table of task ."),
        ("root/seg/2.png", "is an output of task ."),
        ("root/.superdsm/tasks/@/journal.jsonl", "where results are kept"),
    ],
)
def test_a_status_file_in_the_place_of_another(
    report: str, what: str, lab: Laboratory, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.task()
    before = contents(lab)
    assert lab.call("--run", "--executor", "serial", "--report", str(lab.root.parent / report)) == (2, [])
    error = capsys.readouterr().err
    assert error.startswith("superdsm: error: --report: ")
    assert what in error
    assert {path: data for path, data in contents(lab).items() if not path.endswith("hashes.jsonl")} == before


def test_a_table_in_the_place_of_an_input(lab: Laboratory, capsys: pytest.CaptureFixture[str]) -> None:
    (lab.root / "manifest.json").write_text('{"level": {"offset": 0.25}}')
    lab.task(base_config_path="manifest.json")
    before = contents(lab)
    assert lab.call("--run", "--executor", "serial") == (2, [])
    assert "manifest.json: is base_config_path of task ., and a run writes a table of that name" in (
        capsys.readouterr().err
    )
    assert contents(lab) == before


def test_two_names_of_one_task(lab: Laboratory, capsys: pytest.CaptureFixture[str]) -> None:
    lab.task(runnable=False, seg_pathpattern=...)
    lab.task("a", runnable=True)
    (lab.root / "b").symlink_to("a")
    assert lab.call("--run", "--executor", "serial") == (2, [])
    assert f"{lab.root}/b: is the same as {lab.root}/a; remove the link" in capsys.readouterr().err


def test_scripts_of_the_command_line_are_inputs(
    lab: Laboratory, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(lab.root)
    lab.task(use=..., log_pathpattern="stages.py", file_ids=[1])
    assert lab.call("--use", "./stages.py:Level", "--use", "./stages.py:Rows") == (2, [])
    assert "is a script of --use; choose another path" in capsys.readouterr().err


def test_a_task_may_make_the_images_of_another_one_again(lab: Laboratory) -> None:
    """The images of the second task are what the first one writes: nobody loses anything."""
    lab.task(file_ids=[1, 2])
    second = {"img_pathpattern": "{ROOTDIR}/seg/%d.png", "seg_pathpattern": "out/%d.png"}
    lab.task("second", runnable=True, **second)
    code, results = lab.run("--task", ".")
    assert (code, len(results)) == (0, 2)
    assert lab.run("--task", "second")[0] == 0
    lab.task(file_ids=[1, 2], config={"level": {"offset": 0.75}})
    code, results = lab.run("--task", ".")
    assert (code, len(results)) == (0, 2)


def test_a_link_that_was_made_after_the_plan_is_not_followed(lab: Laboratory) -> None:
    from superdsm.batch.api import Batch

    lab.task(file_ids=[1, 2])
    plan = Batch.open(lab.root).plan()
    (lab.root / "seg").symlink_to(lab.images)
    before = contents(lab)
    summary = plan.run(executor="serial")
    assert summary.failed == 2
    assert "is a file that is read, and is not replaced" in summary.failures[0][2]
    after = contents(lab)
    assert {path: after[path] for path in before} == before


@pytest.mark.speed
@pytest.mark.parametrize("pattern", ["seg/%d.png", "{ROOTDIR}/seg/{DIRNAME}-%d.png"])
def test_a_hundred_thousand_images_are_compared_quickly(tmp_path: Path, pattern: str) -> None:
    fields = {"img_pathpattern": "images/%d.png", "file_ids": "1-100", "seg_pathpattern": pattern}
    (tmp_path / "task.json").write_text(json.dumps(fields))
    for number in range(1000):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "task.json").write_text('{"runnable": true}')
    components = installed()
    tree = discover(tmp_path, components)
    preparer = Preparer(tree, components)
    files = Files(tree, [preparer.prepare(task) for task in tree.select()], tables.NAMES, ".superdsm")
    start = time.perf_counter()
    files.read(())
    assert files.overwritten(lambda *arguments: False) == []
    assert time.perf_counter() - start < 5


def test_tasks_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    for name, fields in {"a": {"seg_pathpattern": "seg/%d.png"}, "b": {"file_ids": {"glob": "*"}}}.items():
        (tmp_path / name).mkdir()
        spec = {"runnable": True, "img_pathpattern": "{ROOTDIR}/none/%d.png", "file_ids": [1], **fields}
        (tmp_path / name / "task.json").write_text(json.dumps(spec))
    components = installed()
    tree = discover(tmp_path, components)
    files = Files(tree, [Preparer(tree, components).prepare(tree.select(["a"])[0])], tables.NAMES, ".superdsm")
    files.read(())
    assert files.overwritten(lambda *arguments: False) == []
    with pytest.raises(TaskError, match="no file matches"):
        tree.select(["b"])[0].file_ids()
