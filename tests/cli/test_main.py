"""What the command line makes of errors that nobody expects: a line each."""

import subprocess
import sys

import pytest

from superdsm.cli import main, plugins

THREAD = """
import sys, threading
from superdsm.cli import plugins
def run(args):
    thread = threading.Thread(target=lambda: 1 / 0, name="of a plugin")
    thread.start()
    thread.join()
    return 0
object.__setattr__(plugins.COMMAND, "run", run)
sys.argv = ["superdsm", "plugins", *sys.argv[1:]]
from superdsm.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize(("arguments", "traceback"), [([], False), (["--debug"], True)])
def test_a_thread_that_fails_says_so_in_a_line(arguments: list[str], traceback: bool) -> None:
    command = [sys.executable, "-c", THREAD, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert ("Traceback" in result.stderr) == traceback
    line = "superdsm: warning: the thread of a plugin failed: ZeroDivisionError: division by zero\n"
    assert (result.stderr == line) != traceback


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError(), "there is not enough memory; end other programs, or use fewer --jobs"),
        (OSError(12, "Cannot allocate memory"), "Cannot allocate memory"),
        (OSError(28, "No space left on device", "a/b"), "a/b: No space left on device"),
    ],
)
def test_what_the_system_lacks_is_a_line(error: BaseException, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    def run(args: object) -> int:
        raise error

    command = plugins.COMMAND
    before = command.run
    object.__setattr__(command, "run", run)
    try:
        assert main(["plugins"]) == 2
        assert capsys.readouterr().err == f"superdsm: error: {line}\n"
        with pytest.raises(type(error)):
            main(["plugins", "--debug"])
    finally:
        object.__setattr__(command, "run", before)
