"""What the plan says is computed is what the worker computes: for any pipeline, whatever the store has lost."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.laboratory import Laboratory

HEAD = """
from superdsm import Stage, param

def follow(ctx, **inputs):
    return ctx.params.level + sum(value for value in inputs.values() if isinstance(value, (int, float)))
"""
BODY = """

class {name}(Stage):
    id = "{id}"
    version = "1"
    inputs = {inputs}
    outputs = {outputs}
    stored = {stored}
    {place}
    level = param(0.5, "Is added.")
{auto}
    def process(self, ctx, **inputs):
        return dict.fromkeys(self.outputs, follow(ctx, **inputs))
"""
AUTO = '    width = param(1.0, "Follows the scale.", auto=("scale", 1.0))\n'
WITHOUT = ["preprocess", "dsm", "c2f-region-analysis", "global-energy-minimization", "postprocess"]


@dataclass(frozen=True)
class Step:
    """A stage of a random pipeline."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    stored: bool
    auto: bool


@st.composite
def pipelines(draw: st.DrawFn) -> list[Step]:
    """Two to six stages, each with inputs of the ones before; some refine a field, some make or refine the scale."""
    known = ["image"]
    steps = []
    for number in range(draw(st.integers(2, 6))):
        inputs = tuple(draw(st.lists(st.sampled_from(known), unique=True, max_size=3)))
        again = [name for name in inputs if name != "image"]
        fresh = [f"f{number}"] + (["scale"] if "scale" not in known else [])
        outputs = tuple(draw(st.lists(st.sampled_from(fresh + again), unique=True, min_size=1, max_size=2)))
        auto = "scale" in known and draw(st.booleans())
        steps.append(Step(inputs, outputs, draw(st.booleans()), auto))
        known += [name for name in outputs if name not in known]
    return steps


def script(steps: list[Step]) -> str:
    """Return the source of the stages."""
    text = HEAD
    first = next((number for number, step in enumerate(steps) if "scale" in step.outputs), None)
    for number, step in enumerate(steps):
        place = f'after = "s{number - 1}"' if number else 'after = "ingest"'
        text += BODY.format(
            name=f"Stage{number}",
            id=f"s{number}",
            inputs=step.inputs,
            outputs=step.outputs,
            stored=step.stored,
            place='replaces = "scale"' if number == first else place,
            auto=AUTO if step.auto else "",
        )
    return text


def agree(lab: Laboratory, flags: list[str]) -> None:
    plan = lab.plan(*flags)
    code, results = lab.run(*flags)
    assert code == 0
    assert {image for image, group in plan.items() if group["action"] == "run"} == set(results)
    for image, result in results.items():
        assert sorted(result["computed"]) == sorted(plan[image]["compute"]), (image, plan[image])
        assert set(result["loaded"]) <= set(plan[image]["load"])
        assert sorted(result["outputs"]) == sorted(plan[image]["outputs"])


@given(
    steps=pipelines(),
    kept=st.sets(st.integers(0, 200)),
    change=st.one_of(st.none(), st.integers(0, 5)),
    flags=st.lists(st.sampled_from(["--force", "--fresh", "--oneshot"]), unique=True, max_size=1),
    outputs=st.booleans(),
)
@settings(max_examples=examples(15), deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_planned_is_what_is_computed(
    steps: list[Step], kept: set[int], change: int | None, flags: list[str], outputs: bool
) -> None:
    directory = Path(tempfile.mkdtemp())
    try:
        lab = Laboratory(directory / "root")
        (lab.root / "random_stages.py").write_text(script(steps))
        lab.image(1)
        lab.image(2, seed=1)  # the same image again: its results are shared
        use = [f"./random_stages.py:Stage{number}" for number in range(len(steps))]
        without = WITHOUT if any("scale" in step.outputs for step in steps) else ["scale", *WITHOUT]
        fields: dict[str, Any] = {"use": use, "without": without, "file_ids": [1, 2], "seg_pathpattern": ...}
        lab.task(**fields, cfg_pathpattern="cfg/%d.json", log_pathpattern="log/%d.jsonl")
        agree(lab, [])
        assert lab.run() == (0, {})
        for index, path in enumerate(sorted((lab.root / ".superdsm" / "results").glob("*/*.json"))):
            if index not in kept:
                path.unlink()
        if outputs:
            shutil.rmtree(lab.root / "cfg")
        if change is not None:
            config = {f"s{min(change, len(steps) - 1)}": {"level": 0.75}}
            lab.task(**fields, cfg_pathpattern="cfg/%d.json", log_pathpattern="log/%d.jsonl", config=config)
        agree(lab, flags)
    finally:
        shutil.rmtree(directory)
