"""What is lost when something fails: one image at most."""

import dataclasses
import json
import os
import subprocess
import sys
import threading
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
    code, results = lab.run("--timeout", "1.5", executor="loky")
    assert code == 1
    assert {image[1] for image, result in results.items() if not result["ok"]} == {2}
    assert results[".", 2]["kind"] == "timeout"
    assert results[".", 2]["message"] == "took longer than 1.5 seconds; raise --timeout"


@pytest.mark.process
def test_workers_that_cannot_start_are_an_error_at_once(lab: Laboratory, capsys: pytest.CaptureFixture[str]) -> None:
    lab.task(environ={"PYTHONHOME": str(lab.root / "nothing")})
    code, _ = lab.call("--run")
    assert code == 2
    assert "the workers of the executor 'loky' die before they begin; check environ" in capsys.readouterr().err
    lab.task()
    assert lab.run()[0] == 0


def test_python_dash_m_superdsm_batch(lab: Laboratory) -> None:
    lab.task()
    command = [sys.executable, "-m", "superdsm.batch", str(lab.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"superdsm batch {lab.root} --run"


@pytest.mark.process
def test_jobs_1_2_4_and_serial_give_the_same_bytes(lab: Laboratory) -> None:
    for number in range(1, 9):
        lab.image(number)
    outputs = []
    for jobs, executor in (("1", "loky"), ("2", "loky"), ("4", "loky"), ("1", "serial")):
        lab.task(file_ids="1-8", cfg_pathpattern="cfg/%d.json")
        assert lab.run("--jobs", jobs, "--force", executor=executor)[0] == 0
        outputs.append(lab.outputs())
        for path in lab.root.glob("seg/*"):
            path.unlink()
    assert len(outputs[0]) > 16
    assert outputs[1:] == outputs[:1] * 3


def test_debug_shows_the_traceback(lab: Laboratory) -> None:
    lab.task(config={"level": {"mischief": "raise 2"}})
    code, lines = lab.call("--run", "--debug")
    assert code == 1
    assert any("Traceback" in line for line in lines)


def test_report_holds_the_state(lab: Laboratory, tmp_path: Path) -> None:
    lab.task(config={"level": {"mischief": "raise 2"}})
    lab.call("--run", "--executor", "serial", "--report", str(tmp_path / "status.json"))
    status = json.loads((tmp_path / "status.json").read_text())
    assert (status["state"], status["done"], status["failed"], status["exit_code"]) == ("finished", 2, 1, 1)
    assert status["failures"][0]["image"] == 2


def test_report_is_written_where_nothing_is_to_be_done(lab: Laboratory, tmp_path: Path) -> None:
    lab.task()
    lab.run()
    lab.call("--run", "--report", str(tmp_path / "status.json"))
    status = json.loads((tmp_path / "status.json").read_text())
    assert (status["state"], status["total"], status["exit_code"]) == ("finished", 0, 0)
    assert status["tasks"] == ["."]


def test_report_that_cannot_be_written_is_an_error_before_the_start(
    lab: Laboratory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.task()
    (tmp_path / "file").touch()
    assert lab.call("--run", "--executor", "serial", "--report", str(tmp_path / "file" / "status.json")) == (2, [])
    error = capsys.readouterr().err
    assert error.startswith("superdsm: error: --report: ")
    assert "cannot be written" in error
    assert error.count("\n") == 1
    assert not lab.outputs("seg/*")


@pytest.mark.process
def test_report_says_that_nothing_could_start(lab: Laboratory, tmp_path: Path) -> None:
    lab.task(environ={"PYTHONHOME": str(lab.root / "nothing")})
    assert lab.call("--run", "--report", str(tmp_path / "status.json"))[0] == 2
    status = json.loads((tmp_path / "status.json").read_text())
    assert (status["state"], status["exit_code"]) == ("failed", 2)
    assert "die before they begin" in status["message"]


def test_the_traceback_is_hinted_at_once(lab: Laboratory) -> None:
    lab.task(config={"level": {"mischief": "raise 2"}})
    _, lines = lab.call("--run", "--executor", "serial")
    assert [line for line in lines if "--debug" in line] == lines[-3:-2]
    _, lines = lab.call("--run", "--retry-failed", "--debug")
    assert not any("add --debug" in line for line in lines)
    (lab.images / "1.png").write_bytes(b"no image")
    lab.task(file_ids=[1])
    _, lines = lab.call("--run", "--executor", "serial")
    assert not any("--debug" in line for line in lines)


def test_where_the_outputs_are_is_told_before_the_last_line(lab: Laboratory) -> None:
    lab.task()
    _, lines = lab.call("--run", "--executor", "serial")
    assert lines[-2:] == [f"label images in {lab.root}/seg", f"superdsm batch {lab.root} --executor serial"]
    lab.task(seg_pathpattern=..., overlay_pathpattern="100%%/%d/overlay.png")
    for number in range(4):
        lab.task(f"{number}", runnable=True)
    _, lines = lab.call("--run", "--executor", "serial")
    first = [f"overlays in {lab.root / name}/100%" for name in ("", "0", "1")]
    assert lines[-2] == ", ".join(first) + ", and in 2 more directories"
    _, records = lab.records("--run", "--force", "--executor", "serial")
    assert next(r for r in records if r["event"] == "outputs")["tasks"]["3"] == f"{lab.root}/3/100%"


def test_an_unknown_executor_is_refused_where_all_is_complete(
    lab: Laboratory, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.task()
    lab.run()
    assert lab.call("--run", "--executor", "nope") == (2, [])
    assert "there is no 'nope'" in capsys.readouterr().err


@posix
def test_a_terminal_gets_a_live_display(lab: Laboratory) -> None:
    import pty

    lab.task(config={"rows": {"delay": 0.5}, "level": {"mischief": "raise 2"}})
    parent, child = pty.openpty()
    command = [sys.executable, "-m", "superdsm", "batch", str(lab.root), "--run"]
    environ = os.environ | {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    with subprocess.Popen(command, stdout=child, stderr=child, env=environ) as process:
        os.close(child)
        shown = b""
        while True:
            try:
                data = os.read(parent, 65536)
            except OSError:  # the other side is closed
                break
            if not data:
                break
            shown += data
    os.close(parent)
    text = shown.decode()
    assert process.returncode == 1
    assert "tasks: 0 of 1 done; failures: 1" in text
    assert ". 1: rows (" in text
    assert ". 2: FAILED: level: ValueError: this image is no good" in text
    assert "2 images done in" in text
    assert text.rstrip().endswith("--run --retry-failed")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--executor", "lokky"], "there is no 'lokky' (did you mean 'loky'?)"),
        (["--executor", "serial", "--timeout", "3"], "needs worker processes"),
        (["--jobs", "0"], "0 is not positive"),
        (["--task", "nothing"], "there is no task"),
    ],
)
def test_what_cannot_start_is_told_in_one_line(
    lab: Laboratory, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.task()
    assert lab.call("--run", *arguments)[0] == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_quiet_says_nothing_when_all_is_well(lab: Laboratory) -> None:
    lab.task()
    assert lab.call("--run", "--executor", "serial", "--quiet") == (0, [])


def test_observers_are_told_in_order(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    from superdsm.plugins import Registry

    told: list[str] = []
    monkeypatch.setattr(Registry, "notify", lambda self, event: told.append(type(event).__name__))
    lab.task(file_ids=[1, 2], config={"level": {"mischief": "raise 2"}})
    lab.run(executor="loky")
    assert told[0] == "RunStarted"
    assert told[-1] == "RunFinished"
    assert told.count("ImageFinished") == 1
    assert told.count("ImageFailed") == 1
    assert told.count("StageFinished") >= 2


def test_spare_cores_work_inside_an_image(lab: Laboratory) -> None:
    script = (
        (lab.root / "stages.py").read_text()
        + '''

class Threads(Rows):
    """Log which threads do the work."""

    id = "threads"
    replaces = "rows"

    def process(self, ctx, *, y):
        import threading

        barrier = threading.Barrier(2, timeout=10)
        ctx.log(results=ctx.map(lambda item: (barrier.wait() >= 0, item)[1], [1, 2]))
        return super().process(ctx, y=y)
'''
    )
    (lab.root / "stages.py").write_text(script)
    lab.task(
        use=["./stages.py:Level", "./stages.py:Rows", "./stages.py:Threads"], log_pathpattern="log/%d", file_ids=[1]
    )
    assert lab.run("--jobs", "2", executor="loky")[0] == 0
    assert json.loads((lab.root / "log/1").read_text().splitlines()[-1])["results"] == [1, 2]


def test_an_executor_of_threads_works_as_well(lab: Laboratory) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from superdsm.batch import Batch, Listener
    from superdsm.batch.components import installed
    from superdsm.records import ExecutorEntry

    lab.task()
    names: set[str] = set()

    class Threads(Listener):
        def start(self, *args: object) -> None:
            names.add(threading.current_thread().name)

        event = result = message = finish = start

    entry = ExecutorEntry("threads", lambda options: ThreadPoolExecutor(options.jobs))
    components = dataclasses.replace(installed(), executors={"threads": entry})
    summary = Batch.open(lab.root, components).plan().run(executor="threads", listener=Threads())
    assert (summary.done, summary.exit_code) == (3, 0)
    assert names == {threading.current_thread().name}


def test_without_semaphores_the_work_is_done_in_this_process(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    from superdsm.batch.execution import runner

    monkeypatch.setattr(runner, "semaphores_work", lambda: False)
    lab.task()
    assert lab.call("--run", "--timeout", "5")[0] == 2
    code, lines = lab.call("--run")
    assert code == 0
    assert any(line.startswith("this system has no semaphores for worker processes; working in this") for line in lines)
    assert len(list((lab.root / "seg").iterdir())) == 3
