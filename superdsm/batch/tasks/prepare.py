"""What a task needs before anything is planned: its pipeline, its recipe, its files; all mistakes are found here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from superdsm import profiles
from superdsm.batch.components import Components
from superdsm.batch.tasks import fields
from superdsm.batch.tasks.corrections import read_corrections
from superdsm.batch.tasks.fields import TaskField
from superdsm.batch.tasks.file_ids import FileId, PatternError, check_pattern, expand
from superdsm.batch.tasks.keys import ExportRecipe, MissingInputError, Recipe, make_export, make_recipe
from superdsm.batch.tasks.paths import scripts_absolute
from superdsm.batch.tasks.places import parts_directory
from superdsm.batch.tasks.table_requests import (
    PART,
    ImageColumns,
    TableRequest,
    image_columns,
    part_pattern,
    table_requests,
)
from superdsm.batch.tasks.tree import Task, TaskTree
from superdsm.config import PIXEL_SIZE, PROFILE, Config
from superdsm.corrections import Corrections, CorrectionsError
from superdsm.errors import ConfigError, PipelineError, PluginError, SuperDSMError, TaskError, suggest
from superdsm.fields import CORRECTIONS
from superdsm.jsonable import canonical_json, digest
from superdsm.lengths import pixel_size
from superdsm.pipeline import Pipeline
from superdsm.records import Exporter
from superdsm.stage import Stage


@dataclass(frozen=True, slots=True)
class PreparedTask:
    """A task that is ready to be planned.

    Attributes
    ----------
    task : Task
        The task.
    pipeline : Pipeline
        Its stages.
    recipe : Recipe
        What identifies its results.
    exports : mapping
        The outputs that it wants: `ExportRecipe` by the name of the exporter.
    exporters : mapping
        What writes them, by name.
    file_ids : tuple
        The file ids.
    notes : tuple of str
        What the user should know.
    warning : str
        What must not be overlooked; "" if there is nothing of the kind.
    tables : tuple of TableRequest
        The tables that are gathered from those of the images.
    image_columns : ImageColumns
        Columns of the tables that come from the paths of the images.
    """

    task: Task
    pipeline: Pipeline
    recipe: Recipe
    exports: Mapping[str, ExportRecipe]
    exporters: Mapping[str, Exporter]
    file_ids: tuple[FileId, ...]
    notes: tuple[str, ...]
    warning: str = ""
    tables: tuple[TableRequest, ...] = ()
    image_columns: ImageColumns = field(default_factory=lambda: ImageColumns(None))

    @property
    def exports_digest(self) -> str:
        """Digest of the recipes of all outputs."""
        return digest([[export.name, export.text] for export in self.exports.values()])

    def exports_provenance(self) -> list[list[object]]:
        """Return what the keys of the outputs are made of."""
        return [[export.name, export.material, ""] for export in self.exports.values()]

    @property
    def toplevel(self) -> frozenset[str]:
        """Hyperparameters outside of the namespace of their stage, as "stage/name"."""
        return frozenset(
            f"{stage.id}/{name}" for stage in self.pipeline for name, spec in stage.declared.items() if spec.toplevel
        )

    def image_path(self, file_id: FileId) -> str:
        """Return the path of an input image."""
        return expand(self.task.image_pattern, file_id)

    def truths(self, pattern: str) -> dict[FileId, Path]:
        """Return the path of the true label image of each image, given their pattern (``--gt``).

        Raises
        ------
        TaskError
            The pattern does not go with the file ids.
        """
        expanded = self.task.expand(pattern)
        try:
            check_pattern(expanded, self.file_ids)
            return {file_id: Path(expand(expanded, file_id)) for file_id in self.file_ids}
        except PatternError as exc:
            raise TaskError(f"--gt {pattern}: does not go with the file ids of task {self.task.name}: {exc}") from exc


def corrections_of(prepared: PreparedTask, file_id: FileId) -> Corrections:
    """Return the corrections of an image of a task.

    Raises
    ------
    CorrectionsError
        Something is wrong with the file, or no stage of the task takes corrections.
    """
    found = read_corrections(prepared.task.directory, file_id)
    if found and not prepared.pipeline.takes(CORRECTIONS):
        raise CorrectionsError(f"{found.source}: no stage of the task takes corrections: {prepared.pipeline}")
    return found


def unused_parts(prepared: PreparedTask) -> Iterator[Path]:
    """Yield the files that were parts of tables of a task, and are not any more."""
    directory = parts_directory(prepared.task.root, prepared.task.name)
    used = {
        Path(expand(export.pattern, file_id))
        for export in prepared.exports.values()
        if export.part
        for file_id in prepared.file_ids
    }
    yield from (path for path in sorted(directory.rglob("*")) if path.is_file() and path not in used)


@dataclass(slots=True)
class Preparer:
    """Makes tasks ready; what tasks have in common is made once.

    Attributes
    ----------
    tree : TaskTree
        All tasks.
    components : Components
        Stages, readers, exporters.
    use, without : sequence of str
        As on the command line.
    last_stage, profile : str or None
        As on the command line.
    default_profile : str
        That of tasks that name none.
    """

    tree: TaskTree
    components: Components
    use: Sequence[str] = ()
    without: Sequence[str] = ()
    last_stage: str | None = None
    profile: str | None = None
    default_profile: str = profiles.UNNAMED_PROFILE
    _pipelines: dict[tuple[tuple[str, ...], tuple[str, ...], str], Pipeline] = field(default_factory=dict)
    _recipes: dict[tuple[int, str, str | None], Recipe] = field(default_factory=dict)
    _settings: dict[tuple[int, str], Mapping[str, Any]] = field(default_factory=dict)
    _known: list[Stage] = field(init=False)

    def __post_init__(self) -> None:
        self._known = [cls() for cls in self.components.known]

    def prepare(self, task: Task) -> PreparedTask:
        """Make a task ready.

        Raises
        ------
        TaskError
            Something in its files is wrong; says the file and the line.
        """
        named = self.profile or task.config.get(PROFILE)
        task = self._with_profile(task)
        pipeline = self._pipeline(task)
        last = self._last(task, pipeline)
        recipe = self._recipe(task, pipeline, last)
        file_ids, left_out = matches = task.matches()
        notes = [
            f"stage {stage.id} has neither a version nor a source: its results cannot be kept"
            for stage in recipe.stages.values()
            if stage.material["code"] is None
        ]
        notes += self._profile_notes(task, pipeline, named is not None)
        self._check_pattern(task, fields.IMAGES, task.image_pattern, file_ids)
        exports: dict[str, ExportRecipe] = {}
        tables = table_requests(task, self.components.exporters)
        gathered = {table.export for table in tables}
        for exporter in self.components.exporters.values():
            pattern = task.output_pattern(exporter)
            part = pattern is None and exporter.name in gathered
            if part:
                pattern = part_pattern(task, exporter.name)
            if pattern is None:
                continue
            self._check_pattern(task, fields.pattern_field(exporter), pattern, file_ids)
            self._check_suffix(task, exporter, pattern)
            if exporter.name in gathered and not pattern.endswith(PART):
                problem = f"does not end in {PART}, which {fields.TABLES.name} needs; change one of both"
                raise task.error(exporter.name + fields.SUFFIX, problem)
            provider = self.components.provider("exporters", exporter.name)
            try:
                exports[exporter.name] = make_export(
                    exporter,
                    provider,
                    pattern,
                    task.output_options(exporter),
                    recipe,
                    pixel_size=pixel_size(task.config),
                    channels=task.measured_channels,
                    part=part,
                )
            except MissingInputError as exc:
                notes.append(f"{exporter.name} is not written: {exc}")
        if repeated := task.repeated_file_ids():
            notes.append(f"{repeated} of the file ids stand there twice; each is processed once")
        warning = matches.warning(task.image_pattern) if left_out else ""
        if not file_ids:
            notes.append("there are no file ids")
        return PreparedTask(
            task,
            pipeline,
            recipe,
            exports,
            {name: self.components.exporters[name] for name in exports},
            file_ids,
            tuple(notes),
            warning,
            tuple(table for table in tables if table.export in exports),
            image_columns(task, (expand(task.image_pattern, file_id) for file_id in file_ids)),
        )

    def _pipeline(self, task: Task) -> Pipeline:
        here = Path.cwd()
        use = (*task.use, *scripts_absolute(self.use, here))
        without = (*task.without, *scripts_absolute(self.without, here))
        key = (use, without, task.config[PROFILE])
        if key not in self._pipelines:
            try:
                self._pipelines[key] = self.components.resolve(*key)
            except (PipelineError, PluginError) as exc:
                field = fields.USE if fields.USE.name in task.sources else fields.WITHOUT
                raise task.error(field.name, f"does not give a pipeline: {exc}") from exc
        return self._pipelines[key]

    def _with_profile(self, task: Task) -> Task:
        """Return a task whose hyperparameters name the profile: that of the command line, its own, or the default."""
        given = self.profile or task.config.get(PROFILE)
        try:
            name = self.default_profile if given is None else profiles.get(given).name
        except ConfigError as exc:
            raise TaskError(f"--profile: {exc}") if self.profile else task.config_error(exc) from exc
        return replace(task, config=task.config.with_value(PROFILE, name))

    def _profile_notes(self, task: Task, pipeline: Pipeline, named: bool) -> Iterator[str]:
        """Say what the user may not expect of the profile."""
        if not named and pipeline.profile != profiles.UNNAMED_PROFILE:
            yield (
                f"the profile is {pipeline.profile}, which this tree was begun with; "
                f'to change it, set "profile" in the config'
            )
        for name in task.config:
            if name in pipeline.places and name not in pipeline.ids:
                yield (
                    f"the hyperparameters of {name} have no effect: the profile {pipeline.profile} "
                    f"has the stage {pipeline.places[name]} in its place"
                )

    def _last(self, task: Task, pipeline: Pipeline) -> str | None:
        last = self.last_stage or task.last_stage
        if last is not None and last not in pipeline.ids:
            message = f"is wrong: there is no stage {last!r}{suggest(last, pipeline.ids)}; the stages are {pipeline}"
            if self.last_stage:
                raise TaskError(f"--last-stage {message}")
            raise task.error(fields.LAST_STAGE.name, message)
        return last

    def _recipe(self, task: Task, pipeline: Pipeline, last: str | None) -> Recipe:
        key = (id(pipeline), task.config.digest(), last)
        if key not in self._recipes:
            try:
                pipeline.check_names(task.config, self._known)
                for stage in pipeline:  # also those after the last one
                    self._stage_settings(stage, task.config)
                identity = self.components.identity
                self._recipes[key] = make_recipe(pipeline, task.config, identity, last, self._stage_settings)
            except ConfigError as exc:
                raise task.config_error(exc) from exc
            except SuperDSMError as exc:
                raise task.error(fields.CONFIG.name, f"cannot be used: {exc}") from exc
        return self._recipes[key]

    def _stage_settings(self, stage: Stage, config: Config, image: bool = False) -> Mapping[str, Any]:
        """Return the hyperparameters that identify results of a stage; they are the same in most tasks."""
        names = [PIXEL_SIZE, *(name for name, spec in stage.declared.items() if spec.toplevel)]
        key = (id(stage), canonical_json([image, config.get(stage.id), [config.get(name) for name in names]]))
        if key not in self._settings:
            self._settings[key] = stage.identity_params(config, image)
        return self._settings[key]

    def _check_pattern(self, task: Task, field: TaskField, pattern: str, file_ids: Sequence[FileId]) -> None:
        try:
            check_pattern(pattern, file_ids)
        except PatternError as exc:
            raise task.error(field.name, f"does not go with file_ids: {exc}") from exc

    def _check_suffix(self, task: Task, exporter: Exporter, pattern: str) -> None:
        suffix = Path(pattern).suffix.lower()
        if not exporter.accepts(Path(pattern).name) and not suffix.startswith((".%", "%")):
            expected = " or ".join(exporter.suffixes)
            raise task.error(exporter.name + fields.SUFFIX, f"ends in {suffix or 'no suffix'!r}; expected: {expected}")
