"""Calls of the system that fail, and kills at them: the command ends in order, and the next one completes the work.

Each test prints how many attacks were tried and how many did not end as they should. The short form tries some calls of
each kind; all of them, in about a quarter of an hour: ``pytest -m "robustness and slow" tests/robustness -s``.
"""

import errno
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.robustness.forks import KINDS, Fault, Forks
from tests.robustness.trees import Tree

pytestmark = [pytest.mark.robustness, pytest.mark.process]

ERRORS = {
    "open": (errno.EMFILE, errno.EIO, errno.ENOSPC, errno.ENOMEM),
    "write": (errno.ENOSPC, errno.EIO),
    "fsync": (errno.EIO, errno.ENOSPC),
    "rename": (errno.EIO, errno.ENOSPC),
    "mkdir": (errno.ENOSPC, errno.EIO),
    "unlink": (errno.EIO,),
    "truncate": (errno.EIO,),
    "memory": (errno.ENOMEM,),
    "clone": (errno.EAGAIN, errno.ENOMEM),
}


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    found = Forks(tmp_path_factory.mktemp("forks"))
    yield found
    found.close()


@pytest.fixture
def tree(tmp_path: Path, forks: Forks) -> Tree:
    return Tree(tmp_path / "tree", forks)


def attack(tree: Tree, faults: Iterable[Fault], codes: tuple[int, ...]) -> None:
    """Try one fault after the other; fail if any run, or the one after it, is not as it should be."""
    right, _ = tree.undisturbed()
    tried = missed = 0
    failed: list[str] = []
    for fault in faults:
        tree.renew()
        ended = tree.forks.run(tree.command, tree.directory, fault)
        if not ended.fired:
            missed += 1
            continue
        tried += 1
        failed += [f"{fault}: {problem}" for problem in tree.problems(ended, right, codes)]
    sys.stdout.write(f"\n{tried} attacks tried, {len(failed)} failed ({missed} met no call)\n")
    assert tried
    assert not failed, "\n".join(failed)


def sample(count: int, most: int) -> list[int]:
    """Return some of the numbers from 1 to `count`: the first, the last, and some in between."""
    if count <= most:
        return list(range(1, count + 1))
    return sorted({1 + round(step * (count - 1) / (most - 1)) for step in range(most)})


def calls(tree: Tree, kind: str, most: int) -> list[int]:
    return sample(tree.undisturbed()[1].counts[kind], most)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "clone"])
def test_a_call_that_fails(kind: str, tree: Tree) -> None:
    places = calls(tree, kind, 4)
    attack(tree, (Fault(kind, ERRORS[kind][at % len(ERRORS[kind])], at) for at in places), (0, 1, 2))


@pytest.mark.parametrize(("kind", "number"), [("write", errno.ENOSPC), ("open", errno.EMFILE), ("fsync", errno.EIO)])
def test_a_disk_that_stays_full(kind: str, number: int, tree: Tree) -> None:
    attack(tree, (Fault(kind, number, at, forever=True) for at in calls(tree, kind, 3)), (0, 1, 2))


@pytest.mark.parametrize("kind", ["write", "rename", "fsync", "mkdir"])
def test_a_kill_at_a_call(kind: str, tree: Tree) -> None:
    attack(tree, (Fault(kind, 0, at) for at in calls(tree, kind, 3)), (-9,))


@pytest.mark.parametrize("kind", ["open", "write", "rename", "memory"])
@pytest.mark.parametrize("killed", [False, True])
def test_segment_where_a_call_fails(kind: str, killed: bool, tree: Tree) -> None:
    tree.command = tree.segment()
    places = calls(tree, kind, 2)
    faults = (Fault(kind, 0 if killed else ERRORS[kind][at % len(ERRORS[kind])], at) for at in places)
    attack(tree, faults, (-9,) if killed else (0, 2))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "number"), [(kind, number) for kind in KINDS[:-1] for number in ERRORS[kind]])
@pytest.mark.parametrize("forever", [False, True])
def test_every_call_that_fails(kind: str, number: int, forever: bool, tree: Tree) -> None:
    attack(tree, (Fault(kind, number, at, forever) for at in calls(tree, kind, 1000)), (0, 1, 2))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("memory", "clone")])
def test_a_kill_at_every_call(kind: str, tree: Tree) -> None:
    attack(tree, (Fault(kind, 0, at) for at in calls(tree, kind, 1000)), (-9,))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["clone", "open", "write", "mkdir"])
def test_calls_that_fail_where_there_are_workers(kind: str, tree: Tree) -> None:
    tree.command = [*tree.command[:-1], "loky", "--jobs", "2"]
    faults = [Fault(kind, number, at) for number in ERRORS[kind] for at in calls(tree, kind, 6)]
    attack(tree, faults, (0, 1, 2))
