"""Hostile plugins: each image fails with a line that names the stage, or is done; all other images are done."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from tests.robustness import hostile

pytestmark = [pytest.mark.robustness, pytest.mark.process]
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
SCRIPT = Path(hostile.__file__)
GOOD = "good"
PUBLISHED = ("--profile", "published", "--set", "AF_scale=3")
IN_PROCESS = [name for name in hostile.CASES if name not in (*hostile.ENDS_PROCESS, *hostile.LASTS)]


def write_image(path: Path) -> None:
    rows, columns = np.mgrid[: hostile.SHAPE[0], : hostile.SHAPE[1]]
    blobs = [np.hypot(rows - r, columns - c) < 4.5 for r, c in ((8, 8), (16, 22))]
    noise = np.random.default_rng(0).integers(0, 20, hostile.SHAPE)
    pixels = (noise + 150 * np.logical_or(*blobs)).astype(np.uint8)
    path.write_bytes(imagecodecs.png_encode(pixels))


def make_root(root: Path, names: list[str]) -> None:
    """Make a root with a task for each hostile stage, and one without any."""
    write_image(root / "image.png")
    common = {"img_pathpattern": f"{root}/image.png", "file_ids": [1], "seg_pathpattern": "seg.png"}
    (root / "task.json").write_text(json.dumps({**common, "config": {"AF_scale": 3, "profile": "published"}}))
    for name in [*names, GOOD]:
        (root / name).mkdir()
        use = [] if name == GOOD else [f"{SCRIPT}:{name}"]
        (root / name / "task.json").write_text(json.dumps({"runnable": True, "use": use}))


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-c", "import sys; from superdsm.cli import main; sys.exit(main())", *map(str, arguments)]


def run_batch(root: Path, *options: str, limit: float) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Run all tasks; return the exit code, by task what became of its image, and standard error."""
    done = subprocess.run(
        command("batch", root, "--run", "--json", *options), capture_output=True, text=True, timeout=limit, check=False
    )
    records = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return done.returncode, {item["task"]: item for item in records if item.get("event") == "image"}, done.stderr


def problems(root: Path, names: list[str], *options: str, limit: float = 300) -> list[str]:
    """Return what is not as it should be when a batch is run."""
    make_root(root, names)
    code, found, err = run_batch(root, *options, limit=limit)
    right = 1 if any(hostile.CASES[name] for name in names) else 0
    wrong = [] if code == right else [f"exit code {code}: {err[-300:]}"]
    if "Traceback" in err:
        wrong.append(err[-1000:])
    for name in [*names, GOOD]:
        expected = hostile.CASES.get(name, "")
        result = found.get(name)
        if result is None:
            wrong.append(f"{name}: nothing is known of its image")
        elif result["ok"] != (expected == ""):
            wrong.append(f"{name}: ok is {result['ok']}: {result['stage']}: {result['message'][:200]}")
        elif expected.removeprefix("stage ") not in f"{result['stage']}: {result['message']}":
            wrong.append(f"{name}: {result['stage']}: {result['message'][:200]}, not {expected}")
        elif result["ok"] != (root / name / "seg.png").exists():
            wrong.append(f"{name}: its label image is there, or is not")
    return wrong


def report(tried: int, wrong: list[str], what: str) -> None:
    sys.stdout.write(f"hostile plugins, {what}: {tried} tried, {len(wrong)} failed\n")
    assert not wrong, "\n".join(wrong)


@posix
def test_in_a_batch_with_worker_processes(tmp_path: Path) -> None:
    names = [name for name in IN_PROCESS if name not in hostile.LEAVES]
    report(len(names), problems(tmp_path, names, "--jobs", "2"), "loky")


def test_in_a_batch_in_this_process(tmp_path: Path) -> None:
    names = [name for name in IN_PROCESS if name not in (*hostile.SENT, *hostile.LEAVES)]
    names += ["HoldsLock", "NoState"]
    report(len(names), problems(tmp_path, names, "--executor", "serial"), "serial")


def test_in_segmenting_an_image_in_this_process(tmp_path: Path) -> None:
    write_image(tmp_path / "image.png")
    names = [name for name in IN_PROCESS if name not in (*hostile.SENT, *hostile.LEAVES)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.robustness.misbehaving", str(tmp_path / "image.png"), *names],
        capture_output=True, text=True, timeout=300, check=False, cwd=SCRIPT.parents[2],
    )  # fmt: skip
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(('"', '{"name"'))]
    results = {item["name"]: item for item in found if isinstance(item, dict)}
    wrong = [f"{name}: the process ended: {done.stderr[-300:]}" for name in names if name not in results]
    for name, result in results.items():
        expected = hostile.CASES[name]
        if name == "LogsObjects":
            expected = ""  # what is not stored may be anything
        told = expected in result["text"] and "Traceback (" not in result["text"]
        if result["code"] != (2 if expected else 0) or not told:
            wrong.append(f"{name}: {result['code']}: {result['text'][:200]}, not {expected}")
        if result["labels"] != (expected == ""):
            wrong.append(f"{name}: its label image is there, or is not")
    report(len(names), wrong, "segment")


@posix
@pytest.mark.slow
@pytest.mark.parametrize("names", [hostile.ENDS_PROCESS, hostile.LASTS])
def test_workers_that_end_or_do_not(tmp_path: Path, names: tuple[str, ...]) -> None:
    report(len(names), problems(tmp_path, list(names), "--jobs", "2", "--timeout", "6"), "workers that end or last")


@posix
@pytest.mark.slow
@pytest.mark.parametrize("name", hostile.LEAVES)
@pytest.mark.parametrize("options", [("--jobs", "1"), ("--executor", "serial")], ids=["loky", "serial"])
def test_what_is_left_behind_is_not_waited_for(tmp_path: Path, name: str, options: tuple[str, ...]) -> None:
    make_root(tmp_path, [name])
    start = time.monotonic()
    run_batch(tmp_path, *options, limit=50)
    wrong = [name for task in (name, GOOD) if not (tmp_path / task / "seg.png").exists()]
    assert time.monotonic() - start < 50
    report(1, wrong, f"{name} is left behind")


@posix
@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in hostile.CASES if name not in hostile.LASTS])
def test_in_segmenting_two_images_with_workers(tmp_path: Path, name: str) -> None:
    for number in (1, 2):
        write_image(tmp_path / f"{number}.png")
    images = [tmp_path / "1.png", tmp_path / "2.png"]
    done = subprocess.run(
        [*command("segment", *images, "-o", tmp_path / "out", "--use", f"{SCRIPT}:{name}"), *PUBLISHED],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    expected = hostile.CASES[name] if name != "LogsObjects" else ""
    wrong = []
    if done.returncode != (2 if expected else 0) or "Traceback (most recent" in done.stderr:
        wrong.append(f"{name}: {done.returncode}: {done.stderr[-500:]}")
    if len(list(tmp_path.glob("out/*.png"))) != (0 if expected else 2):
        wrong.append(f"{name}: label images are there, or are not")
    report(1, wrong, f"segment with workers, {name}")
