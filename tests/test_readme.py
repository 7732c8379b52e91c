"""The README: every command of it works."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_examples import EXAMPLES, load

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines() if line.strip()]
MAIN_JOB, TESTS = COMMANDS[:2]
DOWNLOADS = [line for line in COMMANDS if "examples/real" in line]
DEVELOPERS = [line for line in COMMANDS if line.startswith(("python -m pytest", "ruff", "mypy"))]
RUN_HERE = [line for line in COMMANDS[2:] if line not in (*DOWNLOADS, *DEVELOPERS)]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A directory with some images and the tasks of the examples, without results."""
    pictures = [f"{folder}/{name}.png" for folder in ("images", "true_labels") for name in ("uneven", "elliptic")]
    for name in ("task.json", "config.json", "large-nuclei/task.json", *pictures):
        (tmp_path / "examples" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(EXAMPLES / name, tmp_path / "examples" / name)
    task = tmp_path / "examples" / "task.json"
    task.write_text(re.sub(r'"file_ids": \[.*?\]', '"file_ids": ["uneven", "elliptic"]', task.read_text()))
    return tmp_path


def run(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell in which `superdsm` and `python` are those of this interpreter."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "PATH": path}
    return subprocess.run(command, shell=True, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def test_the_first_screen_has_the_two_commands() -> None:
    first_screen = README.partition("\n## ")[0].splitlines()
    assert MAIN_JOB in first_screen and TESTS in first_screen
    assert MAIN_JOB.endswith("superdsm batch examples --run")
    assert "pytest" in TESTS and ".[test]" in TESTS


def test_continuous_integration_runs_both() -> None:
    assert TESTS in CI.splitlines()
    install, main_job = MAIN_JOB.rpartition(" && ")[::2]
    assert install in CI.splitlines()
    assert main_job.removeprefix(".venv/bin/superdsm ") in CI
    assert all(line in CI for line in DEVELOPERS if not line.startswith("python -m pytest"))


def test_every_command_is_covered_by_one_of_the_tests() -> None:
    assert {*COMMANDS} == {MAIN_JOB, TESTS, *DOWNLOADS, *DEVELOPERS, *RUN_HERE}
    assert RUN_HERE and DOWNLOADS and DEVELOPERS


def test_the_commands_work_one_after_the_other(copy: Path) -> None:
    for command in RUN_HERE:
        result = run(command, copy)
        assert result.returncode == 0, (command, result.stderr)
        assert result.stdout.strip(), command
    made = {path.relative_to(copy).as_posix() for path in copy.rglob("*.png")}
    assert {"labels.png", "overlay.png", "labels/uneven.png", "overlays/elliptic.png"} <= made
    for folder in ("seg", "overlays", "adj"):
        assert {f"examples/{folder}/uneven.png", f"examples/large-nuclei/{folder}/elliptic.png"} <= made
    assert (copy / "examples" / "cfg" / "uneven.json").is_file()


def test_single_images_are_segmented_without_settings_and_tasks_with_those_of_the_file_of_examples() -> None:
    task = json.loads((EXAMPLES / "task.json").read_text(encoding="utf-8"))
    assert json.loads((EXAMPLES / "config.json").read_text(encoding="utf-8")) == task["config"]
    segment = [line for line in RUN_HERE if line.startswith("superdsm segment")]
    assert len(segment) == 2 and not any("--set" in line or "--config" in line for line in segment)


def test_the_main_job_computes_nothing_twice(copy: Path) -> None:
    command = "superdsm " + MAIN_JOB.rpartition("superdsm ")[2]
    assert run(command, copy).returncode == 0
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("seg/*.png")}
    assert len(before) == 4
    assert run(command, copy).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("seg/*.png")} == before


def test_the_commands_for_the_real_data(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the network: the script is asked for what it knows, and the batch system for its plan."""
    script, batch = DOWNLOADS
    download = load(ROOT / script.split()[1])
    asked: list[str] = []
    monkeypatch.setattr(download, "fetch", lambda url, path: asked.append(url))
    monkeypatch.setattr(download, "unpack", lambda archive, data_set, folder: len(data_set.members))
    assert download.main([*script.split()[2:], "--images", str(copy / "none")]) == 0
    assert asked == [download.ARCHIVES["GOWT1-1"][0]]
    for path in (EXAMPLES / "real").rglob("task.json"):
        target = copy / "examples" / "real" / path.relative_to(EXAMPLES / "real")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    result = run(batch.removesuffix(" --run"), copy)
    assert result.returncode == 0, result.stderr
    assert "GOWT1-1/adapted" in result.stdout
    plan = run("superdsm batch examples", copy)
    assert "GOWT1-1" not in plan.stdout, "the real data sets are a tree of their own"


def test_the_commands_for_developers_are_those_that_exist() -> None:
    """The tests are collected, not run: each selection is of some tests, but not of all."""
    tests = [line for line in DEVELOPERS if line.startswith("python -m pytest")]
    assert TESTS.endswith(tests[0])
    for line in tests:
        result = run(f"{line.replace(' -n auto', '')} --collect-only -q", ROOT)
        assert result.returncode == 0, result.stdout + result.stderr
        assert re.search(r"\d+/\d+ tests collected", result.stdout), line


@pytest.mark.parametrize("source", blocks("python"))
def test_the_python_code_works(source: str, copy: Path) -> None:
    result = subprocess.run([sys.executable, "-c", source], cwd=copy, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("\n") == 3
    assert (copy / "labels.png").is_file()


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert len(links) >= 4
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
    assert README.startswith("# superdsm\n")
