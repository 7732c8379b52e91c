"""Plans in words, and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from superdsm.batch.execution.listener import RunSummary
from superdsm.batch.planning.records import Action, ImagePlan, TaskPlan
from superdsm.batch.tasks.file_ids import FileId, conversions
from superdsm.batch.tasks.prepare import PreparedTask
from superdsm.cli.batch.units import duration, images
from superdsm.config import PROFILE

KINDS = {"seg": "label images", "overlay": "overlays"}
COUNTED = {
    Action.NOTHING: "complete",
    Action.RUN: "to run",
    Action.SKIP: "failed before",
    Action.FAIL: "cannot be read",
}
SHOWN = 3  # reasons and file ids that are listed


@dataclass(slots=True)
class Group:
    """Images of a task for which the same is planned for the same reasons."""

    image: ImagePlan
    ids: list[FileId] = field(default_factory=list)
    seconds: float | None = 0.0


def groups(plan: TaskPlan) -> list[Group]:
    """Return the images of a task, grouped by what is planned."""
    found: dict[object, Group] = {}
    for image in plan.images:
        reasons = () if image.action == Action.NOTHING else image.reasons
        group = found.setdefault((image.action, reasons, image.compute, image.load, image.exports), Group(image))
        group.ids.append(image.id)
        known = group.seconds is not None and (image.action != Action.RUN or image.seconds is not None)
        group.seconds = (group.seconds or 0.0) + (image.seconds or 0.0) if known else None
    return list(found.values())


def plan_lines(plans: Sequence[TaskPlan], *, verbose: bool = False) -> Iterator[str]:
    """Yield the lines that tell what is planned."""
    for plan in plans:
        counts = _counts(plan)
        profile = plan.prepared.task.config.get(PROFILE)
        yield f"{plan.name}: {images(len(plan.images))}, profile {profile}" + (f", {counts}" if counts else "")
        for note in plan.prepared.notes:
            yield f"    note: {note}"
        for group in groups(plan):
            if group.image.action != Action.NOTHING or verbose:
                yield from _group_lines(plan, group, verbose)


def _counts(plan: TaskPlan) -> str:
    parts = [f"{plan.count(action)} {name}" for action, name in COUNTED.items() if plan.count(action)]
    parts += [f"corrected by hand: {plan.corrected}"] if plan.corrected else []
    return ", ".join(parts)


def _group_lines(plan: TaskPlan, group: Group, verbose: bool) -> Iterator[str]:
    image = group.image
    shown = ", ".join(map(str, group.ids if verbose else group.ids[:SHOWN]))
    more = "" if verbose or len(group.ids) <= SHOWN else ", ..."
    reasons = _reasons(image.reasons)
    head = f"    {len(group.ids)} ({shown}{more})"
    if image.action == Action.RUN:
        first = plan.first_computed_stage(image)
        what = f"from {first}" if first else "outputs only" if image.exports else "nothing new"
        time = "" if group.seconds is None else f", about {duration(group.seconds)} of work"
        yield f"{head}: {what}{time}; {reasons}"
        if source := plan.origin(image):
            where = "this task" if source == plan.name else f"task {source}"
            yield f"        picked up: {', '.join(image.load)} from {where}"
    elif image.action == Action.NOTHING:
        yield f"{head}: complete"
    else:
        hint = "; --retry-failed tries again" if image.action == Action.SKIP else f" ({image.path})"
        yield f"{head}: {reasons}{hint}"


def _reasons(reasons: Sequence[str]) -> str:
    more = f", and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
    return ", ".join(reasons[:SHOWN]) + more


def json_records(plans: Sequence[TaskPlan]) -> Iterator[dict[str, Any]]:
    """Yield the plan as JSON values, one per task."""
    for plan in plans:
        yield {
            "event": "plan",
            "task": plan.name,
            "profile": plan.prepared.task.config.get(PROFILE),
            "images": len(plan.images),
            "complete": plan.count(Action.NOTHING),
            "run": plan.count(Action.RUN),
            "failed_before": plan.count(Action.SKIP),
            "unreadable": plan.count(Action.FAIL),
            "corrected": plan.corrected,
            "notes": list(plan.prepared.notes),
            "groups": [
                {
                    "action": group.image.action,
                    "from": plan.first_computed_stage(group.image) or None,
                    "ids": group.ids,
                    "reasons": list(group.image.reasons),
                    "compute": list(group.image.compute),
                    "load": list(group.image.load),
                    "outputs": list(group.image.exports),
                    "picked_up_from": plan.origin(group.image) or None,
                    "seconds": group.seconds if group.image.action == Action.RUN else None,
                }
                for group in groups(plan)
            ],
        }


def totals(plans: Sequence[TaskPlan], seconds: float | None) -> str:
    """Return the line that sums a plan up."""
    count = {action: sum(plan.count(action) for plan in plans) for action in COUNTED}
    parts = [f"{images(count[Action.RUN])} to run in {len(plans)} task{'s' if len(plans) != 1 else ''}"]
    parts += [f"{count[action]} {name}" for action, name in COUNTED.items() if action != Action.RUN and count[action]]
    if count[Action.RUN]:
        parts.append(
            "time unknown: nothing of the kind was timed yet" if seconds is None else f"about {duration(seconds)}"
        )
    return "; ".join(parts)


def outcome(summary: RunSummary) -> str:
    """Return the line that says how a run went."""
    parts = [f"{images(summary.done)} done in {duration(summary.seconds)}"]
    parts += [f"{summary.failed} failed"] if summary.failed else []
    parts += [f"{summary.skipped} failed before and left out"] if summary.skipped else []
    parts += [f"{summary.complete} complete before"] if summary.complete else []
    parts += [f"{summary.locked} left to another process"] if summary.locked else []
    if summary.interrupted:
        parts.insert(0, "stopped; what is finished is kept")
    return "; ".join(parts)


def outputs(plans: Sequence[TaskPlan]) -> list[tuple[str, str, str]]:
    """Return the names of the tasks that have written something, what to look at first, and in which directory."""
    return [(plan.name, *found) for plan in plans if plan.count(Action.RUN) and (found := _first_output(plan.prepared))]


def _first_output(prepared: PreparedTask) -> tuple[str, str] | None:
    """Return what to look at first of what a task writes, and in which directory it is; None: nothing is written."""
    patterns = {name: export.pattern for name, export in prepared.exports.items() if not export.part}
    for name in (*KINDS, *patterns):
        if name in patterns:
            folder = Path(patterns[name]).parent
            while conversions(str(folder)):
                folder = folder.parent
            return KINDS.get(name, name), str(folder).replace("%%", "%")
    return None


def outputs_line(found: Sequence[tuple[str, str, str]]) -> str:
    """Return the line that says where the outputs of tasks are.

    Parameters
    ----------
    found : sequence of (str, str, str)
        Name of the task, kind of its outputs, their directory.
    """
    places: dict[tuple[str, str], None] = dict.fromkeys((kind, directory) for _, kind, directory in found)
    shown = [f"{kind} in {directory}" for kind, directory in places][:SHOWN]
    more = f", and in {len(places) - SHOWN} more directories" if len(places) > SHOWN else ""
    return ", ".join(shown) + more
