"""``superdsm stages``: what the pipeline is made of, and all hyperparameters."""

import argparse
import json
import math
import sys
from typing import TYPE_CHECKING, Any

from superdsm.profiles import DEFAULT_PROFILE, PROFILES
from superdsm.records import Command, ExitCode

if TYPE_CHECKING:
    from superdsm.params import Param
    from superdsm.stage import Stage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="show this stage with its hyperparameters")
    parser.add_argument(
        "--profile", metavar="NAME", help=f"show the stages and defaults of a profile: {' or '.join(PROFILES)}"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the stages, or one of them."""
    from superdsm.plugins import default_pipeline, resolve_stage

    if args.profile:
        pipeline = default_pipeline(args.profile)
        stages: list[Stage] = [pipeline[args.name]] if args.name else list(pipeline)
    else:
        stages = [resolve_stage(args.name)()] if args.name else [stage() for stage in _known()]
    records = [describe(stage, detailed=bool(args.name)) for stage in stages]
    if args.json:
        text = json.dumps(records[0] if args.name else records, indent=2)
    else:
        text = _detailed(records[0]) if args.name else _table(records)
    sys.stdout.write(text + "\n")
    return ExitCode.OK


def _known() -> "list[type[Stage]]":
    """Return all stages: the built-in ones in their order, then the others by provider and id."""
    from superdsm.plugins import registry

    return [*(entry.stage for entry in registry().builtin("stages").values()), *registry().offered_stages()]


def describe(stage: "Stage", *, detailed: bool = False) -> dict[str, Any]:
    """Describe a stage in JSON values.

    Parameters
    ----------
    stage : Stage
        The stage, with its defaults.
    detailed : bool
        Whether to add the description and the hyperparameters.
    """
    from superdsm.plugins import provider_of, registry

    entry = registry().builtin("stages").get(stage.id)
    builtin = entry is not None and entry.stage is type(stage)
    found_in = [profile.name for profile in PROFILES.values() if builtin and stage.id in profile.stages]
    record: dict[str, Any] = {
        "id": stage.id,
        "provider": provider_of(stage),
        "version": stage.version,
        "default": DEFAULT_PROFILE in found_in,
        "profiles": found_in,
        "inputs": list(stage.inputs),
        "outputs": list(stage.outputs),
        "stored": stage.stored,
        "place": _place(stage),
    }
    if detailed:
        record["doc"] = _text(stage.__doc__)
        record["fields"] = {name: stage.field(name).doc for name in stage.outputs}
        record["hyperparameters"] = [_hyperparameter(stage, stage.spec(name)) for name in stage.declared]
    return record


def _place(stage: "Stage") -> str:
    for word in ("replaces", "before", "after"):
        if getattr(stage, word):
            return f"{word} {getattr(stage, word)}"
    return ""


def _text(doc: str | None) -> str:
    return " ".join((doc or "").split())


def _hyperparameter(stage: "Stage", spec: "Param") -> dict[str, Any]:
    record: dict[str, Any] = {
        "path": stage.path(spec.name),
        "type": spec.type.__name__,
        "default": _strict(stage.defaults.get(spec.name, spec.default)),
        "unit": spec.unit,
        "expected": spec.expectation(),
        "min": _strict(spec.min),
        "max": _strict(spec.max),
        "choices": list(spec.choices),
        "nullable": spec.nullable,
        "doc": spec.doc,
        "auto": None,
    }
    if spec.auto is not None:
        name = f"{stage.id}/{spec.factor_name}"
        factor = stage.defaults.get(spec.factor_name, spec.auto.factor)
        record["auto"] = {"factor": name, "default": _strict(factor), "unit": spec.auto.unit}
    if spec.truncate or spec.floor is not None:
        record["truncate"], record["floor"] = spec.truncate, _strict(spec.floor)
    return record


def _strict(value: Any) -> Any:
    """Return a value that strict JSON can hold."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _table(records: list[dict[str, Any]]) -> str:
    head = ("stage", "inputs", "outputs", "provider", "version", "place")
    rows = [
        (
            record["id"],
            ", ".join(record["inputs"]),
            ", ".join(record["outputs"]),
            record["provider"],
            record["version"] or "by source",
            _where(record),
        )
        for record in records
    ]
    return "\n".join(columns([head, *rows]))


def _where(record: dict[str, Any]) -> str:
    """Say where a stage has its place."""
    profiles = record["profiles"]
    return f"profile{'s' if len(profiles) > 1 else ''} {', '.join(profiles)}" if profiles else str(record["place"])


def columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Lay rows of cells out in columns; the last one is not padded."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _detailed(record: dict[str, Any]) -> str:
    lines = [
        f"{record['id']} (provider {record['provider'] or 'none'}, version {record['version'] or 'by source'})",
        record["doc"],
        "",
        f"inputs:   {', '.join(record['inputs'])}",
        f"outputs:  {', '.join(record['outputs'])}",
        f"place:    {_where(record) or 'none declared'}",
        f"results:  {'stored' if record['stored'] else 'recomputed, not stored'}",
        "",
        "hyperparameters:" if record["hyperparameters"] else "no hyperparameters",
    ]
    for spec in record["hyperparameters"]:
        lines += [f"  {spec['path']} = {_value(spec)}", f"      {spec['expected']}", f"      {spec['doc']}"]
        if spec["auto"]:
            auto = spec["auto"]
            lines.append(f"      automatic: {auto['unit']} times {auto['factor']} = {auto['default']:}{_cast(spec)}")
    return "\n".join(lines)


def _value(spec: dict[str, Any]) -> str:
    return str(spec["default"]) if isinstance(spec["default"], str) else json.dumps(spec["default"])


def _cast(spec: dict[str, Any]) -> str:
    words = ["truncated"] if spec.get("truncate") else []
    if spec.get("floor") is not None:
        words.append(f"at least {spec['floor']:g}")
    return f" ({', '.join(words)})" if words else ""


COMMAND = Command("stages", "Show the stages and their hyperparameters.", add_arguments, run)
