"""Tests of the way back from outlines to labels, and of the observer."""

import json
import zipfile

import numpy as np
import pytest
from superdsm_geojson import command, plugin
from superdsm_geojson.observer import Log
from superdsm_geojson.outlines import rasterise, read_outlines

from superdsm import ImageError
from superdsm.records import ImageFailed, RunStarted


@pytest.mark.parametrize("options", [{}, {"dilate": 2}, {"dilate": -3}])
@pytest.mark.parametrize(("name", "suffix"), [("geojson", ".geojson"), ("rois", ".zip")])
def test_what_superdsm_exports_gives_its_label_image(superdsm_plugin, superdsm_batch, name, suffix, options):
    import imageio.v3 as iio

    assert superdsm_plugin(plugin).offers == {"commands": ["labels-from-outlines"]}
    directory = superdsm_batch({"seg_pathpattern": "%d.png", f"{name}_pathpattern": f"%d{suffix}", **options})
    labels = iio.imread(directory / "1.png")
    assert labels.max() > 0
    np.testing.assert_array_equal(rasterise(read_outlines(directory / f"1{suffix}"), labels.shape), labels)


def feature(*rings, kind="Polygon", **properties):
    rings = [[*ring, ring[0]] for ring in rings]
    coordinates = rings if kind == "Polygon" else [[ring] for ring in rings]
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def test_outlines_that_people_have_drawn(tmp_path):
    square = [[1, 1], [5, 1], [5, 5], [1, 5]]
    hole = [[2, 2], [4, 2], [4, 4], [2, 4]]
    outside = [[-3.5, 6.2], [2.4, 6.2], [2.4, 30], [-3.5, 30]]
    diamond = [[7.5, 0.2], [9.8, 2.5], [7.5, 4.8], [5.2, 2.5]]
    line = {"type": "Feature", "geometry": {"type": "LineString", "coordinates": [[0, 0], [3, 3]]}, "properties": {}}
    collection = {"type": "FeatureCollection", "features": [feature(square, hole), line, feature(outside)]}
    collection["features"].append(feature(diamond, kind="MultiPolygon"))
    (tmp_path / "a.geojson").write_text(json.dumps(collection))
    expected = np.zeros((9, 11), int)
    expected[1:5, 1:5] = 1
    expected[2:4, 2:4] = 0
    expected[6:, :2] = 2
    rows, columns = np.mgrid[:9, :11]
    expected[abs(rows + 0.5 - 2.5) + abs(columns + 0.5 - 7.5) < 2.3] = 3
    np.testing.assert_array_equal(rasterise(read_outlines(tmp_path / "a.geojson"), (9, 11)), expected)


def test_labels_are_kept_where_all_have_one(tmp_path):
    one, other = [[0, 0], [2, 0], [2, 2], [0, 2]], [[3, 0], [5, 0], [5, 2], [3, 2]]
    for names, expected in (((7, 3), [7, 3]), ((7, 7), [1, 2]), ((7, "x"), [1, 2])):
        features = [feature(ring, label=name) for ring, name in zip((one, other), names, strict=True)]
        (tmp_path / "a.json").write_text(json.dumps(features))
        assert [label for label, _ in read_outlines(tmp_path / "a.json")] == expected


@pytest.mark.parametrize("content", ["", "{}", '{"features": [{}]}', '[{"geometry": {"type": "Polygon"}}]', "[3]"])
def test_other_files_are_refused(tmp_path, content):
    for name in ("a.geojson", "a.zip"):
        (tmp_path / name).write_text(content)
        with pytest.raises(ImageError, match="has no outlines that can be read"):
            list(read_outlines(tmp_path / name))


def test_command(tmp_path, capsys):
    import argparse

    import tifffile

    tifffile.imwrite(tmp_path / "image.tif", np.zeros((9, 11), np.uint8))
    (tmp_path / "a.geojson").write_text(json.dumps([feature([[1, 1], [5, 1], [5, 5], [1, 5]], label=4)]))
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    files = [str(tmp_path / name) for name in ("a.geojson", "image.tif", "out.tif")]
    assert command.run(parser.parse_args([files[0], "--like", files[1], "-o", files[2]])) == 0
    assert tifffile.imread(files[2]).sum() == 16 * 4
    assert capsys.readouterr().out.endswith("out.tif: 1 objects\n")


def test_empty_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w"):
        pass
    assert not rasterise(read_outlines(tmp_path / "a.zip"), (3, 4)).any()


def test_observer_appends_json_lines(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERDSM_EVENT_LOG", str(tmp_path / "log"))
    monkeypatch.setattr(plugin, "LOG", Log.from_environment())
    plugin.superdsm_on_event(RunStarted("", "", 3))
    plugin.superdsm_on_event(ImageFailed("plate", "7", "dsm", "broken"))
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert lines == [
        {"event": "RunStarted", "task": "", "image": "", "total": 3},
        {"event": "ImageFailed", "task": "plate", "image": "7", "stage": "dsm", "message": "broken"},
    ]


def test_observer_does_nothing_unasked(monkeypatch):
    monkeypatch.delenv("SUPERDSM_EVENT_LOG", raising=False)
    assert Log.from_environment() is None


def test_observer_sees_a_batch(superdsm_plugin, superdsm_batch, tmp_path, monkeypatch):
    monkeypatch.setattr(plugin, "LOG", Log(tmp_path / "log"))
    superdsm_plugin(plugin)
    superdsm_batch({"seg_pathpattern": "%d.png"})
    events = [json.loads(line)["event"] for line in (tmp_path / "log").read_text().splitlines()]
    assert events[0] == "RunStarted" and events[-1] == "RunFinished"
    assert events.count("ImageFinished") == 1
