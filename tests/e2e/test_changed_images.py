"""An image that changes although nothing of it seems to: no result is ever kept for another content."""

import os
from pathlib import Path

from superdsm.io import read_image
from tests.laboratory import Laboratory


def change(path: Path, data: bytes) -> bytes:
    """Write other content of the same size with the same time into the same file; return what was there."""
    before, stat = path.read_bytes(), path.stat()
    with path.open("r+b") as file:
        file.write(data.ljust(stat.st_size, b"\0"))
        file.truncate(stat.st_size)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_ino == stat.st_ino
    return before


def settled(lab: Laboratory) -> Path:
    """An image whose digest is known, with room for other content."""
    path = lab.images / "1.png"
    path.write_bytes(path.read_bytes() + bytes(64))
    os.utime(path, (1_000_000_000, 1_000_000_000))
    lab.image(4)
    lab.task(file_ids=[1])
    assert lab.run()[0] == 0
    return path


def test_force_sees_what_has_changed_and_keeps_it_under_its_own_key(lab: Laboratory) -> None:
    path = settled(lab)
    first = read_image(lab.root / "seg" / "1.png")
    before = change(path, (lab.images / "4.png").read_bytes())
    assert lab.run() == (0, {})  # nothing to be seen
    code, results = lab.run("--force")
    assert code == 0
    second = read_image(lab.root / "seg" / "1.png")
    assert (first != second).any()
    change(path, before)
    code, results = lab.run("--fresh")
    assert (code, len(results)) == (0, 1)
    assert (read_image(lab.root / "seg" / "1.png") == first).all()
    lab.task("other", img_pathpattern=f"{lab.images}/4.png", file_ids=[1], runnable=True)
    lab.run("--task", "other")
    assert (read_image(lab.root / "other" / "seg" / "1.png") == second).all()


def test_a_worker_refuses_an_image_that_is_not_the_one_of_the_plan(lab: Laboratory) -> None:
    path = settled(lab)
    (lab.root / "seg" / "1.png").unlink()
    lab.task(file_ids=[1], config={"level": {"offset": 0.75}})
    change(path, (lab.images / "4.png").read_bytes())
    store = {item: item.read_bytes() for item in (lab.root / ".superdsm" / "results").rglob("*.json")}
    code, results = lab.run()
    assert code == 1
    assert results[".", 1]["message"] == f"{path}: was changed since it was planned; run the batch again"
    assert results[".", 1]["kind"] == "changed"
    assert {item: item.read_bytes() for item in (lab.root / ".superdsm" / "results").rglob("*.json")} == store
    code, results = lab.run()
    assert code == 0
    assert results[".", 1]["computed"]
