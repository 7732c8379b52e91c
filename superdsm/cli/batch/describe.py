"""Plans in words, and as JSON."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from superdsm.batch.execution.listener import RunSummary
from superdsm.batch.planning.planner import FAIL, NOTHING, RUN, SKIP, ImagePlan, Planner, TaskPlan
from superdsm.batch.tasks.file_ids import FileId, conversions
from superdsm.batch.tasks.prepare import PreparedTask
from superdsm.config import PROFILE

KINDS = {"seg": "label images", "overlay": "overlays"}
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
        reasons = () if image.action == NOTHING else image.reasons
        group = found.setdefault((image.action, reasons, image.compute, image.load, image.exports), Group(image))
        group.ids.append(image.id)
        known = group.seconds is not None and (image.action != RUN or image.seconds is not None)
        group.seconds = (group.seconds or 0.0) + (image.seconds or 0.0) if known else None
    return list(found.values())


def origin(planner: Planner, plan: TaskPlan, image: ImagePlan) -> str:
    """Return the task that has the results which an image picks up; "" if it picks up none."""
    if not image.load:
        return ""
    digest = plan.setup.recipe.stages[image.load[-1]].digest
    task = plan.setup.task
    names = [task.name]
    while task.parent is not None:
        task = task.parent
        names.append(task.name)
    others = [other.name for other in planner.tree.tasks if other.name not in names]
    for name in [*names, *others]:
        if any(digest == known for why in planner.state(name).whys() for _, _, known in why):
            return name
    return planner.coming.get(digest, "")


def lines(planner: Planner, plans: Sequence[TaskPlan], *, verbose: bool = False) -> Iterator[str]:
    """Yield the lines that tell what is planned."""
    for plan in plans:
        counts = _counts(plan)
        profile = plan.setup.task.config.get(PROFILE)
        yield f"{plan.name}: {_images(len(plan.images))}, profile {profile}" + (f", {counts}" if counts else "")
        for note in plan.setup.notes:
            yield f"    note: {note}"
        for group in groups(plan):
            if group.image.action != NOTHING or verbose:
                yield from _group_lines(planner, plan, group, verbose)


def _counts(plan: TaskPlan) -> str:
    names = {NOTHING: "complete", RUN: "to run", SKIP: "failed before", FAIL: "cannot be read"}
    return ", ".join(f"{plan.count(action)} {name}" for action, name in names.items() if plan.count(action))


def _group_lines(planner: Planner, plan: TaskPlan, group: Group, verbose: bool) -> Iterator[str]:
    image, stages = group.image, plan.setup.recipe.stages
    shown = ", ".join(map(str, group.ids if verbose else group.ids[:SHOWN]))
    more = "" if verbose or len(group.ids) <= SHOWN else ", ..."
    reasons = _reasons(image.reasons)
    head = f"    {len(group.ids)} ({shown}{more})"
    if image.action == RUN:
        what = (
            f"from {begin(plan, image)}" if begin(plan, image) else "outputs only" if image.exports else "nothing new"
        )
        time = "" if group.seconds is None else f", about {duration(group.seconds)} of work"
        yield f"{head}: {what}{time}; {reasons}"
        source = origin(planner, plan, image)
        if source:
            where = "this task" if source == plan.name else f"task {source}"
            yield f"        picked up: {', '.join(stages[at].id for at in image.load)} from {where}"
    elif image.action == NOTHING:
        yield f"{head}: complete"
    else:
        hint = "; --retry-failed tries again" if image.action == SKIP else f" ({image.path})"
        yield f"{head}: {reasons}{hint}"


def begin(plan: TaskPlan, image: ImagePlan) -> str:
    """Return the id of the first stage that is really worked on, or "".

    Stages whose results are not kept are run again whenever a later one needs them; they count only where nothing is
    kept at all.
    """
    stages = plan.setup.recipe.stages
    if not any(at in image.goals or stages[at].stored for at in image.compute):
        return ""
    return next((stages[at].id for at in image.compute if stages[at].stored), stages[image.compute[0]].id)


def _reasons(reasons: Sequence[str]) -> str:
    more = f", and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
    return ", ".join(reasons[:SHOWN]) + more


def json_records(planner: Planner, plans: Sequence[TaskPlan]) -> Iterator[dict[str, Any]]:
    """Yield the plan as JSON values, one per task."""
    for plan in plans:
        stages = plan.setup.recipe.stages
        yield {
            "event": "plan",
            "task": plan.name,
            "profile": plan.setup.task.config.get(PROFILE),
            "images": len(plan.images),
            "complete": plan.count(NOTHING),
            "run": plan.count(RUN),
            "failed_before": plan.count(SKIP),
            "unreadable": plan.count(FAIL),
            "notes": list(plan.setup.notes),
            "groups": [
                {
                    "action": group.image.action,
                    "from": begin(plan, group.image) or None,
                    "ids": group.ids,
                    "reasons": list(group.image.reasons),
                    "compute": [stages[at].id for at in group.image.compute],
                    "load": [stages[at].id for at in group.image.load],
                    "outputs": [plan.setup.exports[index].name for index in group.image.exports],
                    "picked_up_from": origin(planner, plan, group.image) or None,
                    "seconds": group.seconds if group.image.action == RUN else None,
                }
                for group in groups(plan)
            ],
        }


def totals(plans: Sequence[TaskPlan], seconds: float | None) -> str:
    """Return the line that sums a plan up."""
    count = {action: sum(plan.count(action) for plan in plans) for action in (NOTHING, RUN, SKIP, FAIL)}
    parts = [f"{_images(count[RUN])} to run in {len(plans)} task{'s' if len(plans) != 1 else ''}"]
    parts += [f"{count[NOTHING]} complete"] if count[NOTHING] else []
    parts += [f"{count[SKIP]} failed before"] if count[SKIP] else []
    parts += [f"{count[FAIL]} cannot be read"] if count[FAIL] else []
    if count[RUN]:
        parts.append(
            "time unknown: nothing of the kind was timed yet" if seconds is None else f"about {duration(seconds)}"
        )
    return "; ".join(parts)


def outcome(summary: RunSummary) -> str:
    """Return the line that says how a run went."""
    parts = [f"{_images(summary.done)} done in {duration(summary.seconds)}"]
    parts += [f"{summary.failed} failed"] if summary.failed else []
    parts += [f"{summary.skipped} failed before and left out"] if summary.skipped else []
    parts += [f"{summary.complete} complete before"] if summary.complete else []
    parts += [f"{summary.locked} left to another process"] if summary.locked else []
    if summary.interrupted:
        parts.insert(0, "stopped; what is finished is kept")
    return "; ".join(parts)


def outputs_of(setup: PreparedTask) -> tuple[str, str] | None:
    """Return what to look at first of what a task writes, and in which directory it is; None: nothing is written."""
    patterns = {export.name: export.pattern for export in setup.exports}
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


def _images(count: int) -> str:
    return f"{count} image{'s' if count != 1 else ''}"


def duration(seconds: float) -> str:
    """Return seconds in words: "12 s", "3 min 20 s", "2 h 05 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def command(root: str | Path, arguments: Mapping[str, Any], **changes: Any) -> str:
    """Return the command that continues.

    Parameters
    ----------
    root : str or Path
        As it was given.
    arguments : mapping
        Options by name: True, a text, a number, or a list of texts; false ones are left out.
    **changes
        Other values for some of them.
    """
    words = ["superdsm", "batch", str(root)]
    for name, value in {**arguments, **changes}.items():
        option = "--" + name.replace("_", "-")
        if value is True:
            words.append(option)
        elif isinstance(value, (list, tuple)):
            words += [word for item in value for word in (option, str(item))]
        elif value not in (None, False, ""):
            words += [option, str(value)]
    return shlex.join(words)
