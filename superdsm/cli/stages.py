"""``superdsm stages``: what the pipeline is made of, and all hyperparameters."""

import argparse
import json
import math
import sys
from typing import TYPE_CHECKING, Any

from superdsm.records import Command, ExitCode

if TYPE_CHECKING:
    from superdsm.params import Param
    from superdsm.stage import Stage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="show this stage with its hyperparameters")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the stages, or one of them."""
    from superdsm.plugins import resolve_stage

    stages = [resolve_stage(args.name)] if args.name else _known()
    records = [describe(stage, detailed=bool(args.name)) for stage in stages]
    if args.json:
        text = json.dumps(records[0] if args.name else records, indent=2)
    else:
        text = _detailed(records[0]) if args.name else _table(records)
    sys.stdout.write(text + "\n")
    return ExitCode.OK


def _known() -> "list[type[Stage]]":
    """Return all stages: those of the default pipeline in their order, then the others by provider and id."""
    from superdsm.plugins import registry

    return [*(entry.stage for entry in registry().builtin("stages").values()), *registry().offered_stages()]


def describe(stage: "type[Stage]", *, detailed: bool = False) -> dict[str, Any]:
    """Describe a stage class in JSON values.

    Parameters
    ----------
    stage : type of Stage
        The class.
    detailed : bool
        Whether to add the description and the hyperparameters.
    """
    from superdsm.plugins import provider_of, registry

    entry = registry().builtin("stages").get(stage.id)
    record: dict[str, Any] = {
        "id": stage.id,
        "provider": provider_of(stage),
        "version": stage.version,
        "default": entry is not None and entry.stage is stage,
        "inputs": list(stage.inputs),
        "outputs": list(stage.outputs),
        "stored": stage.stored,
        "place": _place(stage),
    }
    if detailed:
        instance = stage()
        record["doc"] = _text(stage.__doc__)
        record["fields"] = {name: instance.field(name).doc for name in stage.outputs}
        record["hyperparameters"] = [_hyperparameter(instance, spec) for spec in stage.declared.values()]
    return record


def _place(stage: "type[Stage]") -> str:
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
        "default": _strict(spec.default),
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
        record["auto"] = {"factor": name, "default": _strict(spec.auto.factor), "unit": spec.auto.unit}
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
            "in the default pipeline" if record["default"] else record["place"],
        )
        for record in records
    ]
    return "\n".join(columns([head, *rows]))


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
        f"place:    {'in the default pipeline' if record['default'] else record['place'] or 'none declared'}",
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
