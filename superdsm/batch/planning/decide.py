"""Is this image up to date? If not: which stages have to run, which outputs have to be written, and why."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from superdsm.batch.planning.reasons import Reasons
from superdsm.batch.planning.records import Action, ImagePlan, PlanOptions, TaskPlan
from superdsm.batch.storage.digests import file_digest
from superdsm.batch.storage.journal import DONE, FAILED, FailureKind, JournalEntry, OutputFile
from superdsm.batch.storage.layout import STORE
from superdsm.batch.storage.store import Store
from superdsm.batch.tasks.file_ids import expand
from superdsm.batch.tasks.keys import IMAGE, Recipe, StageRecipe
from superdsm.batch.tasks.tree import Task

# Their cause lies outside: tried again without being asked.
RETRIED = (FailureKind.OUTPUT, FailureKind.IMAGE, FailureKind.MEMORY, FailureKind.OUTSIDE, FailureKind.CHANGED)


@dataclass(frozen=True, slots=True)
class Available:
    """Which results an image can count on.

    Attributes
    ----------
    store : Store
        The results that are there.
    promised : mapping
        Keys of the results that images planned before will have stored, with the numbers of these images.
    """

    store: Store
    promised: Mapping[str, int] = field(default_factory=dict)

    def __contains__(self, key: str) -> bool:
        return key in self.store or key in self.promised


@dataclass(frozen=True, slots=True)
class Question:
    """All that the decision on an image depends on.

    Attributes
    ----------
    plan : TaskPlan
        The task.
    image : ImagePlan
        The image, of which the file was found.
    number : int
        Number of the image in the whole plan.
    entry : JournalEntry or None
        What became of the image before.
    keys : mapping
        Key of each stage's result, by the id of the stage.
    available : Available
        The results it can count on.
    options : PlanOptions
        What is asked for.
    """

    plan: TaskPlan
    image: ImagePlan
    number: int
    entry: JournalEntry | None
    keys: Mapping[str, str]
    available: Available
    options: PlanOptions

    @property
    def stages(self) -> Mapping[str, StageRecipe]:
        """The stages of the task by their ids."""
        return self.plan.prepared.recipe.stages

    @property
    def same_work(self) -> bool:
        """Whether the image was worked on before with the same stages and hyperparameters."""
        entry, recipe = self.entry, self.plan.prepared.recipe
        if entry is None or entry.recipe != recipe.digest or not self.same_corrections:
            return False
        return entry.image == self.image.image

    @property
    def same_corrections(self) -> bool:
        """Whether the image was corrected before as it is now."""
        return self.entry is not None and self.entry.corrections == self.image.corrections.digest


def decide(question: Question, reasons: Reasons) -> ImagePlan:
    """Return the plan of an image whose file was found.

    Parameters
    ----------
    question : Question
        What it depends on.
    reasons : Reasons
        Words the differences between earlier work and what is asked for.
    """
    image, recipe = question.image, question.plan.prepared.recipe
    if would_fail_again(question):
        assert question.entry is not None
        image.action, image.reasons = Action.SKIP, (f"failed before: {question.entry.message}",)
        return image
    stale, why_stale = stale_outputs(question, reasons)
    search = Search(question)
    if not question.options.only_outputs:
        image.targets = tuple(stage for stage in recipe.terminal_stages() if not is_up_to_date(question, stage))
    for stage in image.targets:
        search.want(stage)
    for export in stale:
        for _, stage in question.plan.prepared.exports[export].inputs:
            search.want(stage)
    if stale:  # the hyperparameters as used depend on the scale
        for stage in recipe.stages_providing_the_scale():
            search.want(stage)
    complete = question.entry is not None and question.entry.status == DONE and question.same_corrections
    if complete and not search.compute and not stale:
        image.action = Action.NOTHING
        return image
    found = [*_general_reasons(question, reasons), *why_stale]
    if search.compute and not found:
        found.append(_why_lost(recipe, search.compute))
    image.action, image.reasons = Action.RUN, tuple(dict.fromkeys(found))
    image.compute, image.load = recipe.in_order(search.compute), recipe.in_order(search.load)
    image.exports, image.after = tuple(stale), tuple(sorted(search.after))
    return image


def would_fail_again(question: Question) -> bool:
    """Return whether an image failed before, and would again."""
    entry, options = question.entry, question.options
    if entry is None or entry.status != FAILED or options.force or options.retry_failed:
        return False
    if entry.stage.startswith("export") and entry.exports != question.plan.prepared.exports_digest:
        return False
    return question.same_work and entry.kind not in RETRIED


def is_up_to_date(question: Question, stage_id: str) -> bool:
    """Return whether the result of a terminal stage is there, or was there and need not be kept."""
    key = question.keys[stage_id]
    if not key or question.options.force:
        return False
    if question.stages[stage_id].stored:
        return key in question.available
    return question.entry is not None and question.entry.status == DONE and question.same_work


def stale_outputs(question: Question, reasons: Reasons) -> tuple[list[str], list[str]]:
    """Return the names of the outputs that have to be written, and why."""
    entry, prepared = question.entry, question.plan.prepared
    stale: list[str] = []
    why: list[str] = []
    for export in prepared.exports.values():
        if export.part and question.options.oneshot:
            continue
        path = expand(export.pattern, question.image.id)
        output = None if entry is None else entry.outputs.get(export.name)
        key = export.key(question.image.image, question.keys)
        if output is None or output.path != recorded_path(path, prepared.task):
            why += [f"{export.name} output missing"] if entry is not None and entry.status == DONE else []
        elif problem := output_problem(output, path):
            why.append(f"{export.name} output {problem}")
        elif not key or output.key != key:
            why += reasons.of_output(question.plan, entry, export.name)
        elif not question.options.force:
            continue
        stale.append(export.name)
    return stale, why


def _general_reasons(question: Question, reasons: Reasons) -> Iterator[str]:
    entry = question.entry
    if entry is None:
        yield "new image"
    elif entry.status == FAILED:
        yield "failed before"
    if question.options.force:
        yield "forced"
    if entry is None:
        return
    if entry.image and entry.image != question.image.image:
        yield "image changed"
    if entry.recipe != question.plan.prepared.recipe.digest:
        yield from reasons.of_stages(question.plan, entry)
    if not question.same_corrections:
        yield f"corrections {_change(entry.corrections, question.image.corrections.digest)}"


def _change(before: str, now: str) -> str:
    if before and now:
        return "changed"
    return "added" if now else "removed"


def _why_lost(recipe: Recipe, compute: set[str]) -> str:
    unkeyed = [stage.id for stage in recipe.stages.values() if not stage.keyed]
    if unkeyed:
        return f"results of {unkeyed[0]} cannot be kept"
    lost = [stage_id for stage_id in recipe.in_order(compute) if recipe.stages[stage_id].stored]
    return f"result of {lost[-1]} is not in the store any more" if lost else "results are not kept"


class Search:
    """Goes back from the stages that are wanted to what is there.

    Attributes
    ----------
    compute, load : set of str
        Ids of the stages to run, and of those whose results are taken as they are.
    after : set of int
        Numbers of the images that have to be done before.
    """

    def __init__(self, question: Question) -> None:
        self.question = question
        self.compute: set[str] = set()
        self.load: set[str] = set()
        self.after: set[int] = set()

    def want(self, stage_id: str) -> None:
        """Arrange that the outputs of a stage will be there."""
        if stage_id == IMAGE or stage_id in self.compute or stage_id in self.load:
            return
        question, key = self.question, self.question.keys[stage_id]
        stage = question.stages[stage_id]
        options, available = question.options, question.available
        if key and available.promised.get(key, question.number) != question.number:
            self.load.add(stage_id)
            self.after.add(available.promised[key])
        elif key and not (options.force or options.fresh) and stage.stored and key in available.store:
            self.load.add(stage_id)
        else:
            self.compute.add(stage_id)
            for _, before in stage.inputs:
                self.want(before)


def recorded_path(path: str, task: Task) -> str:
    """Return a path as it is recorded: relative to the task's directory, so that a tree may be moved."""
    if path.startswith(f"{task.root / STORE}{os.sep}"):
        return os.path.relpath(path, task.directory)
    return path.removeprefix(f"{task.directory}{os.sep}")


def output_problem(output: OutputFile, path: str) -> str:
    """Return what is wrong with a file that was written earlier: "missing", "changed", or nothing."""
    try:
        stat = os.stat(path)  # noqa: PTH116
        if (stat.st_size, stat.st_mtime_ns) == (output.size, output.mtime_ns):
            return ""
        if stat.st_size == output.size and file_digest(path) == output.digest:
            return ""
    except OSError:
        return "missing"
    return "changed"
