"""Where something stands in a JSON file, so that errors can say it."""

import json
from dataclasses import dataclass
from json.decoder import WHITESPACE, scanstring  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any

from superdsm.config import parse_json
from superdsm.errors import TaskError


@dataclass(frozen=True, slots=True)
class Source:
    """A JSON file that declares something.

    Attributes
    ----------
    path : Path
        The file.
    text : str
        Its text.
    """

    path: Path
    text: str = ""

    @classmethod
    def read(cls, path: Path) -> "Source":
        """Read the text of a file.

        Raises
        ------
        TaskError
            The file cannot be read.
        """
        try:
            return cls(path, path.read_text(encoding="utf-8-sig"))
        except OSError as exc:
            raise TaskError(f"{path}: cannot be read: {exc.strerror}") from exc
        except UnicodeDecodeError as exc:
            raise TaskError(f"{path}: is not a UTF-8 text file") from exc

    def json_object(self) -> dict[str, Any]:
        """Return the content, which has to be a JSON object.

        Raises
        ------
        TaskError
            It is not.
        """
        data = parse_json(self.text, str(self.path), TaskError)
        if not isinstance(data, dict):
            raise self.error(f"holds {kind(data)} where an object with the fields of a task is expected")
        return data

    def error(self, message: str, *keys: str | int) -> TaskError:
        """Return an error that names the file and the line of the value under `keys` (none: of the whole)."""
        return TaskError(f"{self.where(*keys)}: {message}")

    def where(self, *keys: str | int) -> str:
        """Return ``file:line`` of the value under `keys`."""
        return f"{self.path}:{line_of(self.text, keys)}"


def line_of(text: str, keys: tuple[str | int, ...]) -> int:
    """Return the line (from 1) where the value under `keys` begins, or of the part of the path that exists.

    Parameters
    ----------
    text : str
        Valid JSON.
    keys : tuple
        Keys of objects and indices of arrays, from the outside to the inside.
    """
    start = value = _skip(text, 0)
    for key in keys:
        found = _member(text, value, key)
        if found is None:
            break
        start, value = found
    return text.count("\n", 0, start) + 1


def _skip(text: str, position: int) -> int:
    return WHITESPACE.match(text, position).end()  # type: ignore[no-any-return]


def _member(text: str, position: int, key: str | int) -> tuple[int, int] | None:
    """Return where a member of the object or array at `position` begins, and where its value does."""
    decoder = json.JSONDecoder()
    opening = text[position : position + 1]
    if opening not in ("{", "["):
        return None
    position, index = _skip(text, position + 1), 0
    while text[position : position + 1] not in ("}", "]", ""):
        name: str | int = index
        start = position
        if opening == "{":
            name, position = scanstring(text, position + 1, True)
            position = _skip(text, _skip(text, position) + 1)
        if name == key:
            return start, position
        position = _skip(text, decoder.raw_decode(text, position)[1])
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
        index += 1
    return None


def kind(value: Any) -> str:
    """Say what a JSON value is."""
    if value is None:
        return "null"
    names = {bool: "true or false", int: "an integer", float: "a number", str: "a string", list: "a list"}
    return names.get(type(value), "an object")
