"""The summary of an image: what the stages say of it as a whole, in words and as the cells of a table.

Stages fill it with `superdsm.StageContext.tell`; a value is a number, a text, or counts by reason.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeGuard

from superdsm.stage import SUMMARY


def gathered(log: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the summary that is part of a log; of equal names the last one counts.

    Parameters
    ----------
    log : iterable of mapping
        Records of the stages, in their order.
    """
    summary: dict[str, Any] = {}
    for record in log:
        summary |= record.get(SUMMARY, {})
    return summary


def cells(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the summary as the cells of a table: counts by reason have a column each, as in ``discarded_contrast``."""
    row: dict[str, Any] = {}
    for name, value in summary.items():
        if isinstance(value, Mapping):
            row |= {f"{name}_{reason}": count for reason, count in value.items()}
        else:
            row[name] = value
    return row


def described(summary: Mapping[str, Any]) -> list[str]:
    """Return the summary in words: what was segmented, the size of the nuclei, what was left out and why."""
    return [*_colour(summary), *_size(summary), *_left_out(summary), *_corrected(summary)]


def _colour(summary: Mapping[str, Any]) -> Iterator[str]:
    channel = summary.get("colour")
    if channel:
        taken = "maximum of the channels" if channel == "max" else f"{channel} channel"
        yield f"{taken} of a fluorescence composite (another one: channel)"


def _is_number(value: Any) -> TypeGuard[int]:
    return isinstance(value, (int, float))


def _size(summary: Mapping[str, Any]) -> Iterator[str]:
    radius = summary.get("radius")
    if not _is_number(radius):
        return
    text = f"radius {radius:.3g} px"
    spread, blobs = summary.get("radius_spread"), summary.get("radius_blobs")
    if _is_number(spread) and _is_number(blobs):
        text += f" (spread {spread:.0%}, {_number(blobs, 'blob')})"
    yield text


def _left_out(summary: Mapping[str, Any]) -> Iterator[str]:
    irregular, components = summary.get("irregular", 0), summary.get("components", 0)
    if _is_number(irregular) and _is_number(components) and irregular:
        yield f"{irregular} of {_number(components, 'component')} left out as irregular"
    counts = summary.get("discarded")
    counts = counts if isinstance(counts, Mapping) else {}  # stages of plugins may tell something else by that name
    discarded = {reason: count for reason, count in counts.items() if _is_number(count) and count}
    if discarded:
        reasons = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in discarded.items())
        yield f"{_number(sum(discarded.values()), 'object')} discarded ({reasons})"


def _corrected(summary: Mapping[str, Any]) -> Iterator[str]:
    count = summary.get("corrected", 0)
    if _is_number(count) and count:
        yield f"{_number(count, 'correction')} by hand"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
