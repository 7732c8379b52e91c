"""`check_stage`: whether a stage keeps the promises that the framework builds on."""

import copy
import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from superdsm.config import Config
from superdsm.errors import ConfigError, SuperDSMError
from superdsm.evaluation import Evaluation, Run
from superdsm.fields import FIELDS, SOURCE
from superdsm.jsonable import canonical_json
from superdsm.pipeline import Pipeline
from superdsm.stage import Stage
from superdsm.testing.synthetic import empty_well, synthetic_image

SCALE = 6.0  # in pixels: that of the nuclei in the images below


def check_stage(
    stage: type[Stage] | Stage,
    *,
    pipeline: Pipeline | None = None,
    config: Mapping[str, Any] | None = None,
    images: Mapping[str, npt.NDArray[Any]] | None = None,
) -> None:
    """Check a stage: its declaration, and what it does on ordinary, tiny, constant and empty images.

    The stage is put where its class declares that it goes, and the stages before it provide its inputs. Checked are:
    the declaration (documentation of the stage, of its hyperparameters and of new fields; legal defaults), the names
    and types of the outputs, whether they can be stored, determinism (also when parallel parts end in another order),
    whether inputs stay as they are, and whether the stage can travel to a worker process.

    Parameters
    ----------
    stage : type of Stage or Stage
        What to check.
    pipeline : Pipeline, optional
        A pipeline that contains the stage, for stages that need others besides the default ones.
    config : mapping, optional
        Hyperparameters.
    images : mapping of str to ndarray, optional
        Images by name, instead of the built-in ones.

    Raises
    ------
    AssertionError
        Lists everything that is wrong.

    Examples
    --------
    >>> check_stage(TopHat)
    """
    instance = stage() if isinstance(stage, type) else stage
    problems = list(_declaration(type(instance)))
    if not problems:
        problems += _travel(instance)
        for name, image in (images or sample_images()).items():
            for settings in ({}, {"AF_scale": SCALE}):
                where = f"image {name!r}" + (", AF_scale set" if settings else "")
                found = _behaviour(instance, pipeline, image, Config(settings).merged(config))
                problems += [f"{where}: {problem}" for problem in found]
    if problems:
        cls = type(instance)
        lines = [f"stage {instance.id!r} ({cls.__module__}.{cls.__qualname__}):", *dict.fromkeys(problems)]
        raise AssertionError("\n- ".join(lines))


def sample_images() -> dict[str, npt.NDArray[Any]]:
    """Return the images on which a stage is tried, by name."""
    return {
        "nuclei": synthetic_image(3, (72, 80), n_nuclei=5, radius=8.0)[0],
        "without nuclei": empty_well(4, (40, 30)),
        "constant": np.full((24, 31), 7, np.uint8),
        "black": np.zeros((17, 20), np.uint8),
        "1 x 1": np.full((1, 1), 3, np.uint8),
        "1 x 40": np.arange(40, dtype=np.uint8)[None],
        "3 x 2": np.arange(6, dtype=np.uint16).reshape(3, 2),
    }


def _declaration(cls: type[Stage]) -> Iterator[str]:
    if not cls.id:
        yield "it has no id"
    if not (cls.__doc__ or "").strip() or cls.__doc__ == Stage.__doc__:
        yield "it has no docstring"
    if cls.process is Stage.process:
        yield "it does not define process()"
    for name, spec in cls.declared.items():
        if not spec.doc.strip():
            yield f"the hyperparameter {name!r} is not documented"
        try:
            spec.check(spec.default, name)
        except ConfigError as exc:
            yield f"the default of a hyperparameter is not legal: {exc}"
    own = {field.name: field for field in cls.fields}
    for name in cls.outputs:
        if name not in own and name not in FIELDS:
            yield f"the output {name!r} is a new field; declare it in fields = (Field({name!r}, ...),)"
        elif name in own and not own[name].doc.strip():
            yield f"the field {name!r} is not documented"
    for name in own:
        if name not in cls.outputs:
            yield f"fields declares {name!r}, which is not among the outputs"


