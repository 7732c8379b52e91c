"""Commands in copies of a process in which everything is loaded: hundreds of runs in the time of a few.

``python -m tests.robustness.forks LIBRARY`` reads requests from standard input, a JSON object a line, and answers each
with one. The library is ``faults.c``, compiled; the process has to be started with it in ``LD_PRELOAD``.
"""

import ctypes
import json
import mmap
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

KINDS = ("open", "write", "fsync", "rename", "mkdir", "unlink", "truncate", "memory", "clone")
LONGEST = 120.0  # seconds that a command may take
CHECKOUT = Path(__file__).resolve().parents[2]


class Tally(ctypes.Structure):
    """The same as in ``faults.c``."""

    _fields_ = (("counts", ctypes.c_long * len(KINDS)), ("fired", ctypes.c_long))


@dataclass(frozen=True)
class Fault:
    """What goes wrong.

    Attributes
    ----------
    kind : str
        Which calls; one of `KINDS`.
    number : int
        The error; 0: the process is killed.
    at : int
        At which call, from 1.
    forever : bool
        Whether all later ones fail as well.
    """

    kind: str
    number: int
    at: int
    forever: bool = False

    def __str__(self) -> str:
        what = os.strerror(self.number) if self.number else "killed"
        return f"{self.kind} {self.at}{' and later' if self.forever else ''}: {what}"


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes
    ----------
    code : int
        Exit code; of a process that was killed the negative number of the signal.
    output : str
        What it wrote to standard output and standard error.
    fired : int
        How many calls failed.
    counts : dict
        How many calls there were, by kind.
    """

    code: int
    output: str
    fired: int
    counts: Mapping[str, int]


class Forks:
    """Runs ``superdsm`` in copies of a prepared process.

    Parameters
    ----------
    directory : Path
        For the compiled library and what the commands print.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        library = compiled(directory)
        environ = {**os.environ, "LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "tests.robustness.forks", str(library)]
        self.process = subprocess.Popen(
            command, cwd=CHECKOUT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, arguments: Sequence[str], below: Path, fault: Fault | None = None) -> Ended:
        """Run a command; only files below a directory are concerned by what goes wrong."""
        printed = self.directory / "printed"
        fault = fault or Fault("open", 0, 0)
        request = {
            "arguments": list(arguments),
            "below": f"{below}/",
            "fault": [KINDS.index(fault.kind), fault.number, fault.at, int(fault.forever)],
            "printed": str(printed),
        }
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        counts = dict(zip(KINDS, answer["counts"], strict=True))
        return Ended(answer["code"], printed.read_text(errors="replace"), answer["fired"], counts)

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(10)
        if self.process.stdout:
            self.process.stdout.close()


def compiled(directory: Path) -> Path:
    """Compile the library; skip the test where that cannot be done."""
    compiler = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
    if not sys.platform.startswith("linux") or compiler is None:
        pytest.skip("calls of the system are made to fail on Linux only, and with a C compiler")
    library = directory / "faults.so"
    source = Path(__file__).with_name("faults.c")
    command = [compiler, "-O1", "-shared", "-fPIC", "-w", "-o", str(library), str(source), "-ldl", "-pthread"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip(f"the library that makes calls fail cannot be compiled here: {result.stderr[:200]}")
    return library


def _load() -> None:
    """Import what a command would import."""
    import imagecodecs  # noqa: F401
    import threadpoolctl  # noqa: F401

    import superdsm.batch.api
    import superdsm.batch.execution.pool.executors
    import superdsm.cli.batch.command
    import superdsm.cli.batch.json_lines
    import superdsm.cli.batch.lines
    import superdsm.cli.batch.status_file
    import superdsm.cli.segment
    import superdsm.core.labels
    import superdsm.core.objects
    import superdsm.io.codecs
    import superdsm.io.exporters  # noqa: F401
    from superdsm.api import instruction_set
    from superdsm.batch.components import installed

    instruction_set()
    installed()


def _child(library: Any, tally: Tally, request: Mapping[str, Any]) -> None:
    """Run a command in this process, and end it."""
    code: Any = 99
    try:
        printed = os.open(request["printed"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        for stream in (1, 2):
            os.dup2(printed, stream)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        from superdsm.cli import main

        library.arm(ctypes.byref(tally), os.fsencode(request["below"]), *map(_number, request["fault"]))
        try:
            sys.argv = ["superdsm", *request["arguments"]]
            code = main()
        finally:
            library.disarm()
    except BaseException:  # noqa: BLE001 - whatever comes is to be seen
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(code))


def _number(value: int) -> ctypes.c_long:
    return ctypes.c_long(value)


def _ended(pid: int) -> int:
    """Wait for a process, not too long; return how it ended."""
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return 124


def serve(library: Any) -> None:
    """Answer requests until there are no more."""
    _load()
    memory = mmap.mmap(-1, ctypes.sizeof(Tally))
    tally = Tally.from_buffer(memory)
    for line in sys.stdin:
        ctypes.memset(ctypes.byref(tally), 0, ctypes.sizeof(Tally))
        pid = os.fork()
        if pid == 0:
            _child(library, tally, json.loads(line))
        code = _ended(pid)
        answer = {"code": code, "counts": list(tally.counts), "fired": tally.fired}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve(ctypes.CDLL(sys.argv[1]))
