"""Results that an earlier version has stored are picked up: the keys of the same work stay the same.

``tests/data/kept.zip`` is a small root as version 1.0.0 left it before its first release: three tasks with all kinds of
keys in them (versions, a source, changed hyperparameters, options of outputs). A change on purpose, such as another
version of a stage, needs a new file; any other change that fails here would cost users the results they have.
"""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from superdsm.cli import main

KEPT = Path(__file__).resolve().parents[1] / "data" / "kept.zip"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the root."""
    with zipfile.ZipFile(KEPT) as archive:
        archive.extractall(tmp_path / "root")
    return tmp_path / "root"


def groups(root: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what is planned, by task."""
    assert main(["batch", str(root), "--json"]) == 0
    records = map(json.loads, capsys.readouterr().out.splitlines())
    return {record["task"]: record["groups"] for record in records if record["event"] == "plan"}


def test_what_is_complete_stays_complete(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = groups(root, capsys)
    assert {task: [(group["action"], group["ids"]) for group in found] for task, found in plan.items()} == {
        ".": [("nothing", [1, 2])],
        "scripted": [("nothing", [1])],
        "strict": [("nothing", [1, 2])],
    }


def test_results_are_found_by_their_keys_alone(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(root / ".superdsm" / "tasks")  # the journals
    for task, found in groups(root, capsys).items():
        for group in found:
            assert group["reasons"] == ["new image"], task
            assert group["compute"] in ([], ["ingest"]), task  # the one stage that is not kept
            assert group["from"] is None, task


def test_journals_tell_what_has_changed_since(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = root / "strict" / "task.json"
    path.write_text(path.read_text().replace("1.5", "1.6"))
    (root / "seg" / "1.png").unlink()
    plan = groups(root, capsys)
    assert plan["strict"][0]["reasons"] == ["postprocess/min_contrast 1.5 -> 1.6"]
    assert plan["strict"][0]["compute"][-1] == "postprocess"
    assert "global-energy-minimization" in plan["strict"][0]["load"]
    assert plan["."][0]["reasons"] == ["seg output missing"]


def test_prune_removes_nothing_that_is_in_use(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", str(root), "--prune", "--verify"]) == 0
    assert "\nno damage found\nremoved 0 results: 0 bytes freed\n" in capsys.readouterr().out
