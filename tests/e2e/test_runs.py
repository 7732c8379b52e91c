"""What a run tells, and that it does not matter on what it runs."""

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


def test_environment_reaches_the_workers_before_they_import_anything(lab: Laboratory) -> None:
    script = (lab.root / "stages.py").read_text()
    script += '''

IMPORTED_WITH = os.environ.get("MARK", "")


class Environment(Rows):
    """Log the environment."""

    id = "environment"
    replaces = "rows"

    def process(self, ctx, *, y):
        import threadpoolctl

        np.linalg.norm(y @ y.T)
        ctx.log(mark=os.environ["MARK"], threads=[item["num_threads"] for item in threadpoolctl.threadpool_info()])
        return super().process(ctx, y=y)
'''
    (lab.root / "stages.py").write_text(script)
    use = ["./stages.py:Level", "./stages.py:Rows", "./stages.py:Environment"]
    lab.task(use=use, environ={"MARK": 1}, log_pathpattern="log/%d", file_ids=[1])
    assert lab.run(executor="loky")[0] == 0
    record = json.loads((lab.root / "log/1").read_text().splitlines()[-1])
    assert record["mark"] == "1"
    assert set(record["threads"]) <= {1}
    lab.task(use=use, environ={"MARK": 2, "OPENBLAS_NUM_THREADS": 2}, log_pathpattern="log/%d", file_ids=[1])
    lab.run("--force", executor="loky")
    record = json.loads((lab.root / "log/1").read_text().splitlines()[-1])
    assert record["mark"] == "2"
    if (os.cpu_count() or 1) > 1:
        assert 2 in record["threads"]
