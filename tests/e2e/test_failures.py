"""What is lost when something fails: one image at most."""

import os
from pathlib import Path

import pytest

from tests.laboratory import Laboratory

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")


@pytest.mark.process
def test_a_broken_image_among_twenty_leaves_nineteen_finished_and_exit_code_1(lab: Laboratory) -> None:
    for number in range(1, 21):
        lab.image(number)
    (lab.images / "7.png").write_bytes((lab.images / "7.png").read_bytes()[:40])
    lab.task(file_ids="1-20")
    code, lines = lab.call("--run")
    assert code == 1
    assert sum(": done in" in line for line in lines) == 19
    assert [line for line in lines if "FAILED" in line and "7.png: is truncated" in line]
    assert lines[-1] == f"superdsm batch {lab.root} --run --retry-failed"
    assert set(lab.outputs("seg/*")) == {f"seg/{n}.png" for n in range(1, 21) if n != 7}


def test_a_failed_image_is_left_out_until_it_or_the_task_changes_or_on_request(lab: Laboratory) -> None:
    lab.task(config={"level": {"mischief": "raise 2"}})
    code, results = lab.run()
    assert code == 1
    assert (results[".", 2]["stage"], results[".", 2]["message"]) == ("level", "ValueError: this image is no good")
    plan = lab.plan()[".", 2]
    assert plan["action"] == "skip"
    assert plan["reasons"][0].startswith("failed before")
    assert lab.run() == (1, {})
    assert set(lab.run("--retry-failed")[1]) == {(".", 2)}
    assert lab.plan("--retry-failed")[".", 2]["reasons"] == ["failed before"]
    lab.image(2, seed=5)
    assert lab.plan()[".", 2]["action"] == "run"
    lab.image(2)
    lab.task()
    code, results = lab.run()
    assert code == 0
    assert len(results) == 3


def test_a_missing_image_is_a_failure_until_it_is_there(lab: Laboratory) -> None:
    lab.task(file_ids="1-4")
    code, results = lab.run()
    assert code == 1
    assert "there is no such file" in results[".", 4]["message"]
    assert any(line.endswith(f"there is no such file ({lab.images / '4.png'})") for line in lab.call()[1])
    lab.image(4)
    assert lab.run()[0] == 0


def test_where_no_task_is_runnable_a_warning_says_so(lab: Laboratory, capsys: pytest.CaptureFixture[str]) -> None:
    lab.task(runnable=False)
    assert lab.call() == (0, ["0 images to run in 0 tasks", f"superdsm batch {lab.root}"])
    assert '"runnable": true' in capsys.readouterr().err


def test_a_file_that_no_reader_knows(lab: Laboratory) -> None:
    (lab.images / "1.txt").write_text("text")
    lab.task(img_pathpattern=f"{lab.images}/1.txt", seg_pathpattern="1.png", file_ids=[1])
    code, results = lab.run()
    assert code == 1
    assert "no reader for '.txt'" in results[".", 1]["message"]


def test_fail_fast_stops_and_says_how_to_go_on(lab: Laboratory) -> None:
    lab.task(config={"level": {"mischief": "raise 1"}})
    code, lines = lab.call("--run", "--fail-fast", "--jobs", "1", "--executor", "serial")
    assert code == 1
    assert len([line for line in lines if line.startswith("[")]) == 1
    assert lines[-1].startswith(f"superdsm batch {lab.root} --run")
    assert lab.plan()[".", 3]["action"] == "run"


def test_a_read_only_directory_is_an_error_for_that_image_only(lab: Laboratory) -> None:
    (lab.root / "blocked").write_text("a file where a directory is needed")
    lab.task(seg_pathpattern="%s.png", file_ids=["a", "blocked/b", "c"], img_pathpattern=f"{lab.images}/1.png")
    lab.task(seg_pathpattern="%s.png", file_ids=["a", "blocked/b", "c"], img_pathpattern=f"{lab.images}/%s.png")
    for name in ("a", "blocked/b", "c"):
        (lab.images / name).parent.mkdir(exist_ok=True)
        (lab.images / f"{name}.png").write_bytes((lab.images / "1.png").read_bytes())
    code, results = lab.run()
    assert code == 1
    assert [result["ok"] for result in results.values()] == [True, False, True]
    assert "cannot be written" in results[".", "blocked/b"]["message"]
    (lab.root / "blocked").unlink()
    assert lab.plan()[".", "blocked/b"]["action"] == "run"
    assert lab.run()[0] == 0


