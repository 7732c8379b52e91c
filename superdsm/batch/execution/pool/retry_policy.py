"""What is to be done when workers have died: which images get another chance, and which are given up.

A dead worker takes all others of its executor with it, and nobody tells which image was the cause. So the images that
were being worked on are tried once more, each alone; one that has no luck then either was the cause.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

STARTS = 3  # times in a row that workers may die before they begin with anything


@dataclass(frozen=True, slots=True)
class Finished:
    """An image was finished, or failed by itself: workers can work."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Workers have died.

    Attributes
    ----------
    given : frozenset of int
        The images that were with the workers, and are not finished.
    begun : frozenset of int
        Those that were being worked on; the others waited.
    overdue : frozenset of int
        Those whose worker was ended because they took too long, or because it did not begin with them.
    """

    given: frozenset[int]
    begun: frozenset[int]
    overdue: frozenset[int] = frozenset()


class Decision(Enum):
    """What becomes of an image."""

    TOO_LONG = "it took too long, and fails"
    CRASHED = "its worker died twice, and it fails"
    ALONE = "it is tried once more while nothing else is worked on"
    NEXT = "it is worked on next; it has nothing to do with what happened"
    STOP = "workers die before they begin with anything; nothing can be done"


def retry_policy(events: Sequence[Finished | Loss]) -> dict[int, Decision]:
    """Decide what becomes of the images that were with the workers which have died last.

    Parameters
    ----------
    events : sequence of Finished or Loss
        All that happened, in order; the last is a `Loss`. Several `Finished` in a row count like one.

    Returns
    -------
    dict
        By image of the last loss. If one is to `Decision.STOP`, all are.
    """
    suspects: set[int] = set()
    starts = 0
    decisions: dict[int, Decision] = {}
    for event in events:
        if isinstance(event, Finished):
            starts = 0
            continue
        if not event.begun:
            starts += 1
        decisions = {number: _decide(number, event, suspects) for number in sorted(event.given)}
        suspects |= {number for number, decision in decisions.items() if decision is Decision.ALONE}
        if starts >= STARTS:
            decisions = dict.fromkeys(decisions, Decision.STOP)
    return decisions


def _decide(number: int, loss: Loss, suspects: set[int]) -> Decision:
    if number in loss.overdue:
        return Decision.TOO_LONG
    if number in loss.begun and not loss.overdue:
        return Decision.CRASHED if number in suspects else Decision.ALONE
    return Decision.ALONE if number in suspects else Decision.NEXT
