"""Pipelines: one that does not fit together cannot be made, and a stage that breaks its promise is named."""

from typing import Any

import numpy as np
import pytest

from superdsm import Config, ConfigError, Field, ImageError, Pipeline, PipelineError, Stage, StageError, param, pipeline
from superdsm.plugins import default_pipeline
from tests.raises import Case, error_of, unprovoked


def stage(id_: str, needs: str = "", gives: str = "", result: Any = None, **attributes: Any) -> type[Stage]:
    """Return a stage class with the fields `needs` and `gives` (names with spaces between them)."""

    def process(self: Stage, ctx: Any, **inputs: Any) -> Any:
        value = dict.fromkeys(self.outputs, 1) if result is None else result
        return value(ctx, **inputs) if callable(value) else value

    usual = {"id": id_, "version": "1", "inputs": tuple(needs.split()), "outputs": tuple(gives.split())}
    return type(id_.title(), (Stage,), usual | {"process": process} | attributes)


FIRST = stage("first", "image", "one", offset=param(0.5, "An offset.", min=0), top=param(1, "A top.", toplevel=True))
SECOND = stage("second", "one", "two")
THIRD = stage("third", "one two", "three", size=param(2.0, "A size."))
ARRAY = Field("one", "array", "Numbers.", "float64", ("rows", "columns"))
IMAGE = np.zeros((3, 4))


def small() -> Pipeline:
    return Pipeline([FIRST, SECOND, THIRD])


def run(stage_class: type[Stage], **options: Any) -> Any:
    return Pipeline([stage_class]).run(IMAGE, **options)


def one_over(ctx: Any, image: Any) -> Any:
    return 1 // int(image[0, 0])


