"""What is run again after a change, and what is not."""

import json
import os
import shutil
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from superdsm.batch.storage.digests import file_digest
from superdsm.batch.storage.store import Store
from tests.laboratory import STAGES, Laboratory


def computed(results: dict) -> dict:
    return {image: [stage for stage in result["computed"] if stage != "ingest"] for image, result in results.items()}


def test_first_run_then_complete(lab: Laboratory) -> None:
    lab.task()
    code, results = lab.run()
    assert code == 0
    assert computed(results) == {(".", n): ["level", "rows"] for n in (1, 2, 3)}
    assert {group["action"] for group in lab.plan().values()} == {"nothing"}
    assert lab.run() == (0, {})


def test_added_image_runs_only_that_image(lab: Laboratory) -> None:
    lab.task()
    lab.run()
    lab.image(4)
    lab.task(file_ids="1-4")
    assert lab.plan()[".", 4]["reasons"] == ["new image"]
    _, results = lab.run()
    assert set(results) == {(".", 4)}


def test_changed_image_runs_only_that_image(lab: Laboratory) -> None:
    lab.task()
    lab.run()
    lab.image(2, seed=99)
    assert lab.plan()[".", 2]["reasons"] == ["image changed"]
    _, results = lab.run()
    assert computed(results) == {(".", 2): ["level", "rows"]}


def test_touched_image_with_equal_content_is_complete(lab: Laboratory) -> None:
    lab.task()
    lab.run()
    os.utime(lab.images / "2.png", (1, 1))
    assert lab.plan()[".", 2]["action"] == "nothing"


def test_change_within_the_resolution_of_time_is_seen(lab: Laboratory) -> None:
    """A file that is rewritten at once, in the same size and with the same time, must not pass for the old one."""
    lab.task(file_ids=[1])
    path = lab.images / "1.png"
    raw = [imagecodecs.png_encode(np.full((4, 4), value, np.uint8), level=0) for value in (1, 200)]
    path.write_bytes(raw[0])
    stat = path.stat()
    lab.plan()
    path.write_bytes(raw[1])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    first = lab.plan()[".", 1]
    code, results = lab.run()
    assert first["action"] == "run"
    assert code == 0
    assert set(results) == {(".", 1)}
    digests = json.loads((lab.root / "manifest.json").read_text())["images"]["digests"]
    assert digests["1"] == file_digest(path)


def test_added_stage_runs_only_what_is_downstream(lab: Laboratory) -> None:
    lab.task()
    lab.run()
    lab.task(use=["./stages.py:Level", "./stages.py:Rows", "./stages.py:Count"])
    assert lab.plan()[".", 1]["reasons"] == ["stage count added"]
    assert lab.plan()[".", 1]["from"] == "count"
    _, results = lab.run()
    assert computed(results) == {(".", n): ["count"] for n in (1, 2, 3)}
    assert all(not result["outputs"] for result in results.values())


def test_changed_hyperparameter_is_named_and_runs_what_is_downstream(lab: Laboratory) -> None:
    lab.task()
    lab.run()
    lab.task(config={"rows": {"min_pixels": 3}})
    assert lab.plan()[".", 1]["reasons"] == ["rows/min_pixels 1 -> 3"]
    _, results = lab.run()
    assert computed(results) == {(".", n): ["rows"] for n in (1, 2, 3)}


def test_changed_version_is_named(lab: Laboratory) -> None:
    lab.task()
    lab.run()
    changed = STAGES.replace('id = "rows"\n    version = "1"', 'id = "rows"\n    version = "2"')
    (lab.root / "stages.py").write_text(changed)
    assert lab.plan()[".", 1]["reasons"] == ["stage rows version 1 -> 2"]
    _, results = lab.run()
    assert computed(results) == {(".", n): ["rows"] for n in (1, 2, 3)}


def test_reverting_a_change_recomputes_nothing(lab: Laboratory) -> None:
    lab.task()
    lab.run()
    before = lab.outputs("seg/*")
    lab.task(config={"rows": {"min_pixels": 12}})
    lab.run()
    assert lab.outputs("seg/*") != before
    lab.task()
    _, results = lab.run()
    assert computed(results) == {(".", n): [] for n in (1, 2, 3)}
    assert lab.outputs("seg/*") == before


