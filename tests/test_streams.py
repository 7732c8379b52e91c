"""Output that cannot be written: it is dropped and remembered, and the work goes on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from superdsm import streams

posix = pytest.mark.skipif(os.name == "nt", reason="descriptors of POSIX")
full = pytest.mark.skipif(not os.access("/dev/full", os.W_OK), reason="no /dev/full")
CODE = """
import sys
from superdsm.streams import never_failing
with never_failing() as losses:
    for number in range(20_000):
        print("line", number, "caf\\udce9")
    sys.stdout.flush()
with open(sys.argv[1], "w") as file:
    file.write(repr(losses.first))
"""


def run(tmp_path: Path, redirection: str) -> str:
    command = f'"{sys.executable}" -c "$CODE" "{tmp_path / "out"}" {redirection}'
    subprocess.run(["sh", "-c", command], env={**os.environ, "CODE": CODE}, check=True, timeout=60)
    return (tmp_path / "out").read_text()


@posix
@full
def test_a_full_disk(tmp_path: Path) -> None:
    assert run(tmp_path, "> /dev/full") == "('standard output', 28)"


@posix
def test_a_closed_descriptor(tmp_path: Path) -> None:
    assert run(tmp_path, ">&-") == "('standard output', 9)"


@posix
def test_a_reader_that_is_gone(tmp_path: Path) -> None:
    assert run(tmp_path, "| true") == "('standard output', 32)"


@posix
def test_all_is_written_where_that_can_be_done(tmp_path: Path) -> None:
    assert run(tmp_path, f"> '{tmp_path / 'text'}'") == "None"
    lines = (tmp_path / "text").read_text().splitlines()
    assert len(lines) == 20_000 and lines[-1] == r"line 19999 caf\udce9"


def test_streams_that_somebody_else_has_put_there_are_left(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    with streams.never_failing() as losses:
        sys.stdout.write("text")
    assert (sys.stdout, sys.stderr) == before and losses.first is None
    assert capsys.readouterr().out == "text"
