"""What is remarkable about an image: rules that compare it with the others of its task, or of its plate.

A rule says what it found with the number, and what the number is compared with, so that nobody has to guess.
"""

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from superdsm.batch.storage.journal import DONE, JournalEntry

ENOUGH = 4  # images that have to be there for their median to mean something


@dataclass(frozen=True, slots=True)
class Flag:
    """Something remarkable about an image.

    Attributes
    ----------
    rule : str
        Name of the rule, a key of `RULES`.
    text : str
        What was found, with the numbers.
    severity : int
        The larger, the sooner it should be looked at.
    """

    rule: str
    text: str
    severity: int


@dataclass(frozen=True, slots=True)
class Typical:
    """The medians of the images that an image is compared with; None: too few, or not known."""

    objects: float | None
    radius: float | None
    contrast: float | None
    edge_width: float | None
    irregular: float | None
    fallbacks: float | None
    gap: float | None
    seconds: float | None


Rule = Callable[[JournalEntry, Typical], str]


def flags(entries: Sequence[JournalEntry], groups: Sequence[str] = ()) -> list[list[Flag]]:
    """Return what is remarkable about each image, the worst first.

    Parameters
    ----------
    entries : sequence of JournalEntry
        The images of a task.
    groups : sequence of str, optional
        For each image the group whose images it is compared with, for instance its plate; by default all are one.

    Returns
    -------
    list of list of Flag
        One list for each image.
    """
    names = groups or [""] * len(entries)
    members: dict[str, list[JournalEntry]] = {}
    for name, entry in zip(names, entries, strict=True):
        members.setdefault(name, []).append(entry)
    typical = {name: _typical(group) for name, group in members.items()}
    return [list(_found(entry, typical[name])) for name, entry in zip(names, entries, strict=True)]


def _found(entry: JournalEntry, typical: Typical) -> Iterator[Flag]:
    for name, (severity, rule, _) in RULES.items():  # in the order of their severity
        if entry.status != DONE and name != "failed":
            continue
        if text := rule(entry, typical):
            yield Flag(name, text, severity)


def _typical(entries: Sequence[JournalEntry]) -> Typical:
    done = [entry for entry in entries if entry.status == DONE]
    return Typical(
        _median([entry.n_objects for entry in done if entry.n_objects >= 0]),
        _median([value for entry in done if (value := _number(entry.summary, "radius"))]),
        _median([value for entry in done if (value := _number(entry.summary, "contrast"))]),
        _median([value for entry in done if (value := _number(entry.summary, "edge_width"))]),
        _median([value for entry in done if (value := _irregular_share(entry)) is not None]),
        _median([value for entry in done if (value := _number(entry.summary, "fallbacks")) is not None]),
        _median([value for entry in done if (value := _gap_share(entry)) is not None]),
        _median([sum(entry.seconds.values()) for entry in done]),
    )


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if len(values) >= ENOUGH else None


def _number(summary: Mapping[str, object], name: str) -> float | None:
    value = summary.get(name)
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _irregular_share(entry: JournalEntry) -> float | None:
    irregular, components = (_number(entry.summary, name) for name in ("irregular", "components"))
    return irregular / components if components and irregular is not None else None


def _gap_share(entry: JournalEntry) -> float | None:
    """Return the part of the energy by which it may be above the least one."""
    gap, upper = (_number(entry.certificate, name) for name in ("gap", "upper"))
    return None if gap is None or upper is None else gap / max(1.0, upper)


def _failed(entry: JournalEntry, _: Typical) -> str:
    if entry.status == DONE:
        return ""
    return f"failed: {entry.stage}: {entry.message}" if entry.stage else f"failed: {entry.message}"


def _empty(entry: JournalEntry, typical: Typical) -> str:
    if entry.n_objects != 0 or (typical.objects is not None and typical.objects < 1):
        return ""
    return "no object" + ("" if typical.objects is None else f"; the median is {typical.objects:g}")


def _size(entry: JournalEntry, typical: Typical) -> str:
    radius = _number(entry.summary, "radius")
    if not radius or not typical.radius or 1 / 1.5 <= radius / typical.radius <= 1.5:
        return ""
    return f"radius {radius:.3g} px is {radius / typical.radius:.2g} times the median of {typical.radius:.3g} px"


def _few(entry: JournalEntry, typical: Typical) -> str:
    if not typical.objects or not 0 < entry.n_objects < typical.objects / 3:
        return ""
    return f"few objects: {entry.n_objects}; the median is {typical.objects:g}"


