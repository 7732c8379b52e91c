"""Stages: what a step of the pipeline declares, and what it is given.

A stage declares its hyperparameters with `param`, which is the one source of default, type, range, documentation and of
the rule that sets it automatically from the scale of the image.
"""

import re
from collections.abc import Callable, Container, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from superdsm.config import Config
from superdsm.errors import ConfigError, ImageError, PipelineError, suggest
from superdsm.fields import FIELDS, SCALE, ZOOM, Field, empty_value
from superdsm.lengths import Micrometres, in_pixels, significant, unknown_size
from superdsm.parallel import Map, serial_map
from superdsm.params import FACTOR, Automatic, Param, ParamValues

SUMMARY = "summary"  # key of the records of a log that make up the summary of an image


def no_file(path: str) -> Any:
    """Stand for what reads files where there is nothing that does."""
    raise ImageError(f"{path}: there is nothing here that reads files; run the stage as part of a pipeline")


@dataclass(slots=True)
class StageContext:
    """What a stage is given besides its input fields.

    Attributes
    ----------
    params : ParamValues
        The resolved hyperparameters of the stage.
    map : callable
        ``map(function, items) -> list`` in the order of the items, possibly in several threads.
    image : str
        Name of the image, for messages.
    warnings : list of str
        Filled by `warn`.
    records : list of dict
        Filled by `log`.
    read_image : callable
        ``read_image(path) -> ndarray``, for stages that need another image than the one that is segmented. Raises
        `superdsm.ImageError`.
    """

    params: ParamValues
    map: Map = serial_map
    image: str = ""
    warnings: list[str] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    read_image: Callable[[str], Any] = no_file

    def warn(self, message: str) -> None:
        """Tell the user something about this image that is not an error."""
        self.warnings.append(message)

    def tell(self, **values: Any) -> None:
        """Add values to the summary of the image, for instance how many components were left out.

        They become a record of the log with the one key "summary".
        """
        self.records.append({SUMMARY: values})

    def log(self, **record: Any) -> None:
        """Add a record of JSON values to the log of the image."""
        self.records.append(record)


