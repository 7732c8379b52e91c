"""Batch processing from Python: find tasks, plan, run, and read results."""

import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from superdsm.batch.components import Components, installed
from superdsm.batch.execution.listener import Listener
from superdsm.batch.plan import Logger, Plan
from superdsm.batch.planning.decide import output_problem, recorded_path
from superdsm.batch.planning.planner import Planner
from superdsm.batch.planning.records import PlanOptions, TaskPlan
from superdsm.batch.results import tables
from superdsm.batch.results.images import TaskResults
from superdsm.batch.storage import default_profile
from superdsm.batch.storage.journal import Journals
from superdsm.batch.storage.layout import STORE, default_profile_file, journal_directory, results_directory
from superdsm.batch.storage.lock import Lock, raise_open_file_limit
from superdsm.batch.storage.store import Store
from superdsm.batch.tasks.conflicts import Writer, find_conflicts
from superdsm.batch.tasks.corrections import FOLDER, read_corrections, write_corrections
from superdsm.batch.tasks.discovery import discover
from superdsm.batch.tasks.export import for_export
from superdsm.batch.tasks.file_ids import FileId
from superdsm.batch.tasks.overwriting import Files
from superdsm.batch.tasks.paths import scripts_absolute
from superdsm.batch.tasks.prepare import PreparedTask, Preparer, unused_parts
from superdsm.batch.tasks.tree import Task, TaskTree
from superdsm.corrections import Corrections
from superdsm.errors import ConfigError, TaskError


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed from a store.

    Attributes
    ----------
    results, leftovers : int
        Numbers of results, and of files that interrupted processes had left behind.
    freed : int
        Bytes.
    """

    results: int
    leftovers: int
    freed: int


class Batch:
    """The tasks in and below a directory. Made by `Batch.open`.

    Attributes
    ----------
    tree : TaskTree
        All tasks, and what is wrong with some of them.
    components : Components
        Stages, readers, exporters and executors.

    Examples
    --------
    ::

        batch = Batch.open("screen")
        plan = batch.plan(tasks=["plate1"])
        print(plan.count("run"), "images to run")
        summary = plan.run(jobs=4)
        labels = batch.results("plate1")[93].labels()
    """

    def __init__(self, tree: TaskTree, components: Components) -> None:
        self.tree = tree
        self.components = components

    @classmethod
    def open(cls, root: str | Path, components: Components | None = None) -> "Batch":
        """Find all tasks in and below a directory.

        Parameters
        ----------
        root : str or Path
            The directory.
        components : Components, optional
            What to work with; by default everything that is built in, installed and allowed.

        Raises
        ------
        TaskError
            The directory does not exist, or there is no task.
        """
        components = components or installed()
        return cls(discover(root, components), components)

    @property
    def root(self) -> Path:
        """The directory, absolute."""
        return self.tree.root

    @property
    def store(self) -> Store:
        """The results of stages that are kept."""
        return Store(results_directory(self.root))

    def tasks(self, tasks: Sequence[str] = (), subtrees: Sequence[str] = ()) -> list[Task]:
        """Return the runnable tasks.

        Parameters
        ----------
        tasks : sequence of str, optional
            Only these, given by their directories, relative to the root.
        subtrees : sequence of str, optional
            Only these and those derived from them.

        Raises
        ------
        TaskError
            There is no such task, or something is wrong with one; says the file and the line.
        """
        return self.tree.select(tasks, subtrees)

    def _preparer(
        self,
        use: Sequence[str] = (),
        without: Sequence[str] = (),
        last_stage: str | None = None,
        profile: str | None = None,
    ) -> Preparer:
        try:
            default = default_profile.of_tree(self.root)
        except ConfigError as exc:
            raise TaskError(f"{default_profile_file(self.root)}: {exc}") from exc
        return Preparer(self.tree, self.components, tuple(use), tuple(without), last_stage, profile, default)

    def plan(
        self,
        tasks: Sequence[str] = (),
        subtrees: Sequence[str] = (),
        *,
        force: bool = False,
        fresh: bool = False,
        oneshot: bool = False,
        retry_failed: bool = False,
        use: Sequence[str] = (),
        without: Sequence[str] = (),
        last_stage: str | None = None,
        profile: str | None = None,
        remember: bool = True,
        listener: Listener | None = None,
    ) -> Plan:
        """Find out what is to be done; nothing is processed.

        Parameters
        ----------
        tasks, subtrees : sequence of str, optional
            Only these tasks; these and those derived from them. By default all.
        force : bool, optional
            Recompute everything, also what is complete.
        fresh : bool, optional
            Compute what is not complete without earlier results.
        oneshot : bool, optional
            Write outputs, but keep no results and mark nothing as completed.
        retry_failed : bool, optional
            Try images again that failed before.
        use, without : sequence of str, optional
            Stages to use and to leave out, in all tasks.
        last_stage : str, optional
            Id of the stage after which to stop; only with `oneshot`.
        profile : str, optional
            Profile of all tasks, see `superdsm.profiles`; by default what their configurations say.
        remember : bool, optional
            Write down the digests of the images, so that they need not be read again for the next plan. It is all that
            is written.
        listener : Listener, optional
            Is told of warnings; by default they are logged.

        Raises
        ------
        TaskError
            Something is wrong with the tasks; all mistakes are told at once, with file and line.
        """
        if last_stage and not oneshot:
            raise TaskError("last_stage: only goes with oneshot; to stop a task early, set its field last_stage")
        listener = listener or Logger()
        for warning in self.tree.warnings:
            listener.warning(warning)
        preparer = self._preparer(use, without, last_stage, profile)
        prepared_tasks = _prepare(preparer, self.tasks(tasks, subtrees))
        files = self._files(prepared_tasks, scripts_absolute((*use, *without), Path.cwd()))
        for prepared in prepared_tasks:
            if prepared.warning:
                listener.warning(f"{prepared.task.file.path}: {prepared.warning}")
        if not prepared_tasks:
            listener.warning('no task is to be run; a task that is needs "runnable": true in its task.json')
        planner = Planner(self.tree, self.components, PlanOptions(force, fresh, oneshot, retry_failed))
        planner.digests.announce = listener.hashing
        plans = tuple(planner.plan(prepared) for prepared in prepared_tasks)
        for plan in plans:
            if plan.journal.damaged:
                count = plan.journal.damaged
                listener.warning(
                    f"{plan.journal.path}: {count} lines are damaged; what they were about counts as not done"
                )
        if remember:
            planner.digests.save()
        if planner.digests.problem:
            listener.warning(planner.digests.problem, minor=True)
        return Plan(plans, planner, files)

    def _files(self, prepared_tasks: Sequence[PreparedTask], scripts: Iterable[str]) -> Files:
        """Return what a run of tasks reads and writes.

        Raises
        ------
        TaskError
            It would write what is read.
        """
        files = Files(self.tree, prepared_tasks, tables.NAMES, STORE)
        files.read(tuple(scripts))
        journals = Journals(self.root)

        def written(writer: Writer, file_id: FileId, path: str) -> bool:
            task = writer.prepared.task
            entry = journals[task.name].get(file_id)
            output = None if entry is None else entry.outputs.get(writer.export)
            if output is None or output.path != recorded_path(path, task):
                return False
            return not output_problem(output, path)

        if wrong := files.overwritten(written):
            raise TaskError("\n".join(map(str, wrong)))
        return files

    def plan_export(
        self,
        task: str,
        exporter: str,
        directory: str | Path,
        file_ids: Collection[FileId] = (),
        options: Mapping[str, Any] | None = None,
        suffix: str = "",
    ) -> Plan:
        """Find out what is to be done to write a picture, or another file of an exporter, of images of a task.

        Stages run only as far as the exporter needs them, and not where their results are in the store. Nothing is
        stored, and nothing in the task is changed: it may be worked on meanwhile.

        Parameters
        ----------
        task : str
            Directory of the task, relative to the root.
        exporter : str
            Name of the exporter, for instance "overlay" or "adj".
        directory : str or Path
            Where the files go; each is named by the file id.
        file_ids : collection of int or str, optional
            Only these images.
        options : mapping, optional
            Options of the exporter; they win over those of the task.
        suffix : str, optional
            Of the files, as in ".jpg"; by default the first one that the exporter can write.

        Raises
        ------
        TaskError
            There is no such task, exporter, image or option, or something is wrong with the task.
        """
        prepared = self._preparer().prepare(self._runnable(task))
        prepared = for_export(prepared, self.components, exporter, Path(directory), file_ids, options or {}, suffix)
        planner = Planner(self.tree, self.components, PlanOptions(oneshot=True, only_outputs=True))
        return Plan((planner.plan(prepared),), planner, self._files([prepared], ()))

    def corrections(self, task: str, file_id: FileId) -> Corrections:
        """Return what was corrected by hand in an image of a task; nothing, if there is no file.

        Parameters
        ----------
        task : str
            Its directory, relative to the root.
        file_id : int or str
            The image.

        Raises
        ------
        TaskError
            There is no such task.
        CorrectionsError
            Something is wrong with the file.
        """
        return read_corrections(self._runnable(task).directory, file_id)

    def correct(self, task: str, file_id: FileId, corrections: Any) -> Path:
        """Keep corrections of an image of a task in its file, in the place of earlier ones; the next run applies them.

        Parameters
        ----------
        task : str
            Its directory, relative to the root.
        file_id : int or str
            The image.
        corrections : Corrections, or what stands for them
            See `superdsm.corrections.Corrections.of`. Without any, the file is removed.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        TaskError
            There is no such task, or no such image in it, or the file cannot be written.
        CorrectionsError
            The corrections are not legal.
        """
        found, wanted = self._runnable(task), Corrections.of(corrections)
        if file_id not in found.file_ids():
            raise TaskError(f"{found.directory}: has no image {file_id!r}")
        try:
            return write_corrections(found.directory, file_id, wanted)
        except OSError as exc:
            raise TaskError(f"{found.directory / FOLDER}: cannot be written: {exc.strerror}") from exc

    def _runnable(self, task: str, why: str = 'there are images only where "runnable" is true') -> Task:
        """Return a task by its directory, relative to the root; `why` is told of a template."""
        found = self.tasks([task])
        if not found:
            raise TaskError(f"{self.root / task}: is a template; {why}")
        return found[0]

    def results(self, task: str = ".") -> TaskResults:
        """Return what is known of the images of a task that were processed.

        Parameters
        ----------
        task : str
            Its directory, relative to the root.

        Raises
        ------
        TaskError
            There is no such task, or something is wrong with it.
        """
        prepared = self._preparer().prepare(self._runnable(task, 'a task with results needs "runnable": true'))
        return TaskResults(prepared, Journals(self.root)[prepared.task.name], self.store)

    def prune(self, damaged: Collection[str] = ()) -> Pruned:
        """Remove the results that no task refers to.

        Parameters
        ----------
        damaged : collection of str, optional
            Keys of results that are removed in any case, see `superdsm.batch.storage.store.Store.damaged`.

        Raises
        ------
        TaskError
            Something is wrong with a task, or another process is working on one.
        """
        if self.tree.problems:
            raise TaskError("\n".join(str(error) for _, error in self.tree.problems))
        tasks, store = self.tasks(), self.store
        preparer, planner = self._preparer(), Planner(self.tree, self.components, PlanOptions())
        raise_open_file_limit(len(tasks))
        with contextlib.ExitStack() as stack:
            for task in tasks:
                lock = Lock(journal_directory(self.root, task.name) / "lock", task.name)
                lock.acquire()
                stack.callback(lock.release)
            prepared_tasks = [preparer.prepare(task) for task in tasks]
            wanted = {key for prepared in prepared_tasks for key in _keys_in_use(planner.plan(prepared))}
            gone = [key for key in store.keys() if key not in wanted or key in damaged]  # noqa: SIM118 - no mapping
            freed = sum(store.remove(key) for key in gone)
            leftovers = [*store.leftovers(), *(path for prepared in prepared_tasks for path in unused_parts(prepared))]
            for path in leftovers:
                freed += path.stat().st_size
                path.unlink()
        return Pruned(len(gone), len(leftovers), freed)


def _prepare(preparer: Preparer, tasks: Sequence[Task]) -> list[PreparedTask]:
    """Make tasks ready; all mistakes in them are told at once."""
    prepared_tasks: list[PreparedTask] = []
    wrong: list[str] = []
    for task in tasks:
        try:
            prepared_tasks.append(preparer.prepare(task))
        except TaskError as exc:
            wrong.append(str(exc))
    wrong = wrong or [str(error) for error in find_conflicts(prepared_tasks)]
    if wrong:
        raise TaskError("\n".join(dict.fromkeys(wrong)))  # derived tasks share mistakes
    return prepared_tasks


def _keys_in_use(plan: TaskPlan) -> set[str]:
    """Return the keys that a task refers to, those of images that have changed since included."""
    images = {(image.image, image.corrections.digest) for image in plan.images}
    images |= {(entry.image, entry.corrections) for entry in plan.journal.entries()}
    images |= {(image, "") for image, _ in images}  # for the day when the corrections are taken back
    recipe = plan.prepared.recipe
    return {key for image, corrected in images if image for key in recipe.keys(image, corrected).values()}
