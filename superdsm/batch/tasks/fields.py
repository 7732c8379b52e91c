"""The fields of a ``task.json``: their names, their types, and what is wrong with a value."""

from collections.abc import Callable, Mapping
from typing import Any

from superdsm.batch.components import Components
from superdsm.batch.tasks.json_source import kind
from superdsm.errors import ConfigError, suggest
from superdsm.params import Param
from superdsm.records import Exporter

Check = Callable[[Any], str]
SUFFIX = "_pathpattern"


def _is(expected: str, *types: type) -> Check:
    def check(value: Any) -> str:
        good = isinstance(value, types) and (bool in types or not isinstance(value, bool))
        return "" if good else f"is {kind(value)}; expected: {expected}"

    return check


def _positive(value: Any) -> str:
    return _is("a positive integer", int)(value) or ("" if value > 0 else f"is {value}; expected: a positive integer")


def _pattern(value: Any) -> str:
    return _is("a path with %d or %s for the file id", str)(value) or ("" if value else "is empty; give a path")


def _output(value: Any) -> str:
    return "" if value is None else _pattern(value)


def _environ(value: Any) -> str:
    if problem := _is("an object with environment variables", dict)(value):
        return problem
    for name, item in value.items():
        if not isinstance(item, (str, int, float)):
            return f"gives {name} {kind(item)}; expected: a string or a number"
    return ""


def _file_ids(value: Any) -> str:
    if isinstance(value, dict):
        known = set(value) == {"glob"} and isinstance(value["glob"], str)
        return "" if known else 'is an object that is not of the form {"glob": "*.tif"}'
    if problem := _is('a list of integers or strings, a text like "1-10,12", or {"glob": "*.tif"}', list, str)(value):
        return problem
    for item in value if isinstance(value, list) else ():
        if isinstance(item, bool) or not isinstance(item, (int, str)):
            return f"holds {kind(item)}; expected: integers or strings"
    return ""


def _names(value: Any) -> str:
    if problem := _is("a list of names", list)(value):
        return problem
    return "" if all(isinstance(item, str) for item in value) else "holds something else than names"


def _option(spec: Param) -> Check:
    def check(value: Any) -> str:
        try:
            spec.check(value, spec.name)
        except ConfigError as exc:
            return str(exc).removeprefix(spec.name).strip()
        return ""

    return check


FIXED: Mapping[str, Check] = {
    "runnable": _is("true or false", bool),
    "root": _is("true or false", bool),
    "num_cpus": _positive,
    "environ": _environ,
    "img_pathpattern": _pattern,
    "file_ids": _file_ids,
    "config": _is("an object with hyperparameters", dict),
    "base_config_path": _pattern,
    "last_stage": _is("the id of a stage, or null", str, type(None)),
    "use": _names,
    "without": _names,
}


def checks(tools: Components) -> dict[str, Check]:
    """Return a check for each field that a task may have; it returns what is wrong, or an empty string."""
    result = dict(FIXED)
    for exporter in tools.exporters.values():
        result[exporter.name + SUFFIX] = _output
        result |= {spec.name: _option(spec) for spec in exporter.options if spec.name not in FIXED}
    return result


def unknown(name: str, known: Mapping[str, Check]) -> str:
    """Return the warning for a field that is none."""
    return f"unknown field {name!r}{suggest(name, list(known))}; it is ignored"


def option_values(exporter: Exporter, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the options of an exporter in a task, in their types, with defaults filled in."""
    return {
        option.name: option.check(spec.get(option.name, option.default), option.name) for option in exporter.options
    }