ERRORS: list[Case] = [
    # Stages that do not fit together.
    (
        lambda: Pipeline(["first"]),
        PipelineError,
        "'first' is not a stage: derive it from superdsm.Stage and give it an id",
    ),
    (
        lambda: Pipeline([stage("", "image", "one")]),
        PipelineError,
        "() is not a stage: derive it from superdsm.Stage and give it an id",
    ),
    (
        lambda: Pipeline([FIRST, FIRST]),
        PipelineError,
        "two stages of the pipeline have the id 'first'; rename one of them",
    ),
    (
        lambda: Pipeline([stage("any", "nothing", "one")]),
        PipelineError,
        "stage 'any' needs the field 'nothing', which no earlier stage provides",
    ),
    (
        lambda: Pipeline([SECOND, FIRST]),
        PipelineError,
        "stage 'second' needs the field 'one', which no earlier stage provides; 'first' provides it, but comes later",
    ),
    (
        lambda: small().without("second"),
        PipelineError,
        "stage 'third' needs the field 'two', which no earlier stage provides; "
        "it was provided by 'second', which was removed or replaced",
    ),
    (
        lambda: small().replace("second", stage("other", "one", "else")),
        PipelineError,
        "stage 'third' needs the field 'two', which no earlier stage provides; "
        "it was provided by 'second', which was removed or replaced",
    ),
    (
        lambda: Pipeline([stage("any", "atoms", "one")], offers=lambda field: [f"one-for-{field}"]),
        PipelineError,
        "stage 'any' needs the field 'atoms', which no earlier stage provides "
        "(stages that can provide it: one-for-atoms)",
    ),
    (
        lambda: Pipeline([FIRST, stage("again", "image", "one")]),
        PipelineError,
        "stage 'again' provides the field 'one', which 'first' provides already; "
        "list it in the inputs as well to refine it, or replace that stage",
    ),
    (
        lambda: Pipeline([stage("other", "", "image")]),
        PipelineError,
        "stage 'other' provides the field 'image', which 'the image' provides already; "
        "list it in the inputs as well to refine it, or replace that stage",
    ),
    # Changes of a pipeline.
    (
        lambda: small()["secnod"],
        PipelineError,
        "there is no stage 'secnod' in the pipeline (did you mean 'second'?): image -> first -> second -> third",
    ),
    (
        lambda: small().without("fourth-stage"),
        PipelineError,
        "there is no stage 'fourth-stage' in the pipeline: image -> first -> second -> third",
    ),
    (
        lambda: small().insert(stage("any", "one", "more")),
        PipelineError,
        "give either before= or after= to say where the stage goes",
    ),
    (
        lambda: small().insert(stage("any", "one", "more"), before="third", after="first"),
        PipelineError,
        "give either before= or after= to say where the stage goes",
    ),
    (
        lambda: small().using(stage("any", "one", "more")),
        PipelineError,
        "stage 'any' does not say where it goes: give its class one of replaces, before and after",
    ),
    # Configurations.
    (
        lambda: small().validate(Config({"first/enabled": False})),
        ConfigError,
        "first/enabled is not supported; to leave the stage out, use: without first",
    ),
    (
        lambda: small().validate(Config({"third": 3})),
        ConfigError,
        "'third' holds hyperparameters and takes no value; write 'third/size'",
    ),
    (
        lambda: small().validate(Config({"first/ofset": 3})),
        ConfigError,
        "unknown hyperparameter 'first/ofset' (did you mean 'first/offset'?)",
    ),
    (
        lambda: small().validate(Config({"first/offset": -3})),
        ConfigError,
        "first/offset = -3.0 is out of range; expected: number of at least 0",
    ),
    # Runs.
    (
        lambda: small().run(),
        PipelineError,
        "to start at 'first', give the field 'image'",
    ),
    (
        lambda: small().run(fields={"two": 2}, first="third"),
        PipelineError,
        "to start at 'third', give the field 'one'",
    ),
    (
        lambda: run(stage("any", "image", "one", one_over)),
        StageError,
        "stage any: ZeroDivisionError: integer division or modulo by zero",
    ),
    (
        lambda: run(stage("any", "image", "one", [1])),
        StageError,
        "stage any: process() returned list, not a dict of fields",
    ),
    (
        lambda: run(stage("any", "image", "one", {"other": 1})),
        StageError,
        "stage any: process() returned ['other'], but the outputs are ['one']",
    ),
    (
        lambda: run(stage("any", "image", "one", {"one": 1}, fields=(ARRAY,))),
        StageError,
        "stage any: the field 'one' is int, not an array",
    ),
    (
        lambda: Pipeline([FIRST], profile="mine").validate(Config({"profile": "other"})),
        ConfigError,
        "profile = 'other', but the pipeline is that of the profile 'mine'; leave one of both out",
    ),
    (
        lambda: small().validate(Config({"profile": "other"})),
        ConfigError,
        "profile = 'other', but the pipeline is not made by a profile; leave one of both out",
    ),
    (
        lambda: Pipeline([FIRST], profile="mine", places={"zeroth": "first"}).validate(Config({"zeroth": {"a": 1}})),
        ConfigError,
        "'zeroth/a': the profile 'mine' has no stage 'zeroth', but 'first' in its place (superdsm stages first)",
    ),
]


@pytest.mark.parametrize(("cause", "kind", "message"), ERRORS, ids=[message[:60] for _, _, message in ERRORS])
def test_errors(cause: Any, kind: type[Exception], message: str) -> None:
    assert str(error_of(cause, kind)) == message


def test_every_error_is_provoked() -> None:
    assert not unprovoked(pipeline, ERRORS)


def test_stages_run_in_order_and_get_what_they_name() -> None:
    seen = []

    def note(ctx: Any, **inputs: Any) -> Any:
        seen.append((ctx.image, sorted(inputs)))
        return {"three": 3}

    result = Pipeline([FIRST, SECOND, stage("third", "one two", "three", note)]).run(IMAGE, name="a.png")
    assert seen == [("a.png", ["one", "two"])]
    assert set(result.fields) == {"image", "one", "two", "three"}
    assert list(result.timings) == ["first", "second", "third"]
    assert result.params.as_dict() == {"first": {"offset": 0.5}, "top": 1}


