"""Corrections by hand in a batch: applied, remembered, told, and taken back."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from superdsm import Batch
from superdsm.cli import main
from superdsm.io import read_image, write_labels
from superdsm.testing import synthetic_image

STAGE = "global-energy-minimization"


@pytest.fixture(params=["published", "adaptive"])
def root(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A root with two images that were processed."""
    root = tmp_path / "root"
    for number in (1, 2):
        image = synthetic_image(number, (90, 110), n_nuclei=5, radius=10, clustering=0)[0]
        write_labels(root / "images" / f"n {number}.png", image)
    size = {"AF_scale": 8} if request.param == "published" else {"nucleus_radius": 10}
    task = {
        "runnable": True,
        "img_pathpattern": "{ROOTDIR}/images/%s.png",
        "seg_pathpattern": "labels/%s.tif",
        "file_ids": ["n 1", "n 2"],
        "config": {"profile": request.param, **size},
    }
    (root / "task.json").write_text(json.dumps(task))
    run(root, capsys)
    return root


def run(root: Path, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[dict[str, Any], Any]:
    """Run the batch; return the plan, and what became of the images."""
    assert main(["batch", str(root), "--json", "--run", "--executor", "serial", *arguments]) == code
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (plan,) = (record for record in records if record["event"] == "plan")
    return plan, {record["image"]: record for record in records if record["event"] == "image"}


def labels(root: Path, name: str = "n 1") -> Any:
    return read_image(root / "labels" / f"{name}.tif")


def centres(found: Any) -> list[list[float]]:
    return [np.argwhere(found == label).mean(0).round(1).tolist() for label in range(1, found.max() + 1)]


def files(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def stored(root: Path) -> set[str]:
    return {path.name for path in (root / ".superdsm" / "results").rglob("*") if path.is_file()}


def test_corrections_are_applied_remembered_told_and_taken_back(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, other = labels(root), labels(root, "n 2")
    results = stored(root)
    points = centres(before)
    batch = Batch.open(root)
    path = batch.correct(
        ".", "n 1", [{"action": "drop", "points": points[:1]}, {"action": "keep", "points": points[1:2]}]
    )
    assert path == root / "corrections" / "n%201.json"
    assert len(batch.corrections(".", "n 1")) == 2
    plan, done = run(root, capsys)
    assert plan["corrected"] == 1
    (group,) = (group for group in plan["groups"] if group["action"] == "run")
    assert (group["ids"], group["reasons"]) == (["n 1"], ["corrections added"])
    assert group["from"] == STAGE
    assert {"scale", "nucleus-size"} & {*group["load"], *group["compute"]} or "preprocess" in group["load"]
    after = labels(root)
    assert after.max() == before.max() - 1
    assert after[tuple(map(round, points[0]))] == 0
    np.testing.assert_array_equal(labels(root, "n 2"), other)
    assert list(done) == ["n 1"]
    rows = {row["file_id"]: row for row in csv.DictReader((root / "summary.csv").read_text().splitlines())}
    assert (rows["n 1"]["corrected"], rows["n 2"]["corrected"]) == ("2", "")
    plan, done = run(root, capsys)  # again: nothing to do
    assert (plan["complete"], plan["corrected"], done) == (2, 1, {})
    assert main(["batch", str(root)]) == 0
    assert "corrected by hand: 1" in capsys.readouterr().out
    assert main(["store", str(root), "--prune", "--verify-certificates"]) == 0
    assert "removed 0 results" in capsys.readouterr().out
    assert [item for item in Batch.open(root).results()["n 1"].field("postprocessed_objects") if item.is_corrected]

    path.write_text(path.read_text().replace('"keep"', '"drop"'))
    plan, done = run(root, capsys)
    assert [group["reasons"] for group in plan["groups"] if group["action"] == "run"] == [["corrections changed"]]
    assert labels(root).max() == before.max() - 2

    Batch.open(root).correct(".", "n 1", [])
    assert not path.exists()
    plan, done = run(root, capsys)
    (group,) = (group for group in plan["groups"] if group["action"] == "run")
    assert group["reasons"] == ["corrections removed"]
    assert STAGE not in group["compute"]  # what was stored without corrections is still there
    assert results <= stored(root)
    np.testing.assert_array_equal(labels(root), before)


@pytest.mark.parametrize(("text", "problem"), [
    ('{"corrections": [{"action": "melt", "points": [[1, 2]]}]}', "correction 1: unknown action 'melt'"),
    ('{"corrections": [', "line 1, column 18: invalid JSON"),
    ('{"image": "n 2", "corrections": []}', 'is about the image "n 2", not "n 1"'),
    ('{"corrections": [{"action": "drop", "points": [[999, 2]]}]}', "1 (drop): the point (999, 2) is outside"),
])  # fmt: skip
def test_a_file_that_is_wrong_is_one_line_and_stops_no_other_image(
    root: Path, capsys: pytest.CaptureFixture[str], text: str, problem: str
) -> None:
    path = root / "corrections" / "n%201.json"
    path.parent.mkdir()
    path.write_text(text)
    before = labels(root)
    _, done = run(root, capsys, code=1)
    assert list(done) == ["n 1"]
    message = done["n 1"]["message"]
    assert str(path) in message
    assert problem in message
    assert "\n" not in message
    np.testing.assert_array_equal(labels(root), before)
    path.unlink()
    _, done = run(root, capsys)  # what was mended is tried again without being asked
    assert done["n 1"]["ok"]


@pytest.mark.process
def test_the_command_line_and_the_report_tell_of_corrections(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points = centres(labels(root))
    Batch.open(root).correct(".", "n 2", [{"action": "keep", "points": centres(labels(root, "n 2"))[:1]}])
    Batch.open(root).correct(".", "n 1", [{"action": "merge", "points": points[:2]}])
    for arguments in (["batch", str(root), "--run", "--jobs", "2"], ["report", str(root)]):
        command = [sys.executable, "-m", "superdsm", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        if arguments[0] == "batch":
            assert done.stdout.count("1 correction by hand") == 2
    assert "corrected by hand" in (root / "report.html").read_text()


def test_a_task_without_a_stage_that_takes_corrections(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "own.py").write_text(
        '"""A stage."""\n'
        "from superdsm import Stage\n\n\n"
        "class Nothing(Stage):\n"
        '    """Find nothing."""\n\n'
        '    id = "nothing"\n    version = "1"\n    inputs = ("y",)\n'
        '    outputs = ("cover",)\n    replaces = "global-energy-minimization"\n\n'
        "    def process(self, ctx, *, y):\n        return {'cover': []}\n"
    )
    task = json.loads((root / "task.json").read_text())
    (root / "task.json").write_text(json.dumps(task | {"use": ["./own.py:Nothing"]}))
    Batch.open(root).correct(".", "n 1", [{"action": "drop", "points": [[1, 1]]}])
    _, done = run(root, capsys, code=1)
    assert "no stage of the task takes corrections" in done["n 1"]["message"]
    assert done["n 2"]["ok"]
