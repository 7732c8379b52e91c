"""Batch processing from Python."""

import json
import logging
import threading
from typing import Any

import numpy as np
import pytest

import superdsm
from superdsm.batch import Action, Batch, Listener
from superdsm.errors import TaskError
from superdsm.io import read_image
from tests.laboratory import Laboratory


class Recorder(Listener):
    """Keeps the names of what it is told."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name in dir(Listener):
            self.calls.append(name)
        return super().__getattribute__(name)


def test_plan_run_and_plan_again(lab: Laboratory) -> None:
    lab.task()
    assert superdsm.Batch is Batch
    batch = Batch.open(lab.root)
    plan = batch.plan()
    assert (plan.count("run"), plan.count(Action.NOTHING), plan.has_work) == (3, 0, True)
    assert plan.seconds() is None
    assert not (lab.root / "seg").exists()
    summary = plan.run(executor="serial")
    assert (summary.done, summary.failed, summary.exit_code) == (3, 0, 0)
    again = batch.plan()
    assert (again.count("run"), again.count("nothing"), again.has_work, again.seconds()) == (0, 3, False, 0.0)
    assert again.run(executor="serial").complete == 3


def test_nothing_is_printed_and_the_listener_is_told_in_order(
    lab: Laboratory, capfd: pytest.CaptureFixture[str]
) -> None:
    lab.task(file_ids=[1], unknown_field=1)
    recorder = Recorder()
    Batch.open(lab.root).plan(listener=recorder).run(executor="serial", listener=recorder)
    assert capfd.readouterr() == ("", "")
    told = [name for name in dict.fromkeys(recorder.calls) if name != "message"]
    assert told == ["warning", "hashing", "plan_made", "event", "start", "result", "finish", "outputs_written"]


def test_without_a_listener_what_must_not_be_overlooked_is_logged(
    lab: Laboratory, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("superdsm"), "propagate", True)
    lab.task(unknown_field=1)
    with caplog.at_level(logging.WARNING, "superdsm"):
        Batch.open(lab.root).plan()
    assert "unknown field 'unknown_field'" in caplog.text


def test_results(lab: Laboratory) -> None:
    lab.task(config={"level": {"mischief": "raise 2"}}, file_ids=[1, 2, 3])
    batch = Batch.open(lab.root)
    assert len(batch.results()) == 0
    summary = batch.plan().run(executor="serial")
    assert (summary.failed, summary.exit_code) == (1, 1)
    results = batch.results()
    assert {file_id: record.entry.status for file_id, record in results.items()} == {1: "done", 2: "failed", 3: "done"}
    record = results[1]
    assert record.outputs == {"seg": lab.root / "seg" / "1.png"}
    assert np.array_equal(record.labels(), read_image(lab.root / "seg" / "1.png"))
    assert len(record.field("cover")) == record.entry.n_objects == record.labels().max()
    assert results.timings().columns == ["file_id", "status", "ingest", "level", "rows", "export", "total"]
    assert [row[:2] for row in results.timings().rows] == [[1, "done"], [2, "failed"], [3, "done"]]
    assert results.timings().csv() == (lab.root / "timings.csv").read_bytes()
    assert results.performance().csv() == (lab.root / "performance.csv").read_bytes()
    with pytest.raises(TaskError, match=r"task \., image 2: there is no label image; set seg_pathpattern"):
        results[2].labels()


def test_fields_that_cannot_be_given_are_told(lab: Laboratory) -> None:
    lab.task(file_ids=[1])
    batch = Batch.open(lab.root)
    batch.plan().run(executor="serial")
    record = batch.results()[1]
    with pytest.raises(TaskError, match=r"no stage provides a field 'nothing'; kept are .*cover, performance"):
        record.field("nothing")
    with pytest.raises(TaskError, match="no stage provides a field 'image'"):
        record.field("image")
    with pytest.raises(TaskError, match="the result of the stage ingest is not in the store"):
        record.field("g_raw")
    lab.task(file_ids=[1], config={"level": {"offset": 0.4}})
    with pytest.raises(TaskError, match="the result of the stage rows is not in the store; run the task"):
        Batch.open(lab.root).results()[1].field("cover")


def test_mistakes(lab: Laboratory) -> None:
    lab.task(runnable=False)
    lab.task("a", runnable=True)
    batch = Batch.open(lab.root)
    assert [task.name for task in batch.tasks()] == ["a"]
    with pytest.raises(TaskError, match="last_stage: only goes with oneshot"):
        batch.plan(last_stage="rows")
    with pytest.raises(TaskError, match="timeout: needs worker processes"):
        batch.plan().run(timeout=1, executor="serial")
    with pytest.raises(TaskError, match="there is no 'loki'"):
        batch.plan().run(executor="loki")
    with pytest.raises(TaskError, match="is a template"):
        batch.results(".")
    with pytest.raises(TaskError, match="there is no task"):
        batch.results("b")
    with pytest.raises(TaskError, match="is not a directory"):
        Batch.open(lab.root / "b")


def test_options_are_those_of_the_command_line(lab: Laboratory) -> None:
    lab.task()
    batch = Batch.open(lab.root)
    batch.plan(oneshot=True, last_stage="level").run(executor="serial", jobs=1)
    assert not (lab.root / ".superdsm" / "results").exists()
    batch.plan().run(executor="serial")
    assert batch.plan(force=True).count("run") == 3
    assert batch.plan(["."], force=True, without=["rows"]).tasks[0].prepared.pipeline.ids[-1] == "level"
    plan = batch.plan(use=[f"{lab.root}/stages.py:Count"])
    assert plan.tasks[0].first_computed_stage(plan.tasks[0].images[0]) == "count"
    assert plan.tasks[0].origin(plan.tasks[0].images[0]) == "."


def test_prune(lab: Laboratory) -> None:
    lab.task()
    batch = Batch.open(lab.root)
    batch.plan().run(executor="serial")
    kept = set(batch.store.keys())
    assert (batch.prune().results, set(batch.store.keys())) == (0, kept)
    lab.task(config={"rows": {"min_pixels": 2}})
    batch = Batch.open(lab.root)
    pruned = batch.prune(damaged=sorted(kept)[:1])
    assert pruned.results == len(kept - set(batch.store.keys())) >= 3
    assert pruned.freed > 0


def test_it_runs_in_a_thread(lab: Laboratory) -> None:
    lab.task()
    done: list[int] = []
    thread = threading.Thread(
        target=lambda: done.append(Batch.open(lab.root).plan().run(executor="serial", jobs=1).done)
    )
    thread.start()
    thread.join(60)
    assert done == [3]


def test_the_status_file_passes_everything_on(lab: Laboratory) -> None:
    """A display that wraps another one must not keep anything for itself."""
    from superdsm.cli.batch.display import Display
    from superdsm.cli.batch.status_file import StatusFile

    names = {name for cls in (Display, Listener) for name in vars(cls) if not name.startswith("_")}
    assert {name for name in names if name not in vars(StatusFile)} == set()
    lab.task()
    options = ("--run", "--force", "--executor", "serial", "--json", "--jobs", "1")
    shown = [lab.call(*options, *more)[1] for more in ((), ("--report", "status.json"))]
    plain, wrapped = ([json.loads(line)["event"] for line in lines] for lines in shown)
    assert plain == wrapped
    assert {"plan", "start", "stage", "image", "finish", "outputs", "next"} <= set(plain)
