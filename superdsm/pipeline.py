"""Pipelines: ordered, immutable, validated sequences of stages."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from superdsm.config import PROFILE, SETTINGS, Config
from superdsm.errors import ConfigError, MissingFieldError, PipelineError, suggest
from superdsm.evaluation import Evaluation, Run
from superdsm.fields import SOURCE, WORK, ZOOM
from superdsm.lengths import pixel_size
from superdsm.parallel import Map, serial_map
from superdsm.records import Event
from superdsm.stage import Stage, no_file

TOLERATED = ("enabled",)  # earlier configurations hold "enabled": true in every namespace


class Pipeline:
    """An ordered sequence of stages in which every input is provided by an earlier stage.

    Parameters
    ----------
    stages : iterable of Stage or type of Stage
        The stages in their order. The field ``image`` is given from outside.
    offers : callable, optional
        ``offers(field)`` names stages that provide a field, for the error that it is missing.

    profile : str, optional
        Name of the profile that the stages were chosen by (see `superdsm.profiles`).
    places : mapping, optional
        Ids under which stages are found besides their own: those of the stages of another profile in whose place they
        stand. So a plugin that replaces ``preprocess`` finds what takes its part here.

    Raises
    ------
    MissingFieldError
        A stage needs a field that no earlier one provides.
    PipelineError
        A field is provided twice, or two stages have the same id.

    Examples
    --------
    >>> pipe = superdsm.default_pipeline().replace("preprocess", TopHat()).insert(Measure(), after="postprocess")
    >>> run = pipe.run(image, {"AF_scale": 40})
    """

    def __init__(
        self,
        stages: Iterable[Stage | type[Stage]],
        *,
        offers: Callable[[str], Sequence[str]] | None = None,
        profile: str = "",
        places: Mapping[str, str] | None = None,
        _removed: Mapping[str, str] | None = None,
    ) -> None:
        self.stages: tuple[Stage, ...] = tuple(map(_instance, stages))
        self.profile = profile
        self.places = dict(places or {})
        self._offers = offers
        self._removed = dict(_removed or {})
        self.providers = self._wire()

    @property
    def ids(self) -> list[str]:
        """The ids of the stages, in order."""
        return [stage.id for stage in self.stages]

    def takes(self, name: str) -> bool:
        """Return whether a stage takes a field that need not be there."""
        return any(name in stage.optional for stage in self.stages)

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
            if not isinstance(stage, Stage) or not stage.id:  # type: ignore[redundant-expr]  # not all check types
                raise PipelineError(f"{stage!r} is not a stage: derive it from superdsm.Stage and give it an id")
            if self.ids.count(stage.id) > 1:
                raise PipelineError(f"two stages of the pipeline have the id {stage.id!r}; rename one of them")
            for name in stage.dependencies:
                if name not in providers:
                    raise MissingFieldError(self._missing(stage, name), name)
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
        offered = self._offers(name) if self._offers else ()
        return message + (f" (stages that can provide it: {', '.join(offered)})" if offered else "")

    def _derived(self, stages: list[Stage], gone: Iterable[Stage]) -> "Pipeline":
        removed = self._removed | {name: stage.id for stage in gone for name in stage.outputs}
        return Pipeline(stages, offers=self._offers, profile=self.profile, places=self.places, _removed=removed)

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
            stage.identity_params(config)

    def check_names(self, config: Config, known: Iterable[Stage] = ()) -> None:
        """Check the names of a configuration only; see `validate`."""
        stages = (*self.stages, *known)
        names = {name for stage in stages for name in stage.config_paths()}
        plain = {stage.path(name) for stage in stages for name in stage.declared}
        self._check_settings(config)
        for path in _paths(config):
            if path in SETTINGS:
                continue
            namespace, _, name = path.rpartition("/")
            if path in names or (name in TOLERATED and config[path] is True):
                continue
            if name in TOLERATED:
                raise ConfigError(f"{path} is not supported; to leave the stage out, use: without {namespace}", path)
            inside = sorted((known not in plain, known) for known in names if known.startswith(f"{path}/"))
            if inside:
                raise ConfigError(f"{path!r} holds hyperparameters and takes no value; write {inside[0][1]!r}", path)
            if namespace in self.places:
                raise ConfigError(
                    f"{path!r}: the profile {self.profile!r} has no stage {namespace!r}, "
                    f"but {self.places[namespace]!r} in its place (superdsm stages {self.places[namespace]})",
                    path,
                )
            raise ConfigError(f"unknown hyperparameter {path!r}{suggest(path, sorted({*names, *SETTINGS}))}", path)

    def _check_settings(self, config: Config) -> None:
        """Check what a configuration says besides hyperparameters: the profile, and the size of a pixel."""
        pixel_size(config)
        given = config.get(PROFILE)
        if given is not None and given != self.profile:
            made_by = f"that of the profile {self.profile!r}" if self.profile else "not made by a profile"
            raise ConfigError(f"{PROFILE} = {given!r}, but the pipeline is {made_by}; leave one of both out", PROFILE)

    def evaluation(
        self,
        image: Any = None,
        config: Mapping[str, Any] | None = None,
        *,
        fields: Mapping[str, Any] | None = None,
        first: str | None = None,
        last: str | None = None,
        mapper: Map = serial_map,
        name: str = "",
        observe: Callable[[Event], None] | None = None,
        read_image: Callable[[str], Any] = no_file,
    ) -> Evaluation:
        """Return the evaluation of an image, in which nothing is computed yet; for the parameters see `run`.

        `read_image` reads other images that stages need, see `superdsm.StageContext`.

        Raises
        ------
        ConfigError
            The configuration is wrong.
        PipelineError
            There is no stage `first` or `last`, or a field is missing.
        """
        config = config if isinstance(config, Config) else Config(config)
        self.validate(config)
        start = self._index(first) if first else 0
        stop = self._index(last) + 1 if last else len(self.stages)
        given = dict(fields or {})
        if image is not None:
            given[SOURCE] = image
        given |= self._on_working_grid(given, start)
        if self.profile:
            config = config.with_value(PROFILE, self.profile)
        return Evaluation(
            self.stages[start:stop],
            config,
            given=given,
            mapper=mapper,
            name=name,
            observe=observe,
            read_image=read_image,
        )

    def _on_working_grid(self, given: Mapping[str, Any], start: int) -> dict[str, Any]:
        """Return fields of a complete run, which are back on the image, as they were where the stage `start` begins."""
        switches = [ZOOM in stage.outputs for stage in self.stages]
        before: dict[str, Any] = {}
        if WORK in given and any(switches[:start]) and any(switches[start:]):
            before = {**given[WORK], "g_raw": given["g_work"]}
        if "work_cover" in given and any("work_cover" in stage.outputs for stage in self.stages[start:]):
            before["cover"] = given["work_cover"]
        return before

    def run(
        self,
        image: Any = None,
        config: Mapping[str, Any] | None = None,
        *,
        fields: Mapping[str, Any] | None = None,
        first: str | None = None,
        last: str | None = None,
        mapper: Map = serial_map,
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
        mapper : callable, optional
            ``mapper(function, items)`` for parallelism inside the image.
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
        PipelineError
            There is no stage `first` or `last`, or a field is missing.
        StageError
            A stage failed.
        """
        return Run.of(
            self.evaluation(
                image, config, fields=fields, first=first, last=last, mapper=mapper, name=name, observe=observe
            )
        )


def _instance(stage: Stage | type[Stage]) -> Stage:
    return stage() if isinstance(stage, type) else stage


def _paths(config: Config) -> Iterator[str]:
    """Paths of all values of a configuration; deeper nesting than a namespace is an error by its name."""
    for key in config:
        value = config[key]
        if isinstance(value, dict):
            yield from (f"{key}/{name}" for name in value)
        else:
            yield key
