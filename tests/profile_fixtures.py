"""Images and comparisons for the tests of profiles."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from superdsm.testing.synthetic import synthetic_image


@pytest.fixture(scope="session")
def nuclei() -> np.ndarray[Any, Any]:
    """A small image of small nuclei."""
    image: np.ndarray[Any, Any] = synthetic_image(5, (180, 200), n_nuclei=14, radius=9, clustering=0.3)[0]
    return image


def run_cli(*arguments: object, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "superdsm", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environ,
    )


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def agreement(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    """Fraction of the objects of `a` that have a partner of IoU 0.7 in `b`."""
    found = 0
    for label in range(1, int(a.max()) + 1):
        mask = a == label
        other = np.bincount(b[mask], minlength=2)
        other[0] = 0
        best = int(other.argmax())
        union = np.count_nonzero(mask | (b == best)) if other[best] else 1
        found += bool(other[best] / union > 0.7)
    return found / max(1, int(a.max()))
