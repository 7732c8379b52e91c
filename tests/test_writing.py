"""Files are replaced as a whole; what killed processes leave is told from what others are writing."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from superdsm import writing
from superdsm.writing import is_temporary, remove_leftovers, replacing, temporary_path


def test_names_are_short_and_never_the_same(tmp_path: Path) -> None:
    names = {temporary_path(tmp_path / "a.ome.tif").name for _ in range(100)}
    assert len(names) == 100
    assert all(name.startswith(".") and name.endswith(".tif") and is_temporary(name) for name in names)
    for name in ("n" * 251 + ".png", "ä" * 125 + ".tif", "." + "x" * 254, "a." + "y" * 253):
        temporary = temporary_path(tmp_path / name).name
        assert len(os.fsencode(temporary)) < 80
        assert is_temporary(temporary)
    assert not is_temporary(".superdsm")
    assert not is_temporary(".superdsm-notes.txt")


def test_many_writers_of_one_file_leave_one_that_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    texts = [bytes([number]) * 10_000 for number in range(8)]

    def write(text: bytes) -> None:
        for _ in range(20):
            with replacing(path) as temporary:
                temporary.write_bytes(text)

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in texts
    assert list(path.parent.iterdir()) == [path]


KILLED = """
import os, signal, sys
from pathlib import Path
from superdsm.writing import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_removed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"whole")
    subprocess.run([sys.executable, "-c", KILLED, path], check=False, cwd=Path(__file__).parents[1])
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / ".superdsm-mine.png").touch()
    elsewhere = tmp_path / ".superdsm-00000000-1-1.png"
    elsewhere.touch()
    old = tmp_path / ".superdsm-00000000-1-2.png"
    old.touch()
    os.utime(old, (1, 1))
    with replacing(tmp_path / "b.png") as temporary:
        temporary.write_bytes(b"new")
        remove_leftovers(tmp_path)
    assert {item.name for item in tmp_path.iterdir()} == {"a.png", "b.png", ".superdsm-mine.png", elsewhere.name}
    assert path.read_bytes() == b"whole"
    remove_leftovers(tmp_path / "nothing")


def test_a_directory_that_cannot_be_synchronised_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> int:
        raise OSError(5, "Input/output error")

    with replacing(tmp_path / "a") as temporary:
        temporary.write_bytes(b"x")
        monkeypatch.setattr(os, "open", fail)
        writing.sync_directory(tmp_path)
        monkeypatch.undo()
    assert (tmp_path / "a").read_bytes() == b"x"
