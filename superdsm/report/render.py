"""The report as a page: one HTML file without anything from elsewhere; equal reports give equal bytes."""

import base64
import hashlib
import json
import math
import statistics
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from superdsm.batch.results.flags import RULES
from superdsm.report.charts import histogram, plate, scatter
from superdsm.report.records import Column, ImageReport, Report, TaskReport

MOST_WORST = 24  # that are shown above all others
PLATE_COLUMNS = ("objects", "radius", "contrast")


def render(report: Report) -> str:
    """Return the page.

    Parameters
    ----------
    report : Report
        What it says. Texts may be anybody's: they are shown, and never read as HTML or as a script.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    style, script = Markup(_asset("page.css")), Markup(_asset("page.js"))
    flagged = sorted(_flagged(report), key=_severity, reverse=True)
    page: str = environment.from_string(_asset("page.html.j2")).render(
        report=report,
        policy=_policy(style, script),
        style=style,
        script=script,
        data=_json(_data(report)),
        totals=list(_totals(report, len(flagged))),
        worst=flagged[:MOST_WORST],
        more=max(0, len(flagged) - MOST_WORST),
        rules=RULES,
        found_rules=[
            name for name in RULES if any(flag.rule == name for _, image, _ in flagged for flag in image.flags)
        ],
        many_tasks=len(report.tasks) > 1,
        sections=[(task, list(_plates(report, task)), list(_charts(report, task))) for task in report.tasks],
        comparison=_comparison(report),
    )
    return page


def _asset(name: str) -> str:
    return (files("superdsm.report") / "assets" / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Return a content security policy that allows this style and this script, and nothing from a network."""

    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; img-src 'self' file: data:; style-src {digest(style)}; script-src {digest(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _json(value: Any) -> Markup:
    """Return JSON that no text in it can end."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _data(report: Report) -> dict[str, Any]:
    return {
        "tasks": [task.name for task in report.tasks],
        "columns": [{"name": item.name, "label": item.label, "digits": item.digits} for item in report.columns],
        "rules": {name: doc for name, (_, _, doc) in RULES.items()},
        "images": [
            {
                "task": index,
                "id": image.id,
                "status": image.status,
                "flags": [{"rule": flag.rule, "text": flag.text, "severity": flag.severity} for flag in image.flags],
                "values": {item.name: _finite(image.values.get(item.name)) for item in report.columns},
                "remark": image.remark,
                "discarded": dict(image.discarded),
                "source": image.source,
                "well": image.well,
                "thumbnail": image.thumbnail,
                "views": dict(image.views),
            }
            for index, task in enumerate(report.tasks)
            for image in task.images
        ],
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Place = tuple[int, ImageReport, TaskReport]


def _flagged(report: Report) -> Iterator[Place]:
    """Yield the flagged images, each with its number in the whole report, and its task."""
    number = 0
    for task in report.tasks:
        for image in task.images:
            if image.flags:
                yield number, image, task
            number += 1


def _found_rules(flagged: Iterable[Place]) -> list[str]:
    found = {flag.rule for _, image, _ in flagged for flag in image.flags}
    return [name for name in RULES if name in found]


def _severity(place: Place) -> tuple[int, int, int]:
    number, image, _ = place
    return image.flags[0].severity, len(image.flags), -number


def _totals(report: Report, flagged: int) -> Iterator[Mapping[str, Any]]:
    images = [image for task in report.tasks for image in task.images]
    failed = sum(image.status == "failed" for image in images)
    waiting = sum(image.status == "open" for image in images)
    yield {"value": f"{len(images):,}", "label": "images", "bad": False}
    yield {"value": f"{failed:,}", "label": "failed", "bad": failed > 0}
    if waiting:
        yield {"value": f"{waiting:,}", "label": "not processed yet", "bad": True}
    yield {"value": f"{flagged:,}", "label": "flagged", "bad": flagged > failed}
    yield {"value": f"{sum(_known(images, 'objects')):,.0f}", "label": "objects", "bad": False}


def _known(images: Any, name: str) -> list[float]:
    return [value for image in images if (value := image.values.get(name)) is not None and math.isfinite(value)]


def _plates(report: Report, task: TaskReport) -> Iterator[Markup]:
    """Yield the heat maps of the plates; a well with several images has their mean."""
    labels = {column.name: column.label for column in report.columns}
    for name in dict.fromkeys(image.plate for image in task.images if image.well):
        members = [image for image in task.images if image.well and image.plate == name]
        for column in PLATE_COLUMNS:
            wells: dict[str, float | None] = {}
            for well in dict.fromkeys(image.well for image in members):
                known = _known([image for image in members if image.well == well], column)
                wells[well] = statistics.fmean(known) if known else None
            if column in labels and any(value is not None for value in wells.values()):
                yield plate(wells, f"{name + ': ' if name else ''}{labels[column]}, mean of the images of a well")


def _charts(report: Report, task: TaskReport) -> Iterator[Markup]:
    labels = {column.name: column.label for column in report.columns}
    for label, values in task.measurements.items():
        yield histogram(values, label)
    for x, y in (("radius", "objects"), ("contrast", "objects")):
        if x in labels and y in labels and len(task.images) > 1:
            points = [
                (float(image.values[x] or 0), float(image.values[y] or 0), image.id)
                for image in task.images
                if image.values.get(x) is not None and image.values.get(y) is not None
            ]
            yield scatter(points, labels[x], labels[y])


def _comparison(report: Report) -> Mapping[str, Any]:
    """Return the tasks side by side, with their scores against ground truth where there are some."""
    shown = [column for column in report.columns if column.name in ("objects", "radius", "contrast", "seconds")]
    scores = list(dict.fromkeys(name for task in report.tasks for name in task.scores))
    rows = []
    for task in report.tasks:
        medians = [_cell(_known(task.images, column.name), column) for column in shown]
        flagged = sum(bool(image.flags) for image in task.images)
        values = [f"{task.scores[name]:.4f}" if name in task.scores else "" for name in scores]
        rows.append([task.name, task.parent, len(task.images), flagged, *medians, *values])
    medians = [f"{column.label} (median)" for column in shown]
    return {"columns": ["task", "derived from", "images", "flagged", *medians, *scores], "rows": rows}


def _cell(values: list[float], column: Column) -> str:
    return f"{statistics.median(values):.{column.digits}g}" if values else ""
