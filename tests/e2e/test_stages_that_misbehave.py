"""A stage that ends the interpreter or returns what it must not: its own failure, in every way of running."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import superdsm
from superdsm.cli import main
from superdsm.io import write_labels
from superdsm.plugins import resolve_stage
from tests.laboratory import Laboratory

pytestmark = pytest.mark.process  # of the workers

SCRIPT = '''
import sys
import numpy as np
from superdsm import Stage


class Leaves(Stage):
    """Ends the interpreter."""
    id = "leaves"
    inputs = ("g_raw",)
    outputs = ("y",)
    replaces = "preprocess"

    def process(self, ctx, *, g_raw):
        sys.exit(0)


class OwnError(BaseException):
    pass


class Raises(Leaves):
    """Raises something that is no Exception."""
    id = "raises"

    def process(self, ctx, *, g_raw):
        raise OwnError("not an Exception")


class Shrinks(Leaves):
    """Returns a part of the image."""
    id = "shrinks"

    def process(self, ctx, *, g_raw):
        return {"y": np.ascontiguousarray(g_raw[1:])}
'''
STAGES = {
    "Leaves": "SystemExit: 0",
    "Raises": "OwnError: not an Exception",
    "Shrinks": "the field 'y' has length 11 along axis 0, not 12",
}
LATER = ("c2f-region-analysis", "global-energy-minimization", "postprocess")


@pytest.fixture
def script(lab: Laboratory) -> Path:
    path = lab.root / "bad_stages.py"
    path.write_text(SCRIPT)
    return path


@pytest.mark.parametrize("name", STAGES)
@pytest.mark.parametrize("executor", ["serial", "loky"])
def test_in_batch_processing(lab: Laboratory, script: Path, name: str, executor: str) -> None:
    lab.task(use=[f"./bad_stages.py:{name}", "./stages.py:Rows"])
    code, results = lab.run(executor=executor)
    assert code == 1 and len(results) == 3
    for result in results.values():
        assert (result["kind"], result["stage"], result["message"]) == ("stage", name.lower(), STAGES[name])
    assert not lab.outputs("seg/*")


@pytest.mark.parametrize("name", STAGES)
@pytest.mark.parametrize("count", [1, 2])
def test_in_segmenting_one_and_several_images(
    lab: Laboratory, script: Path, name: str, count: int, capfd: pytest.CaptureFixture[str]
) -> None:
    images = [str(lab.images / f"{number}.png") for number in range(1, count + 1)]
    out = lab.root / ("out.png" if count == 1 else "out")
    code = main(["segment", *images, "-o", str(out), "--use", f"{script}:{name}"])
    err = capfd.readouterr().err
    assert code == 2
    assert err.count(f"stage {name.lower()}: {STAGES[name]}") == count


@pytest.mark.parametrize("name", STAGES)
def test_in_a_pipeline(script: Path, name: str) -> None:
    image: Any = np.arange(12 * 16, dtype=np.uint8).reshape(12, 16)
    pipeline = superdsm.default_pipeline().using(resolve_stage(f"{script}:{name}")).without(*LATER)
    with pytest.raises(superdsm.StageError) as info:
        pipeline.run(image)
    assert str(info.value) == f"stage {name.lower()}: {STAGES[name]}"


def test_a_reader_that_ends_the_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(*args: object) -> Any:
        raise SystemExit(0)

    write_labels(tmp_path / "a.png", np.ones((12, 16), np.uint8))
    monkeypatch.setattr("superdsm.io.open_image", leave)
    assert main(["segment", str(tmp_path / "a.png"), "-o", str(tmp_path / "out.png")]) == 2
    assert not (tmp_path / "out.png").exists()
