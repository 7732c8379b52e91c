"""Checks of the records that hooks return."""

import re
from collections.abc import Callable
from typing import Any

from superdsm.params import Param
from superdsm.records import Command, ExecutorEntry, Exporter, Reader, StageEntry

KIND_HOOKS = {
    "stages": "superdsm_register_stages",
    "readers": "superdsm_register_readers",
    "exporters": "superdsm_register_exporters",
    "executors": "superdsm_register_executors",
    "commands": "superdsm_register_commands",
}
RECORDS: dict[str, type] = {
    "stages": StageEntry,
    "readers": Reader,
    "exporters": Exporter,
    "executors": ExecutorEntry,
    "commands": Command,
}


def check_record(kind: str, record: Any, *, builtin: bool = False) -> str:
    """Return what is wrong with a record, or an empty string.

    Parameters
    ----------
    kind : str
        One of `RECORDS`.
    record : object
        What a hook returned.
    builtin : bool
        Whether the hook is a built-in one.
    """
    expected = RECORDS[kind]
    if not isinstance(record, (StageEntry, Reader, Exporter, ExecutorEntry, Command)) or type(record) is not expected:
        shown = f"the class {record.__name__}" if isinstance(record, type) else type(record).__name__
        return f"returned {shown} where a {expected.__name__} is expected"
    if isinstance(record, StageEntry):
        return _check_stage(record, builtin)
    name: Any = record.name
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9]+([-_][a-z0-9]+)*", name):
        return f"returned a {expected.__name__} with the name {name!r}; use lower-case letters, digits, - and _"
    problem = next((text for text in _problems(record) if text), "")
    return f"returned the {expected.__name__} {name!r}, whose {problem}" if problem else ""


def _check_stage(entry: StageEntry, builtin: bool) -> str:
    from superdsm.stage import Stage

    stage: Any = entry.stage  # what a plugin declares need not be so
    if not isinstance(stage, type) or not issubclass(stage, Stage):
        return f"returned a StageEntry of {stage!r}, which is not a class derived from superdsm.Stage"
    if not entry.stage.id:
        return f"returned a StageEntry of {entry.stage.__name__}, which has no id"
    if entry.default and not builtin:
        return (
            f"returned the stage {entry.stage.id!r} with default=True; only built-in stages are part of the default "
            f"pipeline, others are activated with use"
        )
    return ""


def _problems(record: Any) -> list[str]:
    if isinstance(record, Reader):
        return [_suffixes(record.suffixes, empty=False), _callable(record, "read"), _text(record, "version")]
    if isinstance(record, Exporter):
        options: Any = record.options
        return [
            _strings(record, "inputs"),
            _callable(record, "write"),
            _suffixes(record.suffixes, empty=True),
            "" if all(isinstance(item, Param) and item.name for item in options) else "options are not Params",
            _text(record, "version"),
            _text(record, "doc"),
        ]
    if isinstance(record, ExecutorEntry):
        return [_callable(record, "make"), _text(record, "doc")]
    return [_callable(record, "add_arguments"), _callable(record, "run"), _text(record, "help")]


def _callable(record: Any, name: str) -> str:
    value: Callable[..., Any] | Any = getattr(record, name)
    return "" if callable(value) else f"{name} is {type(value).__name__}, not a function"


def _text(record: Any, name: str) -> str:
    value = getattr(record, name)
    return "" if isinstance(value, str) else f"{name} is {type(value).__name__}, not a string"


def _strings(record: Any, name: str) -> str:
    value = getattr(record, name)
    good = isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    return "" if good else f"{name} are {value!r}, not a tuple of strings"


def _suffixes(value: Any, *, empty: bool) -> str:
    good = isinstance(value, tuple) and all(
        isinstance(item, str) and item.startswith(".") and item == item.lower() for item in value
    )
    if good and (value or empty):
        return ""
    return f"suffixes are {value!r}; give a tuple of lower-case suffixes with the dot, as in ('.png',)"
