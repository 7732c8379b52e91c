"""The evaluation of an image: fields are computed, or taken from earlier results, when they are asked for.

There is one for every way of running: `Pipeline.run` asks for all fields and has no earlier results; batch processing
asks for what the plan says, and its earlier results are in a store.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from superdsm.config import SETTINGS, Config
from superdsm.content import ContentError, Shape
from superdsm.errors import PipelineError, StageError, SuperDSMError, one_line, printable
from superdsm.fields import CORRECTIONS, SCALE, SOURCE, ZOOM, image_shape
from superdsm.jsonable import plain
from superdsm.ledger import OUTSIDE, Ledger
from superdsm.parallel import Map, serial_map
from superdsm.records import Event, StageFinished, StageStarted
from superdsm.stage import SUMMARY, Stage, StageContext, no_file

Observe = Callable[[Event], None]
WITHOUT_SCALE = (
    "nothing can be corrected in an image in which no size of nuclei was found; set it: nucleus_radius, or AF_scale"
)


@dataclass(frozen=True, slots=True)
class StageRun:
    """What a stage has made of an image, now or earlier.

    Attributes
    ----------
    stage : str
        Id of the stage.
    outputs : mapping
        The fields it provides. Those of earlier results may be loaded when they are asked for, which can raise
        `LostError`.
    seconds : float
        How long it took.
    warnings : tuple of str
        What it told the user.
    log : tuple of mapping
        What it logged.
    summary : mapping
        By field, what is told of it without loading it (see `superdsm.fields.Field`): a number, or a dict of counts.
    """

    stage: str
    outputs: Mapping[str, Any]
    seconds: float
    warnings: tuple[str, ...] = ()
    log: tuple[Mapping[str, Any], ...] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)


class LostError(LookupError):
    """An earlier result turns out to be damaged or gone; it has to be computed anew."""


class Cache(Protocol):
    """Earlier results of an image."""

    def get(self, stage_id: str) -> StageRun | None:
        """Return what a stage made of the image earlier, or None if that is not known or must not be used."""

    def put(self, run: StageRun) -> StageRun:
        """Keep what a stage has made; return it as it will be when it is taken from here."""

    def reject(self, stage_id: str, problem: str) -> None:
        """Do not return the result of a stage again: it is not what the stage may provide."""


def wiring(stages: Iterable[Stage], given: Iterable[str] = ()) -> dict[str, dict[str, str]]:
    """Return by stage the fields that it depends on, in alphabetical order, each with the id of the stage it is from.

    The one rule of which stage provides a field: the last one before that has it among its outputs. ``OUTSIDE`` stands
    for none, as for the image and for what else is `given`.
    """
    last: dict[str, str] = dict.fromkeys(given, OUTSIDE)
    wires: dict[str, dict[str, str]] = {}
    for stage in stages:
        wires[stage.id] = {name: last.get(name, OUTSIDE) for name in sorted(stage.wanted(last))}
        last.update(dict.fromkeys(stage.outputs, stage.id))
    return wires


def summarise(stage: Stage, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told of the outputs of a stage, see `superdsm.fields.Field`."""
    told: dict[str, Any] = {}
    for name in stage.outputs:
        kind, value = stage.field(name).summary, outputs[name]
        if kind and value is not None:
            told[name] = len(value) if kind == "number" else value
    return told


