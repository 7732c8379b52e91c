"""Plans in words and as JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from superdsm.batch.execution.listener import RunSummary
from superdsm.batch.planning.origins import Origins
from superdsm.batch.planning.records import Action, ImagePlan, TaskPlan
from superdsm.batch.storage.journal import Journals
from superdsm.cli.batch import describe
from tests.laboratory import Laboratory


@pytest.fixture
def plan(lab: Laboratory) -> TaskPlan:
    """A plan of the laboratory, of which the tests change the images."""
    from superdsm.batch import Batch

    lab.task()
    (plan,) = Batch.open(lab.root).plan().tasks
    return plan


def image(file_id: int | str, action: Action = Action.RUN, **values: Any) -> ImagePlan:
    return ImagePlan(file_id, f"/images/{file_id}.png", action, **values)


def lines(plan: TaskPlan, **options: bool) -> list[str]:
    return list(describe.plan_lines([plan], **options))


def test_images_are_told_together_if_the_same_is_done_for_the_same_reasons(plan: TaskPlan) -> None:
    new = {"reasons": ("new image",), "compute": ("ingest", "level", "rows"), "exports": ("seg",), "seconds": 2.0}
    plan.images = [image(number, **new) for number in range(1, 6)]
    plan.images += [image(6, **{**new, "reasons": ("image changed",)}), image(7, Action.NOTHING)]
    assert lines(plan) == [
        ".: 7 images, profile published, 1 complete, 6 to run",
        "    5 (1, 2, 3, ...): from level, about 10 s of work; new image",
        "    1 (6): from level, about 2.0 s of work; image changed",
    ]
    assert lines(plan, verbose=True)[1:] == [
        "    5 (1, 2, 3, 4, 5): from level, about 10 s of work; new image",
        "    1 (6): from level, about 2.0 s of work; image changed",
        "    1 (7): complete",
    ]


def test_what_is_not_run_says_why_and_what_to_do(plan: TaskPlan) -> None:
    plan.images = [
        image("a", Action.SKIP, reasons=("failed before: no good",)),
        image("b", Action.FAIL, reasons=("image missing: there is no such file",)),
    ]
    assert lines(plan) == [
        ".: 2 images, profile published, 1 failed before, 1 cannot be read",
        "    1 (a): failed before: no good; --retry-failed tries again",
        "    1 (b): image missing: there is no such file (/images/b.png)",
    ]


@pytest.mark.parametrize(("name", "told"), [("plate", "task plate"), (".", "this task")])
def test_outputs_only_and_results_that_are_picked_up(plan: TaskPlan, name: str, told: str, tmp_path: Path) -> None:
    plan.images = [
        image(1, reasons=("seg output missing",), compute=("ingest",), load=("rows",), exports=("seg",)),
        image(2, reasons=("1", "2", "3", "4", "5")),
    ]
    plan.origins = Origins(Journals(tmp_path), [])
    plan.origins.promise(plan.prepared.recipe.stages["rows"].digest, name)
    assert lines(plan)[1:] == [
        "    1 (1): outputs only; seg output missing",
        f"        picked up: rows from {told}",
        "    1 (2): nothing new; 1, 2, 3, and 2 more",
    ]


def test_a_time_that_is_not_known_of_one_image_is_not_told_of_the_group(plan: TaskPlan) -> None:
    plan.images = [image(1, seconds=3.0), image(2), image(3, seconds=1.0)]
    assert "work" not in lines(plan)[1]
    (group,) = describe.groups(plan)
    assert group.seconds is None and group.ids == [1, 2, 3]


def test_the_plan_as_json_names_stages_and_outputs(plan: TaskPlan) -> None:
    plan.images = [image(1, reasons=("new image",), compute=("level", "rows"), load=("ingest",), exports=("seg",))]
    (record,) = json.loads(json.dumps(list(describe.json_records([plan]))))
    assert (record["task"], record["images"], record["run"], record["complete"]) == (".", 1, 1, 0)
    assert record["groups"] == [
        {
            "action": "run",
            "from": "level",
            "ids": [1],
            "reasons": ["new image"],
            "compute": ["level", "rows"],
            "load": ["ingest"],
            "outputs": ["seg"],
            "picked_up_from": None,
            "seconds": None,
        }
    ]


def test_totals(plan: TaskPlan) -> None:
    plan.images = [image(1), image(2), image(3, Action.SKIP)]
    assert describe.totals([plan], 90) == "2 images to run in 1 task; 1 failed before; about 1 min 30 s"
    assert describe.totals([plan, plan], None).startswith("4 images to run in 2 tasks; 2 failed before; time unknown")
    plan.images = [image(3, Action.NOTHING)]
    assert describe.totals([plan], None) == "0 images to run in 1 task; 1 complete"


@pytest.mark.parametrize(
    ("summary", "line"),
    [
        (RunSummary(done=1, seconds=2.0), "1 image done in 2.0 s"),
        (RunSummary(done=3, failed=1, seconds=61), "3 images done in 1 min 01 s; 1 failed"),
        (
            RunSummary(done=0, skipped=1, complete=2, locked=3, interrupted=True),
            "stopped; what is finished is kept; 0 images done in 0.0 s; 1 failed before and left out; "
            "2 complete before; 3 left to another process",
        ),
    ],
)
def test_outcome(summary: RunSummary, line: str) -> None:
    assert describe.outcome(summary) == line


def test_where_to_look_first(lab: Laboratory) -> None:
    from superdsm.batch import Batch

    lab.task(seg_pathpattern="100%%/seg/%d/labels.png", overlay_pathpattern="overlays/%d.png")
    (plan,) = Batch.open(lab.root).plan().tasks
    assert describe.outputs([plan]) == [(".", "label images", f"{lab.root}/100%/seg")]
    plan.images = [image(1, Action.NOTHING)]
    assert describe.outputs([plan]) == []


def test_few_directories_are_listed() -> None:
    found = [(f"task{number}", "overlays", f"/{number}") for number in range(5)]
    assert describe.outputs_line(found[:1]) == "overlays in /0"
    assert describe.outputs_line(found) == "overlays in /0, overlays in /1, overlays in /2, and in 2 more directories"