class Stage:
    """A step of the pipeline: a declaration, and `process`.

    Parameters
    ----------
    **defaults
        Other defaults for hyperparameters of this instance (``x``), and other automatic factors (``AF_x``).

    Attributes
    ----------
    id : str
        Name and configuration namespace, in kebab-case; never reused for something else.
    version : str or None
        Changes when outputs change for equal inputs. None: results are identified by the source code of the class.
    inputs, outputs : tuple of str
        Fields that `process` is given, and those that it returns. A field in both is refined: stages further down see
        the new value.
    optional : tuple of str
        Fields that `process` is given as well where there are some, for instance ``corrections``, which are given from
        outside. Results depend on those that there are.
    fields : tuple of Field
        Declarations of outputs that are not in the vocabulary (`superdsm.fields.FIELDS`).
    stored : bool
        Whether batch processing keeps the outputs; False for stages that are cheaper to run than to load.
    always : bool
        Whether `process` also runs on an image without a scale, which is then None. Other stages that depend on the
        scale yield empty fields then.
    replaces, before, after : str
        Where ``use`` puts the stage: in the place of another one, or next to it. A stage with the id of another
        replaces it.

    Raises
    ------
    PipelineError
        When a class with an inconsistent declaration is defined.
    ConfigError
        When an instance is made with an unknown or illegal hyperparameter.

    Examples
    --------
    >>> class Offset(Stage):
    ...     '''Subtract a constant.'''
    ...     id = "offset"
    ...     version = "1"
    ...     inputs = ("g_raw",)
    ...     outputs = ("y",)
    ...     replaces = "preprocess"
    ...     value = param(0.1, "The constant, in units of the intensity range.", min=0, max=1)
    ...     def process(self, ctx, *, g_raw):
    ...         return {"y": g_raw - ctx.params.value}
    """

    id: ClassVar[str] = ""
    version: ClassVar[str | None] = None
    inputs: ClassVar[tuple[str, ...]] = ()
    outputs: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[tuple[str, ...]] = ()
    fields: ClassVar[tuple[Field, ...]] = ()
    stored: ClassVar[bool] = True
    always: ClassVar[bool] = False
    replaces: ClassVar[str] = ""
    before: ClassVar[str] = ""
    after: ClassVar[str] = ""
    declared: ClassVar[Mapping[str, Param]] = {}
    floors: Mapping[str, float] = {}  # of the instance; the class has none

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = {name: replace(value, name=name) for name, value in vars(cls).items() if isinstance(value, Param)}
        cls.declared = {**cls.declared, **own}
        for name in own:
            delattr(cls, name)
        if cls.id:
            _check_declaration(cls)

    def __init__(self, **defaults: Any) -> None:
        factors = [spec.factor_name for spec in self.declared.values() if spec.auto]
        for name in defaults:
            if name not in self.declared and name not in factors:
                hint = suggest(name, [*self.declared, *factors])
                raise ConfigError(f"stage {self.id} has no hyperparameter {name!r}{hint}")
        self.defaults: dict[str, Any] = {
            name: self.declared.get(name, FACTOR).check(value, f"{self.id}/{name}") for name, value in defaults.items()
        }

    def with_floors(self, **floors: float) -> Self:
        """Return a stage whose hyperparameters are raised to other values than declared if they are smaller.

        Parameters
        ----------
        **floors
            By name; see `param`.

        Raises
        ------
        ConfigError
            There is no such hyperparameter.
        """
        for name in floors:
            if name not in self.declared:
                raise ConfigError(f"stage {self.id} has no hyperparameter {name!r}{suggest(name, list(self.declared))}")
        stage = copy(self)
        stage.floors = dict(floors)
        return stage

    def spec(self, name: str) -> Param:
        """Return the declaration of a hyperparameter, as it holds for this stage."""
        declared = self.declared[name]
        return replace(declared, floor=self.floors[name]) if name in self.floors else declared

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.defaults.items())})"

    def process(self, ctx: StageContext, *args: Any, **inputs: Any) -> Mapping[str, Any]:
        """Compute the output fields.

        Parameters
        ----------
        ctx : StageContext
            Hyperparameters, parallel map, warnings, log.
        **inputs
            The fields named by `inputs`, as keywords (``*args`` is only there so that type checkers let a stage name
            them). Arrays are read-only.

        Returns
        -------
        mapping
            The fields named by `outputs`.
        """
        raise TypeError(f"stage {self.id}: {type(self).__name__} does not define process()")

    def empty(self, image_shape: tuple[int, int]) -> dict[str, Any]:
        """Return the outputs for an image without a scale (used only if the stage depends on the scale)."""
        return {name: empty_value(self.field(name), image_shape) for name in self.outputs}

    def field(self, name: str) -> Field:
        """Return the declaration of an output."""
        own = {field.name: field for field in self.fields}
        return own.get(name) or FIELDS.get(name) or Field(name, "json", "")

    @property
    def needs_scale(self) -> bool:
        """Whether the stage depends on the scale of the image."""
        return SCALE in self.inputs or any(param.auto for param in self.declared.values())

    @property
    def has_lengths(self) -> bool:
        """Whether a hyperparameter is in pixels of the image, so that the stage depends on the grid."""
        return any(param.unit for param in self.declared.values())

    def wanted(self, provided: Container[str]) -> tuple[str, ...]:
        """Return all fields on which the outputs depend where some are provided: the grid counts if there is one."""
        grid = self.has_lengths and ZOOM in provided and ZOOM not in self.inputs
        more = [name for name in self.optional if name in provided]
        return tuple(dict.fromkeys((*self.dependencies, *((ZOOM,) if grid else ()), *more)))

    @property
    def dependencies(self) -> tuple[str, ...]:
        """All fields on which the outputs depend: the inputs, and the scale where a hyperparameter follows it."""
        return (*self.inputs, SCALE) if self.needs_scale and SCALE not in self.inputs else self.inputs

    def path(self, name: str) -> str:
        """Return the path of a hyperparameter in a configuration."""
        return name if self.declared[name].toplevel else f"{self.id}/{name}"

    def identity_params(self, config: Config, image: bool = False) -> dict[str, Any]:
        """Return what identifies a result: the declared hyperparameters before the scale enters.

        Those that have their neutral value are left out, see `superdsm.params.param`.

        Parameters
        ----------
        config : Config
            The configuration.
        image : bool, optional
            Whether lengths are those of the image and go to another grid.

        Returns
        -------
        dict
            By name: a value, for automatic ones ``{"AF": factor}``, and a text such as "5.0 um" for lengths of which
            only the image tells how many pixels they are.

        Raises
        ------
        ConfigError
            A value of the configuration has a wrong type or is out of range.
        """
        values = {
            name: value
            for name, value in self._configured(config, image).items()
            if value != self.declared[name].neutral
        }
        return {
            name: value.to_json() if isinstance(value, (Automatic, Micrometres)) else value
            for name, value in values.items()
        }

    def needs_pixel_size(self, config: Config) -> bool:
        """Return whether a hyperparameter is in micrometres, and only the image can tell how many pixels that is."""
        return any(isinstance(value, Micrometres) for value in self._configured(config, False).values())

    def files(self, config: Config) -> tuple[str, ...]:
        """Return the paths of the files that the stage reads besides the image: nothing may be written there."""
        return ()

    def _configured(self, config: Config, image: bool) -> dict[str, Any]:
        """Return by name a value, or how it follows the scale."""
        values: dict[str, Any] = {}
        for name in self.declared:
            spec, path = self.spec(name), self.path(name)
            given = config.get(path, self.defaults.get(name, _UNSET))
            if spec.unit and isinstance(given, str):
                given = in_pixels(given, spec.unit, config, path)
            if isinstance(given, Micrometres):
                values[name] = given
            elif spec.auto is None:
                values[name] = spec.check(spec.default if given is _UNSET else given, path, image=image)
            elif given is not _UNSET and given is not None:
                values[name] = spec.check(given, path, image=image)
            else:
                factor_path = self._factor_path(spec)
                factor = self.defaults.get(spec.factor_name, spec.auto.factor)
                values[name] = Automatic(spec.auto.unit, FACTOR.check(config.get(factor_path, factor), factor_path))
        return values

    def resolve(
        self, config: Config, scale: float | None, zoom: float | None = None
    ) -> tuple[ParamValues, dict[str, Any]]:
        """Return the hyperparameters for an image, and what to report of them.

        Parameters
        ----------
        config : Config
            The configuration.
        scale : float or None
            Scale in pixels of the grid; without one, automatic hyperparameters take their defaults.
        zoom : float, optional
            Pixels of the grid that the stage works on per pixel of the image, along an axis.

        Returns
        -------
        params : ParamValues
            The values, lengths in pixels of the grid.
        report : dict
            The values and the automatic factors, nested as in a configuration; lengths in pixels of the image.
        """
        values: dict[str, Any] = {}
        report = Config()
        for name, value in self._configured(config, zoom is not None).items():
            spec = self.spec(name)
            if isinstance(value, Micrometres):
                raise unknown_size(self.path(name), value)
            if isinstance(value, Automatic):
                report = report.with_value(self._factor_path(spec), value.factor)
                value = spec.bounded(spec.default) if scale is None else spec.automatic(value, scale, self.path(name))
                if zoom is not None:
                    value = significant(value)
                values[name] = value
                value = value if zoom is None else spec.on_image(value, zoom)
            else:
                values[name] = value if zoom is None else spec.on_grid(value, zoom)
            report = report.with_value(self.path(name), value)
        return ParamValues(values), report.as_dict()

    def _factor_path(self, spec: Param) -> str:
        return f"{self.id}/{spec.factor_name}"

    def config_paths(self) -> list[str]:
        """Return the paths of everything that a configuration may set for this stage."""
        factors = [self._factor_path(spec) for spec in self.declared.values() if spec.auto]
        return [self.path(name) for name in self.declared] + factors


_UNSET = object()


def _check_declaration(cls: type[Stage]) -> None:
    def wrong(what: str) -> PipelineError:
        return PipelineError(f"stage class {cls.__module__}.{cls.__qualname__}: {what}")

    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", cls.id):
        raise wrong(f"id {cls.id!r} is not in kebab-case (as in 'my-stage')")
    if cls.version is not None and not isinstance(cls.version, str):
        raise wrong(f"version is {cls.version!r}; give a string, for instance '1'")
    for name in ("inputs", "outputs", "optional"):
        value = getattr(cls, name)
        if not isinstance(value, tuple) or not all(isinstance(item, str) and item.isidentifier() for item in value):
            raise wrong(f"{name} must be a tuple of field names, not {value!r}")
        if len(set(value)) < len(value):
            raise wrong(f"{name} names a field twice: {value!r}")
    if not cls.outputs:
        raise wrong("outputs is empty; a stage provides at least one field")
    if sum(map(bool, (cls.replaces, cls.before, cls.after))) > 1:
        raise wrong("declare one of replaces, before and after")
