"""Finding the tasks in and below a directory, and what each inherits."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from superdsm.batch.components import Components
from superdsm.batch.tasks import fields
from superdsm.batch.tasks.json_source import Source
from superdsm.batch.tasks.paths import HomeError, Place, expanded
from superdsm.batch.tasks.tree import FILE, Task, TaskTree
from superdsm.config import Config
from superdsm.errors import ConfigError, TaskError, short

DEEPEST = 200  # directories below the root; what lies deeper is told, and passed over
SHOWN = 5  # unknown fields of a file that are told one by one


def discover(root: str | Path, components: Components) -> TaskTree:
    """Find all tasks in and below a directory.

    Directories whose names begin with a dot are passed over.

    Parameters
    ----------
    root : str or Path
        The directory.
    components : Components
        Knows the exporters, which have fields of their own in a task.

    Raises
    ------
    TaskError
        The directory does not exist, or there is no task.
    """
    tree = TaskTree(Path(os.path.abspath(root)))  # noqa: PTH100 - links stay as they are
    if not tree.root.is_dir():
        raise TaskError(f"{root}: is not a directory; give the directory with the tasks")
    _Walk(tree, components).visit()
    above = tree.root.parent / FILE
    if above.is_file() and not any(task.name == "." and task.value(fields.ROOT) for task in tree.tasks):
        tree.warnings.append(f"{above}: is not inherited from; give {tree.root.parent} --task-dir {tree.root.name}")
    if not tree.tasks and not tree.problems:
        raise TaskError(f"{root}: there is no {FILE} in it or below; write one, or give another directory")
    return tree


class _Walk:
    """Goes through the directories."""

    def __init__(self, tree: TaskTree, components: Components) -> None:
        self.tree = tree
        self.components = components
        self.fields = fields.task_fields(components)
        self.files: dict[Path, Source] = {}

    def visit(self) -> None:
        """Read the tasks in the root and below, parents before what is derived from them."""
        pending: list[Place[Task]] = [Place(self.tree.root, str(self.tree.root.resolve()))]
        deep: list[Path] = []
        while pending:
            place = pending.pop()
            if place.depth > DEEPEST:
                deep.append(place.directory)
                continue
            try:
                pending += reversed(list(self.enter(place)))
            except TaskError as exc:
                name = place.directory.relative_to(self.tree.root).as_posix()
                self.tree.problems.append((name, exc))
        if deep:
            text = f"{len(deep)} directories lie more than {DEEPEST} levels below it and are passed over"
            self.tree.warnings.append(f"{self.tree.root}: {text}, for instance {short(str(deep[0]), 500)}")

    def enter(self, place: Place[Task]) -> Iterator[Place[Task]]:
        """Read the task in a directory, if there is one; yield the directories in it."""
        directory, parent = place.directory, place.task
        if place.real in (above.real for above in place.above()):
            raise TaskError(f"{directory}:1: is a link to {place.real}, which contains it; remove the link")
        try:
            with os.scandir(directory) as entries:
                found = sorted((entry.name, entry.name != FILE and entry.is_dir()) for entry in entries)
        except OSError as exc:
            raise TaskError(f"{directory}:1: cannot be read ({exc.strerror}); check its permissions") from exc
        if any(entry == FILE for entry, _ in found):
            source = Source.read(directory / FILE)
            if place.outer and source.json_object().get(fields.ROOT.name) is True:
                return  # a tree of its own, to be processed on its own
            name = directory.relative_to(self.tree.root).as_posix()
            parent = self.read(source, directory, name, parent)
            self.tree.tasks.append(parent)
        for entry, is_directory in found:
            if is_directory and not entry.startswith("."):
                yield place.below(entry, parent)

    def read(self, source: Source, directory: Path, name: str, parent: Task | None) -> Task:
        """Return the task in a directory."""
        own = source.json_object()
        self.check(source, own)
        own = {key: value for key, value in own.items() if key in self.fields}
        spec, sources = dict(own), dict.fromkeys([*own, fields.RUNNABLE.name], source)
        config, layers = Config(), list[tuple[Source, tuple[str, ...]]]()
        if parent is not None:
            spec = {key: value for key, value in parent.spec.items() if self.fields[key].inherited} | spec
            sources = {**parent.sources, **sources}
            config, layers = parent.config, list(parent.layers)
        runnable = spec.get(fields.RUNNABLE.name, fields.RUNNABLE.default)
        base = self.base_config(directory, spec, sources, own=fields.BASE_CONFIG.name in own, runnable=runnable)
        if base is not None:
            config = self.merged(config, base, (), base.json_object())
            layers.insert(0, (base, ()))
        if fields.CONFIG.name in own:
            config = self.merged(config, source, (fields.CONFIG.name,), own[fields.CONFIG.name])
            layers.insert(0, (source, (fields.CONFIG.name,)))
        if fields.PIXEL_SIZE.name in own:
            config = self.with_pixel_size(config, source, own)
        for needed in (fields.IMAGES, fields.FILE_IDS) if runnable else ():
            if needed.name not in spec:
                raise source.error(f"a runnable task needs the field {needed.name!r}; add it here or in a parent task")
        return Task(name, directory, self.tree.root, runnable, spec, sources, config, tuple(layers), parent)

    def merged(self, config: Config, source: Source, prefix: tuple[str, ...], own: Mapping[str, Any]) -> Config:
        """Return hyperparameters with those under `prefix` of a file merged in; an error is told at its line."""
        try:
            return config.merged(own)
        except ConfigError as exc:
            # the key that stands last in the file is the one that is too much
            keys = [key for key in own if any(f"{path}/".startswith(f"{key}/") for path in exc.paths)]
            raise source.error(f"config is wrong: {exc}", *prefix, *keys[-1:]) from exc

    def with_pixel_size(self, config: Config, source: Source, own: Mapping[str, Any]) -> Config:
        """Return hyperparameters with the size of a pixel that stands among the fields of a task."""
        name = fields.PIXEL_SIZE.name
        if name in own.get(fields.CONFIG.name, {}):
            raise source.error(f"{name} stands among the fields and in config; remove one of them", name)
        return config.with_value(name, own[name])

    def check(self, source: Source, own: Mapping[str, Any]) -> None:
        """Warn of unknown fields; raise for a value of a wrong type."""
        unknown = [key for key in own if key not in self.fields]
        for key in unknown[:SHOWN]:
            self.tree.warnings.append(f"{source.where(key)}: {self.unknown(source, key)}")
        if len(unknown) > SHOWN:
            self.tree.warnings.append(f"{source.path}: and {len(unknown) - SHOWN} more unknown fields")
        for key in unknown[SHOWN:]:
            self.explain(source, key)
        for key, value in own.items():
            if key not in self.fields:
                continue
            free = key == fields.CONFIG.name  # whatever it holds does not go to the system
            if problem := (not free and fields.unusable(value)) or self.fields[key].check(value):
                raise source.error(f"{key} {problem}", key)

    def unknown(self, source: Source, key: str) -> str:
        """Return the warning for an unknown field."""
        text = self.explain(source, key)
        return fields.unknown(key, self.fields) + (f"; {text}" if text else "")

    def explain(self, source: Source, key: str) -> str:
        """Return what plugins have to do with an unknown field; raise if one that cannot be used is to write it."""
        text, certain = "", False
        if key.endswith(fields.SUFFIX):
            text, certain = self.components.explain("exporters", key.removesuffix(fields.SUFFIX))
        if certain:
            raise source.error(f"{key}: these files cannot be written: {text}", key)
        return text

    def base_config(
        self, directory: Path, spec: Mapping[str, Any], sources: Mapping[str, Source], *, own: bool, runnable: bool
    ) -> Source | None:
        """Return the file under ``base_config_path`` if this task brings one.

        An inherited path was taken into account by the parent already, unless it has ``{DIRNAME}`` in it: then it is
        another file for each task. A template need not have the file that its derived tasks have.
        """
        declaration = fields.BASE_CONFIG
        given = spec.get(declaration.name, declaration.default)
        if given is None or not (own or "{DIRNAME}" in given):
            return None
        declared = sources[declaration.name]
        try:
            path = declared.path.parent / expanded(given, directory, self.tree.root)
        except HomeError as exc:
            raise declared.error(f"{declaration.name} {exc}", declaration.name) from exc
        if "{DIRNAME}" in given and not runnable and not path.exists():
            return None
        if path not in self.files:
            if not path.is_file():
                raise declared.error(f"{declaration.name}: there is no file {path}; check the path", declaration.name)
            self.files[path] = Source.read(path)
            self.files[path].json_object()
        return self.files[path]
