"""Hyperparameters: declared once with `param`, which is the source of their rules."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from superdsm.errors import ConfigError, short, suggest
from superdsm.lengths import POWERS, ROUNDING, rescaled, significant

UNITS: Mapping[str, Callable[[float], float]] = {
    "scale": lambda scale: scale,
    "scale^2": lambda scale: scale**2,
    "radius": lambda scale: scale * math.sqrt(2),
    "diameter": lambda scale: 2 * scale * math.sqrt(2),
}
TYPE_NAMES = {float: "number", int: "integer", bool: "true or false", str: "string"}


@dataclass(frozen=True, slots=True)
class Automatic:
    """That a hyperparameter follows the scale of the image.

    Attributes
    ----------
    unit : str
        A length or an area that follows from the scale; one of `UNITS`.
    factor : float
        By which the unit is multiplied.
    """

    unit: str
    factor: float

    def to_json(self) -> dict[str, float]:
        """Return what stands for it where hyperparameters identify a result; the unit belongs to the stage's code."""
        return {"AF": self.factor}


def factor_name(name: str) -> str:
    """Return the name of the automatic factor of a hyperparameter."""
    return f"AF_{name}"


def automatic_factor(value: Any) -> float | None:
    """Return the factor if `value` is what `Automatic.to_json` returned, else None."""
    return value["AF"] if isinstance(value, dict) else None


@dataclass(frozen=True, slots=True)
class Param:
    """A hyperparameter of a stage (or an option of an exporter). Made by `param`, which describes the attributes."""

    name: str
    default: Any
    doc: str
    type: type
    min: float | None = None
    max: float | None = None
    choices: tuple[Any, ...] = ()
    auto: Automatic | None = None
    truncate: bool = False
    floor: float | None = None
    nullable: bool = False
    toplevel: bool = False
    neutral: Any = ...
    unit: str = ""
    pattern: str = ""

    @property
    def factor_name(self) -> str:
        """Name of the automatic factor in a configuration."""
        return factor_name(self.name)

    def check(self, value: Any, path: str, *, image: bool = False, source: str = "") -> Any:
        """Return `value` in the type of the hyperparameter.

        Parameters
        ----------
        value : object
            A JSON value.
        path : str
            The hyperparameter, as ``namespace/name``.
        image : bool, optional
            Whether lengths are those of the image and go to another grid: they are truncated and raised there.
        source : str, optional
            What to call the hyperparameter in an error, if not `path`.

        Raises
        ------
        ConfigError
            The value has a wrong type, is out of range, or is none of the choices.
        """
        if value is None:
            if self.nullable:
                return None
            raise ConfigError(f"{source or path} is null; expected: {self.expectation()}", path)
        try:
            original, value = value, self._typed(value, path, source)
        except OverflowError as exc:  # an integer that is no number of floating point any more
            raise ConfigError(f"{source or path} is out of range; expected: {self.expectation()}", path) from exc
        if self.choices and value not in self.choices:
            hint = suggest(short(str(value)), [str(choice) for choice in self.choices])
            expected = self.expectation() + hint
            raise ConfigError(f"{source or path} = {short(repr(value))} is not allowed; expected: {expected}", path)
        if self.pattern and re.fullmatch(self.pattern, value) is None:
            raise ConfigError(f"{source or path} = {short(repr(value))} is not allowed; {self.doc}", path)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            too_small = self.min is not None and value < self.min
            if too_small or (self.max is not None and value > self.max) or math.isnan(value):
                expected = self.expectation()
                raise ConfigError(
                    f"{source or path} = {short(repr(value))} is out of range; expected: {expected}", path
                )
        return float(original) if image and self.unit else self.bounded(value)

    def _typed(self, value: Any, path: str, source: str) -> Any:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if self.type is float and number:
            return float(value)
        if self.type is int and number and math.isfinite(value) and (self.truncate or value == int(value)):
            return int(value)
        if self.type in (bool, str) and isinstance(value, self.type):
            return value
        given = f"{source or path} = {short(repr(value))}"
        raise ConfigError(f"{given} is of the wrong type; expected: {self.expectation()}", path)

    def bounded(self, value: Any) -> Any:
        """Return a value after truncation and with the lower bound that the method sets."""
        if value is None or not isinstance(value, (int, float)) or isinstance(value, bool):
            return value
        if self.truncate:
            value = int(value)
        return value if self.floor is None or value >= self.floor else type(value)(self.floor)

    def automatic(self, auto: Automatic, scale: float, path: str) -> Any:
        """Return the value for the `scale` of an image, in pixels; for `path` and errors, see `check`."""
        source = f"{path} (automatic: {self.factor_name} = {auto.factor:g} at scale {scale:g})"
        return self.check(UNITS[auto.unit](scale) * auto.factor, path, source=source)

    def on_grid(self, value: Any, zoom: float) -> Any:
        """Return a value in pixels of a grid, of which there are `zoom` per pixel of the image, along an axis."""
        value = significant(rescaled(value, self.unit, zoom))
        if self.type is int and isinstance(value, float) and math.isfinite(value):
            value = int(value + ROUNDING) if self.truncate else round(value)
        return self.bounded(value)

    def on_image(self, value: Any, zoom: float) -> Any:
        """Return a value in pixels of the image which `on_grid` turns to this one."""
        if not POWERS[self.unit] or zoom == 1:
            return value
        value = rescaled(value, self.unit, 1 / zoom)
        return round(value) if self.type is int and not self.truncate and math.isfinite(value) else value

    def expectation(self) -> str:
        """Describe the legal values."""
        text = TYPE_NAMES[self.type]
        if self.choices:
            text = "one of " + ", ".join(map(repr, self.choices))
        if self.min is not None and self.max is not None:
            text += f" from {self.min:g} to {self.max:g}"
        elif self.min is not None:
            text += f" of at least {self.min:g}"
        elif self.max is not None:
            text += f" of at most {self.max:g}"
        return text + (" or null" if self.nullable else "")


