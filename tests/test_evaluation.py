"""The one evaluator of fields: what is asked for is computed once, or taken from what was computed before."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from superdsm import Config, Event, Field, ImageError, PipelineError, Run, Stage, StageError, evaluation, param
from superdsm.core.objects import Object
from superdsm.evaluation import OUTSIDE, Evaluation, LostError, StageRun, wiring
from superdsm.pipeline import Pipeline
from tests.raises import Case, error_of, unprovoked

IMAGE = np.zeros((3, 4))
WHOLE = ("rows", "columns")
LABELS = np.ones((3, 4), np.int32)
POINTS = np.ones((2, 2), np.int32)
OBJECT = Object((1,), 0.5, True, False, (1, 1), np.ones((2, 2), bool), 9)


def stage(id_: str, needs: str = "", gives: str = "", result: Any = None, **attributes: Any) -> Stage:
    """Return a stage with the fields `needs` and `gives` (names with spaces between them), 1 each."""

    def process(self: Stage, ctx: Any, **inputs: Any) -> Any:
        value = dict.fromkeys(self.outputs, 1) if result is None else result
        return value(ctx, **inputs) if callable(value) else value

    usual = {"id": id_, "version": "1", "inputs": tuple(needs.split()), "outputs": tuple(gives.split())}
    made: Stage = type(id_.title(), (Stage,), usual | {"process": process} | attributes)()
    return made


def evaluate(*stages: Stage, **options: Any) -> Evaluation:
    return Evaluation(stages, Config(options.pop("config", {})), **{"given": {"image": IMAGE}} | options)


def end(code: object = 0) -> Any:
    def process(ctx: Any, **inputs: Any) -> Any:
        raise SystemExit(code)

    return process


class Memory:
    """Earlier results, some of which cannot be loaded any more."""

    def __init__(self, *runs: StageRun) -> None:
        self.runs = {run.stage: run for run in runs}
        self.asked: list[str] = []
        self.rejected: list[tuple[str, str]] = []

    def get(self, stage_id: str) -> StageRun | None:
        self.asked.append(stage_id)
        return self.runs.get(stage_id)

    def put(self, run: StageRun) -> StageRun:
        self.runs[run.stage] = StageRun(run.stage, {name: ("kept", value) for name, value in run.outputs.items()}, 0.0)
        return self.runs[run.stage]

    def reject(self, stage_id: str, problem: str) -> None:
        self.rejected.append((stage_id, problem))
        del self.runs[stage_id]


class Gone(Mapping[str, Any]):
    """Outputs that were there a moment ago."""

    def __getitem__(self, name: str) -> Any:
        raise LostError(name)

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0


ERRORS: list[Case] = [
    (lambda: evaluate(stage("any", "one", "two")), PipelineError, "to start at 'any', give the field 'one'"),
    (
        lambda: evaluate(stage("any", "image", "two"), given={}),
        PipelineError,
        "to start at 'any', give the field 'image'",
    ),
    (
        lambda: evaluate(stage("any", "scale", "two"), given={"scale": None}).field("two"),
        PipelineError,
        "to start at 'any' without a scale, give the field 'image'",
    ),
    (
        lambda: evaluate(stage("any", "image", "one", lambda ctx, image: 1 // 0)).field("one"),
        StageError,
        "stage any: ZeroDivisionError: integer division or modulo by zero",
    ),
    (lambda: evaluate(stage("any", "image", "one", end())).field("one"), StageError, "stage any: SystemExit: 0"),
    (lambda: evaluate(stage("any", "image", "one", end(None))).field("one"), StageError, "stage any: SystemExit: None"),
    (
        lambda: evaluate(stage("any", "image", "one", [1])).field("one"),
        StageError,
        "stage any: process() returned list, not a dict of fields",
    ),
    (
        lambda: evaluate(stage("any", "image", "one", {3: 1, "other": 1})).field("one"),
        StageError,
        "stage any: process() returned ['3', 'other'], but the outputs are ['one']",
    ),
    (
        lambda: evaluate(stage("any", "image", "y", {"y": np.zeros((2, 4))})).field("y"),
        StageError,
        "stage any: the field 'y' has length 2 along axis 0, not 3",
    ),
    (
        lambda: evaluate(stage("any", "image", "one", lambda ctx, image: ctx.log(summary=3) or {"one": 1})).field(
            "one"
        ),
        StageError,
        "stage any: what it tells or logs is no text or no dict (TypeError: 'int' object is not iterable)",
    ),
    (
        lambda: evaluate(
            stage("any", "scale corrections", "one"),
            given={"scale": None, "corrections": {"source": "corrections/1.json", "corrections": []}},
        ).field("one"),
        StageError,
        "stage any: corrections/1.json: nothing can be corrected in an image in which no size of nuclei was found; set "
        "it: nucleus_radius, or AF_scale",
    ),
    (
        lambda: evaluate(stage("any", "y", "one"), given={"y": np.zeros(3)}).field("one"),
        PipelineError,
        "the given field 'y' has 1 axes, not 2",
    ),
    (
        lambda: evaluate(stage("any", "y atoms", "one"), given={"y": IMAGE, "atoms": LABELS[:, 1:]}).field("one"),
        PipelineError,
        "the given field 'y' has the shape (3, 4), but 'atoms' has (3, 3)",
    ),
    (
        lambda: evaluate(
            stage("first", "image", "seeds", {"seeds": POINTS}),
            stage("second", "image", "atoms", {"atoms": LABELS}),
            stage("third", "atoms seeds", "one"),
        ).field("one"),
        StageError,
        "stage second: the field 'atoms' does not fit to 'seeds', which has 2 entries, but there are 1 atoms",
    ),
    (
        lambda: evaluate(
            stage("first", "image", "atoms seeds", {"atoms": LABELS, "seeds": POINTS}),
        ).field("atoms"),
        StageError,
        "stage first: the field 'seeds' has 2 entries, but there are 1 atoms",
    ),
]


@pytest.mark.parametrize(("cause", "kind", "message"), ERRORS, ids=[message[:60] for _, _, message in ERRORS])
def test_errors(cause: Any, kind: type[Exception], message: str) -> None:
    assert str(error_of(cause, kind)) == message


def test_every_error_is_provoked() -> None:
    assert not unprovoked(evaluation, ERRORS)


def test_only_what_is_asked_for_is_computed_and_only_once() -> None:
    found = evaluate(
        stage("first", "image", "one"), stage("second", "image", "two"), stage("third", "one", "three"), name="a.png"
    )
    assert found.field("three") == 1 and found.field("one") == 1
    assert found.computed == ["first", "third"]
    assert [run.stage for run in found.known()] == ["first", "third"]
    assert found.ensure("third") is found.ensure("third")


def test_a_field_is_what_the_last_stage_before_made_of_it() -> None:
    stages = (
        stage("first", "image", "one"),
        stage("early", "one", "two", lambda ctx, one: {"two": one}),
        stage("more", "one", "one", lambda ctx, one: {"one": one + 1}),
        stage("late", "one", "three", lambda ctx, one: {"three": one}),
    )
    assert wiring(stages) == {
        "first": {"image": OUTSIDE},
        "early": {"one": "first"},
        "more": {"one": "first"},
        "late": {"one": "more"},
    }
    found = evaluate(*stages)
    assert [found.field(name) for name in ("one", "two", "three")] == [2, 1, 2]


def test_earlier_results_are_used_and_what_is_computed_is_kept() -> None:
    cache = Memory(StageRun("first", {"one": 5}, 7.0, ("careful",), ({"n": 1},)))
    found = evaluate(stage("first", "image", "one"), stage("second", "one", "two"), cache=cache)
    assert found.field("one") == 5
    assert found.field("two") == ("kept", 1), "as it will be when it is taken from there"
    assert found.computed == ["second"] and set(cache.runs) == {"first", "second"}
    assert [(run.stage, run.seconds) for run in found.known()] == [("first", 7.0), ("second", 0.0)]


def test_an_earlier_result_that_is_lost_is_computed_anew_with_all_it_needs() -> None:
    cache = Memory(StageRun("second", Gone(), 0.0), StageRun("third", {"three": 3}, 0.0))
    stages = (stage("first", "image", "one"), stage("second", "one", "two"), stage("third", "two", "three"))
    found = evaluate(*stages, cache=cache)
    assert found.field("three") == 3 and found.computed == []
    assert found.field("two") == ("kept", 1) and found.computed == ["first", "second"]
    assert found.field("three") == 3, "it was there all the time"


def test_an_earlier_result_that_is_not_what_the_stage_may_provide_is_computed_anew() -> None:
    """Its checksum is no secret: whoever can write there can make one."""
    cache = Memory(StageRun("first", {"atoms": np.full((3, 4), 9, np.int32)}, 0.0))
    found = Evaluation(
        [stage("first", "image", "atoms", {"atoms": LABELS})], Config(), source=lambda: IMAGE, cache=cache
    )
    assert found.field("atoms") == ("kept", LABELS)
    assert found.computed == ["first"]
    assert cache.rejected == [("first", "the field 'atoms' has the label 9, but not the label 1; labels have no gaps")]


def test_earlier_results_that_do_not_fit_together_are_computed_anew() -> None:
    class Kept(Memory):
        def put(self, run: StageRun) -> StageRun:
            return run

    cache = Kept(StageRun("first", {"seeds": POINTS}, 0.0), StageRun("second", {"atoms": LABELS}, 0.0))
    stages = (
        stage("first", "image", "seeds", {"seeds": POINTS[:1]}),
        stage("second", "image", "atoms", {"atoms": LABELS}),
        stage("third", "atoms seeds", "one", lambda ctx, atoms, seeds: {"one": len(seeds)}),
    )
    found = Evaluation(stages, Config(), source=lambda: IMAGE, cache=cache)
    assert found.field("one") == 1
    assert [stage_id for stage_id, _ in cache.rejected] == ["second", "first"]
    assert set(found.computed) == {"first", "second", "third"}
    assert set(found.fields(["atoms", "seeds", "one"])) == {"atoms", "seeds", "one"}


def test_arrays_are_handed_on_as_the_kernels_take_them() -> None:
    found = evaluate(stage("any", "image", "y", {"y": np.zeros((4, 3)).T.view(np.matrix)})).field("y")
    assert type(found) is np.ndarray and found.flags.c_contiguous and not found.flags.writeable


def test_the_image_is_read_when_it_is_needed_and_once() -> None:
    reads: list[int] = []

    def read() -> Any:
        reads.append(1)
        return IMAGE

    stages = (stage("first", "image", "one"), stage("second", "one", "two"), stage("third", "image", "three"))
    found = Evaluation(stages, Config(), source=read, cache=Memory(StageRun("first", {"one": 1}, 0.0)))
    assert found.field("two") == ("kept", 1) and not reads
    found.field("three")
    assert found.field("image") is IMAGE and len(reads) == 1


@pytest.mark.parametrize("seen", ["image", "g_raw", "none"])
def test_the_shape_of_the_image_comes_from_the_image_or_a_field_that_is_as_large(seen: str) -> None:
    given = {"image": {"image": IMAGE}, "g_raw": {"g_raw": np.zeros((3, 4))}, "none": {}}[seen]
    found = Evaluation([stage("any", "", "y", {"y": np.zeros((9, 9))})], Config(), given=given)
    if seen == "none":
        assert found.field("y").shape == (9, 9)
    else:
        with pytest.raises(StageError, match="the field 'y' has length 9 along axis 0, not 3"):
            found.field("y")


def test_without_a_scale_outputs_are_empty_and_have_the_shape_of_the_image() -> None:
    """Also where no stage makes grey intensities of the image."""
    follows = stage("any", "image", "atoms", width=param(2.0, "A width.", auto=("scale", 1.0)))
    found = Pipeline([stage("scale", "image", "scale", {"scale": None}), follows]).run(np.zeros((3, 4, 3)))
    assert found.fields["atoms"].shape == (3, 4) and not found.fields["atoms"].any()
    assert found.params.as_dict() == {"any": {"AF_width": 1.0, "width": 2.0}}


def test_hyperparameters_follow_the_scale_that_a_stage_sees() -> None:
    def follower(name: str, after: str) -> Stage:
        return stage(name, after, name, width=param(2.0, "A width.", auto=("scale", 1.0)))

    found = evaluate(
        stage("estimate", "image", "scale", {"scale": 4.0}),
        follower("early", "image"),
        stage("double", "scale", "scale", lambda ctx, scale: {"scale": 2 * scale}),
        follower("late", "image"),
    )
    assert found.params().as_dict() == {
        "early": {"AF_width": 1.0, "width": 4.0},
        "late": {"AF_width": 1.0, "width": 8.0},
    }
    assert found.computed == ["estimate", "double"], "the stages themselves are not needed for that"


def test_what_is_told_of_fields_without_loading_them() -> None:
    counts = Field("counts", "json", "Counts.", summary="counts")
    found = evaluate(
        stage("first", "image", "cover counts", {"cover": [OBJECT, OBJECT], "counts": {"n": 3}}, fields=(counts,)),
        stage("second", "image", "scale", {"scale": None}),
    )
    assert found.ensure("first").summary == {"cover": 2, "counts": {"n": 3}}
    assert found.ensure("second").summary == {}


def test_arrays_are_read_only_afterwards_and_observers_are_told() -> None:
    told: list[Event] = []
    y = np.zeros((3, 4))
    found = evaluate(stage("any", "image", "y", {"y": y}), name="a.png", observe=told.append)
    found.field("y")
    assert not y.flags.writeable
    assert [(type(event).__name__, event.image) for event in told] == [
        ("StageStarted", "a.png"),
        ("StageFinished", "a.png"),
    ]


@pytest.mark.parametrize("error", [ImageError("too dark"), MemoryError(), KeyboardInterrupt()])
def test_what_is_not_the_fault_of_a_stage_is_passed_on(error: BaseException) -> None:
    def process(ctx: Any, image: Any) -> Any:
        raise error

    with pytest.raises(type(error)):
        evaluate(stage("any", "image", "one", process)).field("one")


def test_a_finished_evaluation_is_a_run() -> None:
    def process(ctx: Any, image: Any) -> Any:
        ctx.warn("careful")
        ctx.log(n=1)
        return {"one": 1}

    run = Run.of(evaluate(stage("first", "image", "one", process), stage("second", "one", "two")))
    assert list(run.fields) == ["image", "one", "two"] and list(run.timings) == ["first", "second"]
    assert run.warnings == ["careful"] and run.log == [{"stage": "first", "n": 1}]
