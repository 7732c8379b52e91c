"""Stages: what a class declares, and what is said where it contradicts itself."""

from typing import Any

import numpy as np
import pytest

from superdsm import Config, ConfigError, Field, ImageError, PipelineError, Stage, param, stage
from superdsm.params import ParamValues
from superdsm.stage import StageContext
from superdsm.stages.nucleus_size import NucleusSize
from tests.raises import Case, error_of, unprovoked


def declared(**attributes: Any) -> type[Stage]:
    usual = {"id": "mine", "outputs": ("y",), "__module__": "lab", "__qualname__": "Mine"}
    return type("Mine", (Stage,), usual | attributes)


class Smooth(Stage):
    """Has a hyperparameter that follows the scale."""

    id = "smooth"
    version = "1"
    inputs = ("g_raw",)
    outputs = ("y", "extra")
    fields = (Field("extra", "json", "Something more.", empty=[]),)
    replaces = "preprocess"
    width = param(2.0, "Width of the filter, in pixels.", auto=("scale", 0.5), min=0)
    rounds = param(1, "Number of rounds.", min=1)
    unit = param(1.0, "Outside of the namespace.", toplevel=True)


ERRORS: list[Case] = [
    (
        lambda: declared(id="My_Stage"),
        PipelineError,
        "stage class lab.Mine: id 'My_Stage' is not in kebab-case (as in 'my-stage')",
    ),
    (
        lambda: declared(version=2),
        PipelineError,
        "stage class lab.Mine: version is 2; give a string, for instance '1'",
    ),
    (
        lambda: declared(inputs="g_raw"),
        PipelineError,
        "stage class lab.Mine: inputs must be a tuple of field names, not 'g_raw'",
    ),
    (
        lambda: declared(inputs=("g raw",)),
        PipelineError,
        "stage class lab.Mine: inputs must be a tuple of field names, not ('g raw',)",
    ),
    (
        lambda: declared(outputs=["y"]),
        PipelineError,
        "stage class lab.Mine: outputs must be a tuple of field names, not ['y']",
    ),
    (
        lambda: declared(outputs=("y", 1)),
        PipelineError,
        "stage class lab.Mine: outputs must be a tuple of field names, not ('y', 1)",
    ),
    (
        lambda: declared(outputs=("y", "y")),
        PipelineError,
        "stage class lab.Mine: outputs names a field twice: ('y', 'y')",
    ),
    (
        lambda: declared(outputs=()),
        PipelineError,
        "stage class lab.Mine: outputs is empty; a stage provides at least one field",
    ),
    (
        lambda: declared(before="dsm", after="scale"),
        PipelineError,
        "stage class lab.Mine: declare one of replaces, before and after",
    ),
    (
        lambda: Smooth(widht=2),
        ConfigError,
        "stage smooth has no hyperparameter 'widht' (did you mean 'width'?)",
    ),
    (
        lambda: Smooth(rounds=0),
        ConfigError,
        "smooth/rounds = 0 is out of range; expected: integer of at least 1",
    ),
    (
        lambda: Smooth().process(StageContext(Smooth().resolve(Config(), None)[0])),
        TypeError,
        "stage smooth: Smooth does not define process()",
    ),
    (
        lambda: Smooth().with_floors(widht=2),
        ConfigError,
        "stage smooth has no hyperparameter 'widht' (did you mean 'width'?)",
    ),
    (
        lambda: NucleusSize().resolve(Config({"nucleus_radius": "5 um"}), None),
        ConfigError,
        "nucleus_radius = '5.0 um': the size of a pixel is not known; give pixel_size in micrometres, or pixels here",
    ),
    (
        lambda: StageContext(ParamValues({})).read_image("flat.tif"),
        ImageError,
        "flat.tif: there is nothing here that reads files; run the stage as part of a pipeline",
    ),
]


@pytest.mark.parametrize(("cause", "kind", "message"), ERRORS, ids=[message[-40:] for _, _, message in ERRORS])
def test_errors(cause: Any, kind: type[Exception], message: str) -> None:
    assert str(error_of(cause, kind)) == message


def test_every_error_is_provoked() -> None:
    assert not unprovoked(stage, ERRORS)


def test_a_class_without_an_id_is_a_base_for_others() -> None:
    base = declared(id="", outputs=(), offset=param(1.0, "An offset."))
    derived = type("Derived", (base,), {"id": "derived", "outputs": ("y",), "gain": param(2.0, "A gain.")})
    assert list(derived.declared) == ["offset", "gain"] and list(base.declared) == ["offset"]
    assert not hasattr(derived, "gain")


def test_hyperparameters_come_from_the_configuration_then_the_instance_then_the_class() -> None:
    def rounds(stage: Stage, **settings: Any) -> int:
        return int(stage.resolve(Config({"smooth": settings}), None)[0].rounds)

    assert rounds(Smooth()) == 1
    assert rounds(Smooth(rounds=2)) == 2
    assert rounds(Smooth(rounds=2), rounds=3) == 3
    assert repr(Smooth(rounds=2)) == "Smooth(rounds=2)"


def test_the_report_repeats_what_was_used() -> None:
    values, report = Smooth().resolve(Config({"smooth": {"AF_width": 0.25}}), 8.0)
    assert values.width == 2.0
    assert report == {"smooth": {"AF_width": 0.25, "width": 2.0, "rounds": 1}, "unit": 1.0}
    assert Smooth().resolve(Config(report), 50.0)[0] == values


def test_a_stage_depends_on_the_scale_if_a_hyperparameter_does() -> None:
    assert Smooth().needs_scale and Smooth().dependencies == ("g_raw", "scale")
    fixed = declared(inputs=("g_raw",))()
    assert not fixed.needs_scale and fixed.dependencies == ("g_raw",)
    direct = declared(inputs=("scale",))()
    assert direct.needs_scale and direct.dependencies == ("scale",)


def test_outputs_for_an_image_without_a_scale() -> None:
    outputs = Smooth().empty((3, 4))
    assert set(outputs) == {"y", "extra"} and outputs["extra"] == []
    np.testing.assert_array_equal(outputs["y"], np.zeros((3, 4)))


def test_fields_of_the_class_come_before_those_of_the_vocabulary() -> None:
    own = declared(fields=(Field("y", "json", "Another meaning."),))()
    assert own.field("y").doc == "Another meaning."
    assert Smooth().field("y").dtype == "float64"
    assert declared(outputs=("new",))().field("new").kind == "json"


def test_the_context_collects_warnings_and_records() -> None:
    context = StageContext(Smooth().resolve(Config(), None)[0])
    context.warn("a warning")
    context.log(mean=1)
    assert (context.warnings, context.records) == (["a warning"], [{"mean": 1}])
    assert context.map(abs, [-1, 2]) == [1, 2]
