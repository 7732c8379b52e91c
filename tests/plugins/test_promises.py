"""What plugins may never do: change results, keys or exit codes of a run that does not name them, or cost time."""

import json
import os
import subprocess
import sys
import time

import imageio.v3 as iio
import numpy as np
import pytest

from superdsm import Pipeline, RunStarted, Stage, default_pipeline
from superdsm.batch.tasks.keys import make_recipe
from superdsm.config import Config
from superdsm.plugins import identity, registry
from superdsm.testing import synthetic_image
from tests.plugins_fixtures import stage_module

BROKEN = {
    "broken-import": "import does_not_exist_anywhere\n",
    "broken-exit": "import sys\nsys.exit(5)\n",
    "broken-hook": "from superdsm import *\n@hookimpl\ndef superdsm_register_stage(): return []\n",
    "broken-signature": "from superdsm import *\n@hookimpl\ndef superdsm_register_stages(x): return []\n",
    "broken-record": "from superdsm import *\n@hookimpl\ndef superdsm_register_readers(): return [1]\n",
    "broken-raises": "from superdsm import *\n@hookimpl\ndef superdsm_register_commands(): return 1 / 0\n",
    "broken-observer": "from superdsm import *\n@hookimpl\ndef superdsm_on_event(event): return 1 / 0\n",
}
# Offers everything under the names of built-in records.
GREEDY = (
    stage_module("preprocess")
    + """
from superdsm import Command, ExecutorEntry, Exporter, Reader
def nothing(*args):
    raise AssertionError("nobody asked for this")
@hookimpl
def superdsm_register_readers(): return [Reader("png", (".png",), nothing), Reader("greedy", (".png",), nothing)]
@hookimpl
def superdsm_register_exporters(): return [Exporter("seg", (), nothing), Exporter("cfg", (), nothing)]
@hookimpl
def superdsm_register_executors(): return [ExecutorEntry("loky", nothing), ExecutorEntry("serial", nothing)]
@hookimpl
def superdsm_register_commands(): return [Command(name, "", nothing, nothing) for name in ("batch", "segment")]
@hookimpl
def superdsm_on_event(event): pass
"""
)
TASK = {
    "runnable": True,
    "img_pathpattern": "{ROOTDIR}/image-%d.png",
    "file_ids": [1],
    "config": {"AF_scale": 6},
    "seg_pathpattern": "seg/%d.png",
    "adj_pathpattern": "adj/%d.png",
    "overlay_pathpattern": "overlay/%d.png",
    "cfg_pathpattern": "cfg/%d.json",
}


def command(*args, path="", cwd=None):
    env = {**os.environ, "PYTHONPATH": str(path)}
    return subprocess.run(
        [sys.executable, "-m", "superdsm", *map(str, args)],
        capture_output=True,
        text=True,
        env=env,
        cwd=cwd,
        check=False,
    )


def make_root(root):
    root.mkdir()
    iio.imwrite(root / "image-1.png", synthetic_image(3, (72, 80), n_nuclei=5, radius=8.0)[0])
    (root / "task.json").write_text(json.dumps(TASK))
    return root


def content(root):
    """Return the outputs, and the keys of the stored results."""
    outputs = {path: (root / path).read_bytes() for path in ("seg/1.png", "adj/1.png", "overlay/1.png", "cfg/1.json")}
    keys = {path.name for path in (root / ".superdsm").rglob("*.npz")}
    assert keys
    return outputs, keys


@pytest.fixture
def reference(tmp_path):
    root = make_root(tmp_path / "reference")
    result = command("batch", root, "--run", "--jobs", "1")
    assert result.returncode == 0, result.stderr
    return content(root)


def test_installing_a_plugin_that_is_not_named_changes_no_byte(install, site, tmp_path, reference):
    install("superdsm-one", stage_module("denoise"))
    install("greedy", GREEDY)
    root = make_root(tmp_path / "with-plugins")
    result = command("batch", root, "--run", "--jobs", "1", path=site)
    assert result.returncode == 0, result.stderr
    assert content(root) == reference
    report = {status.name: status.status for status in registry().report}
    assert report == {"superdsm-one": "active", "greedy": "conflict"}


def test_broken_plugins_change_neither_results_nor_exit_codes(install, site, tmp_path, reference):
    for name, source in BROKEN.items():
        install(name, source)
    root = make_root(tmp_path / "with-plugins")
    result = command("batch", root, "--run", "--jobs", "1", path=site)
    assert result.returncode == 0, result.stderr
    assert content(root) == reference
    warnings = [line for line in result.stderr.splitlines() if line.startswith("superdsm: warning: plugin ")]
    assert sorted(line.split()[3] for line in warnings) == sorted(BROKEN)
    assert "Traceback" not in result.stderr
    image = root / "image-1.png"
    result = command("segment", image, "-o", tmp_path / "labels.png", "--set", "AF_scale=6", path=site)
    assert result.returncode == 0, result.stderr
    for args in (["stages"], ["plugins"], ["store", root], ["batch", root], ["--help"]):
        assert command(*args, path=site).returncode == 0


