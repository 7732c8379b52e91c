"""An image, its segmentation, and what a person says of it; without Qt and napari."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from superdsm import Batch, Config, Pipeline, Result, segment
from superdsm.config import PROFILE, parse_json
from superdsm.corrections import ACTIONS, Correction, Corrections
from superdsm.errors import ConfigError, TaskError
from superdsm.fields import CORRECTIONS
from superdsm.plugins import resolve_pipeline
from superdsm.profiles import DEFAULT_PROFILE
from superdsm.records import Event, StageStarted

CLICKS = {name: action.least for name, action in ACTIONS.items()}  # after so many clicks a correction is complete
# What is offered of each profile; everything else can be set in a task.
MAIN: Mapping[str, tuple[str, ...]] = {
    "adaptive": (
        "nucleus_radius",
        "global-energy-minimization/AF_beta",
        "c2f-region-analysis/max_cluster_marker_irregularity",
        "evidence/min_amplitude",
        "evidence/min_area",
    ),
    "published": (
        "AF_scale",
        "global-energy-minimization/AF_beta",
        "c2f-region-analysis/max_cluster_marker_irregularity",
        "postprocess/min_contrast",
        "postprocess/max_eccentricity",
    ),
}


class Cancelled(Exception):  # noqa: N818 - nothing is wrong
    """Somebody has changed their mind."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A hyperparameter that is offered.

    Attributes
    ----------
    path : str
        Its path in a configuration.
    default : str
        Its default, as JSON or in words.
    doc : str
        What it means.
    """

    path: str
    default: str
    doc: str


def settings(profile: str) -> list[Setting]:
    """Return the main hyperparameters of a profile, from the declarations of its stages."""
    declared: dict[str, Setting] = {}
    for stage in resolve_pipeline((), (), profile=profile):
        for name in stage.declared:
            spec, path = stage.spec(name), stage.path(name)
            default = stage.defaults.get(name, spec.default)
            declared[path] = Setting(path, "from the image" if default is None else str(default), spec.doc)
            if spec.auto is not None:
                factor = stage.defaults.get(spec.factor_name, spec.auto.factor)
                place = path.rpartition("/")[0]
                factor_path = f"{place}/{spec.factor_name}" if place else spec.factor_name
                declared[factor_path] = Setting(
                    factor_path, str(factor), f"{spec.doc} (factor of the {spec.auto.unit})"
                )
    return [declared[path] for path in MAIN.get(profile, ()) if path in declared]


def config_of(profile: str, values: Mapping[str, str]) -> Config:
    """Return a configuration of texts by path; empty ones stand for the defaults.

    Raises
    ------
    ConfigError
        A text is no value of its hyperparameter.
    """
    config = Config({PROFILE: profile})
    for path, text in values.items():
        if text.strip():
            try:
                value = parse_json(text, path)
            except ConfigError:
                value = text.strip()
            config = config.with_value(path, value)
    resolve_pipeline((), (), profile=profile).validate(config)
    return config


@dataclass
class Session:
    """An image on which somebody works.

    Attributes
    ----------
    image : ndarray
        The image, shape (rows, columns) or (rows, columns, channels).
    config : Config
        Hyperparameters, the profile included.
    pipeline : Pipeline or None
        Another pipeline than that of the profile.
    corrections : Corrections
        What was said so far.
    result : Result or None
        The segmentation, with all corrections of which it was told.
    """

    image: Any
    config: Config = field(default_factory=lambda: Config({PROFILE: DEFAULT_PROFILE}))
    pipeline: Pipeline | None = None
    corrections: Corrections = field(default_factory=Corrections)
    result: Result | None = None
    name: str = ""
    saved: str = ""
    _plain: Result | None = None
    _undone: list[Correction] = field(default_factory=list)

    @property
    def stages(self) -> list[str]:
        """The ids of the stages."""
        pipeline = self.pipeline or resolve_pipeline((), (), profile=self.config.get(PROFILE, DEFAULT_PROFILE))
        return pipeline.ids

    @property
    def summary(self) -> dict[str, Any]:
        """What the stages say of the image, those that did not run again after a correction included."""
        runs = [run for run in (self._plain, self.result) if run is not None]
        return {name: value for run in runs for name, value in run.summary.items()}

    @property
    def is_saved(self) -> bool:
        """Whether the corrections are those that were loaded or saved."""
        return self.corrections.digest == self.saved

    def add(
        self, action: str, points: Sequence[Sequence[float]] = (), outline: Sequence[Sequence[float]] = ()
    ) -> Correction:
        """Say something of the objects.

        Raises
        ------
        CorrectionsError
            The points do not go with the action.
        """
        made = Correction.of({"action": action, **_listed(points=points), **_listed(outline=outline)})
        self.corrections = replace(self.corrections, items=(*self.corrections.items, made))
        self._undone.clear()
        return made

    def undo(self) -> bool:
        """Take the last correction back; return whether there was one."""
        if not self.corrections:
            return False
        *items, last = self.corrections.items
        self.corrections = replace(self.corrections, items=tuple(items))
        self._undone.append(last)
        return True

    def redo(self) -> bool:
        """Make a correction again that was taken back; return whether there was one."""
        if not self._undone:
            return False
        self.corrections = replace(self.corrections, items=(*self.corrections.items, self._undone.pop()))
        return True

    def run(
        self, progress: Callable[[str, int, int], None] | None = None, cancelled: threading.Event | None = None
    ) -> Result:
        """Segment the image, or what has changed: after a correction, from the first stage on that it concerns.

        Parameters
        ----------
        progress : callable, optional
            Is told which stage begins, its number, and how many there are.
        cancelled : threading.Event, optional
            When it is set, the next stage does not begin.

        Raises
        ------
        Cancelled
            It was set.
        SuperDSMError
            The image cannot be segmented, or a correction cannot be carried out.
        """
        stages = self.stages
        first = self._first() if self._plain is not None else None
        begun = stages[stages.index(first) :] if first else stages

        def observe(event: Event) -> None:
            if cancelled is not None and cancelled.is_set():
                raise Cancelled
            if progress is not None and isinstance(event, StageStarted):
                progress(event.stage, begun.index(event.stage), len(begun))

        options: dict[str, Any] = {"pipeline": self.pipeline, "name": self.name, "observe": observe}
        if self._plain is None:
            self._plain = segment(self.image, self.config, **options)
            first, begun = self._first(), stages[stages.index(self._first()) :]
        found = self._plain
        if self.corrections:
            fields = self._plain.fields
            found = segment(None, self.config, fields=fields, first=first, corrections=self.corrections, **options)
        self.result = found
        return found

    def _first(self) -> str:
        pipeline = self.pipeline or resolve_pipeline((), (), profile=self.config.get(PROFILE, DEFAULT_PROFILE))
        taking = [stage.id for stage in pipeline if CORRECTIONS in stage.optional]
        return taking[0] if taking else pipeline.ids[-1]


def _listed(**points: Sequence[Sequence[float]]) -> dict[str, list[list[float]]]:
    return {
        name: [[float(value) for value in point] for point in given] for name, given in points.items() if len(given)
    }


@dataclass
class TaskImages:
    """The images of a task, those that are flagged first.

    Attributes
    ----------
    batch : Batch
        The root.
    task : str
        Name of the task.
    ids : list of int or str
        The file ids: the worst first, then those without flags in the order of the task.
    flags : dict
        By file id: what is remarkable about it.
    index : int
        The image that is looked at.
    """

    batch: Batch
    task: str
    ids: list[Any] = field(default_factory=list)
    flags: dict[Any, str] = field(default_factory=dict)
    index: int = 0

    @classmethod
    def open(cls, root: str | Path, task: str = ".") -> "TaskImages":
        """Open a task; for errors see `superdsm.Batch.open`."""
        from superdsm.batch.results.flags import flags

        batch = Batch.open(root)
        results = batch.results(task)
        entries = [record.entry for record in results.values()]
        found = {entry.id: flagged for entry, flagged in zip(entries, flags(entries), strict=True) if flagged}
        order = {file_id: number for number, file_id in enumerate(results.prepared.file_ids)}
        ids = sorted(order, key=lambda one: (-found[one][0].severity if one in found else 0, order[one]))
        if not ids:
            raise TaskError(f"{batch.root / task}: the task has no images")
        return cls(batch, task, ids, {one: "; ".join(flag.text for flag in flagged) for one, flagged in found.items()})

    @property
    def current(self) -> Any:
        """The file id of the image that is looked at."""
        return self.ids[self.index]

    def step(self, by: int) -> Any:
        """Go to another image; return its file id."""
        self.index = (self.index + by) % len(self.ids)
        return self.current

    def session(self) -> Session:
        """Return a session for the image that is looked at, with the corrections that are in the task.

        Raises
        ------
        ImageError
            It cannot be read.
        CorrectionsError
            Something is wrong with the file of its corrections.
        """
        from superdsm.io import open_image, read_plane

        prepared = self.batch.results(self.task).prepared
        path = prepared.image_path(self.current)
        source = open_image(path, self.batch.components.reader_for(path))
        corrections = self.batch.corrections(self.task, self.current)
        return Session(
            read_plane(source, prepared.task.selection),
            prepared.task.config,
            prepared.pipeline,
            corrections,
            name=str(self.current),
            saved=corrections.digest,
        )

    def save(self, session: Session) -> Path:
        """Keep the corrections of the image that is looked at in the task; the next run of the batch applies them."""
        path = self.batch.correct(self.task, self.current, session.corrections)
        session.saved = session.corrections.digest
        return path

    def described(self) -> str:
        """Return where one is, and what is remarkable there."""
        place = f"{self.current} ({self.index + 1} of {len(self.ids)})"
        return f"{place}: {self.flags.get(self.current, 'nothing remarkable')}"


def tasks_of(root: str | Path) -> Iterator[str]:
    """Yield the names of the tasks of a root."""
    yield from (task.name for task in Batch.open(root).tasks())
