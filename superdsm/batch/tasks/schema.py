"""The JSON Schema of a ``task.json``: what its fields and the hyperparameters of all stages may be, for editors.

It says the same as the reader, but for two things: fields that the reader would ignore with a warning are wrong, and
what only the program can know (files that are there, hyperparameters that contradict each other) is not checked.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from superdsm.batch.components import Components
from superdsm.batch.tasks import fields
from superdsm.config import PIXEL_SIZE, PROFILE
from superdsm.lengths import MICROMETRES
from superdsm.params import FACTOR, Param
from superdsm.pipeline import TOLERATED
from superdsm.profiles import PROFILES
from superdsm.stage import Stage

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAMES = {"type": "array", "items": {"type": "string"}}
PATTERN = {"type": "string", "minLength": 1}
LENGTH = rf"^\s*[+]?[0-9.]+([eE][-+]?[0-9]+)?\s*({'|'.join(MICROMETRES)})\s*"
LENGTHS = {"px": LENGTH + "$", "px2": LENGTH + r"(\^?2|²)\s*$"}
SIZE = {
    "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": LENGTHS["px"]}, {"type": "null"}]
}
JSON_TYPES = {float: "number", int: "integer", bool: "boolean", str: "string"}
# The fields that do not come from exporters; what `config` holds is added below.
FIELDS: Mapping[str, Mapping[str, Any]] = {
    "$schema": {"type": "string"},
    "runnable": {"type": "boolean"},
    "root": {"type": "boolean"},
    "report": {"type": "boolean"},
    "img_pathpattern": PATTERN,
    "file_ids": {
        "anyOf": [
            {"type": "array", "items": {"type": ["integer", "string"]}},
            {"type": "string"},
            {
                "type": "object",
                "properties": {"glob": {"type": "string"}},
                "required": ["glob"],
                "additionalProperties": False,
            },
        ]
    },
    "config": {"type": "object"},
    "base_config_path": PATTERN,
    "last_stage": {"type": ["string", "null"]},
    "channel": {"type": ["string", "integer", "null"]},
    "z": {"type": ["string", "integer", "null"]},
    "t": {"type": ["integer", "null"]},
    "scene": {"type": ["integer", "null"]},
    "pixel_size": SIZE,
    "measure_channels": {
        "type": "array",
        "items": {"anyOf": [{"type": "integer"}, {"type": "string", "minLength": 1}]},
        "uniqueItems": True,
    },
    "tables": {"type": "array", "items": {"type": "string", "pattern": rf"({'|'.join(fields.TABLE_SUFFIXES)})$"}},
    "image_columns": {"type": ["string", "null"], "pattern": r"\(\?P<"},
    "column_names": {"enum": list(fields.COLUMN_NAMINGS)},
    "use": NAMES,
    "without": NAMES,
    "num_cpus": {"type": "integer", "minimum": 1},
    "environ": {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
}


def task_schema(components: Components, stages: Iterable[Stage] = ()) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a ``task.json``.

    Parameters
    ----------
    components : Components
        What is installed: its exporters have fields of their own, and its stages hyperparameters.
    stages : iterable of Stage, optional
        Further stages, for instance of scripts.

    Returns
    -------
    dict
        As JSON values.
    """
    options = {spec.name: spec for exporter in components.exporters.values() for spec in exporter.options}
    properties = {}
    for name, field in fields.task_fields(components).items():
        if name in options:
            properties[name] = _param(options[name])
            continue
        pattern = {"type": ["string", "null"], "minLength": 1} if name.endswith(fields.SUFFIX) else {}
        described = {"description": field.doc + ("" if field.inherited else " Not inherited.")}
        properties[name] = {**FIELDS.get(name, pattern), **described, **_default(field.default)}
    known = [*(cls() for cls in components.known), *stages]
    properties[fields.CONFIG.name] |= _config(known)
    return {
        "$schema": DIALECT,
        "title": "task.json of superdsm",
        "description": "A task of batch processing: which images, with which hyperparameters, and what is written.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _config(stages: Iterable[Stage]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        PROFILE: {"enum": list(PROFILES), "description": "Which stages take part, and with which defaults."},
        PIXEL_SIZE: {**SIZE, "description": 'Width of a pixel in micrometres, or as in "650 nm".'},
    }
    spaces: dict[str, dict[str, Any]] = {}
    for stage in stages:
        space = spaces.setdefault(stage.id, {})
        for name in stage.declared:
            spec = stage.spec(name)
            (properties if spec.toplevel else space)[name] = _param(spec, stage.id)
            if spec.auto:
                meaning = f"{name} is the {spec.auto.unit} of the image times this."
                meaning += _profiles(stage.id, spec.factor_name)
                space[spec.factor_name] = _param(replace(FACTOR, default=spec.auto.factor, doc=meaning))
    for name, space in spaces.items():
        tolerated = {old: {"const": True, "description": "Of earlier configurations."} for old in TOLERATED}
        properties[name] = {"type": "object", "properties": space | tolerated, "additionalProperties": False}
    # Namespaces of stages that are not known here, those of scripts for instance
    return {"properties": properties, "additionalProperties": {"type": "object"}}


def _param(spec: Param, stage: str = "") -> dict[str, Any]:
    kind: dict[str, Any] = {"type": JSON_TYPES[float if spec.truncate else spec.type]}
    if spec.choices:
        kind = {"enum": list(spec.choices)}
    if spec.pattern:
        kind["pattern"] = f"^({spec.pattern})$"
    kind |= {name: bound for name, bound in _bounds(spec).items() if math.isfinite(bound)}
    kinds = [kind]
    if spec.unit:
        kinds.append({"type": "string", "pattern": LENGTHS[spec.unit]})
    if spec.nullable or spec.auto:
        kinds.append({"type": "null"})
    unit = {"x-unit": spec.unit} if spec.unit else {}
    described = {"description": spec.doc + _profiles(stage, spec.name), **unit}
    return {**(kind if len(kinds) == 1 else {"anyOf": kinds}), **described, **_default(spec.default)}


def _bounds(spec: Param) -> dict[str, float]:
    """Return the range of a number; where fractions are cut off first, it is wider."""
    bounds: dict[str, float] = {}
    if spec.min is not None:
        wider = spec.truncate and spec.min <= 0
        bounds["exclusiveMinimum" if wider else "minimum"] = spec.min - 1 if wider else spec.min
    if spec.max is not None:
        wider = spec.truncate and spec.max >= 0
        bounds["exclusiveMaximum" if wider else "maximum"] = spec.max + 1 if wider else spec.max
    return bounds


def _profiles(stage: str, name: str) -> str:
    """Say what a default is in profiles that have another one."""
    found = {
        profile.name: profile.defaults[stage][name]
        for profile in PROFILES.values()
        if name in profile.defaults.get(stage, {})
    }
    return "".join(f" Profile {profile}: {value}." for profile, value in found.items())


def _default(value: Any) -> dict[str, Any]:
    """Return a default as far as it says something, and is a value of JSON."""
    if value in (None, (), {}) or (isinstance(value, float) and not math.isfinite(value)):
        return {}
    return {"default": value}