def test_broken_plugin_that_is_needed_is_fatal_before_the_first_image(install, site, tmp_path):
    install("superdsm-thing", BROKEN["broken-import"], entry="thing")
    root = make_root(tmp_path / "root")
    (root / "task.json").write_text(json.dumps({**TASK, "use": ["thing"]}))
    message = (
        "the plugin 'thing' (superdsm-thing) is broken: importing superdsm_thing_plugin raises ModuleNotFoundError"
    )
    result = command("batch", root, "--run", path=site)
    assert result.returncode == 2 and message in result.stderr and "Traceback" not in result.stderr
    assert sorted(path.name for path in root.iterdir() if not path.name.startswith(".")) == ["image-1.png", "task.json"]
    image, labels = root / "image-1.png", tmp_path / "labels.png"
    result = command("segment", image, "-o", labels, "--use", "thing", path=site)
    assert result.returncode == 2 and message in result.stderr.splitlines()[-1]
    assert not labels.exists()


def changed_version(stage):
    """Return a stage like another one, with the same place but another identity."""
    cls = type(stage)
    return type(cls)(cls.__name__, (cls,), {"__doc__": cls.__doc__, "version": "other"})


def dependents(pipeline, stage_id):
    """Return the ids of a stage and of all stages that depend on it."""
    tainted, result = set(), set()
    for stage in pipeline:
        needs = {*stage.inputs, *(["scale"] if stage.needs_scale else [])}
        if stage.id == stage_id or needs & tainted:
            result.add(stage.id)
            tainted |= set(stage.outputs)
        else:
            tainted -= set(stage.outputs)
    return result


@pytest.mark.parametrize("stage_id", default_pipeline().ids)
def test_swapping_a_stage_rekeys_it_and_what_depends_on_it_and_nothing_else(stage_id):
    before = default_pipeline()
    after = before.replace(stage_id, changed_version(before[stage_id]))
    keys = [make_recipe(pipeline, Config(), identity).keys("image") for pipeline in (before, after)]
    changed = {name for name in before.ids if keys[0][name] != keys[1][name]}
    assert changed == dependents(before, stage_id)
    assert "" not in keys[0].values()
    unchanged = set(before.ids) - changed
    if stage_id == "preprocess":
        assert unchanged == {"ingest", "scale", "dsm"}


def test_inserting_a_stage_at_the_end_rekeys_nothing():
    class Last(Stage):
        """Counts."""

        id = "last"
        version = "1"
        inputs = ("postprocessed_objects",)
        outputs = ("count",)
        after = "postprocess"

        def process(self, ctx, *, postprocessed_objects):
            return {"count": len(postprocessed_objects)}

    before = default_pipeline()
    keys = make_recipe(before, Config(), identity).keys("image")
    assert make_recipe(before.using(Last), Config(), identity).keys("image").items() >= keys.items()


def test_hyperparameters_of_a_plugin_are_keyed_like_the_built_in_ones(install):
    install("superdsm-constant", stage_module())
    pipeline = default_pipeline().using(registry().stages["constant"].stage)

    def keys(config):
        return make_recipe(pipeline, Config(config), identity).keys("image")

    assert keys({}) == keys({"constant": {"value": 0.1}})
    first, second = keys({}), keys({"constant": {"value": 0.2}})
    changed = {name for name in pipeline.ids if first[name] != second[name]}
    assert changed == dependents(pipeline, "constant")


def test_two_providers_have_two_keys(install):
    install("one", stage_module())
    install("two", stage_module())
    pipelines = [
        default_pipeline().using(registry().lookup("stages", f"{name}:constant").stage) for name in ("one", "two")
    ]
    first, second = (make_recipe(pipeline, Config(), identity).keys("image") for pipeline in pipelines)
    before = pipelines[0].ids[: pipelines[0].ids.index("constant")]
    assert first["constant"] != second["constant"] and all(first[name] == second[name] for name in before)


class Nothing(Stage):
    """Does nothing."""

    id = "nothing"
    version = "1"
    inputs = ("image",)
    outputs = ("nothing",)

    def process(self, ctx, *, image):
        return dict.fromkeys(self.outputs)


def fastest(function, repeats, number):
    def once():
        start = time.perf_counter()
        for _ in range(number):
            function()
        return (time.perf_counter() - start) / number

    return min(once() for _ in range(repeats))


@pytest.mark.speed
def test_seam_costs_nothing_measurable_per_image(install):
    """An image takes 100 ms and more; all that plugins add to one, with ten of them installed, is below 1 ms."""
    for index in range(10):
        install(f"number-{index}", stage_module(f"stage-{index}"))
    event, notify = RunStarted("", "", 1), registry().notify
    assert fastest(lambda: notify(event), 20, 100) < 20e-6
    stages = [type(Stage)("Nothing", (Nothing,), {"id": f"n{i}", "outputs": (f"n{i}",)}) for i in range(7)]
    pipeline, image, config = Pipeline(stages), np.zeros((4, 4)), Config()
    assert fastest(lambda: pipeline.run(image, config, observe=notify), 20, 10) < 1e-3
