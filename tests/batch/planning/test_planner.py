"""Large task trees: how long a plan takes, and how much memory."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from superdsm.batch import Batch
from superdsm.batch.planning.records import Action
from superdsm.batch.storage.journal import JournalEntry, OutputFile
from tests.laboratory import Laboratory


def many_images(lab: Laboratory, count: int) -> None:
    for number in range(1, count + 1):
        path = lab.images / f"{number}.png"
        path.write_bytes(b"%d" % number)  # a plan does not look into images
        os.utime(path, (1, 1))
    lab.task(file_ids=f"1-{count}")


def mark_as_complete(lab: Laboratory) -> None:
    """Make the files that a finished run leaves, as far as a plan looks at them."""
    batch = Batch.open(lab.root)
    (plan,) = batch.plan().tasks
    prepared, journal = plan.prepared, plan.journal
    journal.record_provenance(prepared.recipe.digest, prepared.recipe.provenance())
    journal.record_provenance(prepared.exports_digest, prepared.exports_provenance())
    (lab.root / "seg").mkdir()
    with journal.path.open("a") as file:
        for image in plan.images:
            output, keys = lab.root / f"seg/{image.id}.png", prepared.recipe.keys(image.image)
            output.touch()
            last = list(keys.values())[-1]
            entry = batch.store.directory / last[:2] / f"{last}.json"
            entry.parent.mkdir(exist_ok=True, parents=True)
            entry.touch()
            written = OutputFile(
                f"seg/{image.id}.png", prepared.exports["seg"].key(image.image, keys), "", 0, output.stat().st_mtime_ns
            )
            record = JournalEntry(
                id=image.id,
                status="done",
                recipe=prepared.recipe.digest,
                image=image.image,
                exports=prepared.exports_digest,
                outputs={"seg": written},
                seconds={"ingest": 0.1, "level": 0.2, "rows": 0.3, "export": 0.4},
                performance={"rows": 12},
                n_objects=12,
            )
            file.write(record.line() + "\n")


@pytest.mark.speed
def test_a_plan_for_a_thousand_unchanged_images_takes_less_than_a_second(lab: Laboratory) -> None:
    many_images(lab, 1000)
    mark_as_complete(lab)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        plan = Batch.open(lab.root).plan()
        seconds.append(time.perf_counter() - start)
        assert plan.count(Action.NOTHING) == 1000
    assert min(seconds) < 1, seconds


def test_a_plan_hashes_images_once(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    import superdsm.batch.storage.digests

    many_images(lab, 10)
    assert len(lab.plan()) == 10
    monkeypatch.setattr(superdsm.batch.storage.digests, "file_digest", None)
    assert len(lab.plan()) == 10


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
@pytest.mark.parametrize(("count", "megabytes"), [(2_000, 100), pytest.param(100_000, 500, marks=pytest.mark.slow)])
@pytest.mark.parametrize("complete", [False, True])
def test_memory_of_a_plan(lab: Laboratory, count: int, megabytes: int, complete: bool) -> None:
    """A plan for 100,000 images stays under 500 MB (one for 2,000 under 100, most of which is the program itself)."""
    many_images(lab, count)
    if complete:
        mark_as_complete(lab)
    code = (
        "import sys; from superdsm.cli import main; code = main(sys.argv[1:]);"
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"
    )
    command = [sys.executable, "-c", code, "batch", str(lab.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert f"{count} {'complete' if complete else 'to run'}" in lines[0]
    assert int(lines[-1]) / 1024 < megabytes
