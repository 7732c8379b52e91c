"""The evaluation of all tasks in a tree."""

import argparse
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.batch.api import Batch
from superdsm.batch.execution.listener import Listener
from superdsm.batch.planning.records import Action, TaskPlan
from superdsm.batch.tasks.file_ids import expand
from superdsm.batch.tasks.tree import Task
from superdsm.cli.evaluate.pairs import (
    Evaluated,
    Pair,
    check_objects,
    check_pictures,
    evaluate_all,
    listed,
    picture_path,
    warn,
)
from superdsm.errors import ConfigError, TaskError, suggest

if TYPE_CHECKING:
    from superdsm.metrics import Summary

LABELS = "seg"  # the exporter of label images


@dataclass(slots=True)
class TaskScores:
    """An evaluated task.

    Attributes
    ----------
    task : Task
        The task.
    evaluated : Evaluated
        Its images.
    pairs : list of Pair
        The images to evaluate.
    files : list of Path
        The files that the task writes.
    outdated : list
        File ids of label images that were not made with the task as it is now.
    summary : Summary or None
        Its scores; None: no image could be evaluated.
    parent : str
        Name of the nearest task above that has scores of the same images; "" if there is none.
    difference : dict
        How much the pooled scores and the counts are above those of that task, for the images that both have.
    shared : int
        The number of these images.
    best : bool
        Whether no other task with the same images has a better score.
    """

    task: Task
    evaluated: Evaluated
    pairs: list[Pair] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    outdated: list[str] = field(default_factory=list)
    summary: "Summary | None" = None
    parent: str = ""
    difference: dict[str, dict[str, Any]] = field(default_factory=dict)
    shared: int = 0
    best: bool = False

    @property
    def ground_truth(self) -> frozenset[Path]:
        """The ground truth of the evaluated images."""
        return frozenset(pair.truth for pair in self.evaluated.results)


class _Warnings(Listener):
    """Passes on what is to be looked at in the tasks."""

    def warning(self, text: str, *, minor: bool = False) -> None:
        if not minor:
            warn(text)


def evaluate_tasks(args: argparse.Namespace) -> list[TaskScores]:
    """Evaluate all tasks in and below a directory.

    Raises
    ------
    SuperDSMError
        Nothing can be evaluated.
    """
    from superdsm.metrics import summarise

    by = score_name(args)
    found = [_find(plan, args) for plan in Batch.open(args.predicted).plan(remember=False, listener=_Warnings()).tasks]
    check_pictures(
        (pair for scores in found for pair in scores.pairs), (file for scores in found for file in scores.files)
    )
    for scores in found:
        _tell(scores, args)
        evaluate_all(scores.pairs, scores.evaluated, args)
        if scores.evaluated.results:
            scores.summary = summarise(scores.evaluated.results.values())
    if not any(scores.evaluated.results for scores in found):
        raise TaskError(f"{args.predicted}: no task has a label image with ground truth; check --gt, or run the tasks")
    check_objects((result for scores in found for result in scores.evaluated.results.values()), args.gt)
    for scores in found:
        _compare(scores, found)
    _mark_best(found, by)
    return found


def score_name(args: argparse.Namespace) -> str:
    """Return the score by which the best task is found.

    Raises
    ------
    ConfigError
        There is no such score.
    """
    from superdsm.metrics import SCORES
    from superdsm.metrics.tally import PARTIAL

    known = [name for name in SCORES if not args.partial or name in PARTIAL]
    by = args.by or ("seg" if args.partial else "ap_50")
    if by not in known:
        why = " with --partial" if by in SCORES else ""
        raise ConfigError(f"--by {by}: there is no such score{why}{suggest(by, known)}; known: {', '.join(known)}")
    return str(by)


def _find(plan: TaskPlan, args: argparse.Namespace) -> TaskScores:
    """Find the label images of a task, and their ground truth."""
    prepared, task = plan.prepared, plan.prepared.task
    scores = TaskScores(task, Evaluated())
    if LABELS not in prepared.exports:
        warn(f"task {task.name}: writes no label images, not evaluated; add seg_pathpattern to {task.file.path}")
        scores.evaluated.failed[task.name] = "writes no label images"
        return scores
    truths = prepared.truths(args.gt).values()
    pictures = None if args.overlay is None else args.overlay / task.name
    for image, path in zip(plan.images, truths, strict=True):
        outputs = {name: Path(expand(output.pattern, image.id)) for name, output in prepared.exports.items()}
        name = str(image.id)
        scores.files += outputs.values()
        if not path.is_file():
            scores.evaluated.without_truth.append(name)
        elif not outputs[LABELS].is_file():
            scores.evaluated.without_prediction.append(name)
        else:
            drawn_on = Path(image.path) if Path(image.path).is_file() else None
            scores.pairs.append(Pair(name, outputs[LABELS], path, drawn_on, picture_path(pictures, name)))
            if image.action == Action.RUN and LABELS in image.exports:
                scores.outdated.append(name)
    return scores


def _tell(scores: TaskScores, args: argparse.Namespace) -> None:
    """Say what is not evaluated, or is not what it seems to be."""
    run = f"; run: {shlex.join(['superdsm', 'batch', str(args.predicted), '--run'])}"
    for names, what, hint in (
        (scores.evaluated.without_truth, "without ground truth, not evaluated", ""),
        (scores.evaluated.without_prediction, "without label image, not evaluated", run),
        (scores.outdated, "label images are not up to date", run),
    ):
        if names:
            warn(f"task {scores.task.name}: {len(names)} {what}: {listed(names)}{hint}")


def _compare(scores: TaskScores, found: list[TaskScores]) -> None:
    """Add the difference to the nearest task above that has the same images."""
    from superdsm.metrics import summarise

    known = {other.task.name: other for other in found}
    own = {(pair.name, pair.truth): result for pair, result in scores.evaluated.results.items()}
    above = scores.task.parent
    while above is not None:
        if above.name in known:
            theirs = {(pair.name, pair.truth): result for pair, result in known[above.name].evaluated.results.items()}
            common = [key for key in own if key in theirs]
            if common:
                here, there = summarise(own[key] for key in common), summarise(theirs[key] for key in common)
                scores.parent, scores.shared = above.name, len(common)
                scores.difference = {
                    "counts": _minus(here.counts, there.counts),
                    "scores": _minus(here.pooled, there.pooled),
                }
                return
        above = above.parent


def _minus(first: Any, second: Any) -> dict[str, Any]:
    known = {name: second[name] for name in first if first[name] is not None and second[name] is not None}
    return {name: first[name] - known[name] if name in known else None for name in first}


def _mark_best(found: list[TaskScores], by: str) -> None:
    """Mark the best of the complete tasks that have the same images."""
    from superdsm.metrics import LOW_IS_GOOD

    groups: dict[frozenset[Path], list[tuple[float, TaskScores]]] = {}
    for scores in found:
        value = None if scores.summary is None else scores.summary.pooled[by]
        if value is not None and scores.evaluated.is_complete:
            groups.setdefault(scores.ground_truth, []).append((-value if by in LOW_IS_GOOD else value, scores))
    for group in groups.values():
        highest = max(value for value, _ in group)
        for value, scores in group:
            scores.best = len(group) > 1 and value == highest
