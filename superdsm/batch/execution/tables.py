"""The tables of a task: ``timings.csv``, ``performance.csv``, ``summary.csv``, ``env.csv`` and ``manifest.json``."""

import csv
import importlib.metadata
import io
import json
import os
import platform
import socket
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from superdsm.batch.components import Components
from superdsm.batch.execution.executors import THREADS, worker_environ
from superdsm.batch.planning.planner import TaskPlan
from superdsm.batch.storage.atomic import write_atomic
from superdsm.batch.storage.journal import DONE, JournalEntry
from superdsm.config import PROFILE
from superdsm.summary import cells

ENVIRONMENT = (*THREADS, "LANG", "LC_ALL", "PYTHONHASHSEED", "SUPERDSM_PLUGINS", "TZ")
LAST = "manifest.json"  # is written after all others
LIBRARIES = ("numpy", "scipy", "scikit-image", "cvxopt", "loky", "imageio", "tifffile", "imagecodecs")


def write(plan: TaskPlan, tools: Components) -> None:
    """Write the tables of a task, from its journal.

    Raises
    ------
    OSError
        They cannot be written.
    """
    directory = plan.setup.task.directory
    records = [record for file_id in plan.setup.file_ids if (record := plan.state.get(file_id)) is not None]
    write_atomic(directory / "timings.csv", timings(plan, records))
    write_atomic(directory / "performance.csv", performance(records))
    write_atomic(directory / "summary.csv", summary(records))
    write_atomic(directory / "env.csv", environment(plan.setup.task.environ))
    text = json.dumps(manifest(plan, tools, records), indent=2)
    write_atomic(directory / LAST, (text + "\n").encode())


def outdated(plan: TaskPlan) -> bool:
    """Return whether the tables of a task are missing, or older than its journal, as after a crash."""
    try:
        written = (plan.setup.task.directory / LAST).stat().st_mtime_ns
    except FileNotFoundError:
        written = 0
    return plan.state.stamp()[1] > written


def timings(plan: TaskPlan, records: Iterable[JournalEntry]) -> bytes:
    """Return the seconds per image and stage; those of results that were picked up are from when they were computed."""
    columns = [*(stage.id for stage in plan.setup.recipe.stages), "export"]
    rows = [
        [record.id, record.status, *(record.seconds.get(name, "") for name in columns), sum(record.seconds.values())]
        for record in records
    ]
    return _csv([["file_id", "status", *columns, "total"], *rows])


def performance(records: Sequence[JournalEntry]) -> bytes:
    """Return the counts of the energy minimisation, and how much of the search the pruning saved."""
    columns: dict[str, None] = {}
    for record in records:
        columns |= dict.fromkeys(record.performance)
    rows = [
        [
            record.id,
            record.n_objects if record.n_objects >= 0 else "",
            *(_cell(record.performance.get(n)) for n in columns),
        ]
        for record in records
        if record.status == DONE
    ]
    return _csv([["file_id", "objects", *columns], *rows])


def summary(records: Sequence[JournalEntry]) -> bytes:
    """Return what is known of each image as a whole: sizes, what was left out and why, and warnings."""
    rows = {record.id: cells(record.summary) for record in records}
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    table = [
        [
            record.id,
            record.status,
            record.n_objects if record.n_objects >= 0 else "",
            *(_cell(rows[record.id].get(name)) for name in columns),
            "; ".join([*record.warnings, *([record.message] if record.message else [])]),
        ]
        for record in records
    ]
    return _csv([["file_id", "status", "objects", *columns, "remarks"], *table])


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def environment(environ: dict[str, str]) -> bytes:
    """Return the environment variables of the workers: those that matter and may be shown, and the task's own."""
    known = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    return _csv([["variable", "value"], *sorted((known | worker_environ(environ)).items())])


def manifest(plan: TaskPlan, tools: Components, records: Sequence[JournalEntry]) -> dict[str, Any]:
    """Return everything that one needs to know to repeat the task."""
    setup = plan.setup
    seconds: dict[str, float] = {}
    for record in records:
        for stage, value in record.seconds.items():
            seconds[stage] = round(seconds.get(stage, 0.0) + value, 6)
    images = {str(image.id): image.file.digest if image.file else None for image in plan.images}
    return {
        "task": plan.name,
        "written": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "versions": {
            "superdsm": _version("superdsm"),
            "python": platform.python_version(),
            **{name: _version(name) for name in LIBRARIES},
            "plugins": dict(tools.versions),
        },
        "host": {"name": socket.gethostname(), "cpu": cpu(), "cores": os.cpu_count(), "system": platform.platform()},
        "profile": setup.task.config.get(PROFILE),
        "stages": [
            {"id": stage.id, **(stage.material["code"] or {}), "settings": stage.material["settings"]}
            for stage in setup.recipe.stages
        ],
        "config": setup.task.config.as_dict(),
        "outputs": {export.name: {"pattern": export.pattern, **export.options} for export in setup.exports},
        "images": {
            "total": len(setup.file_ids),
            "done": sum(record.status == DONE for record in records),
            "failed": {str(record.id): record.message for record in records if record.status != DONE},
            "digests": images,
        },
        "seconds": seconds,
    }


def cpu() -> str:
    """Return the name of the processor."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _csv(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
