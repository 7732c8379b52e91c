"""The plan: for each image what has to be done, why, and what is there already."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from superdsm.batch.components import Components
from superdsm.batch.planning.estimate import Estimator
from superdsm.batch.planning.reasons import changes, export_changes
from superdsm.batch.storage.digests import DigestCache, Fingerprint, file_digest
from superdsm.batch.storage.journal import DONE, FAILED, Journal, JournalEntry, OutputFile
from superdsm.batch.storage.store import Store
from superdsm.batch.tasks.file_ids import FileId, expand
from superdsm.batch.tasks.keys import IMAGE, image_key
from superdsm.batch.tasks.prepare import PreparedTask, state_directory
from superdsm.batch.tasks.tree import STORE, TaskTree
from superdsm.records import Reader

NOTHING, RUN, SKIP, FAIL = "nothing", "run", "skip", "fail"
RETRIED = ("output", "image")  # failures whose cause lies outside: they are tried again without being asked


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What is asked for beside the tasks.

    Attributes
    ----------
    force : bool
        Recompute everything, also what is complete.
    fresh : bool
        Do not use earlier results for what is not complete.
    oneshot : bool
        Write outputs, but store nothing.
    retry_failed : bool
        Try images again that failed before.
    """

    force: bool = False
    fresh: bool = False
    oneshot: bool = False
    retry_failed: bool = False


@dataclass(slots=True)
class ImagePlan:
    """What is to be done for an image.

    Attributes
    ----------
    id : int or str
        The file id.
    path : str
        The image.
    action : str
        "nothing" (complete), "run", "skip" (failed before), or "fail" (cannot be read).
    reasons : tuple of str
        Why.
    compute, load : tuple of int
        Indices of the stages to run, and of those whose results are there.
    goals : tuple of int
        Indices of the stages whose results have to be there afterwards.
    exports : tuple of int
        Indices of the outputs to write.
    image : str
        Key of the image.
    file : Fingerprint or None
        The file of the image as it was hashed.
    after : tuple of int
        Numbers of the images (in the whole plan) whose results are awaited.
    seconds : float or None
        How long that will take.
    """

    id: FileId
    path: str
    action: str
    reasons: tuple[str, ...] = ()
    compute: tuple[int, ...] = ()
    load: tuple[int, ...] = ()
    goals: tuple[int, ...] = ()
    exports: tuple[int, ...] = ()
    image: str = ""
    file: Fingerprint | None = None
    after: tuple[int, ...] = ()
    seconds: float | None = None


@dataclass(slots=True)
class TaskPlan:
    """What is to be done for a task.

    Attributes
    ----------
    setup : PreparedTask
        The task.
    state : Journal
        What was done before.
    images : list of ImagePlan
        The images, in the order of the file ids.
    first : int
        Number of the first image in the whole plan.
    stamp : tuple
        The journal's stamp when the plan was made.
    """

    setup: PreparedTask
    state: Journal
    images: list[ImagePlan] = field(default_factory=list)
    first: int = 0
    stamp: tuple[int, int] = (0, 0)

    @property
    def name(self) -> str:
        """Name of the task."""
        return self.setup.task.name

    def count(self, action: str) -> int:
        """Return the number of images for which `action` is planned."""
        return sum(image.action == action for image in self.images)


