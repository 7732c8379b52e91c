"""The journal, the cache of digests, the store and the notice board, by themselves."""

import dataclasses
import json
import os
import random
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from superdsm.batch.storage import progress
from superdsm.batch.storage.atomic import write_atomic
from superdsm.batch.storage.digests import DigestCache, file_digest
from superdsm.batch.storage.journal import DONE, FAILED, Journal, JournalEntry, OutputFile
from superdsm.batch.storage.progress import ProgressEvent
from superdsm.batch.storage.store import DamagedError, Entry, Store
from tests.examples import examples
from tests.laboratory import Laboratory

RECORDS = [
    JournalEntry(
        id=1,
        status=DONE,
        recipe="recipe",
        image="image",
        exports="exports",
        outputs={"seg": OutputFile("seg/1.png", "key", "digest", 5, 7)},
        seconds={"a": 0.5},
    ),
    JournalEntry(id="1", status=FAILED, recipe="recipe", kind="stage", stage="dsm", message="line\nbreak, ünïcode"),
    JournalEntry(
        id="plate/ä",
        status=DONE,
        recipe="recipe",
        image="image",
        n_objects=0,
        warnings=["w"],
        performance={"x": float("inf")},
    ),
]


def test_the_format_of_a_line() -> None:
    assert RECORDS[0].line().startswith('{"id":1,')
    assert json.loads(RECORDS[0].line()) == {
        "id": 1,
        "status": "done",
        "recipe": "recipe",
        "image": "image",
        "exports": "exports",
        "outputs": {"seg": ["seg/1.png", "key", "digest", 5, 7]},
        "seconds": {"a": 0.5},
        "n_objects": -1,
        "sum": "0ee65a46b7e6479a",
    }


def test_records_survive(tmp_path: Path) -> None:
    state = Journal(tmp_path / "journal")
    for record in RECORDS:
        state.add(record)
    state.record_provenance("recipe", [["a", {"code": None}, "d"]])
    again = Journal(tmp_path / "journal")
    assert [again.get(record.id) for record in RECORDS] == RECORDS
    assert again.provenance("recipe") == [["a", {"code": None}, "d"]]
    assert again.get(2) is None


@settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 10**6))
def test_a_journal_that_was_cut_anywhere_keeps_all_complete_lines(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal"
    path.unlink(missing_ok=True)
    state = Journal(path)
    for record in RECORDS:
        state.add(record)
    data = path.read_bytes()
    cut %= len(data) + 1
    path.write_bytes(data[:cut])
    torn = Journal(path)
    complete = data[:cut].count(b"\n") + (data[cut : cut + 1] == b"\n")
    assert list(torn.entries()) == RECORDS[:complete]
    torn.add(dataclasses.replace(RECORDS[0], id=99))
    assert Journal(path).get(99) is not None
    assert len(list(Journal(path).entries())) == complete + 1


def test_compacting_keeps_the_last_record_of_each_image(tmp_path: Path) -> None:
    state = Journal(tmp_path / "journal")
    for number in range(150):
        state.add(dataclasses.replace(RECORDS[0], n_objects=number))
    state.add(RECORDS[1])
    state.compact()
    assert (tmp_path / "journal").read_bytes().count(b"\n") == 2
    again = Journal(tmp_path / "journal")
    assert again.get(1).n_objects == 149
    assert again.get("1") == RECORDS[1]


def test_a_record_of_another_version_counts_as_not_done(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text('{"id": 1, "status": "done", "outputs": {}, "news": 1, "recipe": "r"}\n')
    assert Journal(tmp_path / "journal").get(1) is None


def entry(file_id: int, **values: object) -> JournalEntry:
    return JournalEntry(id=file_id, status="done", recipe="r", exports="e", n_objects=11, seconds={"a": 1.5}, **values)  # type: ignore[arg-type]


def test_no_damage_of_a_line_goes_unnoticed(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    journal.record_provenance("r", [["a", {"settings": {}}, "d"]])
    right = entry(1, outputs={"seg": OutputFile("seg/1.png", "k", "d", 3, 4)}, warnings=["few"])
    journal.add(right)
    data = path.read_bytes()
    assert Journal(path).get(1) == right
    rng = random.Random(0)
    missed = 0
    for _ in range(2000):
        at, bit = rng.randrange(len(data) - 1), 1 << rng.randrange(8)
        path.write_bytes(data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :])
        damaged = Journal(path)
        found = damaged.get(1)
        missed += found is not None and found != right
        recipe = damaged.provenance("r")
        missed += recipe is not None and recipe != [["a", {"settings": {}}, "d"]]
        assert found is None or recipe is None or data[at : at + 1] == b"\n"
    assert missed == 0


def test_lines_of_earlier_versions_have_no_checksum(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    line = '{"id":1,"status":"done","recipe":"r","n_objects":3,"seconds":{"a":1},"outputs":{}}'
    path.write_text(line + '\n{"recipe_of":"r","why":[[1]]}\n')
    journal = Journal(path)
    found = journal.get(1)
    assert found is not None
    assert (found.n_objects, journal.provenance("r"), journal.damaged) == (3, [[1]], 0)
    for wrong in (
        '"n_objects":"3"',
        '"n_objects":3.5',
        '"seconds":{"a":"?"}',
        '"seconds":[]',
        '"warnings":{}',
        '"kind":3',
    ):
        path.write_text(line.replace('"n_objects":3', wrong).replace('"seconds":{"a":1},', "") + "\n")
        assert Journal(path).get(1) is None, wrong
    for outputs in ('{"seg":["p","k","d",1,"x"]}', '{"seg":["p","k"]}', "[]", '{"seg":[1,"k","d",1,2]}', '{"seg":{}}'):
        path.write_text(line.replace('"outputs":{}', f'"outputs":{outputs}') + "\n")
        assert Journal(path).get(1) is None, outputs


def test_damaged_lines_are_counted_and_dropped(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    for number in (1, 2):
        journal.add(entry(number))
    with path.open("a") as file:
        file.write('{"id": 3, "status"')
    path.write_text(path.read_text().replace('"n_objects":11', '"n_objects":12', 1))
    journal = Journal(path)
    assert (journal.damaged, journal.get(1), journal.get(2)) == (1, None, entry(2))
    journal.compact()
    assert Journal(path).damaged == 0
    assert path.read_text() == entry(2).line() + "\n"
    journal.add(entry(3))
    assert [item.id for item in Journal(path).entries()] == [2, 3]


@pytest.mark.parametrize("truncates", [True, False])
def test_what_was_told_to_have_failed_is_not_in_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, truncates: bool
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(5, "Input/output error")

    journal = Journal(tmp_path / "journal")
    journal.add(entry(1))
    monkeypatch.setattr(os, "fsync", fail)
    if not truncates:
        monkeypatch.setattr(os, "truncate", fail)
    with pytest.raises(OSError, match="Input/output error"):
        journal.add(entry(2))
    monkeypatch.undo()
    assert journal.get(2) is None or not truncates
    journal.add(entry(3))
    again = Journal(tmp_path / "journal")
    assert [item.id for item in again.entries()] == [item.id for item in journal.entries()]
    assert again.get(3) == entry(3)


def test_a_digest_is_not_trusted_where_one_is_asked_to_look(tmp_path: Path) -> None:
    image, path = tmp_path / "image", tmp_path / "hashes.jsonl"
    image.write_bytes(b"old")
    os.utime(image, (1, 1))
    cache = DigestCache(path)
    old = cache.get(str(image)).digest
    cache.save()
    image.write_bytes(b"new")
    os.utime(image, (1, 1))
    assert DigestCache(path).get(str(image)).digest == old
    doubting = DigestCache(path)
    doubting.trust = False
    assert doubting.get(str(image)).digest == file_digest(image) != old
    assert doubting.lookup(str(image)) is not None
    forgetting = DigestCache(path)
    forgetting.forget(str(image))
    forgetting.save()
    assert DigestCache(path).lookup(str(image)) is None


def test_the_cache_of_digests_passes_over_what_it_cannot_read(tmp_path: Path) -> None:
    image, path = tmp_path / "image", tmp_path / "hashes.jsonl"
    image.write_bytes(b"x" * 3_000_000)
    os.utime(image, (1, 1))
    cache = DigestCache(path)
    assert cache.get(str(image)).digest == file_digest(image)
    cache.save()
    damaged = [b'["torn", "li', b"\xff\xfe", b'["a", "b", Infinity, 1, 1]', b"[" * 5000, b'[[], "x", 1, 2, 3]']
    path.write_bytes(path.read_bytes() + b"\n".join(damaged))
    again = DigestCache(path)
    assert again.lookup(str(image)) == cache.get(str(image))
    os.utime(image, (2, 2))
    assert again.lookup(str(image)) is None
    with pytest.raises(FileNotFoundError):
        again.get(str(tmp_path / "nothing"))


def test_writing_leaves_nothing_behind_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_many_threads_may_store_the_same_result(tmp_path: Path) -> None:
    store = Store(tmp_path)
    values = {"y": np.arange(1000.0), "n": 3}

    def put() -> None:
        for _ in range(5):
            store.put(Entry("ab" * 20, "stage", {}, 0.5, [], []), values, {"y": "array", "n": "json"})

    threads = [threading.Thread(target=put) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entry = store.entry("ab" * 20)
    assert entry is not None
    np.testing.assert_array_equal(store.values(entry)["y"], values["y"])
    assert store.values(entry, ["n"]) == {"n": 3}
    assert not store.leftovers()


def test_a_foreign_entry_is_detected(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(Entry("ab" * 20, "stage", {}, 0.5, [], []), {"n": 3}, {"n": "json"})
    source = tmp_path / "ab" / ("ab" * 20 + ".json")
    (tmp_path / "ab" / ("ab" * 19 + "cd.json")).write_bytes(source.read_bytes())
    with pytest.raises(DamagedError, match="is not the entry that its name says"):
        store.entry("ab" * 19 + "cd")
    assert store.entry("ef" * 20) is None


def test_each_message_is_read_once(tmp_path: Path) -> None:
    reader = progress.ProgressReader(tmp_path / "board")
    progress.send(reader.directory, 1, ProgressEvent.BEGIN, 1.0)
    progress.send(reader.directory, 2, ProgressEvent.BEGIN, 1.0)
    assert sorted(message.job for message in reader.messages()) == [1, 2]
    progress.send(reader.directory, 1, ProgressEvent.STAGE_DONE, 2.0, "dsm", 0.5)
    progress.send(reader.directory, 1, ProgressEvent.END, 3.0)
    assert [(message.event, message.stage) for message in reader.messages()] == [("stage-done", "dsm"), ("end", "")]
    assert not list(reader.messages())
    assert {path.name.partition("-")[0] for path in reader.directory.iterdir()} == {progress.LOCK, "2"}
    reader.close()
    assert not reader.directory.exists()


def test_boards_that_nobody_holds_are_taken_down(tmp_path: Path) -> None:
    """Numbers of processes say nothing: those of another container are others."""
    import os

    held = progress.ProgressReader(tmp_path / f"here-{2**22 + 5}")
    progress.send(held.directory, 1, ProgressEvent.BEGIN, 1.0)
    left = progress.ProgressReader(tmp_path / f"here-{os.getpid()}")
    assert left._lock is not None
    left._lock.release()
    (tmp_path / "being-made").mkdir()
    (tmp_path / "of-an-earlier-version").mkdir()
    os.utime(tmp_path / "of-an-earlier-version", (1e9, 1e9))
    (tmp_path / "a file").touch()
    progress.remove_stale(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a file", "being-made", held.directory.name]
    assert [message.job for message in held.messages()] == [1]
    held.close()
    progress.remove_stale(tmp_path / "nowhere")


def test_a_board_that_is_removed_costs_its_messages_only(tmp_path: Path) -> None:
    import shutil

    reader = progress.ProgressReader(tmp_path / "board")
    progress.send(reader.directory, 1, ProgressEvent.BEGIN, 1.0)
    shutil.rmtree(reader.directory)
    progress.send(reader.directory, 2, ProgressEvent.BEGIN, 1.0)
    assert not list(reader.messages())
    progress.send(reader.directory, 3, ProgressEvent.BEGIN, 1.0)
    assert [message.job for message in reader.messages()] == [3]
    shutil.rmtree(reader.directory)
    reader.directory.touch()
    assert not list(reader.messages()) and not list(reader.messages())
    reader.close()


def test_lines_that_are_no_messages_are_passed_over(tmp_path: Path) -> None:
    reader = progress.ProgressReader(tmp_path / "board")
    lines = [b"[1]", b"{}", b"\xff", b"[" * 2000, b'["a", "begin", "", 0, 1, "h", 0]']
    lines.append(b'[1, "dance", "", 0, 1, "h", 0]')
    (reader.directory / "1-h-1-1").write_bytes(b"\n".join(lines) + b"\n")
    progress.send(reader.directory, 2, ProgressEvent.BEGIN, 1.0)
    assert [message.job for message in reader.messages()] == [2]
    reader.close()


@pytest.mark.process
def test_store_of_a_directory_that_is_no_root(lab: Laboratory, capsys: pytest.CaptureFixture[str]) -> None:
    from superdsm.cli import main

    lab.task()
    assert main(["store", str(lab.images)]) == 2
    assert "images: there is no task.json in it or below" in capsys.readouterr().err
    assert main(["store", str(lab.root)]) == 0  # nothing was run yet
    lab.run()
    lab.task("below", runnable=True)
    capsys.readouterr()
    assert main(["store", str(lab.root / "below")]) == 2
    error = capsys.readouterr().err
    assert error.endswith(f"may be in {lab.root}: superdsm store {lab.root}\n")
    assert error.count("\n") == 1


def test_prune_without_permission_says_what_to_do(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from superdsm.batch.storage.store import Store
    from superdsm.cli import main

    lab.task()
    lab.run()
    lab.task(config={"level": {"offset": 1.0}})
    lab.run()
    lab.task(config={"level": {"offset": 2.0}}, file_ids=[4])

    def remove(self: Store, key: str) -> int:
        raise PermissionError(13, "Permission denied", f"{key}.json")

    monkeypatch.setattr(Store, "remove", remove)
    assert main(["store", str(lab.root), "--prune"]) == 2
    error = capsys.readouterr().err
    assert "cannot be changed (Permission denied); let the owner of the files prune" in error
    assert error.count("\n") == 1


def test_files_are_hashed_without_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    cache = DigestCache(tmp_path / "hashes.jsonl")
    cache.warm([str(tmp_path / "a"), str(tmp_path / "b")])
    assert cache.get(str(tmp_path / "a")).digest == file_digest(tmp_path / "a")