def _many(entry: JournalEntry, typical: Typical) -> str:
    if not typical.objects or entry.n_objects <= 3 * typical.objects:
        return ""
    return f"many objects: {entry.n_objects}; the median is {typical.objects:g}"


def _contrast(entry: JournalEntry, typical: Typical) -> str:
    contrast = _number(entry.summary, "contrast")
    if contrast is None or not typical.contrast or contrast >= typical.contrast / 2:
        return ""
    return f"low contrast: {contrast:.3g}; the median is {typical.contrast:.3g}"


def _focus(entry: JournalEntry, typical: Typical) -> str:
    width, radius = (_number(entry.summary, name) for name in ("edge_width", "radius"))
    larger = max(1.0, radius / typical.radius) if radius and typical.radius else 1.0  # edges of larger objects, too
    if width is None or not typical.edge_width or width <= 2 * larger * typical.edge_width:
        return ""
    return f"out of focus: edges are {width:.3g} px wide; the median is {typical.edge_width:.3g} px"


def _discarded(entry: JournalEntry, _: Typical) -> str:
    reasons = entry.summary.get("discarded")
    count = sum(reasons.values()) if isinstance(reasons, Mapping) else 0
    if count < 5 or count <= entry.n_objects:
        return ""
    return f"more objects were discarded ({count}) than kept ({max(0, entry.n_objects)})"


def _irregular(entry: JournalEntry, typical: Typical) -> str:
    share, count = _irregular_share(entry), _number(entry.summary, "irregular")
    if share is None or count is None or count < 5 or share < max(0.3, 2 * (typical.irregular or 0)):
        return ""
    words = f"{count:.0f} of {_number(entry.summary, 'components'):.0f} components were left out as irregular"
    return words + ("" if typical.irregular is None else f"; the median is {typical.irregular:.0%}")


def _fallbacks(entry: JournalEntry, typical: Typical) -> str:
    count = _number(entry.summary, "fallbacks")
    if count is None or count < 3 or count <= 3 * (typical.fallbacks or 0):
        return ""
    words = f"the solver gave up on {count:.0f} fits, which have simpler models"
    return words + ("" if typical.fallbacks is None else f"; the median is {typical.fallbacks:g}")


def _boundary(entry: JournalEntry, _: Typical) -> str:
    share = _number(entry.summary, "boundary_share")
    if share is None or share <= 0.5 or entry.n_objects < ENOUGH:
        return ""
    return f"{share:.0%} of the objects lie on the border of the image"


def _warned(entry: JournalEntry, _: Typical) -> str:
    return "; ".join(entry.warnings)


def _unproven(entry: JournalEntry, typical: Typical) -> str:
    gap = _gap_share(entry)
    if gap is None or gap <= max(0.05, 2 * (typical.gap or 0)):
        return ""
    return f"the energy is proven to within {gap:.0%} only; the median is {typical.gap or 0:.0%}"


def _slow(entry: JournalEntry, typical: Typical) -> str:
    seconds = sum(entry.seconds.values())
    if not typical.seconds or seconds < 10 or seconds < 5 * typical.seconds:
        return ""
    return f"took {seconds:.0f} s; the median is {typical.seconds:.2g} s"


# By name: the severity, the rule, and what it looks for. The worst first.
RULES: Mapping[str, tuple[int, Rule, str]] = {
    "failed": (100, _failed, "The image could not be processed."),
    "empty": (90, _empty, "There is no object."),
    "focus": (80, _focus, "The edges of the objects are more than twice as wide as the median: out of focus?"),
    "size": (70, _size, "The radius is more than 1.5 times, or less than 1/1.5 of, the median."),
    "few": (60, _few, "There are less than a third as many objects as the median."),
    "many": (50, _many, "There are more than three times as many objects as the median."),
    "contrast": (45, _contrast, "The contrast is less than half of the median."),
    "discarded": (40, _discarded, "More objects were discarded than kept, and at least five."),
    "irregular": (
        35,
        _irregular,
        "At least 30 % of the components, five, and twice the median, were left out as irregular.",
    ),
    "fallbacks": (30, _fallbacks, "The solver gave up on at least three fits, and on three times the median."),
    "boundary": (25, _boundary, "More than half of the objects lie on the border of the image."),
    "warning": (20, _warned, "The program has warned of something."),
    "unproven": (10, _unproven, "The proven bound is more than 5 % below the energy, and twice as far as the median."),
    "slow": (5, _slow, "It took at least ten seconds, and five times the median."),
}
