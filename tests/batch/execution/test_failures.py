"""What kind of failure an error is, and which ones are tried again without being asked."""

import errno
import os

import pytest

from superdsm.batch.execution.pool.scheduler import Lost
from superdsm.batch.execution.runner import _failed
from superdsm.batch.execution.store_cache import ChangedError, OutputError
from superdsm.batch.execution.worker import _failure
from superdsm.batch.planning.decide import RETRIED
from superdsm.batch.storage.journal import FailureKind
from superdsm.errors import ImageError, StageError


def of_a_stage(cause: BaseException) -> StageError:
    try:
        raise StageError("dsm", f"{type(cause).__name__}: {cause}") from cause
    except StageError as exc:
        return exc


def system(number: int) -> OSError:
    return OSError(number, os.strerror(number))


OUTSIDE = [
    (of_a_stage(ImportError("libx.so: cannot map")), "reading", FailureKind.OUTSIDE),
    (of_a_stage(system(errno.EMFILE)), "dsm", FailureKind.OUTSIDE),
    (of_a_stage(system(errno.ENOMEM)), "dsm", FailureKind.OUTSIDE),
    (ModuleNotFoundError("no module"), "", FailureKind.OUTSIDE),
    (MemoryError(), "dsm", FailureKind.MEMORY),
    (ChangedError("a.png: was changed"), "reading", FailureKind.CHANGED),
    (OutputError("full"), "dsm", FailureKind.OUTPUT),
    (system(errno.ENOSPC), "export of seg", FailureKind.OUTPUT),
    (ImageError("a.png: cannot be written"), "export of seg", FailureKind.OUTPUT),
]
INSIDE = [
    (of_a_stage(ValueError("no good")), "dsm"),
    (of_a_stage(FileNotFoundError(2, "no model")), "dsm"),
    (ImageError("a.png: is damaged"), "reading"),
    (KeyError("x"), "dsm"),
]


@pytest.mark.parametrize(("error", "where", "kind"), OUTSIDE)
def test_what_comes_from_outside_is_tried_again(error: BaseException, where: str, kind: FailureKind) -> None:
    assert _failure(error, where)[0] == kind
    assert kind in RETRIED


@pytest.mark.parametrize(("error", "where"), INSIDE)
def test_what_comes_of_the_image_is_not(error: BaseException, where: str) -> None:
    kind, stage, message = _failure(error, where)
    assert kind == FailureKind.STAGE
    assert kind not in RETRIED
    assert (stage, bool(message)) == (where, True)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (system(errno.EMFILE), "outside"),
        (ImportError("x"), "outside"),
        (MemoryError(), "outside"),
        (ValueError("x"), "crash"),
        (None, "crash"),
    ],
)
def test_an_executor_that_fails(error: BaseException | None, kind: str) -> None:
    assert _failed(Lost(1, FailureKind.CRASH, "dsm", "the executor failed", error)).kind == kind
