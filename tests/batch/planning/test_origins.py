"""Which task has the results that another one picks up: itself, those above, any other, and what is promised."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from superdsm.batch.planning.origins import Origins
from superdsm.batch.storage.journal import Journals


def task(name: str, parent: Any = None) -> Any:
    return SimpleNamespace(name=name, parent=parent)


def test_the_nearest_task_is_told(tmp_path: Path) -> None:
    journals = Journals(tmp_path)
    above, other = task("plate"), task("elsewhere")
    below = task("plate/strict", above)
    for name, digests in {"elsewhere": ["a", "b", "c"], "plate": ["a", "b"], "plate/strict": ["a"]}.items():
        journals[name].record_provenance(name, [["stage", {}, digest] for digest in digests])
    origins = Origins(journals, [above, below, other])
    assert [origins.find(digest, below) for digest in "abc"] == ["plate/strict", "plate", "elsewhere"]
    assert [origins.find(digest, above) for digest in "abc"] == ["plate", "plate", "elsewhere"]
    assert origins.find("d", below) == ""


def test_what_will_be_there_counts_where_nothing_is(tmp_path: Path) -> None:
    journals = Journals(tmp_path)
    first, second = task("first"), task("second")
    journals["first"].record_provenance("recipe", [["stage", {}, "a"]])
    origins = Origins(journals, [first, second])
    for name in ("second", "first"):
        origins.promise("a", name)
        origins.promise("b", name)
    assert origins.find("a", second) == "first"
    assert origins.find("b", first) == "second", "the first promise holds"
