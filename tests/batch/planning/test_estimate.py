"""How long something will take: the same image before comes first, then the same task, then any."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from superdsm.batch.planning.estimate import Estimator, means
from superdsm.batch.planning.records import Action, ImagePlan
from superdsm.batch.storage.journal import Journal, JournalEntry, Journals


def entry(file_id: int, image: str = "image", **seconds: float) -> JournalEntry:
    return JournalEntry(id=file_id, status="done", recipe="recipe", image=image, seconds=seconds)


@pytest.fixture
def journals(tmp_path: Path) -> Journals:
    found = Journals(tmp_path)
    for task, entries in {
        "plate": [entry(1, fit=8.0, export=1.0), entry(2, "other", fit=4.0, export=3.0)],
        "plate/strict": [entry(1, "another image", fit=100.0)],
        "elsewhere": [entry(7, scale=0.5)],
    }.items():
        for item in entries:
            found[task].add(item)
    return found


TASKS: dict[str, Any] = {"plate": SimpleNamespace(name="plate", parent=None)}
TASKS |= {"plate/strict": SimpleNamespace(name="plate/strict", parent=TASKS["plate"])}
TASKS |= {"elsewhere": SimpleNamespace(name="elsewhere", parent=None)}


def estimated(
    journals: Journals, task: str, file_id: int, *compute: str, image: str = "image", exports: tuple[str, ...] = ()
) -> float | None:
    plan = ImagePlan(file_id, "", Action.RUN, compute=compute, image=image, exports=exports)
    prepared: Any = SimpleNamespace(task=TASKS[task])
    return Estimator(journals, list(TASKS.values())).seconds(prepared, plan)


def test_the_same_image_comes_first(journals: Journals) -> None:
    assert estimated(journals, "plate", 1, "fit") == 8
    assert estimated(journals, "plate", 1, "fit", exports=("seg",)) == 9


def test_a_derived_task_takes_the_image_of_the_one_above(journals: Journals) -> None:
    assert estimated(journals, "plate/strict", 1, "fit") == 8, "its own entry is about another image"
    assert estimated(journals, "plate/strict", 1, "fit", image="another image") == 100


def test_a_new_image_takes_the_mean_of_the_task(journals: Journals) -> None:
    assert estimated(journals, "plate", 3, "fit") == 6
    assert estimated(journals, "plate", 3, "fit", exports=("seg",)) == 8


def test_a_stage_that_the_task_never_ran_takes_the_mean_of_others(journals: Journals) -> None:
    assert estimated(journals, "plate", 1, "scale", "fit") == 8.5


def test_what_was_never_timed_is_not_known_but_outputs_alone_do_not_matter(journals: Journals) -> None:
    assert estimated(journals, "plate", 1, "fit", "new") is None
    assert estimated(Journals(journals.root / "empty"), "plate", 1, exports=("seg",)) == 0
    assert estimated(journals, "plate", 1) == 0


def test_means(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    assert means(journal) == {}
    journal.add(entry(1, fit=1.0))
    journal.add(entry(2, fit=3.0, export=5.0))
    assert means(journal) == {"fit": 2.0, "export": 5.0}
