"""Hyperparameters: what is legal, what is said about anything else, and how they follow the scale."""

import math
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superdsm import Config, ConfigError, Stage, param, params
from tests.raises import Case, error_of, unprovoked


class Settings(Stage):
    """Has one hyperparameter of each sort."""

    id = "settings"
    version = "1"
    inputs = ("g_raw",)
    outputs = ("y",)
    replaces = "preprocess"
    plain = param(0.5, "A number.")
    colour = param("", 'A colour, as in "#ffc400".', pattern="(#[0-9a-f]{6})?")
    bounded = param(0.5, "A number with a range.", min=0, max=1)
    least = param(0.5, "A number with a lower end.", min=0)
    most = param(0.5, "A number with an upper end.", max=1)
    count = param(3, "A count.", min=1)
    cut = param(3, "A count of which fractions are cut off.", truncate=True, floor=2)
    switch = param(True, "A switch.")
    mode = param("fast", "A choice.", choices=("fast", "slow"))
    absent = param(None, "A number that may be absent.", type=float, nullable=True, min=0)
    length = param(10, "A length.", auto=("radius", 0.5), truncate=True, floor=4)
    area = param(9.0, "An area.", auto=("scale^2", 2.0), max=1000)
    outer = param(40.0, "Outside of the namespace.", toplevel=True)


def resolved(scale: float | None = None, **settings: Any) -> Any:
    config = Config({"settings": settings})
    return Settings().resolve(config, scale)[0]


ERRORS: list[Case] = [
    (
        lambda: resolved(plain="much"),
        ConfigError,
        "settings/plain = 'much' is of the wrong type; expected: number",
    ),
    (lambda: resolved(plain=True), ConfigError, "settings/plain = True is of the wrong type; expected: number"),
    (lambda: resolved(plain=math.nan), ConfigError, "settings/plain = nan is out of range; expected: number"),
    (
        lambda: resolved(bounded=1.5),
        ConfigError,
        "settings/bounded = 1.5 is out of range; expected: number from 0 to 1",
    ),
    (
        lambda: resolved(least=-1),
        ConfigError,
        "settings/least = -1.0 is out of range; expected: number of at least 0",
    ),
    (lambda: resolved(most=2), ConfigError, "settings/most = 2.0 is out of range; expected: number of at most 1"),
    (
        lambda: resolved(count=2.5),
        ConfigError,
        "settings/count = 2.5 is of the wrong type; expected: integer of at least 1",
    ),
    (
        lambda: resolved(count=math.inf),
        ConfigError,
        "settings/count = inf is of the wrong type; expected: integer of at least 1",
    ),
    (
        lambda: resolved(count=0),
        ConfigError,
        "settings/count = 0 is out of range; expected: integer of at least 1",
    ),
    (
        lambda: resolved(switch=1),
        ConfigError,
        "settings/switch = 1 is of the wrong type; expected: true or false",
    ),
    (lambda: resolved(mode=2), ConfigError, "settings/mode = 2 is of the wrong type; expected: one of 'fast', 'slow'"),
    (
        lambda: resolved(mode="slwo"),
        ConfigError,
        "settings/mode = 'slwo' is not allowed; expected: one of 'fast', 'slow' (did you mean 'slow'?)",
    ),
    (lambda: resolved(count=10**400), ConfigError, "settings/count is out of range; expected: integer of at least 1"),
    (lambda: resolved(count=None), ConfigError, "settings/count is null; expected: integer of at least 1"),
    (
        lambda: resolved(absent=-1),
        ConfigError,
        "settings/absent = -1.0 is out of range; expected: number of at least 0 or null",
    ),
    (
        lambda: resolved(AF_length=-1),
        ConfigError,
        "settings/AF_length = -1.0 is out of range; expected: number of at least 0",
    ),
    (
        lambda: resolved(scale=100, AF_area=3),
        ConfigError,
        "settings/area (automatic: AF_area = 3 at scale 100) = 30000.0 is out of range; "
        "expected: number of at most 1000",
    ),
    (
        lambda: param([1], "A list."),
        TypeError,
        "a hyperparameter is a float, int, bool or str, not list; give type=",
    ),
    (
        lambda: param(None, "Nothing."),
        TypeError,
        "a hyperparameter is a float, int, bool or str, not NoneType; give type=",
    ),
    (
        lambda: param(1.0, "A length.", auto=("furlong", 1.0)),
        ValueError,
        "unknown unit 'furlong'; known: scale, scale^2, radius, diameter",
    ),
    (
        lambda: resolved().plane,
        AttributeError,
        f"no hyperparameter 'plane'; there are: {', '.join(Settings.declared)}",
    ),
    (lambda: resolved().__wrapped__, AttributeError, "__wrapped__"),
    (lambda: setattr(resolved(), "plain", 1), AttributeError, "hyperparameters are read-only"),
    (
        lambda: resolved(colour="#00ff0"),
        ConfigError,
        "settings/colour = '#00ff0' is not allowed; A colour, as in \"#ffc400\".",
    ),
    (lambda: param(1.0, "A length.", unit="inch"), ValueError, "unknown unit 'inch'; known: px, px2"),
]


@pytest.mark.parametrize(("cause", "kind", "message"), ERRORS, ids=[message[:50] for _, _, message in ERRORS])
def test_errors(cause: Any, kind: type[Exception], message: str) -> None:
    assert str(error_of(cause, kind)) == message


def test_every_error_is_provoked() -> None:
    assert not unprovoked(params, ERRORS)


def test_values_take_the_type_of_the_hyperparameter() -> None:
    values = resolved(plain=2, count=4.0, cut=7.9, switch=False, mode="slow", absent=1)
    assert dict(values) == dict(resolved()) | {
        "plain": 2.0, "count": 4, "cut": 7, "switch": False, "mode": "slow", "absent": 1.0,
    }  # fmt: skip
    assert [type(value) for value in (values.plain, values.count, values.cut)] == [float, int, int]


@given(st.floats(0.1, 15), st.floats(0, 2))
def test_automatic_values_follow_the_scale(scale: float, factor: float) -> None:
    values = resolved(scale, AF_length=factor)
    assert values.length == max(4, int(scale * math.sqrt(2) * factor))
    assert values.area == pytest.approx(2 * scale**2)


def test_what_is_set_does_not_follow_the_scale() -> None:
    assert resolved(50.0, length=7, area=3.5)["length"] == 7
    assert resolved(50.0, length=7, area=3.5).area == 3.5
    assert resolved(10.0, length=None, area=None) == resolved(10.0)


def test_without_a_scale_automatic_ones_take_their_defaults() -> None:
    assert (resolved().length, resolved().area) == (10, 9.0)


def test_all_units() -> None:
    assert {name: unit(3.0) for name, unit in params.UNITS.items()} == pytest.approx(
        {"scale": 3, "scale^2": 9, "radius": 3 * math.sqrt(2), "diameter": 6 * math.sqrt(2)}
    )


def test_resolved_hyperparameters_are_a_mapping_that_travels() -> None:
    values = resolved(plain=0.25)
    assert list(values) == list(Settings.declared) and len(values) == len(Settings.declared)
    assert pickle.loads(pickle.dumps(values)) == values
    assert "'plain': 0.25" in repr(values)