def test_missing_and_changed_outputs_are_written_again(lab: Laboratory) -> None:
    lab.task()
    lab.run()
    before = lab.outputs()
    (lab.root / "seg/1.png").unlink()
    (lab.root / "seg/2.png").write_bytes(b"scribble")
    plan = lab.plan()
    assert plan[".", 1]["reasons"] == ["seg output missing"]
    assert plan[".", 2]["reasons"] == ["seg output changed"]
    assert plan[".", 1]["from"] is None
    assert plan[".", 3]["action"] == "nothing"
    _, results = lab.run()
    assert computed(results) == {(".", 1): [], (".", 2): []}
    assert lab.outputs() == before


def test_a_tree_may_be_moved_and_copied(lab: Laboratory) -> None:
    lab.task(overlay_pathpattern="overlay/%d.png")
    lab.run()
    moved = lab.root.with_name("moved")
    lab.root.rename(moved)
    lab.root = moved
    assert {group["action"] for group in lab.plan().values()} == {"nothing"}
    shutil.copytree(moved, moved.with_name("copied"))
    lab.root = moved.with_name("copied")
    for path in lab.root.glob("seg/*"):
        os.utime(path)
    assert {group["action"] for group in lab.plan().values()} == {"nothing"}


def test_output_settings_export_without_segmenting(lab: Laboratory) -> None:
    lab.task(overlay_pathpattern="overlay/%d.png")
    lab.run()
    lab.task(overlay_pathpattern="overlay/%d.png", seg_border=4)
    assert lab.plan()[".", 1]["reasons"] == ["seg_border 2 -> 4"]
    assert lab.plan()[".", 1]["outputs"] == ["overlay"]
    _, results = lab.run()
    assert computed(results) == {(".", n): [] for n in (1, 2, 3)}
    lab.task(overlay_pathpattern="overlay/%d.png", seg_border=4, dilate=1)
    assert set(lab.plan()[".", 1]["outputs"]) == {"seg", "overlay"}


def test_derived_task_shares_with_its_parent_and_siblings_share(lab: Laboratory) -> None:
    lab.task(runnable=False)
    lab.task("one", runnable=True)
    lab.task("two", runnable=True, config={"rows": {"min_pixels": 3}}, file_ids=[2, 3])
    plan = lab.plan()
    assert plan["one", 1]["load"] == []
    assert (plan["two", 2]["load"], plan["two", 2]["picked_up_from"]) == (["level"], "one")
    _, results = lab.run()
    assert {image[0]: stages for image, stages in computed(results).items()} == {
        "one": ["level", "rows"],
        "two": ["rows"],
    }


def test_siblings_share_what_was_made_before(lab: Laboratory) -> None:
    lab.task(runnable=False)
    lab.task("one", runnable=True)
    lab.run()
    lab.task("two", runnable=True)
    assert lab.plan()["two", 1]["picked_up_from"] == "one"
    _, results = lab.run()
    assert computed(results) == {("two", n): [] for n in (1, 2, 3)}
    assert lab.outputs("one/seg/*").keys() == {f"one/seg/{n}.png" for n in (1, 2, 3)}


@pytest.mark.parametrize("suffix", [".npz", ".json"])
@pytest.mark.parametrize("damage", ["truncate", "flip", "empty"])
def test_damaged_store_entry_is_detected_and_recomputed(lab: Laboratory, suffix: str, damage: str) -> None:
    lab.task()
    lab.run()
    before = lab.outputs()
    store = Store(lab.root / ".superdsm" / "results")
    for path in store.files():
        if path.suffix == suffix:
            data = path.read_bytes()
            middle = len(data) // 2
            flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
            path.write_bytes({"truncate": data[:-3], "flip": flipped, "empty": b""}[damage])
    shutil.rmtree(lab.root / "seg")
    code, results = lab.run()
    assert code == 0
    assert all(result["damaged"] for result in results.values())
    assert all("rows" in result["computed"] for result in results.values())
    assert lab.outputs() == before
    for key in store.keys():  # noqa: SIM118 - not a dict
        if store.entry(key).stage == "rows":
            store.verify(key)


def test_damage_to_the_arrays_alone_is_found_by_verify(lab: Laboratory, capsys: pytest.CaptureFixture[str]) -> None:
    from superdsm.cli import main

    lab.task()
    lab.run()
    assert main(["store", str(lab.root), "--verify"]) == 0
    victim = next(path for path in Store(lab.root / ".superdsm" / "results").files() if path.suffix == ".npz")
    victim.write_bytes(victim.read_bytes()[:-1])
    assert main(["store", str(lab.root), "--verify"]) == 1
    assert str(victim) in capsys.readouterr().out
    assert main(["store", str(lab.root), "--verify", "--prune"]) == 0
    assert not victim.exists()