def param(
    default: Any,
    doc: str,
    *,
    type: type | None = None,  # noqa: A002 - reads well in a declaration
    min: float | None = None,  # noqa: A002
    max: float | None = None,  # noqa: A002
    choices: tuple[Any, ...] = (),
    auto: tuple[str, float] | None = None,
    truncate: bool = False,
    floor: float | None = None,
    nullable: bool = False,
    toplevel: bool = False,
    neutral: Any = ...,
    unit: str = "",
    pattern: str = "",
) -> Any:
    """Declare a hyperparameter in the body of a `Stage`.

    Parameters
    ----------
    default : object
        Default value.
    doc : str
        One or two sentences for the user, with the unit.
    type : type, optional
        float, int, bool or str; by default that of `default`.
    min, max : float, optional
        Legal range of a number, both included.
    choices : tuple, optional
        Legal values.
    auto : tuple of (str, float), optional
        Unit ("scale", "scale^2", "radius", "diameter") and default factor: where a configuration does not set the
        hyperparameter ``x``, it is the unit times the factor ``AF_x``.
    truncate : bool, optional
        Cut fractions off (of values from users and of automatic ones).
    floor : float, optional
        Smaller values are raised to this.
    nullable : bool, optional
        Whether null is legal.
    toplevel : bool, optional
        Whether the hyperparameter stands outside the namespace of the stage.
    neutral : object, optional
        The value with which the stage does what it did before it had the hyperparameter. Results that were made with
        this value are identified without the hyperparameter, so that those from before stay valid.
    unit : str, optional
        "px" for a length and "px2" for what grows with an area: values and defaults are in pixels of the image, may be
        given in micrometres as well, and are converted where the stage works on a resampled grid.
    pattern : str, optional
        Regular expression of the legal texts; `doc` says in words what they are.
    """
    kind = type or default.__class__
    if kind not in TYPE_NAMES:
        raise TypeError(f"a hyperparameter is a float, int, bool or str, not {kind.__name__}; give type=")
    if auto is not None and auto[0] not in UNITS:
        raise ValueError(f"unknown unit {auto[0]!r}; known: {', '.join(UNITS)}")
    if unit not in POWERS:
        raise ValueError(f"unknown unit {unit!r}; known: px, px2")
    return Param(
        name="",
        default=default,
        doc=doc,
        type=kind,
        min=min,
        max=max,
        choices=choices,
        auto=None if auto is None else Automatic(*auto),
        truncate=truncate,
        floor=floor,
        nullable=nullable,
        toplevel=toplevel,
        neutral=neutral,
        unit=unit,
        pattern=pattern,
    )


class ParamValues(Mapping[str, Any]):
    """Resolved hyperparameters, as items and as attributes; read-only."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_values", dict(values))

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"no hyperparameter {name!r}; there are: {', '.join(self._values)}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("hyperparameters are read-only")

    def __reduce__(self) -> tuple[Any, ...]:
        return (ParamValues, (self._values,))

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"ParamValues({self._values!r})"


FACTOR = Param("AF", 1.0, "Automatic factor.", float, min=0)
