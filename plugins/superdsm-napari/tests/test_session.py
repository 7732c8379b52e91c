"""What is known and said of an image; without Qt and napari."""

import json
import threading

import numpy as np
import pytest
from superdsm_napari.layers import ATOMS, DISCARDED, GRAPH, LABELS, layers
from superdsm_napari.session import MAIN, Cancelled, Session, TaskImages, config_of, settings, tasks_of

from superdsm.errors import ConfigError, SuperDSMError
from superdsm.io import write_labels
from superdsm.testing import synthetic_image


def session(profile="adaptive"):
    image, _ = synthetic_image(1, (90, 110), n_nuclei=5, radius=10, clustering=0)
    size = {"nucleus_radius": "10"} if profile == "adaptive" else {"AF_scale": "8"}
    return Session(image, config_of(profile, size))


def centres(labels):
    return [np.argwhere(labels == label).mean(0).tolist() for label in range(1, labels.max() + 1)]


@pytest.mark.parametrize("profile", list(MAIN))
def test_hyperparameters_are_those_that_are_declared(profile):
    found = {setting.path: setting for setting in settings(profile)}
    assert list(found) == list(MAIN[profile])
    assert all(setting.doc and setting.default for setting in found.values())


def test_texts_become_a_configuration():
    config = config_of("adaptive", {"nucleus_radius": " 12 ", "evidence/min_area": "", "pixel_size": "0.5"})
    assert (config["nucleus_radius"], config["pixel_size"], "evidence/min_area" in config) == (12, 0.5, False)
    assert config_of("adaptive", {"nucleus_radius": "5 um", "pixel_size": "0.5"})["nucleus_radius"] == "5 um"
    with pytest.raises(ConfigError, match="min_area"):
        config_of("adaptive", {"evidence/min_area": "large"})


@pytest.mark.parametrize("profile", list(MAIN))
def test_correct_undo_and_redo(profile):
    one = session(profile)
    told = []
    plain = one.run(lambda stage, number, count: told.append((stage, number, count)))
    assert [number for _, number, _ in told] == list(range(len(one.stages)))
    points = centres(plain.labels)
    one.add("drop", points[:1])
    told.clear()
    assert len(one.run(lambda stage, number, count: told.append(stage)).objects) == len(plain.objects) - 1
    assert told[0] == "global-energy-minimization"
    assert one.summary["corrected"] == 1
    assert "components" in one.summary
    one.add("merge", points[1:3])
    assert len(one.run().objects) == len(plain.objects) - 2
    assert one.undo()
    assert len(one.run().objects) == len(plain.objects) - 1
    assert one.redo()
    assert not one.redo()
    assert len(one.run().objects) == len(plain.objects) - 2
    assert one.undo()
    assert one.undo()
    assert not one.undo()
    np.testing.assert_array_equal(one.run().labels, plain.labels)


def test_cancelling():
    one, cancelled = session(), threading.Event()

    def progress(stage, number, count):
        if number == 2:
            cancelled.set()

    with pytest.raises(Cancelled):
        one.run(progress, cancelled)
    assert one.result is None
    cancelled.clear()
    assert one.run(progress=None, cancelled=cancelled).objects


def test_what_cannot_be_done_is_told():
    one = session()
    one.run()
    one.add("drop", [[-5, 3]])
    with pytest.raises(SuperDSMError, match="outside of the image"):
        one.run()
    assert one.undo()
    assert one.run().objects


@pytest.mark.parametrize("profile", list(MAIN))
def test_layers(profile):
    image, _ = synthetic_image(2, (90, 110), n_nuclei=9, radius=10, clustering=1)
    size = {"nucleus_radius": "10"} if profile == "adaptive" else {"AF_scale": "8"}
    strict = {"evidence/min_area": "0.9"} if profile == "adaptive" else {"postprocess/min_object_radius": "10"}
    result = Session(image, config_of(profile, size | strict)).run()
    found = {item.name: item for item in layers(result)}
    assert list(found) == [ATOMS, GRAPH, DISCARDED, LABELS]
    np.testing.assert_array_equal(found[LABELS].data, result.labels)
    assert found[DISCARDED].data.shape == result.labels.shape
    assert len(found[DISCARDED].options["features"]["reason"]) == found[DISCARDED].data.max() + 1
    scale, translate = (np.array(found[ATOMS].options[name]) for name in ("scale", "translate"))
    first, last = translate - scale / 2, translate + scale * (np.array(found[ATOMS].data.shape) - 0.5)
    np.testing.assert_allclose([first, last], [[-0.5, -0.5], np.array(result.labels.shape) - 0.5])


@pytest.fixture
def root(tmp_path):
    for number in (1, 2, 3, 4, 5):
        image = synthetic_image(number, (70, 80), n_nuclei=0 if number == 4 else 3, radius=9, clustering=0)[0]
        write_labels(tmp_path / "images" / f"{number}.png", image)
    task = {
        "runnable": True,
        "img_pathpattern": "{ROOTDIR}/images/%d.png",
        "file_ids": "1-5",
        "config": {"profile": "adaptive", "nucleus_radius": 9},
    }
    (tmp_path / "task.json").write_text(json.dumps(task))
    return tmp_path


def test_a_task_is_stepped_through_from_the_worst_image_on(root):
    from superdsm import Batch

    assert list(tasks_of(root)) == ["."]
    assert TaskImages.open(root).ids == [1, 2, 3, 4, 5]
    Batch.open(root).plan().run(executor="serial")
    images = TaskImages.open(root)
    assert images.ids[0] == 4
    assert images.described().startswith("4 (1 of 5): ")
    assert images.step(-1) == images.ids[-1]
    assert images.step(1) == 4
    images.index = images.ids.index(2)
    one = images.session()
    points = centres(one.run().labels)
    one.add("drop", points[:1])
    assert not one.is_saved
    path = images.save(one)
    assert one.is_saved
    assert path == root / "corrections" / "2.json"
    again = images.session()
    assert again.corrections.items == one.corrections.items
    expected = again.run()
    Batch.open(root).plan().run(executor="serial")  # the batch finds the same
    assert Batch.open(root).results()[2].entry.n_objects == len(expected.objects)
    assert Batch.open(root).results()[2].field("postprocessed_objects") == expected.objects
