"""The widget, in napari without a screen."""

import json
import os

import numpy as np
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
pytest.importorskip("napari", reason="napari is not installed")
pytest.importorskip("pytestqt", reason="pytest-qt is not installed")

from superdsm_napari.layers import ATOMS, LABELS
from superdsm_napari.widget import CLICKED, SegmentWidget

from superdsm.io import write_labels
from superdsm.testing import synthetic_image

TIMEOUT = 120_000  # milliseconds


def picture(number=1):
    return synthetic_image(number, (90, 110), n_nuclei=5, radius=10, clustering=0)[0]


def centres(labels):
    return [tuple(np.argwhere(labels == label).mean(0)) for label in range(1, labels.max() + 1)]


def has_opengl():
    """Return whether napari can draw here: where there is no screen, Qt may have no OpenGL."""
    from qtpy.QtGui import QOffscreenSurface, QOpenGLContext

    surface, context = QOffscreenSurface(), QOpenGLContext()
    surface.create()
    return bool(context.create() and context.makeCurrent(surface))


@pytest.fixture(params=["model", "window"])
def viewer(request, qapp):
    """The viewer without a window, and with one where there is OpenGL."""
    if request.param == "model":
        from napari.components import ViewerModel

        return ViewerModel()
    if not has_opengl():
        pytest.skip("there is no OpenGL: no window of napari can be opened; under xvfb-run it can")
    return request.getfixturevalue("make_napari_viewer")()


@pytest.fixture
def widget(viewer, qtbot):
    found = SegmentWidget(viewer)
    qtbot.addWidget(found)
    yield found
    found.cancel()
    qtbot.waitUntil(lambda: found.worker is None, timeout=TIMEOUT)


def wait(qtbot, widget):
    qtbot.waitUntil(lambda: widget.worker is None, timeout=TIMEOUT)


def test_segment_and_correct(viewer, widget, qtbot):
    viewer.add_image(picture())
    widget.values["nucleus_radius"].setText("10")
    widget.run_button.click()
    assert widget.cancel_button.isEnabled()
    wait(qtbot, widget)
    before = viewer.layers[LABELS].data.copy()
    assert before.max() >= 4
    assert f"{before.max()} objects" in widget.status.text()
    assert ATOMS in viewer.layers
    points = centres(before)
    widget.actions["merge"].click()
    widget.click(points[0])
    assert len(viewer.layers[CLICKED].data) == 1
    widget.click(points[1])
    wait(qtbot, widget)
    merged = viewer.layers[LABELS].data
    assert merged.max() == before.max() - 1
    assert "1 correction by hand" in widget.status.text()
    assert len(viewer.layers[CLICKED].data) == 0
    widget.actions["drop"].click()
    assert not widget.actions["merge"].isChecked()
    widget.click(points[2])
    wait(qtbot, widget)
    assert viewer.layers[LABELS].data.max() == before.max() - 2
    widget.undo_button.click()
    wait(qtbot, widget)
    widget.undo_button.click()
    wait(qtbot, widget)
    np.testing.assert_array_equal(viewer.layers[LABELS].data, before)


def test_a_correction_that_cannot_be_done_is_taken_back(viewer, widget, qtbot):
    viewer.add_image(picture())
    widget.values["nucleus_radius"].setText("10")
    widget.run_button.click()
    wait(qtbot, widget)
    widget.actions["keep"].click()
    widget.click((-20.0, 5.0))
    wait(qtbot, widget)
    assert "outside of the image (taken back)" in widget.status.text()
    assert not widget.session.corrections


def test_mistakes_are_told(viewer, widget):
    widget.run_button.click()
    assert "no image layer" in widget.status.text()
    viewer.add_image(picture())
    widget.values["evidence/min_area"].setText("large")
    widget.run_button.click()
    assert "min_area" in widget.status.text()
    assert widget.worker is None


def test_profiles_have_their_own_hyperparameters(viewer, widget):
    widget.profile.setCurrentText("published")
    assert "AF_scale" in widget.values
    widget.profile.setCurrentText("adaptive")
    assert "AF_scale" not in widget.values


def test_a_channel_of_a_stack(viewer, widget, qtbot):
    viewer.add_image(np.stack([np.zeros((90, 110), np.uint8), picture()]))
    widget.channel.setText("1")
    widget.values["nucleus_radius"].setText("10")
    widget.run_button.click()
    wait(qtbot, widget)
    assert viewer.layers[LABELS].data.max() >= 4
    widget.channel.setText("7")
    widget.run_button.click()
    assert "the layer has 2 channels" in widget.status.text()


def test_the_images_of_a_task(viewer, widget, qtbot, tmp_path):
    for number in (1, 2):
        write_labels(tmp_path / "images" / f"{number}.png", picture(number))
    task = {
        "runnable": True,
        "img_pathpattern": "{ROOTDIR}/images/%d.png",
        "file_ids": [1, 2],
        "config": {"profile": "adaptive", "nucleus_radius": 10},
    }
    (tmp_path / "task.json").write_text(json.dumps(task))
    widget.open_root(str(tmp_path))
    wait(qtbot, widget)
    assert widget.status.text().startswith("1 (1 of 2): ")
    widget.actions["drop"].click()
    widget.click(centres(viewer.layers[LABELS].data)[0])
    wait(qtbot, widget)
    widget.next_button.click()
    assert "not saved" in widget.status.text()
    widget.save_button.click()
    assert json.loads((tmp_path / "corrections" / "1.json").read_text())["corrections"][0]["action"] == "drop"
    widget.next_button.click()
    wait(qtbot, widget)
    assert widget.status.text().startswith("2 (2 of 2): ")
    assert not widget.session.corrections


def test_the_manifest_offers_the_widget():
    from importlib.resources import files

    from npe2 import PluginManifest

    manifest = PluginManifest.from_file(str(files("superdsm_napari") / "napari.yaml"))
    assert [item.command for item in manifest.contributions.widgets] == ["superdsm-napari.correct"]
