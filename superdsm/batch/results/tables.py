"""The tables of a task, for example ``timings.csv`` and ``performance.csv``, and its ``manifest.json``."""

import csv
import io
import json
import os
import platform
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from superdsm import host
from superdsm.batch.components import Components
from superdsm.batch.planning.records import TaskPlan
from superdsm.batch.results import object_tables
from superdsm.batch.results.summary import rows
from superdsm.batch.storage.atomic import write_atomic
from superdsm.batch.storage.digests import file_digest
from superdsm.batch.storage.journal import DONE, EXPORT, JournalEntry
from superdsm.batch.tasks.prepare import PreparedTask
from superdsm.config import PROFILE
from superdsm.jsonable import digest, digest_bytes
from superdsm.parallel import THREAD_VARIABLES, worker_environ

ENVIRONMENT = (*THREAD_VARIABLES, "LANG", "LC_ALL", "PYTHONHASHSEED", "SUPERDSM_PLUGINS", "SUPERDSM_SIMD", "TZ")
LAST = "manifest.json"  # is written after all others
NAMES = ("timings.csv", "performance.csv", "certificate.csv", "summary.csv", "env.csv", LAST)
ALWAYS = ("timings.csv", "performance.csv", "env.csv")


def write(plan: TaskPlan, components: Components) -> None:
    """Write the tables of a task, from its journal.

    Raises
    ------
    OSError
        They cannot be written.
    """
    directory = plan.prepared.task.directory
    entries = [entry for file_id in plan.prepared.file_ids if (entry := plan.journal.get(file_id)) is not None]
    tables = {
        "timings.csv": timings(plan.prepared.recipe.stages, entries),
        "performance.csv": performance(entries),
        "certificate.csv": certificate(entries) if any(entry.certificate for entry in entries) else None,
        "summary.csv": summary(entries, plan.prepared),
        "env.csv": environment(plan.prepared.task.environ),
    }
    digests = {}
    for name, table in tables.items():
        if table is not None:
            data = table.csv()
            write_atomic(directory / name, data)
            digests[name] = digest_bytes(data)
    digests |= object_tables.write(plan)
    content = {**manifest(plan, components, entries), "tables": digests}
    text = json.dumps({**content, "checksum": digest(content)}, indent=2)
    write_atomic(directory / LAST, (text + "\n").encode())


def outdated(plan: TaskPlan) -> bool:
    """Return whether tables of a task are missing, not as wanted, changed, or older than the journal (a crash)."""
    directory = plan.prepared.task.directory
    journal = plan.journal.stamp()
    if journal == (0, 0):
        return False
    try:
        path = directory / LAST
        if journal[1] > path.stat().st_mtime_ns or object_tables.outdated(plan):
            return True
        content = json.loads(path.read_bytes())
        if content.pop("checksum", None) not in (digest(content), None):
            return True
        # Of those that were gathered, which are large, `object_tables` has told.
        known = content.get("tables", dict.fromkeys(ALWAYS))  # earlier versions told no digests
        return any(value not in (file_digest(directory / name), None) for name, value in known.items() if name in NAMES)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return True


@dataclass(frozen=True, slots=True)
class Table:
    """A table; None stands where nothing is known."""

    columns: list[str]
    rows: list[list[Any]]

    def csv(self) -> bytes:
        """Return the table as comma-separated values; what is no number or text stands there as JSON."""
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([self.columns, *(map(_cell, row) for row in self.rows)])
        return text.getvalue().encode("utf-8", "backslashreplace")  # a name of a file may be no text


def certificate(entries: Iterable[JournalEntry]) -> Table:
    """Return how far the cover of each image is from the least energy at most, and why a gap is left.

    The reasons are those of `superdsm.core.certificate.REASONS`, each with the number of clusters.
    """
    header = ["upper_bound", "lower_bound", "gap", "clusters", "optimal", "restricted", "excess", "fits", "reasons"]
    names = ("upper", "lower", "gap", "clusters", "optimal", "restricted", "excess", "fits")
    rows = []
    for entry in entries:
        if entry.status == DONE and (found := entry.certificate):
            reasons = "; ".join(f"{name}: {count}" for name, count in sorted(found.get("reasons", {}).items()))
            rows.append([entry.id, *map(found.get, names), reasons])
    return Table(["file_id", *header], rows)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def timings(stages: Iterable[str], entries: Iterable[JournalEntry]) -> Table:
    """Return the seconds per image and stage; those of results that were picked up are from when they were computed."""
    columns = [*stages, EXPORT]
    rows = [
        [entry.id, entry.status, *(entry.seconds.get(name) for name in columns), sum(entry.seconds.values())]
        for entry in entries
    ]
    return Table(["file_id", "status", *columns, "total"], rows)


def performance(entries: Sequence[JournalEntry]) -> Table:
    """Return the counts of the energy minimisation, and how much of the search the pruning saved."""
    columns = list(dict.fromkeys(name for entry in entries for name in entry.performance))
    rows = [
        [entry.id, entry.n_objects if entry.n_objects >= 0 else None, *map(entry.performance.get, columns)]
        for entry in entries
        if entry.status == DONE
    ]
    return Table(["file_id", "objects", *columns], rows)


def summary(entries: Sequence[JournalEntry], prepared: PreparedTask) -> Table:
    """Return what is known of each image as a whole: sizes, what was left out and why, flags, and warnings."""
    columns = prepared.image_columns
    return Table(*rows(entries, columns.names, lambda entry: columns.values(prepared.image_path(entry.id)) or ()))


def environment(environ: dict[str, str]) -> Table:
    """Return the environment variables of the workers: those that matter and may be shown, and the task's own."""
    known = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    return Table(["variable", "value"], [list(item) for item in sorted((known | worker_environ(environ)).items())])


def manifest(plan: TaskPlan, components: Components, entries: Sequence[JournalEntry]) -> dict[str, Any]:
    """Return everything that one needs to know to repeat the task."""
    prepared = plan.prepared
    seconds: dict[str, float] = {}
    for entry in entries:
        for stage, value in entry.seconds.items():
            seconds[stage] = round(seconds.get(stage, 0.0) + value, 6)
    images = {str(image.id): image.file.digest if image.file else None for image in plan.images}
    return {
        "task": plan.name,
        "written": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "versions": {
            **host.versions(),
            "plugins": dict(components.versions),
        },
        "host": {
            "name": socket.gethostname(),
            "cpu": host.cpu_name(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
        },
        "profile": prepared.task.config.get(PROFILE),
        "stages": [
            {"id": stage.id, **(stage.material["code"] or {}), "settings": stage.material["settings"]}
            for stage in prepared.recipe.stages.values()
        ],
        "config": prepared.task.config.as_dict(),
        "outputs": {
            name: {"pattern": export.pattern, **export.options}
            for name, export in prepared.exports.items()
            if not export.part
        },
        "images": {
            "total": len(prepared.file_ids),
            "done": sum(entry.status == DONE for entry in entries),
            "failed": {str(entry.id): entry.message for entry in entries if entry.status != DONE},
            "digests": images,
        },
        "seconds": seconds,
    }
