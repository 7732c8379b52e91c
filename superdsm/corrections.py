"""Corrections by hand: what a person says of the objects of an image.

They are kept as JSON, with positions in pixels of the image, so that they hold for any hyperparameters and any profile.
What becomes of them is told in `superdsm.core.corrections`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from superdsm.config import parse_json
from superdsm.errors import SuperDSMError, suggest
from superdsm.jsonable import digest, plain

VERSION = 1
Point = tuple[float, float]
MOST = 1e9  # of a coordinate, in pixels


class CorrectionsError(SuperDSMError):
    """Corrections are not what they may be."""


@dataclass(frozen=True, slots=True)
class Action:
    """What can be said of objects.

    Attributes
    ----------
    doc : str
        What it means, in one sentence.
    least, most : int
        How many points it takes.
    outline : bool
        Whether an outline may take the place of the point.
    """

    doc: str
    least: int
    most: float
    outline: bool = False


ACTIONS: Mapping[str, Action] = {
    "merge": Action("The objects at these points are one object.", 2, math.inf),
    "split": Action("Each of these points is in an object of its own.", 2, math.inf),
    "add": Action("There is an object at this point, or within this outline.", 1, 1, outline=True),
    "drop": Action("The object at this point is none.", 1, 1),
    "keep": Action("The object at this point is right, and is not discarded.", 1, 1),
}


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction.

    Attributes
    ----------
    action : str
        A key of `ACTIONS`.
    points : tuple of (float, float)
        Row and column of each point in pixels of the image; the centre of the first pixel is (0, 0).
    outline : tuple of (float, float)
        Of "add": the corners of a polygon, in the place of a point.
    note : str
        Whatever somebody wants to remember; it has no effect.

    Raises
    ------
    CorrectionsError
        The points do not go with the action.
    """

    action: str
    points: tuple[Point, ...] = ()
    outline: tuple[Point, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            hint = suggest(self.action, list(ACTIONS))
            raise CorrectionsError(f"unknown action {self.action!r}{hint}; known are {', '.join(ACTIONS)}")
        rule, count = ACTIONS[self.action], len(self.points)
        if self.outline:
            if not rule.outline or self.points:
                raise CorrectionsError(f"{self.action!r} takes points" + (" or an outline" if rule.outline else ""))
            if len(self.outline) < 3:
                raise CorrectionsError(f"an outline has three corners at least, not {len(self.outline)}")
        elif not rule.least <= count <= rule.most:
            wanted = "one point" if rule.most == 1 else f"at least {rule.least} points"
            raise CorrectionsError(f"{self.action!r} takes {wanted}, not {count}")

    def to_json(self) -> dict[str, Any]:
        """Return the correction as it stands in a file."""
        found: dict[str, Any] = {"action": self.action}
        for name in ("points", "outline"):
            if getattr(self, name):
                found[name] = [list(point) for point in getattr(self, name)]
        return found | ({"note": self.note} if self.note else {})

    @classmethod
    def of(cls, value: Any) -> "Correction":
        """Make a correction of a JSON value; see `to_json`.

        Raises
        ------
        CorrectionsError
            It is none.
        """
        if not isinstance(value, Mapping):
            raise CorrectionsError(f"is {_shown(value)}, not an object like {EXAMPLE}")
        known = ("action", "points", "outline", "note")
        unknown = [str(name) for name in value if name not in known]
        if unknown:
            raise CorrectionsError(f"unknown field {unknown[0]!r}{suggest(unknown[0], known)}")
        action, note = value.get("action"), value.get("note", "")
        if not isinstance(action, str):
            raise CorrectionsError(f"action is {_shown(action)}; known are {', '.join(ACTIONS)}")
        if not isinstance(note, str):
            raise CorrectionsError(f"note is {_shown(note)}, not a text")
        return cls(action, _points(value.get("points", ())), _points(value.get("outline", ())), note)


EXAMPLE = '{"action": "merge", "points": [[row, column], [row, column]]}'


def _points(value: Any) -> tuple[Point, ...]:
    if not isinstance(value, (list, tuple)):
        raise CorrectionsError(f"a list of points [row, column] is expected, not {_shown(value)}")
    return tuple(map(_point, value))


def _point(value: Any) -> Point:
    right = isinstance(value, (list, tuple)) and len(value) == 2
    if not right or not all(isinstance(item, (int, float)) and not isinstance(item, bool) for item in value):
        raise CorrectionsError(f"a point is [row, column], in pixels of the image, not {_shown(value)}")
    row, column = value
    if not all(abs(item) <= MOST for item in value):  # nor is it a number where the comparison fails
        raise CorrectionsError(f"the point {_shown(value)} is nowhere")
    return float(row), float(column)


def _shown(value: Any) -> str:
    text = json.dumps(value, default=repr)
    return text if len(text) <= 60 else f"{text[:57]}..."


@dataclass(frozen=True, slots=True)
class Corrections:
    """The corrections of an image, in the order in which they were made.

    Attributes
    ----------
    items : tuple of Correction
        Each one refers to the objects as they are after those before it.
    source : str
        Where they come from, for messages.
    """

    items: tuple[Correction, ...] = ()
    source: str = ""

    def __len__(self) -> int:
        return len(self.items)

    @property
    def digest(self) -> str:
        """What identifies them; "" if there are none. Notes are no part of it."""
        if not self.items:
            return ""
        return digest([{**item.to_json(), "note": ""} for item in self.items])

    def field(self) -> dict[str, Any]:
        """Return the value of the field ``corrections`` of the pipeline."""
        return {"source": self.source, "corrections": [item.to_json() for item in self.items]}

    def text(self, image: int | str | None = None) -> str:
        """Return the content of a file with these corrections.

        Parameters
        ----------
        image : int or str, optional
            The file id of the image.
        """
        about = {} if image is None else {"image": image}
        head = json.dumps({"version": VERSION, **about})[1:-1]
        lines = ",\n".join(f"    {json.dumps(item.to_json())}" for item in self.items)
        return f'{{\n  {head},\n  "corrections": [\n{lines}\n  ]\n}}\n'

    @classmethod
    def parse(cls, text: str, source: str, image: int | str | None = None) -> "Corrections":
        """Return the corrections of the text of a file.

        Parameters
        ----------
        text : str
            The text.
        source : str
            The file, for messages.
        image : int or str, optional
            The file id of the image that they have to be for, if the file says for which one they are.

        Raises
        ------
        CorrectionsError
            Something is wrong with it; one line that names the file.
        """
        data = parse_json(text, source, CorrectionsError)
        if not isinstance(data, dict):
            raise CorrectionsError(f"{source}: holds {_shown(data)} where an object with corrections is expected")
        unknown = [name for name in data if name not in ("version", "image", "corrections")]
        if unknown:
            raise CorrectionsError(f"{source}: unknown field {unknown[0]!r}; a file has version, image and corrections")
        if data.get("version", VERSION) != VERSION:
            raise CorrectionsError(
                f"{source}: version is {_shown(data['version'])}; this version of superdsm reads {VERSION}"
            )
        if image is not None and data.get("image", image) != image:
            raise CorrectionsError(f"{source}: is about the image {_shown(data['image'])}, not {_shown(image)}")
        listed = data.get("corrections")
        if not isinstance(listed, list):
            raise CorrectionsError(f"{source}: corrections is {_shown(listed)}, not a list")
        return cls.of(listed, source)

    @classmethod
    def read(cls, path: str | Path) -> "Corrections":
        """Return the corrections of a file; for errors see `parse`. One that cannot be read raises as well."""
        path = Path(path)
        try:
            return cls.parse(path.read_text(encoding="utf-8-sig"), str(path))
        except OSError as exc:
            raise CorrectionsError(f"{path}: cannot be read: {exc.strerror}") from exc
        except UnicodeDecodeError as exc:
            raise CorrectionsError(f"{path}: is not a UTF-8 text file") from exc

    @classmethod
    def of(cls, value: Any, source: str = "corrections") -> "Corrections":
        """Make corrections of whatever stands for them.

        Parameters
        ----------
        value : Corrections, str, Path, mapping, sequence or None
            Corrections, a file, the field of a pipeline, a list of `Correction` or of what stands for them in a file.
        source : str, optional
            Where they come from, for messages.

        Raises
        ------
        CorrectionsError
            They are not legal.
        """
        if isinstance(value, Corrections):
            return value
        if isinstance(value, (str, Path)):
            return cls.read(value)
        if isinstance(value, Mapping):
            return cls.of(value.get("corrections"), str(value.get("source") or source))
        if not isinstance(value, (list, tuple)):
            raise CorrectionsError(f"{source}: a list of corrections is expected, not {_shown(value)}")
        return cls(tuple(_each(value, source)), source)


def _each(values: Sequence[Any], source: str) -> Sequence[Correction]:
    items = []
    for number, value in enumerate(values, 1):
        try:
            items.append(value if isinstance(value, Correction) else Correction.of(_plain(value)))
        except CorrectionsError as exc:
            raise CorrectionsError(f"{source}: correction {number}: {exc}") from exc
    return items


def _plain(value: Any) -> Any:
    try:
        return plain(value)
    except (TypeError, ValueError) as exc:
        raise CorrectionsError(f"is made of JSON values: {exc}") from exc
