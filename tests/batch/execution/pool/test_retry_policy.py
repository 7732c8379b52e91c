"""What becomes of images whose workers have died: all short histories, and what must hold in each."""

import itertools
from collections.abc import Iterator, Sequence

import pytest

from superdsm.batch.execution.pool.retry_policy import STARTS, Decision, Finished, Loss, retry_policy

IMAGES = (1, 2, 3)
ENDS = (Decision.TOO_LONG, Decision.CRASHED, Decision.STOP)


def subsets(items: Sequence[int]) -> Iterator[frozenset[int]]:
    for size in range(len(items) + 1):
        yield from map(frozenset, itertools.combinations(items, size))


def losses(images: Sequence[int]) -> Iterator[Loss]:
    """Yield all ways in which workers can die that have some of the images."""
    for given in subsets(images):
        for begun in subsets(sorted(given)):
            for overdue in subsets(sorted(given)):
                yield Loss(given, begun, overdue)


def histories(images: Sequence[int], length: int) -> Iterator[tuple[list[Finished | Loss], list[dict[int, Decision]]]]:
    """Yield all histories of `length` losses that can happen, with the decisions on each loss.

    What was given up never comes again, a suspect comes alone, and between two losses something may have finished.
    """

    def extend(
        events: list[Finished | Loss], made: list[dict[int, Decision]], left: Sequence[int], suspects: frozenset[int]
    ) -> Iterator[tuple[list[Finished | Loss], list[dict[int, Decision]]]]:
        if len(made) == length:
            yield events, made
            return
        for loss in losses(left):
            if suspects & loss.given and len(loss.given) > 1:
                continue
            for between in ([], [Finished()]):
                history = [*events, *between, loss]
                decisions = retry_policy(history)
                ended = {number for number, decision in decisions.items() if decision in ENDS}
                alone = {number for number, decision in decisions.items() if decision is Decision.ALONE}
                rest = [number for number in left if number not in ended]
                yield from extend(history, [*made, decisions], rest, suspects | alone)

    yield from extend([], [], images, frozenset())


def check(events: list[Finished | Loss], made: list[dict[int, Decision]]) -> None:
    met = [event for event in events if isinstance(event, Loss)]
    for index, (loss, decisions) in enumerate(zip(met, made, strict=True)):
        assert decisions.keys() == loss.given
        late = loss.overdue
        for number, decision in decisions.items():
            if decision is Decision.STOP:
                assert set(decisions.values()) == {Decision.STOP} and not loss.begun
                continue
            assert (decision is Decision.TOO_LONG) == (number in late)
            if decision is Decision.CRASHED:
                chances = [before for before, told in zip(met, made, strict=True) if told.get(number) is Decision.ALONE]
                assert any(number in before.begun for before in chances), "it had a chance alone"
                assert loss.given == {number}, "nothing else can be the cause"
                assert number in loss.begun and not late
            if number not in loss.begun | late:
                assert decision in (Decision.ALONE, Decision.NEXT), "what had time to begin is not given up"
            if late and number not in late:
                known = any(told.get(number) is Decision.ALONE for told in made[:index])
                assert decision is (Decision.ALONE if known else Decision.NEXT), "the cause is known: no suspicion"


@pytest.mark.parametrize(
    ("images", "length", "count"), [(IMAGES, 1, 250), (IMAGES, 2, 11_000), (IMAGES[:2], 3, 10_000)]
)
def test_all_short_histories(images: Sequence[int], length: int, count: int) -> None:
    checked = 0
    for events, made in histories(images, length):
        check(events, made)
        checked += 1
    assert checked >= count


def test_every_image_comes_to_an_end() -> None:
    """The worst case: whatever is begun kills its worker. Each image has two chances, and no other is harmed."""
    events: list[Finished | Loss] = []
    waiting, alone, ended = list(IMAGES), [], []
    while waiting or alone:
        given = frozenset({alone.pop(0)} if alone else waiting[:2])
        waiting = [number for number in waiting if number not in given]
        events.append(Loss(given, given))
        for number, decision in retry_policy(events).items():
            if decision is Decision.ALONE:
                alone.append(number)
            else:
                assert decision is Decision.CRASHED
                ended.append(number)
    assert sorted(ended) == list(IMAGES) and len(events) == 5


def nothing(*given: int) -> Loss:
    return Loss(frozenset(given), frozenset())


@pytest.mark.parametrize(
    ("events", "stops"),
    [
        ([nothing(1)] * (STARTS - 1), False),
        ([nothing(1)] * STARTS, True),
        ([*[nothing(1)] * (STARTS - 1), Finished(), nothing(2)], False),
        ([*[nothing(1)] * (STARTS - 1), Loss(frozenset({1, 2}), frozenset({1})), nothing(2)], True),
        ([*[nothing(1)] * (STARTS - 1), Loss(frozenset({1, 2}), frozenset({1}))], False),
    ],
)
def test_workers_that_die_before_they_begin(events: list[Finished | Loss], stops: bool) -> None:
    assert (Decision.STOP in retry_policy(events).values()) is stops


def test_an_image_that_was_suspected_and_waits_is_worked_on_alone_again() -> None:
    first = Loss(frozenset({1, 2}), frozenset({1, 2}))
    assert retry_policy([first]) == {1: Decision.ALONE, 2: Decision.ALONE}
    assert retry_policy([first, nothing(1)]) == {1: Decision.ALONE}
