"""Configurations: nested mappings of hyperparameters, with JSON in and out.

A configuration holds top-level hyperparameters (``AF_scale``) and namespaces (``dsm``) with hyperparameters of a stage.
It is a value: it never changes, and equal content in any order has the same digest.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from superdsm.errors import ConfigError, short
from superdsm.jsonable import digest, plain, scalars

PROFILE = "profile"
PIXEL_SIZE = "pixel_size"
SETTINGS = (PROFILE, PIXEL_SIZE)  # stand at the top level of a configuration and belong to no stage
LEVELS = 100  # of values in values: more are damage or mischief, and beyond what the interpreter can follow


def parse_json(text: str, name: str, error: type[Exception] = ConfigError) -> Any:
    """Parse JSON, with ``Infinity``, ``-Infinity`` and ``NaN`` as numbers.

    Parameters
    ----------
    text : str
        The JSON text.
    name : str
        What to call the text in an error, usually the path of its file.
    error : type of exception
        What to raise.

    Raises
    ------
    ConfigError
        (or `error`) The text is not JSON, or an object has a key twice; says the line and the column. Or there are
        too many digits or levels.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) < len(pairs):
            twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise error(f"{name}: the key {short(repr(twice))} stands twice in one object; remove one of them")
        return result

    try:
        value = json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as exc:
        raise error(f"{name}: line {exc.lineno}, column {exc.colno}: invalid JSON: {exc.msg}") from exc
    except RecursionError as exc:
        raise error(f"{name}: {TOO_DEEP}") from exc
    except ValueError as exc:  # Python reads integers up to a limit only
        raise error(f"{name}: a number has more digits than can be read; give one that is shorter") from exc
    if too_deep(value):
        raise error(f"{name}: {TOO_DEEP}")
    return value


TOO_DEEP = f"values are nested in more than {LEVELS} levels; remove some"


def too_deep(value: Any) -> bool:
    """Return whether there are more than `LEVELS` lists or mappings in one another."""
    level = [value]
    for _ in range(LEVELS + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, (Mapping, list, tuple))
            for inner in (outer.values() if isinstance(outer, Mapping) else outer)
            if isinstance(inner, (Mapping, list, tuple))
        ]
        if not level:
            return False
    return True


def read_json(path: Path, error: type[Exception] = ConfigError) -> Any:
    """Read a JSON file; see `parse_json`. A file that cannot be read raises `error` as well."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise error(f"{path}: cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise error(f"{path}: is not a UTF-8 text file") from exc
    return parse_json(text, str(path), error)


class Config(Mapping[str, Any]):
    """An immutable configuration with ``namespace/key`` access.

    Parameters
    ----------
    data : mapping, optional
        Nested mapping; it is copied. ``{"dsm/alpha": 0.5}`` is the same as ``{"dsm": {"alpha": 0.5}}``.

    Raises
    ------
    ConfigError
        The data is not made of JSON values, or gives a value twice.

    Examples
    --------
    >>> cfg = Config({"AF_scale": 40, "dsm": {"alpha": 0.5}})
    >>> cfg["dsm/alpha"], cfg.get("dsm/epsilon", 1.0)
    (0.5, 1.0)
    >>> cfg.merged({"dsm": {"epsilon": 2}}).as_dict()
    {'AF_scale': 40, 'dsm': {'alpha': 0.5, 'epsilon': 2}}
    """

    __slots__ = ("_data",)

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        if data is not None and not isinstance(data, Mapping):
            raise ConfigError(f"a configuration is an object with hyperparameters, not {type(data).__name__}")
        if too_deep(data):
            raise ConfigError(TOO_DEEP)
        try:
            self._data: dict[str, Any] = _nested(plain(data or {}, scalars))
        except TypeError as exc:
            raise ConfigError(f"a configuration is made of JSON values: {exc}") from exc

    @classmethod
    def from_file(cls, path: str | Path) -> "Config":
        """Read a configuration from a JSON file."""
        data = read_json(Path(path))
        if not isinstance(data, dict):
            raise ConfigError(f"{path}: holds {type(data).__name__} where an object with hyperparameters is expected")
        try:
            return cls(data)
        except ConfigError as exc:
            raise ConfigError(f"{path}: {exc}", *exc.paths) from exc

    def __getitem__(self, path: str) -> Any:
        value: Any = self._data
        for key in path.split("/"):
            if not isinstance(value, dict) or key not in value:
                raise KeyError(path)
            value = value[key]
        return plain(value) if isinstance(value, (dict, list)) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        return f"Config({self._data!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and self.digest() == other.digest()

    def __hash__(self) -> int:
        return hash(self.digest())

    def merged(self, other: "Mapping[str, Any] | None") -> "Config":
        """Return a configuration in which the values of `other` win, namespace by namespace."""
        return Config(_merge(self._data, Config(other)._data))

    def with_value(self, path: str, value: Any) -> "Config":
        """Return a configuration in which the value at ``namespace/key`` is another one."""
        keys = path.split("/")
        if len(keys) > LEVELS:
            raise ConfigError(TOO_DEEP)
        for key in reversed(keys):
            value = {key: value}
        return self.merged(value)

    def as_dict(self) -> dict[str, Any]:
        """Return a copy as nested dictionaries."""
        return plain(self._data)  # type: ignore[no-any-return]

    def digest(self) -> str:
        """Return the digest of the content, the same for any order of the keys."""
        return digest(self._data)


def _nested(data: dict[str, Any]) -> dict[str, Any]:
    """Turn keys like ``namespace/key`` to namespaces."""
    if not any("/" in key for key in data):
        return data
    result = {key: value for key, value in data.items() if "/" not in key}
    for path in (key for key in data if "/" in key):
        *namespaces, name = path.split("/")
        inner = result
        for namespace in namespaces:
            below = inner.get(namespace, {})
            if not isinstance(below, dict):
                message = f"{namespace!r} is given a value, and {path!r} another one; remove one of them"
                raise ConfigError(message, namespace, path)
            inner[namespace] = inner = dict(below)
        if name in inner:
            raise ConfigError(f"{path!r} is given twice; remove one of them", path)
        inner[name] = data[path]
    return result


def _merge(base: Any, other: Any) -> Any:
    if isinstance(base, dict) and isinstance(other, dict):
        return base | {key: _merge(base.get(key), value) for key, value in other.items()}
    return other
