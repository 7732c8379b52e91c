"""`check_stage` finds what is wrong with a stage; all built-in stages pass."""

import threading

import numpy as np
import pytest

from superdsm import Field, Stage, default_pipeline, param
from superdsm.testing import check_stage


@pytest.mark.parametrize("stage_id", default_pipeline().ids)
def test_built_in_stages_pass(stage_id):
    check_stage(type(default_pipeline()[stage_id]))


class Good(Stage):
    """Subtract a constant."""

    id = "good"
    version = "1"
    inputs = ("g_raw",)
    outputs = ("y",)
    replaces = "preprocess"
    value = param(0.1, "The constant.", min=0)

    def process(self, ctx, *, g_raw):
        return {"y": g_raw - ctx.params.value}


def test_good_stage_passes():
    check_stage(Good)
    check_stage(Good(value=0.3))
    check_stage(Good, config={"good": {"value": 0.5}})


def failures(cls, **kwargs):
    with pytest.raises(AssertionError) as info:
        check_stage(cls, **kwargs)
    return str(info.value)


def test_declaration():
    class Undocumented(Good):
        id = "undocumented"
        outputs = ("y", "extra")
        fields = (Field("other", "json", ""),)
        value = param(-1.0, " ", min=0)

    message = failures(Undocumented)
    assert message.startswith("stage 'undocumented' (tests.plugins.test_check_stage.")
    for text in (
        "- it has no docstring",
        "- the hyperparameter 'value' is not documented",
        "- the default of a hyperparameter is not legal: value = -1.0 is out of range",
        "- the output 'extra' is a new field; declare it",
        "- fields declares 'other', which is not among the outputs",
    ):
        assert text in message

    class WithoutProcess(Stage):
        """No work."""

        id = "without-process"
        outputs = ("y",)

    assert "it does not define process()" in failures(WithoutProcess)


def variant(process, **attributes):
    namespace = {"__doc__": "A variant.", "id": "variant", "process": process, **attributes}
    return type(Stage)("Variant", (Good,), namespace)


def test_mutation_of_an_array():
    def process(self, ctx, *, g_raw):
        g_raw -= 0.1
        return {"y": g_raw}

    assert "inputs are read-only: work on a copy" in failures(variant(process))


def test_mutation_of_another_value():
    def process(self, ctx, *, dsm_cfg):
        dsm_cfg["alpha"] = 1.0
        return {"dsm_cfg": dsm_cfg}

    cls = variant(process, inputs=("dsm_cfg",), outputs=("dsm_cfg",), replaces="", after="dsm")
    assert "process() changes its inputs; work on a copy" in failures(cls)


def test_results_that_differ_from_run_to_run():
    rng = np.random.default_rng()

    def process(self, ctx, *, g_raw):
        return {"y": g_raw + rng.random(g_raw.shape)}

    message = failures(variant(process))
    assert "two runs on the same image give different outputs" in message
    assert "image 'nuclei': " in message and "image '1 x 1', AF_scale set: " in message


def test_results_that_depend_on_the_order_of_parallel_work():
    def process(self, ctx, *, g_raw):
        seen = []
        ctx.map(seen.append, [1, 2, 3])
        return {"y": g_raw + seen[0]}

    assert "depend on the order in which ctx.map works off its items" in failures(variant(process))


def test_stage_that_cannot_travel():
    class Locked(Good):
        """Holds something that cannot be pickled."""

        id = "locked"

        def __init__(self):
            super().__init__()
            self.lock = threading.Lock()

    assert "it cannot be sent to a worker process: TypeError" in failures(Locked)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda g: {}, r"returned [], but the outputs are ['y']"),
        (lambda g: None, "process() returned NoneType"),
        (lambda g: {"y": g.astype("float32")}, "has dtype float32, not float64"),
        (lambda g: {"y": g[:-1]}, "has length"),
        (lambda g: {"y": g / g[5, 5]}, "IndexError"),
    ],
)
def test_outputs(result, message):
    assert message in failures(variant(lambda self, ctx, *, g_raw: result(g_raw)))


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("json", {1, 2}, "is not made of JSON values"),
        ("array", np.array([None, 1]), "is an array of Python objects"),
        ("table", {"a": np.ones(2), "b": np.ones(3)}, "has columns of different lengths"),
        ("table", {"a": np.ones((2, 2))}, "has a column that is not a 1-D array"),
    ],
)
def test_outputs_that_cannot_be_stored(kind, value, message):
    cls = variant(
        lambda self, ctx, *, g_raw: {"extra": value},
        outputs=("extra",),
        fields=(Field("extra", kind, "Something."),),
        replaces="",
        after="ingest",
    )
    assert f"the output 'extra' {message}" in failures(cls)


def test_images_and_pipeline_of_the_author():
    def process(self, ctx, *, y):
        return {"y": y + 1}

    cls = variant(process, inputs=("y",), replaces="")
    pipeline = default_pipeline().replace("preprocess", Good).insert(cls, after="good")
    check_stage(cls, pipeline=pipeline, images={"mine": np.ones((9, 9))})
