"""The table of the fields of a task, and the one in the documentation."""

import json
import re
from pathlib import Path

import pytest

from superdsm.batch.components import Components, installed
from superdsm.batch.tasks import fields
from superdsm.batch.tasks.discovery import discover
from superdsm.batch.tasks.fields import TaskField

PAGE = Path(__file__).resolve().parents[3] / "docs" / "batch.md"


@pytest.fixture(scope="module")
def components() -> Components:
    from superdsm.plugins import catalog

    with pytest.MonkeyPatch.context() as patch:  # fields of plugins are on their own pages
        patch.setenv("SUPERDSM_PLUGINS", "")
        catalog.reset()
        known = installed()
    catalog.reset()
    return known


def default(field: TaskField) -> str:
    """Return the default as it stands in a file, or nothing where that would say nothing."""
    if field.default in (None, (), {}):
        return ""
    return f"`{json.dumps(field.default)}`"


def rows(components: Components) -> list[str]:
    found = fields.task_fields(components).values()
    return [
        "| field | default | meaning |",
        "|---|---|---|",
        *(f"| `{f.name}` | {default(f)} | {f.doc}{'' if f.inherited else ' Not inherited.'} |" for f in found),
    ]


def test_the_table_of_the_documentation_is_that_of_the_program(components: Components) -> None:
    text = PAGE.read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| field \|.*\n(?:\|.*\n)+", text, flags=re.MULTILINE)
    assert table.splitlines() == rows(components)


def test_every_default_is_a_legal_value_or_means_that_nothing_was_said(components: Components) -> None:
    for field in fields.task_fields(components).values():
        value = list(field.default) if isinstance(field.default, tuple) else field.default
        assert value is None or field.check(value) == "", field.name


def test_every_field_refuses_something_and_says_what(components: Components) -> None:
    for field in fields.task_fields(components).values():
        assert field.check([None]) or field.check({"a": object()}), field.name


def test_what_is_not_inherited_is_not_inherited(tmp_path: Path, components: Components) -> None:
    parent = {"runnable": True, "root": True, "num_cpus": 3, "img_pathpattern": "%d.png", "file_ids": [1]}
    (tmp_path / "a").mkdir()
    (tmp_path / "task.json").write_text(json.dumps(parent))
    (tmp_path / "a" / "task.json").write_text("{}")
    derived = discover(tmp_path, components).tasks[1]
    for field in fields.FIXED:
        inherited = field.name in parent and field.inherited
        assert derived.value(field) == (parent[field.name] if inherited else field.default), field.name
    assert (derived.runnable, derived.num_cpus, derived.last_stage, derived.use) == (False, 3, None, ())