class Planner:
    """Makes plans for tasks, one after the other; later tasks count on the results of earlier ones.

    Parameters
    ----------
    tree : TaskTree
        All tasks.
    tools : Components
        Readers.
    options : PlanOptions
        What is asked for.
    """

    def __init__(self, tree: TaskTree, tools: Components, options: PlanOptions) -> None:
        self.tree = tree
        self.tools = tools
        self.options = options
        self.store = Store(tree.root / STORE / "results")
        self.hashes = DigestCache(tree.root / STORE / "hashes.jsonl")
        self.states: dict[str, Journal] = {}
        self.estimator = Estimator(self)
        self.promised: dict[str, int] = {}
        self.coming: dict[str, str] = {}
        self.number = 0
        self._reader_for = lru_cache(maxsize=1024)(tools.reader_for)
        self._provider = lru_cache(maxsize=64)(tools.provider)
        self._differences: dict[tuple[str, str, str], tuple[str, ...]] = {}
        self._shared: dict[object, tuple[object, ...]] = {}

    def state(self, task: str) -> Journal:
        """Return the journal of a task."""
        if task not in self.states:
            self.states[task] = Journal(state_directory(self.tree.root, task) / "journal.jsonl")
        return self.states[task]

    def plan(self, setup: PreparedTask) -> TaskPlan:
        """Make the plan of a task."""
        state = self.state(setup.task.name)
        plan = TaskPlan(setup, state, first=self.number, stamp=state.stamp())
        paths = [os.path.abspath(setup.image_path(file_id)) for file_id in setup.file_ids]  # noqa: PTH100 - not resolved
        self.hashes.warm(paths)
        for file_id, path in zip(setup.file_ids, paths, strict=True):
            image = self._image(plan, file_id, path)
            if image.action == RUN:
                image.seconds = self.estimator.seconds(plan, image)
            plan.images.append(image)
            self.number += 1
        return plan

    def _image(self, plan: TaskPlan, file_id: FileId, path: str) -> ImagePlan:
        reader = self._reader_for(os.path.basename(path))  # noqa: PTH119 - a string is enough
        record = plan.state.get(file_id)
        if reader is None:
            return ImagePlan(file_id, path, FAIL, (f"no reader for {Path(path).suffix or 'files without a suffix'!r}",))
        try:
            file = self.hashes.get(path)
        except OSError as exc:
            missing = isinstance(exc, FileNotFoundError)
            what = "there is no such file" if missing else f"cannot be read ({exc.strerror})"
            return ImagePlan(file_id, path, FAIL, (f"image missing: {what}" if missing else f"image {what}",))
        image = ImagePlan(file_id, path, RUN, image=self._image_key(file.digest, reader), file=file)
        self._decide(plan, image, record)
        return image

    def _image_key(self, content: str, reader: Reader) -> str:
        return image_key(content, reader, self._provider("readers", reader.name))

    def _decide(self, plan: TaskPlan, image: ImagePlan, record: JournalEntry | None) -> None:
        setup = plan.setup
        keys = setup.recipe.keys(image.image)
        reasons = list(self._reasons(plan, image, record))
        if self._failed_again(plan, image, record):
            assert record is not None
            image.action = SKIP
            image.reasons = self._share((f"failed before: {record.message}",))
            return
        stale, why = self._stale(plan, image, record, keys)
        search = _Search(self, setup, keys)
        goals = [at for at in setup.recipe.sinks() if not self._holds(at, keys, setup, image, record)]
        for at in goals:
            search.want(at)
        for index in stale:
            export = setup.exports[index]
            for _, at in export.inputs:
                search.want(at)
        if stale:  # the hyperparameters as used depend on the scale
            for at in setup.recipe.scales():
                search.want(at)
        reasons += why
        if search.compute and not reasons:
            reasons.append(self._lost(setup, search.compute))
        if record is not None and record.status == DONE and not search.compute and not stale:
            image.action = NOTHING
            return
        image.reasons = self._share(tuple(reasons))
        image.compute = self._share(tuple(sorted(search.compute)))
        image.load = self._share(tuple(sorted(search.load)))
        image.goals = self._share(tuple(goals))
        image.exports = self._share(tuple(stale))
        image.after = tuple(sorted(search.after))
        if not self.options.oneshot:
            for at in search.compute:
                if setup.recipe.stages[at].stored:
                    self.promised[keys[at]] = self.number
                    self.coming.setdefault(setup.recipe.stages[at].digest, plan.name)

    def _share(self, value: tuple[object, ...]) -> tuple:  # type: ignore[type-arg]
        """Return an equal tuple that other images have as well: there may be a hundred thousand."""
        return self._shared.setdefault(value, value)

    def _reasons(self, plan: TaskPlan, image: ImagePlan, record: JournalEntry | None) -> Iterator[str]:
        if record is None:
            yield "new image"
        elif record.status == FAILED:
            yield "failed before"
        if self.options.force:
            yield "forced"
        if record is None:
            return
        if record.image and record.image != image.image:
            yield "image changed"
        if record.recipe != plan.setup.recipe.digest:
            yield from self._difference(plan, record.recipe)

    def _difference(self, plan: TaskPlan, old: str) -> tuple[str, ...]:
        key = (plan.name, old, plan.setup.recipe.digest)
        if key not in self._differences:
            before = plan.state.why(old)
            found = () if before is None else changes(before, plan.setup.recipe.why(), plan.setup.toplevel)
            self._differences[key] = found or ("pipeline changed",)
        return self._differences[key]

    def _failed_again(self, plan: TaskPlan, image: ImagePlan, record: JournalEntry | None) -> bool:
        """Return whether an image failed before, and would again."""
        if record is None or record.status != FAILED or self.options.force or self.options.retry_failed:
            return False
        same = record.image == image.image and record.recipe == plan.setup.recipe.digest
        if record.stage.startswith("export") and record.exports != plan.setup.exports_digest:
            return False
        return same and record.kind not in RETRIED

    def _holds(
        self, at: int, keys: Sequence[str], setup: PreparedTask, image: ImagePlan, record: JournalEntry | None
    ) -> bool:
        """Return whether the result of a stage that no other one takes is there, or was and need not be kept."""
        stage = setup.recipe.stages[at]
        if not keys[at] or self.options.force:
            return False
        if stage.stored:
            return keys[at] in self.store or keys[at] in self.promised
        done = record is not None and record.status == DONE
        return done and record is not None and record.image == image.image and record.recipe == setup.recipe.digest

    def _lost(self, setup: PreparedTask, compute: set[int]) -> str:
        unkeyed = [stage.id for stage in setup.recipe.stages if not stage.keyed]
        if unkeyed:
            return f"results of {unkeyed[0]} cannot be kept"
        lost = [setup.recipe.stages[at].id for at in sorted(compute) if setup.recipe.stages[at].stored]
        return f"result of {lost[-1]} is not in the store any more" if lost else "results are not kept"

    def _stale(
        self, plan: TaskPlan, image: ImagePlan, record: JournalEntry | None, keys: Sequence[str]
    ) -> tuple[list[int], list[str]]:
        """Return the indices of the outputs that have to be written, and why."""
        stale: list[int] = []
        why: list[str] = []
        for index, export in enumerate(plan.setup.exports):
            path = expand(export.pattern, image.id)
            output = None if record is None else record.outputs.get(export.name)
            key = export.key(image.image, keys)
            if output is None or output.path != placed(path, plan.setup.task.directory):
                known = record is not None and record.status == DONE
                problem: tuple[str, ...] = (f"{export.name} output missing",) if known else ()
            elif problem_text := output_problem(output, path):
                problem = (f"{export.name} output {problem_text}",)
            elif not key or output.key != key:
                problem = self._export_difference(plan, record, export.name)
            elif self.options.force:
                problem = ()
            else:
                continue
            stale.append(index)
            why += problem
        return stale, why

    def _export_difference(self, plan: TaskPlan, record: JournalEntry | None, name: str) -> tuple[str, ...]:
        before = None if record is None else plan.state.why(record.exports)
        return () if before is None else export_changes(before, plan.setup.exports_why(), name)


