"""Lengths and areas: what a user gives, in pixels of the image or in micrometres, and what a stage computes with.

A hyperparameter that is a length declares ``unit="px"``, an area (or whatever grows with an area) ``unit="px2"``. Users
and defaults speak of pixels of the image. Where the pipeline works on a resampled grid (see `superdsm.profiles`), the
values are converted to pixels of that grid.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from superdsm.config import PIXEL_SIZE
from superdsm.errors import ConfigError

POWERS: Mapping[str, int] = {"": 0, "px": 1, "px2": 2}
MICROMETRES: Mapping[str, float] = {"nm": 1e-3, "um": 1.0, "µm": 1.0, "μm": 1.0, "mm": 1e3}
TEXT = re.compile(r"\s*(?P<number>[-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(?P<unit>[a-zµμ]+)\s*(?P<power>\^?2|²)?\s*")
ROUNDING = 1e-6  # what was divided by a factor and multiplied with it again must not lose a pixel when it is truncated


@dataclass(frozen=True, slots=True)
class Micrometres:
    """A length or area of which only the image tells how many pixels it is.

    Attributes
    ----------
    value : float
        In micrometres, or square micrometres.
    unit : str
        That of the hyperparameter, "px" or "px2".
    """

    value: float
    unit: str

    def to_json(self) -> str:
        """Return what stands for it where hyperparameters identify a result; the rest follows from the image."""
        return f"{self.value!r} um{'2' if POWERS[self.unit] == 2 else ''}"


def pixel_size(config: Mapping[str, Any]) -> float | None:
    """Return the size of a pixel of the image in micrometres, or None if the configuration does not say it.

    Parameters
    ----------
    config : mapping
        The configuration; ``pixel_size`` is a number of micrometres, or a text such as "650 nm".

    Raises
    ------
    ConfigError
        The size is not a positive length.
    """
    given = config.get(PIXEL_SIZE)
    if given is None:
        return None
    number = isinstance(given, (int, float)) and not isinstance(given, bool)
    size = float(given) if number else _micrometres(given, 1) if isinstance(given, str) else None
    if size is None or not 0 < size < math.inf:
        raise ConfigError(
            f'{PIXEL_SIZE} = {given!r}; expected: the width of a pixel, a positive number of micrometres, or "650 nm"',
            PIXEL_SIZE,
        )
    return size


def in_pixels(value: str, unit: str, config: Mapping[str, Any], path: str) -> float | Micrometres:
    """Return a length or area that is given as a text, such as "5 um", in pixels of the image if their size is known.

    Parameters
    ----------
    value : str
        A number with one of the units px, nm, um, µm, mm; of areas with the exponent 2, for instance "20 um2".
    unit : str
        The unit of the hyperparameter: "px" or "px2".
    config : mapping
        The configuration, which may say the ``pixel_size``.
    path : str
        What to call the hyperparameter in an error.

    Raises
    ------
    ConfigError
        The text is not a length (an area).
    """
    power = POWERS[unit]
    match = TEXT.fullmatch(value)
    if match is not None and match["unit"] == "px" and _power(match) == power:
        number = _number(match)
        if number is not None:
            return number
    found = _micrometres(value, power)
    if found is None:
        example = 'length, for instance 12, or "5 um"' if power == 1 else 'area, for instance 400, or "80 um2"'
        raise ConfigError(f"{path} = {value!r} is of the wrong type; expected: {example}", path)
    size = pixel_size(config)
    if size is None:
        if found < 0:
            raise ConfigError(f"{path} = {value!r} is negative; expected: a length", path)
        return Micrometres(found, unit)
    return found / size**power


def unknown_size(path: str, value: Micrometres) -> ConfigError:
    """Return the error for a length of an image that does not tell the size of its pixels."""
    return ConfigError(
        f"{path} = {value.to_json()!r}: the size of a pixel is not known; give {PIXEL_SIZE} in micrometres, "
        "or pixels here"
    )


def mean_size(size: tuple[float, float]) -> float:
    """Return the width of a square pixel that is as large as one of height and width `size`."""
    return math.sqrt(size[0] * size[1])


def _power(match: re.Match[str]) -> int:
    return 2 if match["power"] else 1


def _number(match: re.Match[str]) -> float | None:
    try:
        return float(match["number"])
    except ValueError:
        return None


def _micrometres(value: str, power: int) -> float | None:
    """Return a length (an area) in (square) micrometres; None if it is none."""
    match = TEXT.fullmatch(value)
    if match is None or match["unit"] not in MICROMETRES or _power(match) != power:
        return None
    number = _number(match)
    return None if number is None else number * MICROMETRES[match["unit"]] ** power


def rescaled(value: Any, unit: str, zoom: float) -> Any:
    """Return a length or area in pixels of a grid.

    Parameters
    ----------
    value : object
        In pixels of the image; anything else than a finite number is returned as it is.
    unit : str
        "px", "px2", or "" for what is neither a length nor an area.
    zoom : float
        Pixels of the grid per pixel of the image, along an axis.
    """
    if not POWERS[unit] or isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return value
    return value * zoom ** POWERS[unit]


def significant(value: Any) -> Any:
    """Return a number with thirteen digits, so that it survives the way to another grid and back; others as it is."""
    return float(f"{value:.13g}") if isinstance(value, float) and math.isfinite(value) else value
