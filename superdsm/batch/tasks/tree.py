"""Tasks: directories with a ``task.json``, and those derived from them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from superdsm.batch.tasks import fields
from superdsm.batch.tasks.fields import TaskField
from superdsm.batch.tasks.file_ids import FileId, Matches, PatternError, match_files, parse_ranges
from superdsm.batch.tasks.json_source import Source
from superdsm.batch.tasks.paths import HomeError, expanded, literal, scripts_absolute
from superdsm.config import Config
from superdsm.errors import ConfigError, TaskError
from superdsm.io.sources import Selection
from superdsm.records import Exporter

FILE = "task.json"


@dataclass(frozen=True, slots=True)
class Task:
    """A directory with a ``task.json``.

    Attributes
    ----------
    name : str
        Path relative to the root, with "/"; "." for the root itself.
    directory, root : Path
        The directory of the task, and the root that was given to the batch system.
    runnable : bool
        Whether the task is to be run, or is a template for derived tasks.
    spec : mapping
        The fields, inherited ones included.
    sources : mapping
        By field: the file that declares it.
    config : Config
        The hyperparameters, inherited ones included.
    layers : tuple
        The files that hyperparameters came from, the last one first, each with the key under which they stand there.
    parent : Task or None
        The task that this one is derived from.
    """

    name: str
    directory: Path
    root: Path
    runnable: bool
    spec: Mapping[str, Any]
    sources: Mapping[str, Source]
    config: Config
    layers: tuple[tuple[Source, tuple[str, ...]], ...]
    parent: "Task | None" = None

    @property
    def file(self) -> Source:
        """The task's own ``task.json``."""
        return self.sources[fields.RUNNABLE.name]

    def error(self, field_name: str, message: str) -> TaskError:
        """Return an error at the line that declares a field (or at the beginning of the task's file)."""
        return self.sources.get(field_name, self.file).error(f"{field_name} {message}", field_name)

    def config_error(self, exc: ConfigError) -> TaskError:
        """Return an error at the line of the hyperparameter that `exc` is about."""
        for source, prefix in self.layers:
            data = source.json_object()
            for key in prefix:
                data = data.get(key, {})
            paths = [(key, name) for key, value in data.items() if isinstance(value, dict) for name in value]
            for keys in [*paths, *((key,) for key in data)]:
                if "/".join(keys) in exc.paths:
                    return source.error(str(exc), *prefix, *keys)
        return self.error("config", f"is wrong: {exc}")

    def expand(self, pattern: str) -> str:
        """Return a path pattern with ``~``, ``{DIRNAME}`` and ``{ROOTDIR}`` replaced.

        Raises
        ------
        HomeError
            There is no such home directory.
        """
        directory, root = (Path(literal(path)) for path in (self.directory, self.root))
        return expanded(pattern, directory, root)

    def pattern(self, field: TaskField) -> str:
        """Return the path pattern of a field as `expand` does; raise a `TaskError` that says where it stands."""
        try:
            return self.expand(self.value(field))
        except HomeError as exc:
            raise self.error(field.name, str(exc)) from exc

    def value(self, field: TaskField) -> Any:
        """Return the value of a field as it stands in the file, or its default."""
        return self.spec.get(field.name, field.default)

    @property
    def image_pattern(self) -> str:
        """The pattern of the input images, relative to the working directory or absolute."""
        return self.pattern(fields.IMAGES)

    def output_pattern(self, exporter: Exporter) -> str | None:
        """Return the pattern of the files of an exporter as an absolute path; None: the task does not want them."""
        field = fields.pattern_field(exporter)
        return None if self.value(field) is None else str(Path(literal(self.directory)) / self.pattern(field))

    def output_options(self, exporter: Exporter) -> dict[str, Any]:
        """Return the values of the options of an exporter."""
        return exporter.option_values(self.spec)

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables for the workers."""
        return {name: _text(value) for name, value in self.value(fields.ENVIRON).items()}

    @property
    def num_cpus(self) -> int | None:
        """The number of workers; None: not said."""
        count: int | None = self.value(fields.NUM_CPUS)
        return count

    @property
    def selection(self) -> Selection:
        """Which plane of the images is segmented."""
        planes = (fields.CHANNEL, fields.Z, fields.TIME, fields.SCENE)
        return Selection(**{field.name: self.value(field) for field in planes})

    @property
    def measured_channels(self) -> tuple[int | str, ...]:
        """Further channels that are measured."""
        return tuple(self.value(fields.MEASURE_CHANNELS))

    @property
    def last_stage(self) -> str | None:
        """Id of the stage after which to stop; None: the last one."""
        stage: str | None = self.value(fields.LAST_STAGE)
        return stage

    @property
    def use(self) -> tuple[str, ...]:
        """The stages to use, with absolute paths of scripts."""
        return self.scripts_absolute(fields.USE)

    @property
    def without(self) -> tuple[str, ...]:
        """The stages to leave out."""
        return self.scripts_absolute(fields.WITHOUT)

    def scripts_absolute(self, field: TaskField) -> tuple[str, ...]:
        """Return the names in a field, with paths of scripts relative to the file that declares it made absolute."""
        base = self.sources[field.name].path.parent if field.name in self.sources else self.directory
        try:
            return tuple(scripts_absolute(self.value(field), base))
        except HomeError as exc:
            raise self.error(field.name, str(exc)) from exc

    def file_ids(self) -> tuple[FileId, ...]:
        """Return the file ids, each once, in their order; for errors see `matches`."""
        return self.matches().ids

    def matches(self) -> Matches:
        """Return the file ids, each once, in their order, and the files that match their pattern and are none.

        Raises
        ------
        TaskError
            They are not legal, or do not go with the patterns.
        """
        given = self.value(fields.FILE_IDS)
        try:
            if isinstance(given, dict):
                return match_files(self.image_pattern, given["glob"])
            ids = parse_ranges(given) if isinstance(given, str) else tuple(given)
        except PatternError as exc:
            raise self.error("file_ids", f"cannot be used: {exc}") from exc
        return Matches(tuple(dict.fromkeys(ids)))

    def repeated_file_ids(self) -> int:
        """Return how many of the file ids stand in the list although they do before."""
        given = self.value(fields.FILE_IDS)
        return len(given) - len(dict.fromkeys(given)) if isinstance(given, list) else 0


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


@dataclass(slots=True)
class TaskTree:
    """All tasks in and below a root.

    Attributes
    ----------
    root : Path
        The root, absolute.
    tasks : list of Task
        The tasks, parents before what is derived from them.
    problems : list of (str, TaskError)
        What is wrong, with the name of the task it concerns.
    warnings : list of str
        What the user should know.
    """

    root: Path
    tasks: list[Task] = field(default_factory=list)
    problems: list[tuple[str, TaskError]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def select(self, single: Sequence[str] = (), subtrees: Sequence[str] = ()) -> list[Task]:
        """Return the runnable tasks that were asked for (no name at all: every one).

        Raises
        ------
        TaskError
            There is no such task, or something is wrong with one that was asked for.
        """
        names = {task.name for task in self.tasks} | {name for name, _ in self.problems}
        single, subtrees = [_name(self.root, name) for name in single], [_name(self.root, name) for name in subtrees]
        for name in [*single, *subtrees]:
            if not any(_below(known, name) for known in names) or (name in single and name not in names):
                raise TaskError(f"{self.root / name}: there is no task; superdsm batch {self.root} lists the tasks")

        def wanted(name: str) -> bool:
            return not (single or subtrees) or name in single or any(_below(name, top) for top in subtrees)

        def concerned(name: str) -> bool:
            """Return whether what is wrong with a task is wrong with one that was asked for, which may be below it."""
            return wanted(name) or any(_below(task, name) for task in single)

        if wrong := [str(error) for name, error in self.problems if concerned(name)]:
            raise TaskError("\n".join(wrong))
        return [task for task in self.tasks if task.runnable and wanted(task.name)]


def _name(root: Path, given: str) -> str:
    """Return the name of a task that was given as a path relative to the root (or absolute)."""
    path = Path(os.path.normpath(root / given))
    if not path.is_relative_to(root):
        raise TaskError(f"{given}: is not in {root}; give the directory of a task relative to it")
    return path.relative_to(root).as_posix()


def _below(name: str, top: str) -> bool:
    return top == "." or name == top or name.startswith(top + "/")