def test_a_part_of_a_pipeline_runs_on_fields_that_are_known() -> None:
    start = small().run(IMAGE, last="second")
    assert "three" not in start.fields
    rest = small().run(fields=start.fields, first="third")
    assert rest.fields["three"] == 1 and list(rest.timings) == ["third"]


def test_a_field_is_refined_by_a_stage_that_has_it_among_its_inputs() -> None:
    refined = Pipeline([FIRST, stage("more", "one", "one", lambda ctx, one: {"one": one + 1}), SECOND])
    assert refined.providers["one"] == "more"
    assert refined.run(IMAGE).fields["one"] == 2


def test_derived_pipelines_leave_the_one_that_they_come_from_as_it_is() -> None:
    base = small()
    assert base.without("third").ids == ["first", "second"]
    assert base.replace("third", stage("last", "two", "four")).ids == ["first", "second", "last"]
    assert base.insert(stage("between", "one", "more"), after="first").ids == ["first", "between", "second", "third"]
    assert base.insert(stage("between", "one", "more"), before="third").ids == ["first", "second", "between", "third"]
    assert base.ids == ["first", "second", "third"] and repr(base) == "image -> first -> second -> third"


@pytest.mark.parametrize(
    ("place", "ids"),
    [
        ({"replaces": "second"}, ["first", "mine", "third"]),
        ({"before": "second"}, ["first", "mine", "second", "third"]),
        ({"after": "third"}, ["first", "second", "third", "mine"]),
    ],
)
def test_using_puts_a_stage_where_its_class_says(place: dict[str, str], ids: list[str]) -> None:
    gives = "two" if "replaces" in place else "mine"
    assert small().using(stage("mine", "one", gives, **place)).ids == ids
    assert small().using(stage("second", "one", "two")).ids == ["first", "second", "third"]


def test_stages_that_are_known_may_be_set_although_they_are_left_out() -> None:
    config = Config({"third/size": 3, "first/enabled": True})
    small().validate(config)
    part = small().without("third")
    with pytest.raises(ConfigError, match="unknown hyperparameter 'third/size'"):
        part.validate(config)
    part.validate(config, small().stages)


def test_errors_of_the_package_and_of_memory_are_passed_on() -> None:
    def refuse(ctx: Any, image: Any) -> Any:
        raise ImageError("no image of cells")

    def exhaust(ctx: Any, image: Any) -> Any:
        raise MemoryError

    with pytest.raises(ImageError, match="no image of cells"):
        run(stage("any", "image", "one", refuse))
    with pytest.raises(MemoryError):
        run(stage("any", "image", "one", exhaust))


def test_outputs_are_frozen() -> None:
    values = np.ones((3, 4))
    run(stage("any", "image", "one", {"one": values}, fields=(ARRAY,)))
    with pytest.raises(ValueError, match="read-only"):
        values[0, 0] = 2


def test_warnings_and_records_name_their_stage() -> None:
    def talk(ctx: Any, image: Any) -> Any:
        ctx.warn("dim")
        ctx.log(mean=0.5)
        return {"one": 1}

    result = run(stage("any", "image", "one", talk))
    assert (result.warnings, result.log) == (["dim"], [{"stage": "any", "mean": 0.5}])


def test_observers_are_told_of_every_stage() -> None:
    events: list[Any] = []
    small().run(IMAGE, observe=events.append)
    assert [(type(event).__name__, event.stage) for event in events] == [
        (kind, id_) for id_ in ("first", "second", "third") for kind in ("StageStarted", "StageFinished")
    ]


def test_without_a_scale_stages_that_depend_on_it_yield_empty_fields() -> None:
    result = default_pipeline().run(np.zeros((9, 8)))
    assert result.fields["scale"] is None
    assert result.fields["postprocessed_objects"] == [] and result.fields["atoms"].shape == (9, 8)
