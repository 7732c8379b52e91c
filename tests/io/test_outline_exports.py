"""Exports for other programs: read with a second library where there is one, they hold the label image exactly."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from roifile import ROI_TYPE, ImagejRoi

from superdsm.cli import main
from superdsm.core.labels import label_image
from superdsm.core.objects import Object
from superdsm.core.outlines import fill
from superdsm.errors import ImageError
from superdsm.io import read_image, write_labels
from superdsm.io.exporters import EXPORTERS, export
from superdsm.records import ExportContext

BY_NAME = {exporter.name: exporter for exporter in EXPORTERS}
SHAPE = (50, 70)


def item(atom: int, row: int, column: int, mask: Any, confidence: float | None = None) -> Object:
    mask = np.asarray(mask, bool)
    return Object((atom,), 3.0, True, False, (row, column), mask, 2 * mask.size, confidence=confidence)


def disk(radius: int) -> np.ndarray[Any, Any]:
    rows, columns = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return rows**2 + columns**2 <= radius**2


RING = disk(6) & ~np.pad(disk(2), 4)
PIECES = np.pad([[True]], ((0, 3), (0, 3))) | np.pad(np.ones((2, 2), bool), ((2, 0), (2, 0)))
OBJECTS = [
    item(1, 0, 0, np.ones((4, 7)), 0.25),
    item(2, 10, 10, RING, 0.5),
    item(3, 12, 40, PIECES),
    item(5, 14, 14, np.ones((4, 4)), 1.0),
    item(7, 40, 60, disk(4)),
    item(9, 43, 60, disk(3)),
]


@pytest.fixture
def fields() -> dict[str, Any]:
    image = np.random.default_rng(0).integers(0, 4000, SHAPE).astype(np.uint16)
    return {"image": image, "g_raw": image / 4000, "postprocessed_objects": OBJECTS}


def context(pixel_size: Any = (0.5, 0.25), **options: Any) -> ExportContext:
    return ExportContext("17", options, {}, pixel_size=pixel_size, file="well-17.tif")


def labels_with(**options: Any) -> np.ndarray[Any, Any]:
    return label_image(OBJECTS, SHAPE, **options)


OPTIONS = [{}, {"dilate": 2}, {"dilate": -3}, {"merge_overlap_threshold": 0.1}]


@pytest.mark.parametrize("options", OPTIONS)
def test_geojson_holds_the_label_image(tmp_path: Path, fields: dict[str, Any], options: dict[str, Any]) -> None:
    export(BY_NAME["geojson"], tmp_path / "a.geojson", fields, context(**options))
    collection = json.loads((tmp_path / "a.geojson").read_text(encoding="utf-8"))
    back = np.zeros(SHAPE, np.int32)
    for feature in collection["features"]:
        geometry = feature["geometry"]
        polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
        assert all(ring[0] == ring[-1] for polygon in polygons for ring in polygon)
        fill(back, [ring[:-1] for polygon in polygons for ring in polygon], feature["properties"]["label"])
    expected = labels_with(**options)
    np.testing.assert_array_equal(back, expected)
    assert len(collection["features"]) == len(np.unique(expected)) - 1


def test_geojson_is_what_qupath_reads(tmp_path: Path, fields: dict[str, Any]) -> None:
    export(BY_NAME["geojson"], tmp_path / "a.geojson", fields, context())
    collection = json.loads((tmp_path / "a.geojson").read_text(encoding="utf-8"))
    assert collection["type"] == "FeatureCollection"
    kinds = [feature["geometry"]["type"] for feature in collection["features"]]
    assert kinds == ["Polygon", "Polygon", "MultiPolygon", "Polygon", "Polygon", "Polygon"]
    first, ring = (feature["properties"] for feature in collection["features"][:2])
    assert (first["objectType"], first["name"]) == ("detection", "1")
    assert first["classification"] == {"name": "Nucleus", "color": [64, 224, 255]}
    measured = first["measurements"]
    assert measured.pop("Mean intensity") == pytest.approx(fields["image"][:4, :7].mean(), rel=1e-6)
    assert measured == {
        "Area px^2": 28.0,
        "Centroid X px": 3.5,
        "Centroid Y px": 2.0,
        "Area µm^2": 3.5,
        "Centroid X µm": 0.875,
        "Centroid Y µm": 1.0,
        "Energy per pixel": pytest.approx(3 / 56),
        "Confidence": 0.25,
    }
    assert len(collection["features"][1]["geometry"]["coordinates"]) == 2, "a hole"
    identifiers = {feature["id"] for feature in collection["features"]}
    assert len(identifiers) == 6 and all(len(text) == 36 and text[14] == "8" for text in identifiers)
    export(BY_NAME["geojson"], tmp_path / "b.geojson", fields, context(None, object_class="", dilate=-1))
    bare = json.loads((tmp_path / "b.geojson").read_text(encoding="utf-8"))["features"][0]["properties"]
    assert "classification" not in bare
    assert set(bare["measurements"]) == {"Area px^2", "Centroid X px", "Centroid Y px", "Mean intensity"}
    assert ring["measurements"]["Confidence"] == 0.5


def test_a_table_of_the_pipeline_gives_measurements_and_classes(tmp_path: Path, fields: dict[str, Any]) -> None:
    fields["measurements"] = {
        "label": np.array([1, 2, 3, 4, 5, 6]),
        "solidity": np.array([1, 0.9, np.nan, 0.7, 0.6, 0.5]),
        "class": np.array(["mitotic", "", "x", "x", "x", "x"]),
    }
    export(BY_NAME["geojson"], tmp_path / "a.geojson", fields, context())
    found = [f["properties"] for f in json.loads((tmp_path / "a.geojson").read_text(encoding="utf-8"))["features"]]
    assert [one["measurements"].get("solidity") for one in found] == [1, 0.9, None, 0.7, 0.6, 0.5]
    assert [one.get("classification", {}).get("name") for one in found] == ["mitotic", None, "x", "x", "x", "x"]


@pytest.mark.parametrize("options", OPTIONS)
def test_rois_hold_the_label_image(tmp_path: Path, fields: dict[str, Any], options: dict[str, Any]) -> None:
    export(BY_NAME["rois"], tmp_path / "a.zip", fields, context(**options))
    back = np.zeros(SHAPE, np.int32)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        for entry in archive.namelist():
            roi = ImagejRoi.frombytes(archive.read(entry))
            fill(back, [ring.tolist() for ring in roi.coordinates(multi=True)], int(roi.name))
    np.testing.assert_array_equal(back, labels_with(**options))


def test_rois_are_what_imagej_expects(tmp_path: Path, fields: dict[str, Any]) -> None:
    export(BY_NAME["rois"], tmp_path / "a.zip", fields, context())
    simple, composite, *_ = ImagejRoi.fromfile(tmp_path / "a.zip")
    assert (simple.name, simple.roitype, simple.composite) == ("1", ROI_TYPE.POLYGON, False)
    assert (simple.left, simple.top, simple.right, simple.bottom) == (0, 0, 7, 4)
    assert simple.coordinates().tolist() == [[0, 0], [7, 0], [7, 4], [0, 4]]
    assert (composite.name, composite.roitype, composite.composite) == ("2", ROI_TYPE.RECT, True)
    assert (composite.left, composite.top, composite.right, composite.bottom) == (10, 10, 23, 23)
    assert len(composite.coordinates(multi=True)) == 2
    fields |= {"image": np.zeros((1, 40_000)), "g_raw": np.zeros((1, 40_000)), "postprocessed_objects": []}
    with pytest.raises(ImageError, match="reach up to 32,767 pixels"):
        export(BY_NAME["rois"], tmp_path / "b.zip", fields, context())
    assert not (tmp_path / "b.zip").exists()


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_coco_is_read_by_pycocotools(
    tmp_path: Path, fields: dict[str, Any], options: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    export(BY_NAME["coco"], tmp_path / "a.json", fields, context(**options))
    found = coco.COCO(tmp_path / "a.json")
    capsys.readouterr()
    (image,) = found.loadImgs(found.getImgIds())
    assert image == {"id": 1, "file_name": "well-17.tif", "height": SHAPE[0], "width": SHAPE[1]}
    (category,) = found.loadCats(found.getCatIds())
    assert category == {"id": 1, "name": "Nucleus", "supercategory": "cell"}
    back = np.zeros(SHAPE, np.int32)
    for annotation in found.loadAnns(found.getAnnIds()):
        mask = found.annToMask(annotation).astype(bool)
        rows, columns = np.nonzero(mask)
        left, top, width, height = annotation["bbox"]
        assert (left, top) == (columns.min(), rows.min())
        assert (left + width, top + height) == (columns.max() + 1, rows.max() + 1)
        assert annotation["area"] == mask.sum() and annotation["iscrowd"] == 0
        back[mask] = annotation["id"]
    np.testing.assert_array_equal(back, labels_with(**options))


def test_coco_keeps_the_confidence_as_score(tmp_path: Path, fields: dict[str, Any]) -> None:
    export(BY_NAME["coco"], tmp_path / "a.json", fields, context())
    annotations = json.loads((tmp_path / "a.json").read_text())["annotations"]
    assert [one.get("score") for one in annotations] == [0.25, 0.5, None, 1.0, None, None]
    assert isinstance(annotations[1]["segmentation"], dict) and isinstance(annotations[2]["segmentation"], list)


@pytest.mark.parametrize("pixel_size", [(0.5, 0.25), None])
def test_ome_tiff_is_valid_and_has_the_size_of_a_pixel(tmp_path: Path, fields: dict[str, Any], pixel_size: Any) -> None:
    export(BY_NAME["ome"], tmp_path / "a.ome.tif", fields, context(pixel_size))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.ome.tif"), labels_with())
    write_labels(tmp_path / "b.ome.tif", labels_with(), pixel_size)
    export(BY_NAME["seg"], tmp_path / "c.ome.tif", fields, context(pixel_size))
    assert len({(tmp_path / f"{name}.ome.tif").read_bytes() for name in "abc"}) == 1
    ome_types = pytest.importorskip("ome_types")
    pixels = ome_types.from_tiff(tmp_path / "a.ome.tif", validate=False).images[0].pixels
    assert (pixels.size_y, pixels.size_x, pixels.type.value) == (*SHAPE, "uint16")
    assert pixels.channels[0].name == "labels"
    assert (pixels.physical_size_y, pixels.physical_size_x) == (pixel_size or (None, None))
    if pixel_size:
        assert pixels.physical_size_x_unit.value == "µm"


def test_ctc_masks(tmp_path: Path, fields: dict[str, Any]) -> None:
    export(BY_NAME["ctc"], tmp_path / "01_RES" / "mask000.tif", fields, context())
    labels = read_image(tmp_path / "01_RES" / "mask000.tif")
    assert labels.dtype == np.uint16
    np.testing.assert_array_equal(labels, labels_with())
    assert BY_NAME["ctc"].named("t7", 7) == "mask007.tif"
    pixel = np.ones((1, 1), bool)
    many = [Object((n + 1,), 0.0, True, False, divmod(n, 300), pixel, 1) for n in range(65_536)]
    fields |= {"g_raw": np.zeros((300, 300)), "postprocessed_objects": many}
    with pytest.raises(ImageError, match="at most 65,535 objects, not 65,536"):
        export(BY_NAME["ctc"], tmp_path / "mask001.tif", fields, context())


@pytest.mark.parametrize("name", ["geojson", "rois", "coco", "ome", "ctc"])
def test_an_image_without_objects(tmp_path: Path, fields: dict[str, Any], name: str) -> None:
    fields["postprocessed_objects"] = []
    path = tmp_path / BY_NAME[name].named("a", 0)
    export(BY_NAME[name], path, fields, context())
    assert path.stat().st_size > 0


@pytest.mark.parametrize("name", ["geojson", "rois", "coco", "ome", "ctc"])
def test_neither_time_nor_place_is_in_the_bytes(
    tmp_path: Path, fields: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / place / BY_NAME[name].named("a", 0) for place in ("one", "other")]
    export(BY_NAME[name], paths[0], fields, context())
    monkeypatch.setattr("time.time", lambda: 2e9)
    export(BY_NAME[name], paths[1], fields, context())
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_the_page_lists_every_exporter_with_its_field_and_option() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "exports.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if "_pathpattern" in line]
    for exporter in EXPORTERS:
        (row,) = (row for row in rows if f'"{exporter.name}_pathpattern": ' in row)
        given = row.split(f'"{exporter.name}_pathpattern": "')[1].partition('"')[0]
        assert exporter.accepts(given), row
        assert f"`--export {exporter.name}=" in row or exporter.name in ("seg", "overlay")


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_coco_files_are_joined(tmp_path: Path, fields: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    files = [str(tmp_path / f"{name}.json") for name in "abc"]
    for number, (file, cls) in enumerate(zip(files, ("Nucleus", "Cell", "Nucleus"), strict=True)):
        named = replace(context(object_class=cls, dilate=-number), file=f"{number}.tif")
        export(BY_NAME["coco"], file, fields, named)
    assert main(["coco", *files, "-o", str(tmp_path / "all.json")]) == 0
    counts = [len(np.unique(labels_with(dilate=-number))) - 1 for number in range(3)]
    assert capsys.readouterr().out.endswith(f"all.json: 3 images, {sum(counts)} objects\n")
    joined = coco.COCO(tmp_path / "all.json")
    assert sorted(joined.getAnnIds()) == list(range(1, sum(counts) + 1))
    assert [image["file_name"] for image in joined.loadImgs(joined.getImgIds())] == ["0.tif", "1.tif", "2.tif"]
    assert [category["name"] for category in joined.loadCats(joined.getCatIds())] == ["Nucleus", "Cell"]
    for number, count in enumerate(counts):
        found = joined.loadAnns(joined.getAnnIds(imgIds=[number + 1]))
        assert {annotation["category_id"] for annotation in found} == {2 if number == 1 else 1}
        back = np.zeros(SHAPE, np.int32)
        for label, annotation in enumerate(found, 1):
            back[joined.annToMask(annotation).astype(bool)] = label
        assert len(found) == count and np.array_equal(back > 0, labels_with(dilate=-number) > 0)
    capsys.readouterr()
    (tmp_path / "bad.json").write_text('{"images": []}')
    for arguments, message in (
        ([files[0], files[0]], "a.json: describes 0.tif, and so does"),
        ([files[0], str(tmp_path / "bad.json")], "bad.json: is no COCO file (KeyError"),
        ([str(tmp_path / "none.json")], "none.json: cannot be read"),
    ):
        assert main(["coco", *arguments, "-o", str(tmp_path / "x.json")]) == 2
        assert message in capsys.readouterr().err
    export(BY_NAME["coco"], tmp_path / "again.json", fields, replace(context(), file="0.tif"))
    assert main(["coco", files[0], str(tmp_path / "again.json"), "-o", str(tmp_path / "y.json")]) == 2
    assert "again.json: describes 0.tif, and so does" in capsys.readouterr().err
    assert main(["coco", files[0], "-o", files[0]]) == 2
    assert not (tmp_path / "y.json").exists()