@pytest.mark.parametrize("where", ["store", "output", "journal"])
def test_a_full_disk_is_an_error_for_that_image_only(
    lab: Laboratory, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second write of a kind fails as on a full disk; everything else goes on, and the next run does the rest."""
    import superdsm.batch.storage.journal
    import superdsm.batch.storage.store
    import superdsm.io.exporters

    full = OSError(28, "No space left on device")
    calls = {"n": 0}
    module, name = {
        "store": (superdsm.batch.storage.store, "write_atomic"),
        "output": (superdsm.io.exporters, "save_labels"),
        "journal": (superdsm.batch.storage.journal.Journal, "add"),
    }[where]
    original = getattr(module, name)

    def write(*args: object, **kwargs: object) -> object:
        calls["n"] += 1
        if calls["n"] == 2:
            raise full
        return original(*args, **kwargs)

    lab.task()
    monkeypatch.setattr(module, name, write)
    code, results = lab.run()
    assert code == 1
    assert [result["ok"] for result in results.values()].count(False) == 1
    failed = next(result for result in results.values() if not result["ok"])
    assert "No space left on device" in failed["message"]
    monkeypatch.setattr(module, name, original)
    assert lab.run()[0] == 0
    assert {group["action"] for group in lab.plan().values()} == {"nothing"}


@posix
def test_killing_a_worker_costs_one_retry(lab: Laboratory) -> None:
    for number in range(1, 7):
        lab.image(number)
    lab.task(file_ids="1-6", config={"level": {"mischief": "kill once 3"}})
    code, results = lab.run(executor="loky")
    assert Path("killed-3").exists()
    assert code == 0
    assert len(results) == 6


@posix
def test_killing_a_worker_loses_one_image_at_most(lab: Laboratory) -> None:
    for number in range(1, 7):
        lab.image(number)
    lab.task(file_ids="1-6", config={"level": {"mischief": "kill 3"}})
    code, results = lab.run(executor="loky")
    assert code == 1
    assert {image[1] for image, result in results.items() if not result["ok"]} == {3}
    assert results[".", 3]["kind"] == "crash"
    assert results[".", 3]["stage"] == "level"
    assert results[".", 3]["message"] == "the worker process was killed, twice (SIGKILL; out of memory?)"
    assert set(lab.outputs("seg/*")) == {f"seg/{n}.png" for n in (1, 2, 4, 5, 6)}


@posix
def test_a_worker_that_ends_by_itself_is_told_with_its_exit_code(lab: Laboratory) -> None:
    lab.task(config={"level": {"mischief": "exit 3"}})
    code, results = lab.run(executor="loky")
    assert code == 1
    assert {image[1] for image, result in results.items() if not result["ok"]} == {3}
    assert results[".", 3]["message"] == "the worker process ended by itself, twice (exit code 3)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("The exit codes of the workers are {SIGSEGV(-11)}", "was ended by a signal, twice (SIGSEGV)"),
        ("The exit codes of the workers are {EXIT(3), SIGKILL(-9)}", "was killed, twice (SIGKILL; out of memory?)"),
        ("A process in the process pool was terminated abruptly", "ended unexpectedly, twice"),
    ],
)
def test_what_is_said_of_a_worker_that_ended(text: str, message: str) -> None:
    from concurrent.futures import BrokenExecutor

    from superdsm.batch.execution.pool.scheduler import describe_worker_end

    assert describe_worker_end(BrokenExecutor(text)) == f"the worker process {message}"


@posix
def test_an_image_that_takes_too_long_is_given_up(lab: Laboratory) -> None:
    lab.task(config={"level": {"mischief": "sleep 2"}})
    code, results = lab.run("--timeout", "4.5", executor="loky")
    assert code == 1
    assert {image[1] for image, result in results.items() if not result["ok"]} == {2}
    assert results[".", 2]["kind"] == "timeout"
    assert results[".", 2]["message"] == "took longer than 4.5 seconds; raise --timeout"


@pytest.mark.process
def test_workers_that_cannot_start_are_an_error_at_once(lab: Laboratory, capsys: pytest.CaptureFixture[str]) -> None:
    lab.task(environ={"PYTHONHOME": str(lab.root / "nothing")})
    code, _ = lab.call("--run")
    assert code == 2
    assert "the workers of the executor 'loky' die before they begin; check environ" in capsys.readouterr().err
    lab.task()
    assert lab.run()[0] == 0
