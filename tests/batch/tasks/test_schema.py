"""The JSON Schema of task.json and the reader agree, on what is accepted and on what is refused."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from superdsm.batch.components import Components, installed
from superdsm.batch.tasks import fields
from superdsm.batch.tasks.discovery import discover
from superdsm.batch.tasks.schema import FIELDS, task_schema
from superdsm.cli import main
from superdsm.config import Config
from superdsm.errors import ConfigError
from superdsm.params import Param, param
from superdsm.stage import Stage
from tests.batch.tasks.test_fields import components  # noqa: F401 - a fixture

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 1.5, -0.5, 10**9, "", "x", "5 um", "2.5 µm^2", "5 miles", [], {}, [1], [None]),
    *(["a"], [1, "a"], [1, 1], {"glob": "*"}, {"glob": 3}, {"glob": "*", "x": 1}, {"A": 1, "B": "x"}, {"A": []}),
    *("1-10,12", "%d.png", [True], [""], "650 nm"),
)


@pytest.fixture
def schema(components: Components) -> dict[str, Any]:  # noqa: F811
    return task_schema(components)


def accepts(schema: dict[str, Any], task: Any) -> bool:
    return not list(jsonschema.Draft202012Validator(schema).iter_errors(task))


def test_it_is_a_schema(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema, allow_nan=False)) == schema


def test_every_field_is_described_and_has_a_type(components: Components, schema: dict[str, Any]) -> None:  # noqa: F811
    assert set(schema["properties"]) == set(fields.task_fields(components))
    assert {field.name for field in fields.FIXED} == set(FIELDS)
    assert all(found["description"] for found in schema["properties"].values())


def test_fields(components: Components, schema: dict[str, Any]) -> None:  # noqa: F811
    for field in fields.task_fields(components).values():
        for value in VALUES:
            if field is fields.CONFIG and isinstance(value, dict) and value:
                continue  # below
            assert accepts(schema, {field.name: value}) == (not field.check(value)), (field.name, value)


def candidates(spec: Param) -> Iterator[Any]:
    yield from VALUES[:15]
    yield from spec.choices
    for bound in (spec.min, spec.max):
        if bound is not None:
            yield from (bound, bound - 1, bound + 1, 2 * bound)


def read(stage: Stage, path: str, value: Any) -> bool:
    try:
        stage.identity_params(Config().with_value(path, value))
    except ConfigError as exc:
        return "there is no file" in str(exc)  # which the schema cannot know
    return True


def test_hyperparameters(components: Components, schema: dict[str, Any]) -> None:  # noqa: F811
    count = 0
    for cls in components.known:
        stage = cls()
        for name, spec in stage.declared.items():
            paths = [stage.path(name), *([f"{stage.id}/{spec.factor_name}"] if spec.auto else [])]
            for path in paths:
                for value in candidates(spec):
                    config = Config().with_value(path, value).as_dict()
                    agreed = accepts(schema, {"config": config}) == read(stage, path, value)
                    assert agreed, (path, value)
                    count += 1
    assert count > 1000


@pytest.mark.parametrize(
    ("task", "good"),
    [
        ({"$schema": "task.schema.json", "runnable": False}, True),
        ({"config": {"profile": "adaptive", "nucleus_radius": "5 um", "pixel_size": 0.65}}, True),
        ({"config": {"postprocess": {"enabled": True}}}, True),
        ({"config": {"my-stage": {"anything": [1]}}}, True),
        ({"dilate": 2, "merge_overlap_threshold": 0.5, "geojson_pathpattern": "%d.geojson"}, True),
        ({"config": {"profile": "best"}}, False),
        ({"config": {"dsm": {"alhpa": 1}}}, False),
        ({"config": {"dsm": 3}}, False),
        ({"config": {"AF_scal": 3}}, False),
        ({"img_pathpatern": "%d.png"}, False),
        ({"$schema": 3}, False),
        ([], False),
        ("", False),
    ],
)
def test_tasks(tmp_path: Path, components: Components, schema: dict[str, Any], task: Any, good: bool) -> None:  # noqa: F811
    assert accepts(schema, task) == good
    (tmp_path / "task.json").write_text(json.dumps(task))
    if not isinstance(task, dict) or "config" not in task:
        tree = discover(tmp_path, components)
        assert (not tree.warnings and not tree.problems) == good


def test_the_examples_name_it_and_follow_it(components: Components, schema: dict[str, Any]) -> None:  # noqa: F811
    shipped = json.loads((EXAMPLES / "task.schema.json").read_text(encoding="utf-8"))
    assert shipped == schema, "superdsm --no-plugins schema > examples/task.schema.json"
    tasks = [path for path in EXAMPLES.rglob("task.json") if ".superdsm" not in path.parts]
    assert len(tasks) > 10
    for path in tasks:
        task = json.loads(path.read_text(encoding="utf-8"))
        assert accepts(schema, task), path
        assert (path.parent / task["$schema"]).resolve() == EXAMPLES / "task.schema.json"


class Scripted(Stage):
    """A stage of a script."""

    id = "scripted"
    version = "1"
    inputs = ("y",)
    outputs = ("y",)
    after = "preprocess"
    width = param(3.0, "Width.", min=0, unit="px")


def test_stages_of_scripts(components: Components) -> None:  # noqa: F811
    schema = task_schema(components, [Scripted()])
    assert accepts(schema, {"config": {"scripted": {"width": "5 um"}}})
    assert not accepts(schema, {"config": {"scripted": {"width": -1}}})
    assert not accepts(schema, {"config": {"scripted": {"widht": 1}}})


SCRIPT = """
from superdsm import Stage, param


class Wide(Stage):
    '''A stage.'''

    id = "wide"
    version = "1"
    inputs = ("y",)
    outputs = ("y",)
    after = "preprocess"
    width = param(3.0, "Width.", max=9)
"""


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "stages.py").write_text(SCRIPT)
    assert main(["schema", "--use", f"{tmp_path}/stages.py:Wide"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["properties"]["config"]["properties"]["wide"]["properties"]["width"]["maximum"] == 9
    assert {*task_schema(installed())["properties"]} == {*schema["properties"]}
    assert main(["schema", "-o", f"{tmp_path}/task.schema.json"]) == 0
    assert json.loads((tmp_path / "task.schema.json").read_text()) == task_schema(installed())


def test_the_schema_takes_the_place_of_no_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "task.json").write_text("{}")
    assert main(["schema", "-o", str(tmp_path / "task.json")]) == 2
    assert "task.json: is the name of a task; give the schema another one" in capsys.readouterr().err
    assert (tmp_path / "task.json").read_text() == "{}"
