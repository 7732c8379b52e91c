"""``superdsm export``: pictures of tasks, made of what is stored."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from superdsm.batch.api import Batch
from superdsm.cli.export import MODES
from superdsm.errors import TaskError
from superdsm.io import read_image, write_labels
from superdsm.testing import synthetic_image

pytestmark = pytest.mark.process


def run(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "superdsm", *map(str, args)], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    for number in (1, 2):
        write_labels(root / f"{number}.png", synthetic_image(number, (90, 100), n_nuclei=4, radius=9.0)[0])
    task = {
        "runnable": True,
        "img_pathpattern": "{ROOTDIR}/%d.png",
        "file_ids": [1, 2],
        "config": {"profile": "adaptive", "pixel_size": 0.5},
        "seg_pathpattern": "labels/%d.tif",
        "seg_border": 1,
    }
    (root / "task.json").write_text(json.dumps(task))
    assert run("batch", root, "--run").returncode == 0
    return root


def state(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_draws_every_image_and_leaves_the_task_alone(root: Path, tmp_path: Path, mode: str) -> None:
    before = state(root)
    shown = run("export", root, "--mode", mode, "--outdir", tmp_path, "--jobs", 1)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert sorted(shown.stdout.splitlines()) == [str(tmp_path / f"{number}.png") for number in (1, 2)]
    assert all(read_image(tmp_path / f"{number}.png").ndim == 3 for number in (1, 2))
    assert state(root) == before


def test_no_stage_runs_whose_result_is_there(root: Path, tmp_path: Path) -> None:
    plan = Batch.open(root).plan_export(".", "overlay", tmp_path)
    stages = plan.tasks[0].prepared.recipe.stages
    computed = {stage_id for image in plan.tasks[0].images for stage_id in image.compute}
    assert not any(stages[stage_id].stored for stage_id in computed), "but those that are quick, and never stored"
    fresh = Batch.open(root).plan_export(".", "ymap", tmp_path)
    used = {stage_id for image in fresh.tasks[0].images for stage_id in (*image.compute, *image.load)}
    assert used and list(stages)[-1] not in used


def test_one_image_into_the_task_with_options(root: Path) -> None:
    shown = run("export", root, ".", "--imageid", "2", "--border", 2, "--border-position", "outer", "--scale-bar")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert Path(shown.stdout.strip()) == root / "export" / "seg" / "2.png"
    assert [path.name for path in (root / "export" / "seg").iterdir()] == ["2.png"]
    (root / "export" / "seg" / "2.png").unlink()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--imageid", "3"], "there is no image '3'"),
        (["--mode", "ymap", "--border", "2"], "seg_border: is no option of ymap; it has legend"),
        (["--border", "0"], "seg_border = 0 is out of range"),
        (["--border-colour", "red"], "seg_border_colour = 'red' is not allowed"),
        (["--jobs", "0"], "--jobs 0"),
        (["--outdir", "labels"], None),
    ],
)
def test_what_cannot_be_drawn_is_said_in_one_line(root: Path, arguments: list[str], message: str | None) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "superdsm", "export", ".", *arguments],
        capture_output=True,
        text=True,
        cwd=root,
        check=False,
    )
    if message is None:  # a directory that exists is as good as any
        assert shown.returncode == 0
        assert (root / "labels" / "1.png").exists() and (root / "labels" / "1.tif").exists()
        for number in (1, 2):
            (root / "labels" / f"{number}.png").unlink()
        return
    assert shown.returncode == 2 and shown.stdout == ""
    assert message in shown.stderr and len(shown.stderr.splitlines()) == 1


def test_a_pipeline_that_ends_too_early_and_an_unknown_exporter(root: Path, tmp_path: Path) -> None:
    batch = Batch.open(root)
    with pytest.raises(TaskError, match=r"there is no exporter 'overly' \(did you mean 'overlay'\?\)"):
        batch.plan_export(".", "overly", tmp_path)
    task = json.loads((root / "task.json").read_text())
    early = tmp_path / "early"
    early.mkdir()
    task |= {"img_pathpattern": str(root / "%d.png"), "last_stage": "normalise"}
    (early / "task.json").write_text(json.dumps(task))
    with pytest.raises(TaskError, match="overlay cannot be written: the pipeline does not provide the field"):
        Batch.open(early).plan_export(".", "overlay", tmp_path)