# What a worker does first; the path of modules travels like the one of the executors.
_ARRIVE = """
import json, pickle, sys
sys.path[:] = json.loads(sys.argv[1])
stage = pickle.load(sys.stdin.buffer)
from superdsm.config import Config
from superdsm.jsonable import canonical_json
print(canonical_json(stage.identity_params(Config())))
"""


def _travel(stage: Stage) -> Iterator[str]:
    import cloudpickle

    try:
        data = cloudpickle.dumps(stage)
        # Not in this process: there it would replace the methods of a class from a script or a notebook.
        command = [sys.executable, "-c", _ARRIVE, json.dumps(sys.path)]
        there = subprocess.run(command, input=data, capture_output=True, check=False)
    except Exception as exc:  # noqa: BLE001 - whatever a stage holds may refuse to be pickled
        yield f"it cannot be sent to a worker process: {type(exc).__name__}: {exc}"
        return
    if there.returncode:
        yield f"it cannot be sent to a worker process: {there.stderr.decode(errors='replace').strip().splitlines()[-1]}"
    elif there.stdout.decode().splitlines()[-1] != canonical_json(stage.identity_params(Config())):
        yield "it arrives in a worker process with other hyperparameters"


def _behaviour(stage: Stage, pipeline: Pipeline | None, image: npt.NDArray[Any], config: Config) -> Iterator[str]:
    from superdsm.plugins import default_pipeline

    if pipeline is None:
        pipeline = default_pipeline()
        pipeline = pipeline if _contains(pipeline, stage) else pipeline.using(stage)
    earlier = pipeline.stages[: pipeline.ids.index(stage.id)]
    before = Run.of(Evaluation(earlier, config, given={SOURCE: image})).fields
    inputs = {name: before[name] for name in stage.inputs}
    for value in inputs.values():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    untouched = copy.deepcopy(inputs)
    outputs: list[Mapping[str, Any]] = []
    for mapper in (_forwards, _forwards, _backwards):
        try:
            run = Evaluation([stage], config, given=before, mapper=mapper).ensure(stage.id)
        except SuperDSMError as exc:
            hint = "; inputs are read-only: work on a copy" if "read-only" in str(exc) else ""
            yield f"it fails: {exc}{hint}"
            return
        outputs.append({name: run.outputs[name] for name in stage.outputs})
        if not _equal(inputs, untouched):
            yield "process() changes its inputs; work on a copy"
            return
    if not _equal(outputs[0], outputs[1]):
        yield "two runs on the same image give different outputs"
    elif not _equal(outputs[0], outputs[2]):
        yield "the outputs depend on the order in which ctx.map works off its items"
    for name, value in outputs[0].items():
        problem = _storable(stage.field(name).kind, value)
        if problem:
            yield f"the output {name!r} {problem}"


def _contains(pipeline: Pipeline, stage: Stage) -> bool:
    return any(type(other) is type(stage) for other in pipeline)


def _forwards(function: Callable[[Any], Any], items: Iterable[Any], /) -> list[Any]:
    return [function(item) for item in items]


def _backwards(function: Callable[[Any], Any], items: Iterable[Any], /) -> list[Any]:
    return [function(item) for item in reversed(list(items))][::-1]


def _storable(kind: str, value: Any) -> str:
    """Return what keeps a value from being stored without pickle, or an empty string."""
    if value is None:
        return ""
    if kind == "array":
        return "is an array of Python objects" if value.dtype.hasobject else ""
    if kind == "json":
        try:
            canonical_json(value)
        except (TypeError, ValueError) as exc:
            return f"is not made of JSON values: {exc}"
    if kind == "table":
        columns = {name: np.asarray(column) for name, column in value.items()}
        if any(column.ndim != 1 or column.dtype.hasobject for column in columns.values()):
            return "has a column that is not a 1-D array of numbers or strings"
        if len({column.size for column in columns.values()}) > 1:
            return "has columns of different lengths"
    return ""


def _equal(one: Any, other: Any) -> bool:
    """Compare values of fields exactly; NaN equals NaN."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        one, other = np.asarray(one), np.asarray(other)
        floating = one.dtype.kind == other.dtype.kind == "f"
        return one.dtype == other.dtype and bool(np.array_equal(one, other, equal_nan=floating))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return list(one) == list(other) and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)
