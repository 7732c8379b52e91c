"""A small root with two tasks, made anew for each attack."""

import json
import shutil
from pathlib import Path

import imagecodecs
import numpy as np

from tests.laboratory import STAGES, WITHOUT, without_seconds
from tests.robustness.forks import Ended, Forks

TIMES = {"timings.csv", "manifest.json", "env.csv"}  # hold nothing but times, and what depends on the machine


class Tree:
    """A root with an image folder beside it.

    Parameters
    ----------
    directory : Path
        Where both are made.
    forks : Forks
        What runs the commands.
    """

    def __init__(self, directory: Path, forks: Forks) -> None:
        self.directory = directory
        self.root = directory / "root"
        self.forks = forks
        self.command = ["batch", str(self.root), "--run", "--executor", "serial"]

    def segment(self) -> list[str]:
        """Return a command that segments an image without a task."""
        stages = [f"{self.root}/stages.py:{name}" for name in ("Level", "Rows")]
        return [
            *("segment", f"{self.directory}/images/1.png", "-o", f"{self.root}/out/1.png", "--profile", "published"),
            *("--overlay", f"{self.root}/overlay/1.jpg"),
            *(word for stage in stages for word in ("--use", stage)),
            *(word for stage in WITHOUT for word in ("--without", stage)),
        ]

    def renew(self) -> None:
        """Make everything anew."""
        shutil.rmtree(self.directory, ignore_errors=True)
        images = self.directory / "images"
        images.mkdir(parents=True)
        (self.root / "derived").mkdir(parents=True)
        (self.root / "stages.py").write_text(STAGES)
        rng = np.random.default_rng(0)
        for number in (1, 2):
            pixels = rng.integers(0, 255, (12, 16), dtype=np.uint8)
            (images / f"{number}.png").write_bytes(imagecodecs.png_encode(pixels))
        task = {
            "runnable": True,
            "img_pathpattern": f"{images}/%d.png",
            "seg_pathpattern": "seg/%d.png",
            "cfg_pathpattern": "cfg/%d.json",
            "file_ids": [1, 2],
            "use": [f"{self.root}/stages.py:Level", f"{self.root}/stages.py:Rows"],
            "without": WITHOUT,
        }
        (self.root / "task.json").write_text(json.dumps(task))
        derived = {"runnable": True, "file_ids": [1], "config": {"rows": {"min_pixels": 4}}}
        (self.root / "derived" / "task.json").write_text(json.dumps(derived))

    def contents(self) -> dict[str, bytes]:
        """Return what was written and depends on nothing but the input."""
        return {
            str(path.relative_to(self.root)): without_seconds(path)
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and path.name not in TIMES and ".superdsm" not in path.parts
        }

    def leftovers(self) -> list[str]:
        """Return the temporary files beside the outputs; those in the store go with the next work that is done."""
        found = self.root.rglob(".superdsm-*")
        return [str(path.relative_to(self.root)) for path in found if ".superdsm" not in path.parts]

    def undisturbed(self) -> tuple[dict[str, bytes], Ended]:
        """Return what is written if nothing goes wrong, and how often which calls were made."""
        self.renew()
        ended = self.forks.run(self.command, self.directory)
        assert ended.code == 0, ended.output
        return self.contents(), ended

    def problems(self, ended: Ended, right: dict[str, bytes], codes: tuple[int, ...]) -> list[str]:
        """Return what is not as it should be after an attack, and after the run that follows it."""
        found = []
        if ended.code not in codes:
            found.append(f"exit code {ended.code}: {ended.output[-300:]}")
        if "Traceback" in ended.output:
            found.append(f"traceback: {ended.output[-1500:]}")
        again = self.forks.run(self.command, self.directory)
        if again.code != 0 or "Traceback" in again.output:
            found.append(f"the next run ends with {again.code}: {again.output[-600:]}")
        contents = self.contents()
        differing = sorted(name for name in right.keys() | contents.keys() if right.get(name) != contents.get(name))
        if differing:
            found.append(f"not as without the attack: {differing}")
        if leftovers := self.leftovers():
            found.append(f"left behind: {leftovers}")
        return found
