"""A small task tree with cheap stages, to try the batch system on."""

import contextlib
import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

STAGES = '''
"""Cheap stages."""
import os
import signal
import time
from pathlib import Path

import numpy as np

from superdsm.core.objects import Object
from superdsm.params import param
from superdsm.stage import Stage


class Level(Stage):
    """Subtract a constant."""

    id = "level"
    version = "1"
    inputs = ("g_raw",)
    outputs = ("y",)
    replaces = "preprocess"
    offset = param(0.5, "The constant.")
    delay = param(0.0, "Seconds to wait.")
    mischief = param("", "What to do wrong.")

    def process(self, ctx, *, g_raw):
        time.sleep(ctx.params.delay)
        mischief, flag = ctx.params.mischief, Path("killed-" + ctx.image)
        if mischief == f"raise {ctx.image}":
            raise ValueError("this image is no good")
        if mischief == f"kill {ctx.image}" or (mischief == f"kill once {ctx.image}" and not flag.exists()):
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if mischief == f"exit {ctx.image}":
            os._exit(3)
        if mischief == f"sleep {ctx.image}":
            time.sleep(60)
        ctx.log(mean=float(g_raw.mean()))
        return {"y": g_raw - ctx.params.offset}


class Rows(Stage):
    """Each row with foreground is an object."""

    id = "rows"
    version = "1"
    inputs = ("y",)
    outputs = ("cover", "performance")
    replaces = "global-energy-minimization"
    min_pixels = param(1, "Smallest number of pixels.")
    delay = param(0.0, "Seconds to wait.")

    def process(self, ctx, *, y):
        time.sleep(ctx.params.delay)
        objects = []
        for row, line in enumerate(y > 0):
            if line.sum() >= ctx.params.min_pixels:
                n = int(line.sum())
                objects.append(Object((row + 1,), float(n), True, False, (row, 0), line[None], n))
        if not objects:
            ctx.warn("no object was found")
        return {"cover": objects, "performance": {"rows": len(y)}}


class Count(Stage):
    """Count the objects."""

    id = "count"
    version = "1"
    inputs = ("cover",)
    outputs = ("n_objects",)
    after = "rows"

    def process(self, ctx, *, cover):
        return {"n_objects": {"n": len(cover)}}
'''


def without_seconds(path: Path) -> bytes:
    """Return the bytes of a file; of a summary of images those of all columns but ``seconds``."""
    if not path.name.endswith("summary.csv"):
        return path.read_bytes()
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return json.dumps([{name: cell for name, cell in row.items() if name != "seconds"} for row in rows]).encode()


WITHOUT = ["scale", "dsm", "c2f-region-analysis", "postprocess"]


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


class Laboratory:
    """A root with a task tree, and ways to run it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.images = root.parent / "images"
        self.images.mkdir()
        self.root.mkdir()
        (self.root / "stages.py").write_text(STAGES)

    def image(self, number: int, seed: int | None = None) -> Path:
        """Write an image."""
        rng = np.random.default_rng(number if seed is None else seed)
        path = self.images / f"{number}.png"
        path.write_bytes(imagecodecs.png_encode(rng.integers(0, 255, (12, 16), dtype=np.uint8)))
        settled = path.stat().st_mtime - 10 + (seed or 0)
        os.utime(path, (settled, settled))
        return path

    def task(self, name: str = "", **fields: Any) -> Path:
        """Write the task.json of a task; the root gets what is needed by default."""
        directory = self.root / name
        directory.mkdir(exist_ok=True, parents=True)
        if not name:
            fields = {
                "runnable": True,
                "num_cpus": 2,
                "img_pathpattern": f"{self.images}/%d.png",
                "seg_pathpattern": "seg/%d.png",
                "file_ids": [1, 2, 3],
                "use": ["./stages.py:Level", "./stages.py:Rows"],
                "without": WITHOUT,
            } | fields
        path = directory / "task.json"
        path.write_text(json.dumps({key: value for key, value in fields.items() if value is not ...}, indent=1))
        return path

    def call(self, *arguments: str) -> tuple[int, list[str]]:
        """Run ``superdsm batch`` in this process, serially where processes make no difference."""
        from superdsm.cli import main

        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = main(["batch", str(self.root), *arguments])
        return code, out.getvalue().splitlines()

    def records(self, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
        """Run ``superdsm batch --json``."""
        code, lines = self.call("--json", *arguments)
        return code, [json.loads(line) for line in lines]

    def run(self, *arguments: str, executor: str = "serial") -> tuple[int, dict[tuple[str, Any], dict[str, Any]]]:
        """Process, and return the exit code and what became of each image by task and id."""
        code, records = self.records("--run", "--executor", executor, *arguments)
        return code, {(r["task"], r["image"]): r for r in records if r["event"] == "image"}

    def plan(self, *arguments: str) -> dict[tuple[str, Any], dict[str, Any]]:
        """Return the group of the plan that each image is in."""
        _, records = self.records(*arguments)
        return {
            (record["task"], file_id): group
            for record in records
            if record["event"] == "plan"
            for group in record["groups"]
            for file_id in group["ids"]
        }

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start ``superdsm batch`` in a process of its own."""
        command = [sys.executable, "-m", "superdsm", "batch", str(self.root), *arguments]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.root.parent
        )

    def outputs(self, pattern: str = "**/*") -> dict[str, bytes]:
        """Return all files but those that hold times, and the store; of summaries all but the column of the times."""
        with_times = {"timings.csv", "manifest.json", "env.csv"}
        return {
            path.relative_to(self.root).as_posix(): without_seconds(path)
            for path in sorted(self.root.glob(pattern))
            if path.is_file()
            and ".superdsm" not in path.parts
            and path.name not in with_times
            and "__pycache__" not in path.parts
        }


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Laboratory]:
    """A root with three images."""
    laboratory = Laboratory(tmp_path / "root")
    monkeypatch.chdir(tmp_path)
    for number in (1, 2, 3):
        laboratory.image(number)
    yield laboratory
