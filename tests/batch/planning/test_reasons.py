"""Why something is done again: what is told for each kind of difference."""

from typing import Any

import pytest

from superdsm.batch.planning.reasons import changes, export_changes

CODE = {"provider": "superdsm", "id": "dsm", "version": "1"}


def stage(name: str = "dsm", code: Any = CODE, **settings: Any) -> list[Any]:
    return [name, {"code": code, "settings": settings}, "digest"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ([stage()], [stage()], ()),
        ([stage()], [stage(), stage("more")], ("stage more added",)),
        ([stage(), stage("more")], [stage()], ("stage more removed",)),
        ([stage("a"), stage("b")], [stage("b"), stage("a")], ("order of the stages changed",)),
        ([stage(x=1.5)], [stage(x=2.0)], ("dsm/x 1.5 -> 2",)),
        ([stage(x=True)], [stage(x=False)], ("dsm/x true -> false",)),
        ([stage(x=None)], [stage(x="a")], ("dsm/x none -> a",)),
        ([stage()], [stage(x=1)], ("dsm/x default -> 1",)),
        ([stage(x=1)], [stage()], ("dsm/x 1 -> default",)),
        ([stage(x={"AF": 1.0})], [stage(x={"AF": 0.5})], ("dsm/AF_x 1 -> 0.5",)),
        ([stage(x={"AF": 0.5})], [stage(x=4)], ("dsm/x automatic (AF 0.5) -> 4",)),
        ([stage()], [stage(code=CODE | {"version": "2"})], ("stage dsm version 1 -> 2",)),
        ([stage()], [stage(code=CODE | {"provider": "other"})], ("stage dsm from superdsm -> other",)),
        ([stage(code=CODE | {"source": "a"})], [stage(code=CODE | {"source": "b"})], ("stage dsm: code changed",)),
        ([stage(code=None)], [stage()], ("stage dsm can be identified now",)),
        ([stage()], [stage(code=None)], ("stage dsm cannot be identified any more",)),
        (
            [stage(code={"provider": "", "version": None})],
            [stage()],
            ("stage dsm from a script -> superdsm", "stage dsm version none -> 1"),
        ),
    ],
)
def test_changes(old: Any, new: Any, told: tuple[str, ...]) -> None:
    assert changes(old, new) == told


def test_hyperparameters_outside_of_the_namespace_stand_alone() -> None:
    assert changes([stage(scale=1)], [stage(scale=2)], frozenset({"dsm/scale"})) == ("scale 1 -> 2",)


def test_exporters() -> None:
    old, new = stage("seg", dpi=1), stage("seg", dpi=2)
    assert export_changes([], [new], "seg") == ("seg wanted",)
    assert export_changes([old], [new], "seg") == ("dpi 1 -> 2",)
    assert export_changes([old], [stage("seg", None, dpi=1)], "seg") == ("exporter seg cannot be identified any more",)
