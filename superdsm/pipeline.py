"""Pipelines: ordered, immutable, validated sequences of stages."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from superdsm.config import Config
from superdsm.errors import ConfigError, PipelineError, StageError, SuperDSMError, suggest
from superdsm.fields import check_value
from superdsm.lengths import PIXEL_SIZE, pixel_size
from superdsm.parallel import serial_map
from superdsm.records import Event, StageFinished, StageStarted
from superdsm.stage import Stage, StageContext

SOURCE = "image"
PROFILE = "profile"
SETTINGS = (PROFILE, PIXEL_SIZE)  # stand at the top level of a configuration and belong to no stage
TOLERATED = ("enabled",)  # earlier configurations hold "enabled": true in every namespace


@dataclass(slots=True)
class Run:
    """What a pipeline has made of an image.

    Attributes
    ----------
    fields : dict
        All fields by name.
    params : dict
        All hyperparameters as used, automatic ones filled in, nested by namespace.
    timings : dict
        Seconds by stage.
    warnings : list of str
        What the user should know.
    log : list of dict
        Records of the stages, each with the key "stage".
    """

    fields: dict[str, Any] = field(default_factory=dict)
    params: Config = field(default_factory=Config)
    timings: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)


class Pipeline:
    """An ordered sequence of stages in which every input is provided by an earlier stage.

    Parameters
    ----------
    stages : iterable of Stage or type of Stage
        The stages in their order. The field ``image`` is given from outside.

    profile : str, optional
        Name of the profile that the stages were chosen by (see `superdsm.profiles`).
    places : mapping, optional
        Ids under which stages are found beside their own: those of the stages of another profile in whose place they
        stand. So a plugin that replaces ``preprocess`` finds what takes its part here.

    Raises
    ------
    PipelineError
        A field is missing, is provided twice, or two stages have the same id.

    Examples
    --------
    >>> pipe = superdsm.default_pipeline().replace("preprocess", TopHat()).insert(Measure(), after="postprocess")
    >>> run = pipe.run(image, {"AF_scale": 40})
    """

    def __init__(
        self,
        stages: Iterable[Stage | type[Stage]],
        *,
        profile: str = "",
        places: Mapping[str, str] | None = None,
        _removed: Mapping[str, str] | None = None,
    ) -> None:
        self.stages: tuple[Stage, ...] = tuple(map(_instance, stages))
        self.profile = profile
        self.places = dict(places or {})
        self._removed = dict(_removed or {})
        self.providers = self._wire()

    @property
    def ids(self) -> list[str]:
        """The ids of the stages, in order."""
        return [stage.id for stage in self.stages]

    def __repr__(self) -> str:
        return " -> ".join([SOURCE, *self.ids])

    def __iter__(self) -> Iterator[Stage]:
        return iter(self.stages)

    def __getitem__(self, stage_id: str) -> Stage:
        return self.stages[self._index(stage_id)]

    def _index(self, stage_id: str) -> int:
        if stage_id not in self.ids and self.places.get(stage_id) in self.ids:
            stage_id = self.places[stage_id]
        if stage_id not in self.ids:
            raise PipelineError(f"there is no stage {stage_id!r} in the pipeline{suggest(stage_id, self.ids)}: {self}")
        return self.ids.index(stage_id)

    def _wire(self) -> dict[str, str]:
        """Check that the stages fit together; return the last provider of each field."""
        providers = {SOURCE: ""}
        for stage in self.stages:
            if not isinstance(stage, Stage) or not stage.id:
                raise PipelineError(f"{stage!r} is not a stage: derive it from superdsm.Stage and give it an id")
            if self.ids.count(stage.id) > 1:
                raise PipelineError(f"two stages of the pipeline have the id {stage.id!r}; rename one of them")
            for name in stage.dependencies:
                if name not in providers:
                    raise PipelineError(self._missing(stage, name))
            for name in stage.outputs:
                if name in providers and name not in stage.inputs:
                    raise PipelineError(
                        f"stage {stage.id!r} provides the field {name!r}, which {providers[name] or 'the image'!r} "
                        f"provides already; list it in the inputs as well to refine it, or replace that stage"
                    )
            providers.update(dict.fromkeys(stage.outputs, stage.id))
        return providers

    def _missing(self, stage: Stage, name: str) -> str:
        message = f"stage {stage.id!r} needs the field {name!r}, which no earlier stage provides"
        later = [other.id for other in self.stages if name in other.outputs]
        if later:
            message += f"; {later[0]!r} provides it, but comes later"
        elif name in self._removed:
            message += f"; it was provided by {self._removed[name]!r}, which was removed or replaced"
        from superdsm.plugins import registry

        offers = sorted(id_ for id_, entry in registry().stages.items() if name in entry.stage.outputs)
        return message + (f" (stages that can provide it: {', '.join(offers)})" if offers else "")

    def _derived(self, stages: list[Stage], gone: Iterable[Stage]) -> "Pipeline":
        removed = self._removed | {name: stage.id for stage in gone for name in stage.outputs}
        return Pipeline(stages, profile=self.profile, places=self.places, _removed=removed)

    def replace(self, stage_id: str, stage: Stage | type[Stage]) -> "Pipeline":
        """Return a pipeline with another stage in the place of `stage_id`."""
        index, stages = self._index(stage_id), list(self.stages)
        stages[index] = _instance(stage)
        return self._derived(stages, [self.stages[index]])

    def insert(self, stage: Stage | type[Stage], *, before: str = "", after: str = "") -> "Pipeline":
        """Return a pipeline with a further stage, next to the stage named by `before` or `after`."""
        if bool(before) == bool(after):
            raise PipelineError("give either before= or after= to say where the stage goes")
        index, stages = self._index(before or after) + bool(after), list(self.stages)
        stages.insert(index, _instance(stage))
        return self._derived(stages, [])

    def without(self, *stage_ids: str) -> "Pipeline":
        """Return a pipeline without the named stages."""
        gone = [self[stage_id] for stage_id in stage_ids]
        return self._derived([stage for stage in self.stages if stage not in gone], gone)

    def using(self, stage: Stage | type[Stage]) -> "Pipeline":
        """Return a pipeline with a stage where its class declares that it goes."""
        stage = _instance(stage)
        if stage.before or stage.after:
            return self.insert(stage, before=stage.before, after=stage.after)
        if stage.replaces or stage.id in self.ids or stage.id in self.places:
            return self.replace(stage.replaces or stage.id, stage)
        raise PipelineError(
            f"stage {stage.id!r} does not say where it goes: give its class one of replaces, before and after"
        )

    def validate(self, config: Config, known: Iterable[Stage] = ()) -> None:
        """Check names and values of a configuration.

        Parameters
        ----------
        config : Config
            The configuration.
        known : iterable of Stage
            Further stages whose hyperparameters may be set although they are not part of the pipeline.

        Raises
        ------
        ConfigError
            A hyperparameter is unknown (with a suggestion), or a value is illegal.
        """
        self.check_names(config, known)
        for stage in self.stages:
            stage.settings(config)

    def check_names(self, config: Config, known: Iterable[Stage] = ()) -> None:
        """Check the names of a configuration only; see `validate`."""
        names = {name for stage in (*self.stages, *known) for name in stage.names()}
        self._check_settings(config)
        for path in _paths(config):
            if path in SETTINGS:
                continue
            namespace, _, name = path.rpartition("/")
            if path in names or (name in TOLERATED and config[path] is True):
                continue
            if name in TOLERATED:
                raise ConfigError(f"{path} is not supported; to leave the stage out, use: without {namespace}")
            inside = sorted(("/AF_" in known, known) for known in names if known.startswith(f"{path}/"))
            if inside:
                raise ConfigError(f"{path!r} holds hyperparameters and takes no value; write {inside[0][1]!r}")
            if namespace in self.places:
                raise ConfigError(
                    f"{path!r}: the profile {self.profile!r} has no stage {namespace!r}, "
                    f"but {self.places[namespace]!r} in its place (superdsm stages {self.places[namespace]})"
                )
            raise ConfigError(f"unknown hyperparameter {path!r}{suggest(path, sorted({*names, *SETTINGS}))}")

    def _check_settings(self, config: Config) -> None:
        """Check what a configuration says beside hyperparameters: the profile, and the size of a pixel."""
        pixel_size(config)
        given = config.get(PROFILE)
        if given is not None and given != self.profile:
            made_by = f"that of the profile {self.profile!r}" if self.profile else "not made by a profile"
            raise ConfigError(f"{PROFILE} = {given!r}, but the pipeline is {made_by}; leave one of both out")

    def run(
        self,
        image: Any = None,
        config: Mapping[str, Any] | None = None,
        *,
        fields: Mapping[str, Any] | None = None,
        first: str | None = None,
        last: str | None = None,
        map: Callable[..., list[Any]] = serial_map,  # noqa: A002 - the name used throughout
        name: str = "",
        observe: Callable[[Event], None] | None = None,
    ) -> Run:
        """Run the stages on an image, or a part of them.

        Parameters
        ----------
        image : ndarray, optional
            The image as read, shape (rows, columns) or (rows, columns, channels). Not needed with `first`.
        config : mapping, optional
            Hyperparameters.
        fields : mapping, optional
            Fields that are known already, for instance of an earlier run.
        first, last : str, optional
            Ids of the first and the last stage to run.
        map : callable, optional
            ``map(function, items)`` for parallelism inside the image.
        name : str, optional
            Name of the image, for messages.
        observe : callable, optional
            Is told when a stage starts and has finished.

        Returns
        -------
        Run

        Raises
        ------
        ConfigError
            The configuration is wrong.
        StageError
            A stage failed.
        """
        config = config if isinstance(config, Config) else Config(config)
        self.validate(config)
        start = self._index(first) if first else 0
        stop = self._index(last) + 1 if last else len(self.stages)
        run = Run(fields=dict(fields or {}), params=Config({PROFILE: self.profile} if self.profile else {}))
        if image is not None:
            run.fields[SOURCE] = image
        for stage in self.stages[start:stop]:
            absent = [name for name in stage.dependencies if name not in run.fields]
            if absent:
                raise PipelineError(f"to start at {stage.id!r}, give the field {absent[0]!r}")
            run_stage(stage, run, config, map=map, name=name, observe=observe)
        return run


def _instance(stage: Stage | type[Stage]) -> Stage:
    return stage() if isinstance(stage, type) else stage


def run_stage(
    stage: Stage,
    run: Run,
    config: Config,
    *,
    map: Callable[..., list[Any]] = serial_map,  # noqa: A002
    name: str = "",
    observe: Callable[[Event], None] | None = None,
) -> None:
    """Run one stage on the fields of `run`, and add to it what comes of that.

    Raises
    ------
    ImageError
        The image itself cannot be segmented.
    StageError
        The stage raised, or returned something else than it declares.
    """
    tell = observe or (lambda event: None)
    tell(StageStarted("", name, stage.id))
    start = time.perf_counter()
    scale = run.fields.get("scale")
    params, report = stage.resolve(config, scale, run.fields.get("zoom"))
    ctx = StageContext(params, map, name)
    if stage.needs_scale and scale is None and not stage.always:
        outputs: Any = stage.empty(run.fields["g_raw"].shape)
    else:
        try:
            outputs = stage.process(ctx, **{name: run.fields[name] for name in stage.inputs})
        except (SuperDSMError, MemoryError):
            raise
        except Exception as exc:  # a stage may be anybody's code
            raise StageError(stage.id, f"{type(exc).__name__}: {exc}") from exc
    _check_outputs(stage, outputs, run)
    run.fields.update(outputs)
    run.params = run.params.merged(report)
    run.timings[stage.id] = time.perf_counter() - start
    run.warnings += ctx.warnings
    run.log += [{"stage": stage.id, **record} for record in ctx.records]
    tell(StageFinished("", name, stage.id, run.timings[stage.id]))


def _check_outputs(stage: Stage, outputs: Any, run: Run) -> None:
    if not isinstance(outputs, Mapping):
        raise StageError(stage.id, f"process() returned {type(outputs).__name__}, not a dict of fields")
    if set(outputs) != set(stage.outputs):
        raise StageError(stage.id, f"process() returned {sorted(outputs)}, but the outputs are {sorted(stage.outputs)}")
    known = {**run.fields, **outputs}
    for name, value in outputs.items():
        field_ = stage.field(name)
        # a grid that is not the one of g_raw at this place has a field of its own that shows its shape
        picture = known.get("g_image" if field_.grid == "image" and "g_image" in known else "g_raw")
        problem = check_value(field_, value, None if picture is None else picture.shape)
        if problem:
            raise StageError(stage.id, f"the field {name!r} {problem}")
        if hasattr(value, "setflags"):
            with contextlib.suppress(ValueError):  # a view that is not ours to freeze
                value.setflags(write=False)


def _paths(config: Config) -> Iterator[str]:
    """Paths of all values of a configuration; deeper nesting than a namespace is an error by its name."""
    for key in config:
        value = config[key]
        if isinstance(value, dict):
            yield from (f"{key}/{name}" for name in value)
        else:
            yield key