def test_prune_keeps_what_tasks_refer_to(lab: Laboratory) -> None:
    from superdsm.cli import main

    lab.task()
    lab.run()
    store = Store(lab.root / ".superdsm" / "results")
    needed = set(store.keys())
    lab.task(config={"rows": {"min_pixels": 3}})
    lab.run()
    lab.task()
    (store.directory / "aa").mkdir(exist_ok=True)
    (store.directory / "aa" / ".x.json.123-1.tmp").write_bytes(b"half")
    main(["store", str(lab.root), "--prune"])
    assert set(store.keys()) == needed
    assert not store.leftovers()


def test_force_recomputes_everything_with_equal_bytes(lab: Laboratory) -> None:
    lab.task()
    lab.run()
    before = lab.outputs()
    assert lab.plan("--force")[".", 1]["reasons"] == ["forced"]
    _, results = lab.run("--force")
    assert computed(results) == {(".", n): ["level", "rows"] for n in (1, 2, 3)}
    assert lab.outputs() == before


def test_fresh_uses_no_earlier_results_but_leaves_what_is_complete(lab: Laboratory) -> None:
    lab.task()
    lab.run()
    assert lab.run("--fresh") == (0, {})
    lab.task(config={"rows": {"min_pixels": 3}})
    _, results = lab.run("--fresh")
    assert computed(results) == {(".", n): ["level", "rows"] for n in (1, 2, 3)}


def test_oneshot_writes_outputs_and_keeps_nothing(lab: Laboratory) -> None:
    lab.task()
    code, _ = lab.run("--oneshot")
    assert code == 0
    assert set(lab.outputs("seg/*")) == {f"seg/{n}.png" for n in (1, 2, 3)}
    assert not list(Store(lab.root / ".superdsm" / "results").keys())
    assert lab.plan()[".", 1]["reasons"] == ["new image"]


def test_last_stage_goes_only_with_oneshot(lab: Laboratory, capsys: pytest.CaptureFixture[str]) -> None:
    lab.task()
    assert lab.call("--run", "--last-stage", "level")[0] == 2
    assert "--oneshot" in capsys.readouterr().err
    _, results = lab.run("--oneshot", "--last-stage", "level")
    assert computed(results) == {(".", n): ["level"] for n in (1, 2, 3)}


def test_last_stage_of_a_task_leaves_the_rest_for_later(lab: Laboratory) -> None:
    lab.task(last_stage="level")
    _, results = lab.run()
    assert computed(results) == {(".", n): ["level"] for n in (1, 2, 3)}
    lab.task()
    _, results = lab.run()
    assert computed(results) == {(".", n): ["rows"] for n in (1, 2, 3)}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"config": {"level": {"offset": 0.3}}},
        {"config": {"rows": {"min_pixels": 9}}, "file_ids": [1, 2, 3, 4]},
        {"use": ["./stages.py:Level", "./stages.py:Rows", "./stages.py:Count"], "dilate": 1},
    ],
)
def test_plan_equals_what_the_run_does(lab: Laboratory, change: dict) -> None:
    lab.task(overlay_pathpattern="overlay/%d.png", cfg_pathpattern="cfg/%d.json", log_pathpattern="log/%d")
    lab.task("child", runnable=True, config={"rows": {"min_pixels": 3}})
    lab.run("--task", ".")
    lab.image(4)
    (lab.root / "seg/2.png").unlink()
    fields = {"overlay_pathpattern": "overlay/%d.png", "cfg_pathpattern": "cfg/%d.json", "log_pathpattern": "log/%d"}
    lab.task(**fields | change)
    plan = {image: group for image, group in lab.plan().items() if group["action"] == "run"}
    _, results = lab.run(executor="loky")
    assert set(results) == set(plan)
    assert all(result["ok"] for result in results.values()), results
    for image, result in results.items():
        assert sorted(result["computed"]) == sorted(plan[image]["compute"]), image
        assert set(result["loaded"]) <= set(plan[image]["load"]), image
        assert sorted(result["outputs"]) == sorted(plan[image]["outputs"]), image
    assert {group["action"] for group in lab.plan().values()} == {"nothing"}


def test_config_and_log_outputs_do_not_depend_on_what_was_picked_up(lab: Laboratory, tmp_path: Path) -> None:
    fields = {"cfg_pathpattern": "cfg/%d.json", "log_pathpattern": "log/%d"}
    lab.task(**fields)
    lab.run()
    before = lab.outputs()
    assert "mean" in (lab.root / "log/1").read_text()
    for name in ("cfg", "log", "seg"):
        shutil.rmtree(lab.root / name)
    _, results = lab.run()
    assert computed(results) == {(".", n): [] for n in (1, 2, 3)}
    assert lab.outputs() == before
