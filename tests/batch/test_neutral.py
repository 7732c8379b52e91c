"""Results are found again by versions with more hyperparameters: neutral values are no part of the keys."""

import pytest

from superdsm.batch.planning import reasons
from superdsm.batch.tasks.keys import make_recipe
from superdsm.config import Config
from superdsm.params import param
from superdsm.pipeline import Pipeline
from superdsm.plugins import default_pipeline
from superdsm.plugins.identity import identity
from superdsm.stage import Stage

# Keys of the stages for the image key "image", as the first version computed them.
FIRST_KEYS = {
    "default": (
        {},
        {
            "global-energy-minimization": "7285e305102310e04e386676599c3596ee8cdde1",
            "postprocess": "473ceb3c5370c24d71433c39f59e83cf772ff9ef",
        },
    ),
    "isbi24": (
        {
            "AF_scale": 40,
            "dsm": {"alpha": 0.5},
            "global-energy-minimization": {"pruning": "isbi24", "beta": 12.5},
        },
        {
            "global-energy-minimization": "9326403001f16e38e6444128aee717d3be4388ab",
            "postprocess": "2734f4f148198d237603ccab72bc08ba93a2ca70",
        },
    ),
}


def keys(pipeline: Pipeline, config: dict[str, object]) -> dict[str, str]:
    recipe = make_recipe(pipeline, Config(config), identity)
    return recipe.keys("image")


@pytest.mark.parametrize("name", FIRST_KEYS)
def test_stored_results_keep_their_keys(name: str) -> None:
    config, expected = FIRST_KEYS[name]
    found = keys(default_pipeline(), config)
    assert {stage: found[stage] for stage in expected} == expected


class Smooth(Stage):
    """A stage as it was."""

    id = "smooth"
    version = "1"
    inputs = ("image",)
    outputs = ("g_raw",)
    width = param(3, "Width.")


class SmoothAndMore(Stage):
    """The same stage with a further hyperparameter."""

    id = "smooth"
    version = "1"
    inputs = ("image",)
    outputs = ("g_raw",)
    width = param(3, "Width.")
    shape = param("disk", "Shape; what it was before is a square.", choices=("disk", "square"), neutral="square")


def key(stage: Stage, **config: object) -> str:
    # the class is a part of the identity of stages that belong to no plugin
    def same_code(stage: Stage) -> dict[str, object]:
        return {"id": stage.id, "version": stage.version}

    return make_recipe(Pipeline([stage]), Config({"smooth": config}), same_code).keys("image")["smooth"]


def test_only_the_neutral_value_is_left_out() -> None:
    assert key(SmoothAndMore(), shape="square") == key(Smooth())
    assert key(SmoothAndMore(shape="square")) == key(Smooth())
    assert key(SmoothAndMore(), shape="square", width=4) == key(Smooth(), width=4)
    assert key(SmoothAndMore()) != key(Smooth())  # the default is another value
    assert key(SmoothAndMore(), shape="disk") == key(SmoothAndMore())


def test_the_stage_is_given_neutral_values_as_well() -> None:
    stage = SmoothAndMore()
    params, report = stage.resolve(Config({"smooth": {"shape": "square"}}), None)
    assert params.shape == "square"
    assert report == {"smooth": {"width": 3, "shape": "square"}}
    assert stage.identity_params(Config({"smooth": {"shape": "square"}})) == {"width": 3}


def test_the_plan_says_what_changed() -> None:
    text = list(reasons._settings({"width": 3}, {"width": 3, "shape": "disk"}, "smooth", frozenset()))
    assert text == ["smooth/shape default -> disk"]