class Evaluation:
    """The fields of one image, each computed at most once.

    Parameters
    ----------
    stages : iterable of Stage
        The stages in their order.
    config : Config
        Hyperparameters, which were checked.
    given : mapping, optional
        Fields that are known already, for instance the image.
    source : callable, optional
        Reads the image, when it is needed and was not given.
    cache : Cache, optional
        Earlier results.
    mapper : Map, optional
        ``mapper(function, items)`` for parallelism inside the image.
    name : str, optional
        Name of the image, for messages.
    observe : callable, optional
        Is told when a stage starts and has finished.
    read_image : callable, optional
        Reads another image that a stage needs, see `superdsm.StageContext`.

    Attributes
    ----------
    stages : dict
        The stages by id.
    given : dict
        What was given from outside; the image too, once it was read.
    computed : list of str
        Ids of the stages that were run, in that order.
    where : str
        What is being done: id of the stage that was begun last, or "reading".

    Raises
    ------
    PipelineError
        A field that no stage provides is not given.
    """

    def __init__(
        self,
        stages: Iterable[Stage],
        config: Config,
        *,
        given: Mapping[str, Any] | None = None,
        source: Callable[[], Any] | None = None,
        cache: Cache | None = None,
        mapper: Map = serial_map,
        name: str = "",
        observe: Observe | None = None,
        read_image: Callable[[str], Any] = no_file,
    ) -> None:
        self.stages = {stage.id: stage for stage in stages}
        self.config = config
        self.given = dict(given or {})
        self.name = name
        self.computed: list[str] = []
        self.where = ""
        self._source = source
        self._cache = cache
        self._mapper = mapper
        self._read_image = read_image
        self._observe = observe or (lambda event: None)
        self._wires = wiring(self.stages.values(), self.given)
        self._runs: dict[str, StageRun] = {}
        self._reports: dict[str, dict[str, Any]] = {}
        self._ledger = Ledger(self.stages, self._wires, self.given)
        known = {*self.given, SOURCE} if source else {*self.given}
        for stage_id, wires in self._wires.items():
            absent = [name for name, provider in wires.items() if provider == OUTSIDE and name not in known]
            if absent:
                raise PipelineError(f"to start at {stage_id!r}, give the field {absent[0]!r}")

    def ensure(self, stage_id: str) -> StageRun:
        """Return what a stage makes of the image: from the cache, or by running it and whatever it needs.

        Raises
        ------
        ImageError
            The image itself cannot be segmented.
        StageError
            A stage raised, or returned something else than it declares.
        """
        return self._known(stage_id) or self._compute(self.stages[stage_id])

    def field(self, name: str) -> Any:
        """Return a field as it is after all stages; for errors see `ensure`."""
        return self.fields([name])[name]

    def fields(self, names: Iterable[str]) -> dict[str, Any]:
        """Return fields as they are after all stages, which fit together; for errors see `ensure`."""
        last = dict.fromkeys(names, OUTSIDE)
        for stage in self.stages.values():
            last |= {name: stage.id for name in stage.outputs if name in last}
        return self._fitting(last)

    def known(self) -> Iterator[StageRun]:
        """Yield what is known of the stages without running any: in their order, those of the cache included."""
        for stage_id in self.stages:
            if (run := self._known(stage_id)) is not None:
                yield run

    def params(self) -> Config:
        """Return the hyperparameters of all stages as used, automatic ones filled in; for errors see `ensure`."""
        config = Config({name: self.config[name] for name in SETTINGS if name in self.config})
        for stage in self.stages.values():
            config = config.merged(self._report(stage))
        return config

    def _known(self, stage_id: str) -> StageRun | None:
        if stage_id not in self._runs and self._cache is not None:
            run = self._cache.get(stage_id)
            if run is not None:
                self._runs[stage_id] = run
        return self._runs.get(stage_id)

    def _value(self, name: str, provider: str) -> Any:
        if provider == OUTSIDE:
            value = self._image() if name == SOURCE else self.given[name]
            self._ledger.enter_given(name, value)
            return value
        run = self.ensure(provider)
        try:
            value = run.outputs[name]
            self._ledger.enter(provider, name, value)
        except LostError:
            return self._compute(self.stages[provider]).outputs[name]
        except ContentError as exc:
            self._reject(provider, f"the field {name!r} {exc}")
            return self._compute(self.stages[provider]).outputs[name]
        return value

    def _reject(self, provider: str, problem: str) -> None:
        """Forget an earlier result that is not what the stage may provide."""
        if self._cache is not None:
            self._cache.reject(provider, problem)
        del self._runs[provider]
        self._ledger.forget(provider)

    def _fitting(self, wires: Mapping[str, str]) -> dict[str, Any]:
        """Return fields, given the stages they are from; earlier results that fit to no others are computed anew."""
        values = {name: self._value(name, provider) for name, provider in wires.items()}
        found = self._ledger.misfit(wires)
        earlier = [id_ for id_ in dict.fromkeys(wires.values()) if id_ in self._runs and id_ not in self.computed]
        if found is not None and earlier:
            for stage_id in earlier:
                self._reject(stage_id, f"the field {found[0]!r} {found[1]}")
            values = {name: self._value(name, provider) for name, provider in wires.items()}
            found = self._ledger.misfit(wires)
        if found is not None:
            name, problem = found
            if wires[name] == OUTSIDE:
                raise PipelineError(f"the given field {name!r} {problem}")
            raise StageError(wires[name], f"the field {name!r} {problem}")
        return values

    def _image(self) -> Any:
        if SOURCE not in self.given and self._source is not None:
            self.where = "reading"
            self.given[SOURCE] = self._source()
        return self.given[SOURCE]

    def _wired(self, stage: Stage, name: str) -> float | None:
        """Return the scale or the zoom that a stage is given; None if it depends on none."""
        wires = self._wires[stage.id]
        value: float | None = self._value(name, wires[name]) if name in wires else None
        return value

    def _report(self, stage: Stage) -> dict[str, Any]:
        if stage.id not in self._reports:
            scale, zoom = self._wired(stage, SCALE), self._wired(stage, ZOOM)
            self._reports[stage.id] = stage.resolve(self.config, scale, zoom)[1]
        return self._reports[stage.id]

    def _compute(self, stage: Stage) -> StageRun:
        inputs = self._fitting(self._wires[stage.id])
        self.where = stage.id
        run = self._runs[stage.id] = self._run(stage, inputs)
        self.computed.append(stage.id)
        if self._cache is not None:
            run = self._runs[stage.id] = self._cache.put(run)
        return run

    def _run(self, stage: Stage, inputs: Mapping[str, Any]) -> StageRun:
        self._observe(StageStarted("", self.name, stage.id))
        start = time.perf_counter()
        params, self._reports[stage.id] = stage.resolve(self.config, inputs.get(SCALE), inputs.get(ZOOM))
        ctx = StageContext(params, self._mapper, self.name, read_image=self._read_image)
        outputs = self._outputs(stage, ctx, inputs)
        seconds = time.perf_counter() - start
        warnings, log = _told(stage, ctx)
        self._observe(StageFinished("", self.name, stage.id, seconds))
        return StageRun(stage.id, dict(outputs), seconds, warnings, log, summarise(stage, outputs))

    def _outputs(self, stage: Stage, ctx: StageContext, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what a stage returns, checked; whatever it raises is its own failure."""
        blind = stage.needs_scale and inputs[SCALE] is None and not stage.always
        shape = self._shape(stage, inputs) if blind or self._ledger.is_sized(stage) else None
        if blind and inputs.get(CORRECTIONS):
            raise StageError(stage.id, f"{inputs[CORRECTIONS].get('source')}: {WITHOUT_SCALE}")
        if blind and shape is None:
            raise PipelineError(f"to start at {stage.id!r} without a scale, give the field {SOURCE!r}")
        try:
            if blind:
                outputs: Any = stage.empty(shape)  # type: ignore[arg-type]
            else:
                more = [name for name in stage.optional if name in inputs and name not in stage.inputs]
                outputs = stage.process(ctx, **{name: inputs[name] for name in (*stage.inputs, *more)})
        except (SuperDSMError, MemoryError, KeyboardInterrupt):
            raise
        except BaseException as exc:  # a stage may be anybody's code, and may even end the interpreter
            raise StageError(stage.id, one_line(exc)) from exc
        return self._ledger.enter_outputs(stage, outputs, shape, self._zoom)

    def _shape(self, stage: Stage, inputs: Mapping[str, Any]) -> Shape | None:
        """Return rows and columns of the image; None if nothing tells."""
        resampled = any(ZOOM in other.outputs for other in self.stages.values())
        shape = image_shape(self.given) or (None if resampled else image_shape(inputs))
        if shape is None and self._source is not None:
            shape = image_shape({SOURCE: self._image()})
            self.where = stage.id
        return shape

    def _zoom(self, stage: Stage, outputs: Mapping[str, Any]) -> float | None:
        """Return the zoom of the grid that a stage leaves behind; None if there is only one."""
        if ZOOM in outputs:
            found: float | None = outputs[ZOOM]
            return found
        ids = list(self.stages)
        before = [id_ for id_ in ids[: ids.index(stage.id)] if ZOOM in self.stages[id_].outputs]
        return self._value(ZOOM, before[-1]) if before else self.given.get(ZOOM)


def _told(stage: Stage, ctx: StageContext) -> tuple[tuple[str, ...], tuple[Mapping[str, Any], ...]]:
    """Return the warnings and the log of a stage, of which the summary goes to the user and into tables."""
    try:
        warnings = tuple(printable(str(text)) for text in ctx.warnings)
        log = tuple(
            {**record, SUMMARY: dict(plain(record[SUMMARY]))} if SUMMARY in record else record for record in ctx.records
        )
    except Exception as exc:  # whatever it has put there
        raise StageError(
            stage.id, f"what it tells or logs is no text or no dict ({type(exc).__name__}: {exc})"
        ) from exc
    return warnings, log


@dataclass(frozen=True)
class Run:
    """What a pipeline has made of an image.

    Attributes
    ----------
    fields : dict
        All fields by name (see `superdsm.fields.FIELDS`).
    params : Config
        All hyperparameters as used, automatic ones filled in, nested by namespace.
    timings : dict
        Seconds by stage.
    warnings : list of str
        What the user should know.
    log : list of dict
        Records of the stages, for instance of each fit; each has the key "stage".
    """

    fields: dict[str, Any] = field(default_factory=dict)
    params: Config = field(default_factory=Config)
    timings: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, evaluation: Evaluation) -> Self:
        """Evaluate all stages; for errors see `Evaluation.ensure`."""
        runs = [evaluation.ensure(stage_id) for stage_id in evaluation.stages]
        fields = dict(evaluation.given)
        for run in runs:
            fields.update(run.outputs)
        return cls(
            fields,
            evaluation.params(),
            {run.stage: run.seconds for run in runs},
            [warning for run in runs for warning in run.warnings],
            [{"stage": run.stage, **record} for run in runs for record in run.log],
        )