class _Search:
    """Goes back from what is wanted to what is there."""

    def __init__(self, planner: Planner, setup: PreparedTask, keys: Sequence[str]) -> None:
        self.planner = planner
        self.setup = setup
        self.keys = keys
        self.compute: set[int] = set()
        self.load: set[int] = set()
        self.after: set[int] = set()

    def want(self, at: int) -> None:
        """Arrange that the outputs of a stage will be there."""
        if at == IMAGE or at in self.compute or at in self.load:
            return
        key, options = self.keys[at], self.planner.options
        if key and key in self.planner.promised and self.planner.promised[key] != self.planner.number:
            self.load.add(at)
            self.after.add(self.planner.promised[key])
        elif key and not (options.force or options.fresh) and self.setup.recipe.stages[at].stored:
            self._from_store(at, key)
        else:
            self._compute(at)

    def _from_store(self, at: int, key: str) -> None:
        if key in self.planner.store:
            self.load.add(at)
        else:
            self._compute(at)

    def _compute(self, at: int) -> None:
        self.compute.add(at)
        for _, provider in self.setup.recipe.stages[at].inputs:
            self.want(provider)


def placed(path: str, directory: Path) -> str:
    """Return a path as it is recorded: relative to the task's directory, so that a tree may be moved."""
    return path.removeprefix(f"{directory}{os.sep}")


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
