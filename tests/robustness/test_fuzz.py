"""Damaged files of every kind that is read: each leads to a result or to an error that says what is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.robustness.fuzz import ATTACKS

pytestmark = [
    pytest.mark.robustness,
    pytest.mark.process,
    pytest.mark.skipif(sys.platform == "win32", reason="limits and alarms of POSIX"),
]
SHORT = {"images": 7000, "trees": 1000, "settings": 1700, "store": 300}
LONG = {"images": 100_000, "trees": 20_000, "settings": 50_000, "store": 5000}


def fuzz(kind: str, count: int, directory: Path) -> None:
    """Attack in a child, which has a limit of memory and of the time for each input."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.robustness.fuzz", kind, str(count), "0", str(directory)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False, errors="replace",
    )  # fmt: skip
    last = (done.stdout.splitlines() or [""])[-1]
    sys.stdout.write(f"{last}\n")
    assert done.returncode == 0 and f"{count} tried, 0 failed" in last, (done.stdout + done.stderr)[-5000:]


@pytest.mark.parametrize("kind", ATTACKS)
def test_damaged_input(kind: str, tmp_path: Path) -> None:
    fuzz(kind, SHORT[kind], tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", ATTACKS)
def test_more_damaged_input(kind: str, tmp_path: Path) -> None:
    fuzz(kind, LONG[kind], tmp_path)
