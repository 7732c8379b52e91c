"""The batch system with the stages of the method, on examples that ship with the project."""

import json
import shutil
from pathlib import Path

import pytest

from tests.laboratory import Laboratory

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def examples(lab: Laboratory) -> Laboratory:
    """Two of the examples, with a derived task that changes the last stage only."""
    shutil.copytree(EXAMPLES / "images", lab.root / "images")
    fields = json.loads((EXAMPLES / "task.json").read_text())
    fields |= {"file_ids": ["clusters", "empty-well"], "use": [], "without": []}
    lab.task(**fields)
    lab.task("derived", runnable=True, config={"postprocess": {"min_object_radius": 9}})
    return lab


def test_derived_task_runs_the_changed_stage_only_and_the_plan_says_so(examples: Laboratory) -> None:
    plan = examples.plan()
    assert {group["from"] for (task, _), group in plan.items() if task == "derived"} == {"postprocess"}
    code, results = examples.run("--jobs", "2", executor="loky")
    assert code == 0
    assert results["derived", "clusters"]["n_objects"] > 0
    assert results["derived", "empty-well"]["warnings"]
    for image, result in results.items():
        assert sorted(result["computed"]) == sorted(plan[image]["compute"])
        assert sorted(result["outputs"]) == sorted(plan[image]["outputs"])
    before = examples.outputs()
    examples.run("--force", "--jobs", "1", executor="loky")
    after = examples.outputs()
    differing = [name for name in before if before[name] != after[name] and "/log/" not in f"/{name}"]
    assert not differing
    shutil.rmtree(examples.root / "cfg")
    shutil.rmtree(examples.root / "log")
    _, results = examples.run()
    assert not any(set(result["computed"]) - {"ingest", "preprocess"} for result in results.values())
    assert examples.outputs() == after


def test_configuration_that_is_written_is_the_one_that_segment_reports(examples: Laboratory) -> None:
    import superdsm
    from superdsm.io import read_image

    examples.run("--task", ".")
    config = json.loads((examples.root / "task.json").read_text())["config"]
    result = superdsm.segment(read_image(examples.root / "images" / "clusters.png"), config)
    written = json.loads((examples.root / "cfg" / "clusters.json").read_text())
    assert written == json.loads(json.dumps(result.params.as_dict()))
    labels = read_image(examples.root / "seg" / "clusters.png")
    assert (labels == result.labels).all()
