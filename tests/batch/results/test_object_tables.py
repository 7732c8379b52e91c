"""The tables of a task and of a root: gathered, current, and the same however they came about."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from superdsm.cli import main
from superdsm.io import read_image
from superdsm.testing import synthetic_image
from tests.laboratory import Laboratory

pytestmark = pytest.mark.process
WELLS = r"images/(?P<plate>\d)?(?P<well>\d)\.png"


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_for_each_object_of_the_label_images(lab: Laboratory) -> None:
    lab.task(tables=["objects.csv"], image_columns=WELLS, file_ids=[3, 1, 2])
    assert lab.run()[0] == 0
    rows = table(lab.root / "objects.csv")
    assert list(rows[0])[:4] == ["file_id", "plate", "well", "label"]
    assert list(dict.fromkeys(row["file_id"] for row in rows)) == ["3", "1", "2"], "in the order of the file ids"
    for number in (1, 2, 3):
        labels = read_image(lab.root / "seg" / f"{number}.png")
        image = read_image(lab.images / f"{number}.png")
        own = [row for row in rows if row["file_id"] == str(number)]
        assert [int(row["label"]) for row in own] == list(range(1, labels.max() + 1))
        for row in own:
            assert (row["plate"], row["well"]) == ("", str(number))
            values = image[labels == int(row["label"])]
            assert int(row["area"]) == values.size
            assert float(row["intensity_integrated"]) == values.sum()
            assert float(row["intensity_median"]) == np.median(values)
    assert "area_um2" not in rows[0]
    manifest = json.loads((lab.root / "manifest.json").read_text())
    assert set(manifest["tables"]) >= {"objects.csv"}


def test_micrometres_where_the_size_of_a_pixel_is_known(lab: Laboratory) -> None:
    for number, size in ((1, 0.5), (2, None)):
        known: dict[str, Any] = {} if size is None else {"resolution": (2, 4), "metadata": {"unit": "um"}}
        pixels = read_image(lab.images / f"{number}.png")
        tifffile.imwrite(lab.images / f"{number}.tif", pixels, imagej=size is not None, **known)
    fields: dict[str, Any] = {"img_pathpattern": f"{lab.images}/%d.tif", "file_ids": [2, 1], "tables": ["objects.csv"]}
    lab.task(**fields)
    assert lab.run()[0] == 0
    for row in table(lab.root / "objects.csv"):
        if row["file_id"] == "2":
            assert row["area_um2"] == row["perimeter_um"] == ""
        else:
            assert float(row["area_um2"]) == int(row["area"]) * 0.5 * 0.25
            assert float(row["centroid_row_um"]) == float(row["centroid_row"]) * 0.25
            assert float(row["centroid_column_um"]) == float(row["centroid_column"]) * 0.5
            assert float(row["major_axis_um"]) == pytest.approx(float(row["major_axis"]) * (0.5 * 0.25) ** 0.5)
    assert [row["pixel_size"] for row in table(lab.root / "summary.csv")] == ["", "0.353553391"]
    lab.task(**fields, pixel_size=2)
    assert {tuple(group["reasons"]) for group in lab.plan().values()} == {("pixel_size as in the file -> 2",)}
    lab.run()
    assert all(float(row["area_um2"]) == 4 * int(row["area"]) for row in table(lab.root / "objects.csv"))


def test_it_is_only_written_when_its_content_changes(lab: Laboratory) -> None:
    lab.task(tables=["objects.csv"])
    lab.run()
    path = lab.root / "objects.csv"
    content = path.read_bytes()
    os.utime(path, ns=(1, 1))
    assert lab.run()[0] == 0 and path.stat().st_mtime_ns == 1
    lab.run("--force")
    assert path.stat().st_mtime_ns == 1, "the same objects"
    path.write_bytes(content + b"x")
    assert lab.run()[0] == 0 and path.read_bytes() == content, "changed by somebody else"
    path.unlink()
    assert lab.run()[0] == 0 and path.read_bytes() == content, "lost"
    lab.task(tables=["objects.csv"], image_columns=WELLS)
    assert {group["action"] for group in lab.plan().values()} == {"nothing"}
    assert lab.run()[0] == 0 and len(table(path)[0]) == content.split(b"\n")[0].count(b",") + 3
    (lab.root / ".superdsm" / "tasks" / "@" / "tables.json").write_text("no JSON")
    assert lab.run()[0] == 0
    lab.task(tables=["objects.csv"], config={"rows": {"min_pixels": 8}})
    lab.run()
    assert path.read_bytes() != content
    lab.task(tables=["objects.csv"])
    lab.run()
    assert path.read_bytes() == content


def test_the_same_bytes_for_any_number_of_workers_and_after_failures(lab: Laboratory) -> None:
    fields: dict[str, Any] = {"tables": ["objects.csv", "objects.parquet"], "image_columns": WELLS}
    lab.task(**fields)
    lab.task("a", runnable=True, file_ids=[2, 1])
    assert lab.run()[0] == 0
    expected = lab.outputs()
    assert {"objects.csv", "a/objects.parquet", "all_objects.csv", "all_objects.parquet"} <= set(expected)
    for path in lab.root.glob("**/*objects.*"):
        path.unlink()
    lab.task(**fields, config={"level": {"mischief": "raise 2"}})
    assert lab.run()[0] == 1
    assert {row["file_id"] for row in table(lab.root / "all_objects.csv")} == {"1", "3"}
    lab.task(**fields)
    assert lab.run("--jobs", "2", "--force", executor="loky")[0] == 0
    assert lab.outputs() == expected


def test_the_table_of_the_root_has_all_tasks(lab: Laboratory) -> None:
    lab.task(runnable=False, tables=["objects.csv"])
    lab.task("a", runnable=True, file_ids=[1])
    lab.task("b", runnable=True, file_ids=[2], pixel_size=0.5)
    lab.task("c", runnable=True, file_ids=[3], tables=[])
    assert lab.run()[0] == 0
    rows = table(lab.root / "all_objects.csv")
    assert [row["task"] for row in rows] == ["a"] * 12 + ["b"] * 12
    parts = {name: table(lab.root / name / "objects.csv") for name in "ab"}
    assert [{**row, "task": "b"} for row in parts["b"]] == rows[12:]
    for row, own in zip(rows[:12], parts["a"], strict=True):
        assert row == {name: own.get(name, "") for name in row} | {"task": "a"}
    assert [row["task"] for row in table(lab.root / "all_summary.csv")] == ["a", "b", "c"]
    stamps = {path: path.stat().st_mtime_ns for path in lab.root.glob("all_*")}
    assert lab.run()[0] == 0 and stamps == {path: path.stat().st_mtime_ns for path in lab.root.glob("all_*")}


def test_a_root_may_be_moved(lab: Laboratory) -> None:
    lab.task(runnable=False, tables=["objects.csv"], seg_pathpattern=...)
    lab.task("a", runnable=True)
    assert lab.run()[0] == 0
    lab.root = lab.root.rename(lab.root.with_name("elsewhere"))
    assert {group["action"] for group in lab.plan().values()} == {"nothing"}


def test_oneshot_leaves_no_parts(lab: Laboratory) -> None:
    lab.task(tables=["objects.csv"])
    assert lab.run("--oneshot")[0] == 0
    assert (lab.root / "seg" / "1.png").exists()
    assert not list(lab.root.glob("**/*objects*")) and not list(lab.root.glob(".superdsm/**/tables"))


def test_prune_removes_parts_of_what_is_no_part_any_more(lab: Laboratory) -> None:
    lab.task(tables=["objects.csv"])
    assert lab.run()[0] == 0
    assert main(["store", str(lab.root), "--prune"]) == 0
    parts = lab.root / ".superdsm" / "tasks" / "@" / "tables" / "objects"
    assert sorted(path.name for path in parts.iterdir()) == ["1.csv", "2.csv", "3.csv"]
    lab.task(tables=["objects.csv"], file_ids=[2])
    assert main(["store", str(lab.root), "--prune"]) == 0
    assert [path.name for path in parts.iterdir()] == ["2.csv"]


def test_tables_of_single_images_that_are_wanted_are_the_parts(lab: Laboratory) -> None:
    lab.task(tables=["objects.csv"], objects_pathpattern="single/%03d.csv")
    assert lab.run()[0] == 0
    lines = [path.read_text().splitlines() for path in sorted((lab.root / "single").iterdir())]
    assert (lab.root / "objects.csv").read_text().splitlines() == [lines[0][0], *(x for own in lines for x in own[1:])]
    assert not list(lab.root.glob(".superdsm/**/tables"))


def test_parquet_has_the_same_rows_in_their_types(lab: Laboratory) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="the extra `tables` (pyarrow) is not installed")
    lab.task(tables=["objects.csv", "objects.parquet"], image_columns=WELLS)
    assert lab.run()[0] == 0
    found = pq.read_table(lab.root / "objects.parquet")
    rows = table(lab.root / "objects.csv")
    assert found.column_names == list(rows[0])
    types = {name: str(found.schema.field(name).type) for name in found.column_names}
    assert types["file_id"] == types["well"] == "string" and types["label"] == types["area"] == "int64"
    assert types["touches_border"] == "bool" and types["perimeter"] == types["margin"] == "double"
    for name in ("label", "area", "perimeter", "intensity_mean", "file_id"):
        convert = {"int64": int, "double": float}.get(types[name], str)
        assert found[name].to_pylist() == [convert(row[name]) for row in rows]
    assert found["margin"].null_count == len(rows)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tables": ["object.csv"]}, "has 'object.csv' (did you mean 'objects'?); there are objects.csv, discarded"),
        ({"tables": ["../objects.csv"]}, "has '../objects.csv'"),
        ({"tables": ["objects.xlsx"]}, "expected: names of tables that end in .csv or .parquet"),
        ({"tables": "objects.csv"}, "is a string; expected: a list of files"),
        ({"objects_pathpattern": "%d.CSV", "tables": ["objects.csv"]}, "does not end in .csv, which tables needs"),
        ({"image_columns": "(?P<well>"}, "is no regular expression"),
        ({"image_columns": "[A-H]"}, "has no named group"),
        ({"image_columns": "(?P<label>.)"}, "has a group 'label', which is a column of its own"),
        ({"image_columns": "(?P<area_um2>.)"}, "has a group 'area_um2'"),
        ({"image_columns": r"(?P<well>[12])\.png"}, "images/3.png; change it, or leave the image out"),
        ({"column_names": "cellprofiler"}, "expected: 'superdsm' or 'cytominer'"),
        ({"measure_channels": ["GFP", "GFP"]}, "names a channel twice"),
        ({"measure_channels": [1.5]}, "holds a number; expected: names or indices of channels"),
    ],
)
def test_mistakes_are_told_with_their_line(
    lab: Laboratory, fields: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = lab.task(**fields)
    assert lab.call()[0] == 2
    name = next(iter(fields))
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if f'"{name}"' in text)
    error = capsys.readouterr().err
    assert f"{path}:{line}: {name} " in error and message in error, error


def test_other_channels_are_measured_and_change_no_result_of_a_stage(lab: Laboratory) -> None:
    rng = np.random.default_rng(5)
    for number in (1, 2):
        pixels = rng.integers(0, 255, (3, 12, 16), dtype=np.uint8)
        channels = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP", "RFP"]}}
        tifffile.imwrite(lab.images / f"{number}.ome.tif", pixels, metadata=channels, photometric="minisblack")
    fields: dict[str, Any] = {
        "img_pathpattern": f"{lab.images}/%d.ome.tif",
        "file_ids": [1, 2],
        "channel": "DAPI",
        "tables": ["objects.csv"],
    }
    lab.task(**fields)
    assert lab.run()[0] == 0
    before = table(lab.root / "objects.csv")
    lab.task(**fields, measure_channels=["GFP", 2])
    plan = lab.plan()
    assert {tuple(group["reasons"]) for group in plan.values()} == {("measure_channels default -> ['GFP', 2]",)}
    assert not any(group["compute"] for group in plan.values() if "rows" in group["compute"])
    assert lab.run()[0] == 0
    rows = table(lab.root / "objects.csv")
    assert [{name: row[name] for name in before[0]} for row in rows] == before
    for row in rows:
        labels = read_image(lab.root / "seg" / f"{row['file_id']}.png") == int(row["label"])
        planes = tifffile.imread(lab.images / f"{row['file_id']}.ome.tif")
        for suffix, plane in (("", planes[0]), ("_GFP", planes[1]), ("_channel2", planes[2])):
            assert float(row[f"intensity_mean{suffix}"]) == pytest.approx(plane[labels].mean())
            assert float(row[f"intensity_integrated{suffix}"]) == plane[labels].sum()
    lab.task(**fields, measure_channels=["CFP"])
    _, images = lab.run()
    assert all("has no channel 'CFP'" in image["message"] for image in images.values())


def test_segment_writes_the_same_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, _ = synthetic_image(3, (96, 120), n_nuclei=6, radius=8.0)
    planes = np.stack([image, image[::-1]])
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        planes,
        photometric="minisblack",
        metadata={"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}, "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5},
    )
    command = ["segment", str(tmp_path / "a.ome.tif"), "-o", str(tmp_path / "l.png"), "--channel", "DAPI"]
    measure = ["--measure-channel", "GFP"]
    assert main([*command, *measure]) == 2
    assert "--measure-channel GFP: goes into a table of objects; add --export objects=PATH" in capsys.readouterr().err
    assert main([*command, *measure, "--export", f"objects={tmp_path}/o.csv"]) == 0
    labels = read_image(tmp_path / "l.png")
    rows = table(tmp_path / "o.csv")
    assert len(rows) == labels.max() > 2
    for row in rows:
        mask = labels == int(row["label"])
        assert float(row["area_um2"]) == mask.sum() / 4
        assert float(row["intensity_mean_GFP"]) == pytest.approx(planes[1][mask].mean())
    task = {
        "runnable": True,
        "img_pathpattern": str(tmp_path / "%s.ome.tif"),
        "file_ids": ["a"],
        "channel": "DAPI",
        "measure_channels": ["GFP"],
        "tables": ["objects.csv"],
        "config": {"profile": "adaptive"},
    }
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "task.json").write_text(json.dumps(task))
    assert main(["batch", str(tmp_path / "root"), "--run", "--executor", "serial"]) == 0
    same = [{**row, "file_id": "a"} for row in rows]
    assert table(tmp_path / "root" / "objects.csv") == same
    (summary,) = table(tmp_path / "root" / "summary.csv")
    areas = [float(row["area"]) for row in rows]
    assert float(summary["area_median"]) == pytest.approx(np.median(areas), rel=0.1)
    assert float(summary["area_median_um2"]) == float(summary["area_median"]) / 4
    assert float(summary["contrast"]) > 3 and summary["fallbacks"] == "0" and float(summary["seconds"]) > 0


def test_pycytominer_takes_them(lab: Laboratory) -> None:
    pytest.importorskip("pycytominer", reason="the extra `cytominer` (pycytominer) is not installed")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandas as pd
        from pycytominer import aggregate, feature_select, normalize
        from pycytominer.cyto_utils import infer_cp_features

        lab.task(tables=["objects.csv"], image_columns=WELLS, column_names="cytominer")
        assert lab.run()[0] == 0
        cells = pd.read_csv(lab.root / "objects.csv")
        features = infer_cp_features(cells, compartments=["Nuclei"])
        metadata = infer_cp_features(cells, metadata=True)
        assert set(features) | set(metadata) == set(cells.columns) and {"Nuclei_AreaShape_Area"} < set(features)
        assert {"Metadata_Well", "Metadata_Plate", "Metadata_FileID", "Metadata_ObjectNumber"} == set(metadata)
        wells = aggregate(cells, strata=["Metadata_Well"], features=features)
        assert wells["Metadata_Well"].tolist() == [1, 2, 3]
        areas = cells.groupby("Metadata_Well")["Nuclei_AreaShape_Area"].median()
        assert wells["Nuclei_AreaShape_Area"].tolist() == areas.tolist()
        known = [name for name in features if cells[name].notna().all() and cells[name].dtype != bool]
        normalised = normalize(cells, features=known, meta_features=metadata, method="standardize")
        assert normalised["Nuclei_AreaShape_Area"].mean() == pytest.approx(0, abs=1e-9)
        assert "Metadata_Well" in feature_select(normalised, features=known, operation="correlation_threshold")
