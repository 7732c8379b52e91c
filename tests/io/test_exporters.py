"""Exporters: what they write, and that they write all of it or nothing."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from superdsm.config import read_json
from superdsm.core.objects import Object, Verdict
from superdsm.errors import ConfigError, ImageError, PipelineError
from superdsm.io import read_image
from superdsm.io.exporters import EXPORTERS, export, select_fields
from superdsm.io.picture_exporters import PICTURES
from superdsm.records import ExportContext, Exporter

BY_NAME = {exporter.name: exporter for exporter in (*EXPORTERS, *PICTURES)}
CONTEXT = ExportContext("img", {}, {"dsm": {"alpha": np.float64(0.5)}, "AF_scale": None})


def disk(row: int, column: int, radius: int = 5) -> Object:
    rows, columns = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    mask = rows**2 + columns**2 <= radius**2
    return Object((1,), 0.5, True, False, (row - radius, column - radius), mask, mask.size)


@pytest.fixture
def fields() -> dict[str, Any]:
    atoms = np.ones((40, 60), dtype=np.int32)
    atoms[:, 30:] = 2
    return {
        "image": np.arange(2400, dtype=np.uint16).reshape(40, 60),
        "g_raw": np.linspace(0, 1, 2400).reshape(40, 60),
        "g_rgb": None,
        "y": np.linspace(-1, 1, 2400).reshape(40, 60),
        "atoms": atoms,
        "clusters": np.ones((40, 60), dtype=np.int32),
        "adjacencies": np.array([[1, 2]], dtype=np.int32),
        "seeds": np.array([[20, 15], [20, 45]], dtype=np.int32),
        "cover": [disk(20, 15), disk(20, 22), disk(10, 45)],
        "postprocessed_objects": [disk(20, 15), disk(20, 22)],
        "discarded_objects": [replace(disk(10, 45), verdict=Verdict("contrast", 1.2, 1.35))],
    }


def with_options(**options: Any) -> ExportContext:
    return replace(CONTEXT, options=options)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "sub/dir/a.tiff"])
def test_seg_is_the_label_image_of_the_final_objects(tmp_path: Path, fields: dict[str, Any], name: str) -> None:
    export(BY_NAME["seg"], tmp_path / name, fields, CONTEXT)
    labels = read_image(tmp_path / name)
    assert labels.dtype == np.uint16 and labels.shape == (40, 60)
    assert set(np.unique(labels)) == {0, 1, 2}
    assert labels[10, 45] == 0, "the third object of the cover is none of the final ones"


def test_seg_falls_back_to_the_cover_and_obeys_its_options(tmp_path: Path, fields: dict[str, Any]) -> None:
    def labels(**options: Any) -> Any:
        export(BY_NAME["seg"], tmp_path / "a.png", fields, with_options(**options))
        return read_image(tmp_path / "a.png")

    grown, plain, eroded = labels(dilate=2), labels(), labels(dilate=-2)
    assert (grown > 0).sum() > (plain > 0).sum() > (eroded > 0).sum() > 0
    assert labels(merge_overlap_threshold=0.05).max() == 1
    del fields["postprocessed_objects"]
    assert labels().max() == 3


def test_overlay_has_contours_in_the_width_that_is_asked_for(tmp_path: Path, fields: dict[str, Any]) -> None:
    coloured = []
    for border in (1, 3):
        export(BY_NAME["overlay"], tmp_path / "a.png", fields, with_options(seg_border=border))
        picture = read_image(tmp_path / "a.png")
        assert picture.shape == (40, 60, 3)
        coloured.append((np.ptp(picture.astype(int), axis=-1) > 0).sum())
    assert 0 < coloured[0] < coloured[1]


def test_overlay_of_stained_tissue_is_drawn_over_the_colours(tmp_path: Path, fields: dict[str, Any]) -> None:
    fields["g_rgb"] = np.full((40, 60, 3), (250, 180, 200), dtype=np.uint8)
    export(BY_NAME["overlay"], tmp_path / "a.png", fields, CONTEXT)
    assert tuple(read_image(tmp_path / "a.png")[0, 0]) == (250, 180, 200)


def test_adj_shows_the_graph(tmp_path: Path, fields: dict[str, Any]) -> None:
    export(BY_NAME["adj"], tmp_path / "a.png", fields, CONTEXT)
    picture = read_image(tmp_path / "a.png").astype(int)
    assert picture[20, 30, 1] > picture[20, 30, 0], "the edge"


def picture(tmp_path: Path, fields: dict[str, Any], exporter: str, **options: Any) -> Any:
    size = options.pop("pixel_size", None)
    context = replace(CONTEXT, options=options, pixel_size=size and (size, size))
    export(BY_NAME[exporter], tmp_path / "a.png", fields, context)
    return read_image(tmp_path / "a.png").astype(int)


def test_pictures_of_what_the_stages_see(tmp_path: Path, fields: dict[str, Any]) -> None:
    ymap = picture(tmp_path, fields, "ymap", legend=False)
    assert ymap[0, 0, 2] > ymap[0, 0, 0] and ymap[-1, -1, 0] > ymap[-1, -1, 2]
    atoms = picture(tmp_path, fields, "atoms")
    assert (atoms[:, 29] != ymap[:, 29]).any(axis=-1).all() and np.array_equal(atoms[:, :29], ymap[:, :29])
    assert picture(tmp_path, fields, "ymap").shape[0] > 40
    clusters = picture(tmp_path, {**fields, "clusters": fields["atoms"]}, "clusters")
    assert np.ptp(clusters[:, 29], axis=-1).all() and not np.ptp(clusters[:, 30], axis=-1).any()


def test_pictures_of_image_and_labels(tmp_path: Path, fields: dict[str, Any]) -> None:
    plain, lifted = picture(tmp_path, fields, "image", enhance=False), picture(tmp_path, fields, "image")
    assert plain[10, 10, 0] < lifted[10, 10, 0] and plain[0, 0, 0] == 0 and plain[-1, -1, 0] == 255
    labels = picture(tmp_path, fields, "seg")
    colours = picture(tmp_path, fields, "colours")
    assert np.array_equal(colours.any(axis=-1), labels > 0)
    assert tuple(colours[20, 12]) != tuple(colours[20, 25])


def test_the_scale_bar_needs_the_size_of_a_pixel(tmp_path: Path, fields: dict[str, Any]) -> None:
    large = {**fields, "g_raw": np.zeros((120, 160))}
    assert not picture(tmp_path, large, "image", scale_bar=True).any()
    assert picture(tmp_path, large, "image", scale_bar=True, pixel_size=0.5)[-20:].max() == 255
    assert not picture(tmp_path, large, "image", pixel_size=0.5).any()


def test_contours_in_a_colour_and_at_a_place_of_ones_own(tmp_path: Path, fields: dict[str, Any]) -> None:
    outer = picture(tmp_path, fields, "overlay", seg_border_position="outer", seg_border_colour="#ff0001")
    red = (outer == (255, 0, 1)).all(axis=-1)
    labels = picture(tmp_path, fields, "seg")
    assert red[20, 10 - 1] and labels[20, 10] and not red[20, 12]
    with pytest.raises(ConfigError, match=r"seg_border_colour = 'red' is not allowed; Colour of all contours, as in"):
        picture(tmp_path, fields, "overlay", seg_border_colour="red")


def test_cfg_can_be_read_again(tmp_path: Path) -> None:
    params = {"dsm": {"alpha": np.float64(0.25), "smooth_amount": np.int64(4)}, "postprocess": {"x": float("inf")}}
    export(BY_NAME["cfg"], tmp_path / "cfg", {}, replace(CONTEXT, params=params))
    assert read_json(tmp_path / "cfg") == params
    export(BY_NAME["cfg"], tmp_path / "other", {}, replace(CONTEXT, params=dict(reversed(params.items()))))
    assert (tmp_path / "cfg").read_bytes() == (tmp_path / "other").read_bytes()


def test_log_is_json_lines_under_exactly_the_name_that_was_given(tmp_path: Path) -> None:
    log = ({"stage": "dsm", "atoms": np.array([1, 2])}, {"stage": "dsm", "ü": "ß", "set": frozenset({3})})
    export(BY_NAME["log"], tmp_path / "log" / "001", {}, replace(CONTEXT, log=log))
    lines = (tmp_path / "log" / "001").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"stage": "dsm", "atoms": [1, 2]},
        {"stage": "dsm", "ü": "ß", "set": [3]},
    ]
    assert [path.name for path in (tmp_path / "log").iterdir()] == ["001"]


def test_confidence_has_colours_from_unsure_to_sure(tmp_path: Path, fields: dict[str, Any]) -> None:
    for value, colour in ((0.0, [255, 72, 0]), (1.0, [64, 190, 255]), (None, None)):
        items = [replace(item, confidence=value) for item in fields["postprocessed_objects"]]
        export(BY_NAME["confidence"], tmp_path / "a.png", {**fields, "postprocessed_objects": items}, CONTEXT)
        picture = read_image(tmp_path / "a.png").astype(int)
        coloured = picture[np.ptp(picture, axis=-1) > 0]
        assert np.unique(coloured, axis=0).tolist() == ([colour] if colour else [])


def test_certificate_is_json(tmp_path: Path) -> None:
    export(BY_NAME["certificate"], tmp_path / "a.json", {"certificate": {"upper": np.float64(1.5)}}, CONTEXT)
    assert json.loads((tmp_path / "a.json").read_text()) == {"upper": 1.5}


def test_equal_results_give_equal_bytes(tmp_path: Path, fields: dict[str, Any]) -> None:
    fields |= {"certificate": {"upper": 1.0}, "image": fields["g_raw"]}
    for exporter in BY_NAME.values():
        suffix = exporter.suffixes[0] if exporter.suffixes else ""
        for name in ("one", "other"):
            export(exporter, tmp_path / name / f"{exporter.name}{suffix}", fields, CONTEXT)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()


def test_a_failing_exporter_leaves_nothing_and_names_the_file(tmp_path: Path, fields: dict[str, Any]) -> None:
    def full(path: Path, fields: Any, context: Any) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.csv"
    path.write_text("earlier")
    with pytest.raises(ImageError, match=r"a\.csv: cannot be written \(No space left on device\)"):
        export(Exporter("mine", (), full), path, fields, CONTEXT)
    with pytest.raises(ImageError, match=r"a\.csv: cannot be written"):
        export(Exporter("lazy", (), lambda path, fields, context: None), path, fields, CONTEXT)
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_wrong_suffix_missing_field_and_illegal_option(tmp_path: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(ImageError, match=r"a\.gif: files of the exporter 'seg' are written as"):
        export(BY_NAME["seg"], tmp_path / "a.gif", fields, CONTEXT)
    with pytest.raises(ConfigError, match=r"seg_border = 0 is out of range"):
        export(BY_NAME["overlay"], tmp_path / "a.png", fields, with_options(seg_border=0))
    del fields["cover"], fields["postprocessed_objects"]
    with pytest.raises(PipelineError, match=r"needs the field postprocessed_objects or cover"):
        export(BY_NAME["seg"], tmp_path / "a.png", fields, CONTEXT)
    assert not list(tmp_path.iterdir())


def test_only_what_an_exporter_needs_is_given_to_it(fields: dict[str, Any]) -> None:
    assert set(select_fields(BY_NAME["seg"], fields)) == {"postprocessed_objects", "g_raw"}
    assert set(select_fields(BY_NAME["overlay"], fields)) == {"postprocessed_objects", "g_raw", "g_rgb"}
    assert select_fields(BY_NAME["cfg"], fields) == {}


def test_every_exporter_and_option_is_documented() -> None:
    for exporter in BY_NAME.values():
        assert exporter.doc.endswith(".")
        assert all(option.name and option.doc for option in exporter.options)
