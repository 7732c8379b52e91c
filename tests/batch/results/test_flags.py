"""What is remarkable about an image: each rule, just on this side of its limit and just beyond."""

from typing import Any

import pytest

from superdsm.batch.results.flags import RULES, flags
from superdsm.batch.storage.journal import JournalEntry

USUAL = {"radius": 10.0, "contrast": 4.0, "edge_width": 1.5, "fallbacks": 1, "irregular": 1, "components": 10}


def image(number: int, n_objects: int = 30, **given: Any) -> JournalEntry:
    values: dict[str, Any] = {
        "status": "done",
        "recipe": "",
        "seconds": {"dsm": 1.0},
        "certificate": {"gap": 1e5 * 0.02, "upper": 1e5},
        "summary": {
            "radius": 10.0,
            "contrast": 4.0,
            "edge_width": 1.5,
            "fallbacks": 1,
            "irregular": 1,
            "components": 10,
            **given.pop("summary", {}),
        },
        **given,
    }
    return JournalEntry(id=number, n_objects=n_objects, **values)


NORMAL = [image(number) for number in range(9)]
CASES: list[tuple[str, JournalEntry, JournalEntry, str]] = [
    (
        "failed",
        image(9),
        image(9, -1, status="failed", stage="dsm", message="no solution"),
        "failed: dsm: no solution",
    ),
    ("empty", image(9, 11), image(9, 0), "no object; the median is 30"),
    (
        "size",
        image(9, summary={"radius": 15.0}),
        image(9, summary={"radius": 16.0}),
        "radius 16 px is 1.6 times the median of 10 px",
    ),
    (
        "size",
        image(9, summary={"radius": 6.7}),
        image(9, summary={"radius": 6.0}),
        "radius 6 px is 0.6 times the median of 10 px",
    ),
    (
        "focus",
        image(9, summary={"edge_width": 3.0}),
        image(9, summary={"edge_width": 4.0}),
        "out of focus: edges are 4 px wide; the median is 1.5 px",
    ),
    ("few", image(9, 10), image(9, 9), "few objects: 9; the median is 30"),
    ("many", image(9, 90), image(9, 91), "many objects: 91; the median is 30"),
    (
        "contrast",
        image(9, summary={"contrast": 2.0}),
        image(9, summary={"contrast": 1.5}),
        "low contrast: 1.5; the median is 4",
    ),
    (
        "discarded",
        image(9, summary={"discarded": {"contrast": 20, "size": 10}}),
        image(9, summary={"discarded": {"contrast": 21, "size": 10}}),
        "more objects were discarded (31) than kept (30)",
    ),
    (
        "irregular",
        image(9, summary={"irregular": 5, "components": 17}),
        image(9, summary={"irregular": 5, "components": 16}),
        "5 of 16 components were left out as irregular; the median is 10%",
    ),
    (
        "fallbacks",
        image(9, summary={"fallbacks": 3}),
        image(9, summary={"fallbacks": 4}),
        "the solver gave up on 4 fits, which have simpler models; the median is 1",
    ),
    (
        "boundary",
        image(9, summary={"boundary_share": 0.5}),
        image(9, summary={"boundary_share": 0.6}),
        "60% of the objects lie on the border of the image",
    ),
    ("warning", image(9), image(9, warnings=["one", "two"]), "one; two"),
    (
        "unproven",
        image(9, certificate={"gap": 1e5 * 0.05, "upper": 1e5}),
        image(9, certificate={"gap": 1e5 * 0.25, "upper": 1e5}),
        "the energy is proven to within 25% only; the median is 2%",
    ),
    (
        "slow",
        image(9, seconds={"dsm": 9.9}),
        image(9, seconds={"dsm": 5.0, "scale": 6.0}),
        "took 11 s; the median is 1 s",
    ),
]


@pytest.mark.parametrize(("rule", "good", "bad", "text"), CASES, ids=[case[0] for case in CASES])
def test_a_rule(rule: str, good: JournalEntry, bad: JournalEntry, text: str) -> None:
    assert not any(flags([*NORMAL, good]))
    *others, found = flags([*NORMAL, bad])
    assert not any(others)
    assert [(flag.rule, flag.text) for flag in found] == [(rule, text)]


def test_every_rule_has_a_case_and_they_go_from_bad_to_harmless() -> None:
    assert {case[0] for case in CASES} == set(RULES)
    severities = [severity for severity, _, _ in RULES.values()]
    assert severities == sorted(severities, reverse=True) and len(set(severities)) == len(severities)


def test_a_gap_that_all_images_have_is_nothing_remarkable() -> None:
    assert not any(flags([image(number, certificate={"gap": 1e5 * 0.4, "upper": 1e5}) for number in range(6)]))


def test_a_larger_magnification_is_not_taken_for_a_want_of_focus() -> None:
    larger = image(9, summary={"edge_width": 4.0, "radius": 20.0})
    assert [flag.rule for flag in flags([*NORMAL, larger])[-1]] == ["size"]


def test_a_few_images_have_no_median_to_be_compared_with() -> None:
    assert not any(flags([image(1, 3), image(2, 300), image(3, summary={"radius": 99.0})]))
    assert [flag.text for flag in flags([image(1, 0)])[0]] == ["no object"]


def test_images_are_compared_with_those_of_their_group() -> None:
    plates = [image(number, 30) for number in range(5)] + [image(number, 300) for number in range(5)]
    assert not any(flags(plates, ["a"] * 5 + ["b"] * 5))
    assert flags([*plates, image(10, 9)], ["a"] * 5 + ["b"] * 5 + ["b"])[-1][0].rule == "few"
    assert [flag.rule for flag in flags([*plates, image(10, 20)], ["a"] * 5 + ["b"] * 5 + ["b"])[-1]] == ["few"]
    assert not flags([*plates, image(10, 20)], ["a"] * 5 + ["b"] * 5 + ["a"])[-1]


def test_where_all_images_are_empty_that_is_still_said_once_there_are_too_few_to_compare() -> None:
    assert not any(flags([image(number, 0) for number in range(6)])), "a plate without cells"
    assert flags([]) == []
