"""Tests of the measurements, the stage and the tables."""

import csv
import dataclasses
import math
import re
from pathlib import Path

import numpy as np
import pytest
from skimage.draw import disk, ellipse
from superdsm_measure import plugin, tables
from superdsm_measure.columns import COLUMNS, column_type
from superdsm_measure.measure import grey_levels, measure
from superdsm_measure.stage import Measure

import superdsm
from superdsm.core.objects import Object, cropped
from superdsm.records import ExportContext
from superdsm.testing import check_stage, synthetic_image


def make(mask, atoms=(1,), energy=3.0, n_pixels=6):
    offset, fragment = cropped(np.asarray(mask, bool), (0, 0))
    return Object(atoms, energy, True, False, offset, fragment, n_pixels)


def mask_of(shape, indices):
    mask = np.zeros(shape, bool)
    mask[indices] = True
    return mask


def one(objects, image=None, **kwargs):
    shape = (80, 90)
    table = measure(objects, np.ones(shape) if image is None else image, **kwargs)
    return {name: column[0] for name, column in table.items()}


def test_disk():
    row = one([make(mask_of((80, 90), disk((30, 40), 20)))])
    assert (row["centroid_row"], row["centroid_column"]) == (30, 40)
    assert row["area"] == pytest.approx(math.pi * 20**2, rel=0.01)
    assert row["perimeter"] == pytest.approx(2 * math.pi * 20, rel=0.05)
    assert row["eccentricity"] < 0.05 and row["solidity"] > 0.97
    assert row["major_axis"] == pytest.approx(40, rel=0.01) == row["minor_axis"]
    assert not row["touches_border"]
    assert math.isnan(row["neighbour_distance"])
    assert row["energy_per_pixel"] == 0.5
    assert math.isnan(row["margin"]) and math.isnan(row["confidence"])


def test_confidence():
    item = dataclasses.replace(make(mask_of((80, 90), disk((30, 40), 20))), margin=7.5, confidence=0.25)
    row = one([item])
    assert (row["margin"], row["confidence"]) == (7.5, 0.25)


@pytest.mark.parametrize("angle", [-60, -20, 0, 30, 80])
def test_ellipse(angle):
    mask = mask_of((80, 90), ellipse(40, 45, 10, 30, rotation=math.radians(angle)))
    row = one([make(mask)])
    assert row["major_axis"] == pytest.approx(60, rel=0.03)
    assert row["minor_axis"] == pytest.approx(20, rel=0.05)
    assert row["eccentricity"] == pytest.approx(math.sqrt(1 - 1 / 9), abs=0.01)
    # the long axis lies along the columns and is turned by `angle`; the orientation is measured from the rows
    assert (row["orientation"] - 90 - angle + 90) % 180 - 90 == pytest.approx(0, abs=1)


def test_intensities_and_background():
    image = np.full((80, 90), 10.0)
    image[:, 60:] = 1000  # beyond the ring
    mask = mask_of((80, 90), (slice(20, 30), slice(20, 30)))
    image[20:30, 20:30] = np.arange(100).reshape(10, 10) + 100
    other = mask_of((80, 90), (slice(20, 30), slice(36, 40)))
    image[20:30, 36:40] = 500  # another object within the ring does not count
    row = one([make(mask), make(other, (2,))], image, gap=2, width=9)
    values = np.arange(100) + 100
    assert row["intensity_mean"] == values.mean() and row["intensity_sum"] == values.sum()
    assert row["intensity_std"] == values.std()
    assert (row["intensity_min"], row["intensity_max"]) == (100, 199)
    assert row["background"] == 10
    assert row["contrast"] == values.mean() / 10
    assert row["neighbour_distance"] == 37.5 - 24.5


def test_background_ring_has_the_declared_reach():
    image = np.zeros((60, 60))
    rows, columns = np.mgrid[:60, :60]
    distance = np.hypot(rows - 30, columns - 30)
    image[(distance > 5) & (distance <= 12)] = 7
    item = make(mask_of((60, 60), (30, 30)))
    assert one([item], image, gap=5, width=7)["background"] == 7
    assert one([item], image, gap=12, width=7)["background"] == 0
    assert math.isnan(one([item], image, gap=12, width=7)["contrast"])


def test_no_background_left():
    row = one([make(np.ones((5, 6)))], np.ones((5, 6)))
    assert math.isnan(row["background"]) and math.isnan(row["contrast"])
    assert row["touches_border"]


@pytest.mark.parametrize("rows", [slice(0, 1), slice(79, 80), slice(40, 41)])
@pytest.mark.parametrize("columns", [slice(0, 1), slice(89, 90), slice(40, 43)])
def test_small_objects_and_borders(rows, columns):
    row = one([make(mask_of((80, 90), (rows, columns)))])
    assert row["solidity"] == 1
    assert row["touches_border"] == (rows.start != 40 or columns.start != 40)
    assert row["area"] == columns.stop - columns.start


def test_diagonal_object():
    row = one([make(np.eye(80, 90, dtype=bool))])
    assert 0 < row["solidity"] <= 1 and row["area"] == 80


def test_order_is_that_of_the_labels():
    first, second = mask_of((80, 90), (slice(0, 5), 3)), mask_of((80, 90), (slice(50, 60), 3))
    empty = Object((3,), 0.0, True, False, (0, 0), np.zeros((0, 0), bool), 0)
    objects = [make(second, (4, 5)), empty, make(first, (1,))]
    table = measure(objects, np.ones((80, 90)))
    assert table["label"].tolist() == [1, 2] and table["area"].tolist() == [5, 10]


def test_no_objects():
    table = measure([], np.ones((8, 9)))
    assert list(table) == [column.name for column in COLUMNS]
    assert all(column.shape == (0,) for column in table.values())


def test_grey_levels_keep_the_units_of_the_file():
    image = np.arange(12, dtype=np.uint16).reshape(3, 4) * 1000
    np.testing.assert_array_equal(grey_levels(image), image)
    np.testing.assert_array_equal(grey_levels(np.dstack([image] * 3)), image)
    np.testing.assert_array_equal(grey_levels(image[:, :, None]), image)
    colour = np.zeros((1, 1, 4), np.uint8)
    colour[0, 0] = 100, 200, 50, 255
    np.testing.assert_allclose(grey_levels(colour), 0.2125 * 100 + 0.7154 * 200 + 0.0721 * 50)


def test_stage_keeps_the_rules():
    check_stage(Measure)


def test_labels_agree_with_the_label_image():
    image, _ = synthetic_image(3, (72, 80), n_nuclei=5, radius=8.0)
    pipeline = superdsm.default_pipeline().using(Measure)
    result = superdsm.segment(image, {"AF_scale": 6}, pipeline=pipeline)
    table = result.fields["measurements"]
    assert table["label"].tolist() == list(range(1, result.labels.max() + 1))
    counts = np.bincount(result.labels.ravel())[1:]
    assert (table["area"] >= counts).all()  # the masks may overlap
    assert table["area"].sum() == sum(item.area for item in result.objects)
    for label, row, column in zip(table["label"], table["centroid_row"], table["centroid_column"], strict=True):
        assert result.labels[round(row), round(column)] == label


CONTEXT = ExportContext("well/3", {}, {})


def table_of_two():
    objects = [make(mask_of((80, 90), disk((20, 20), 9)), (1,)), make(mask_of((80, 90), disk((50, 50), 5)), (2,))]
    table = measure(objects, np.random.default_rng(0).random((80, 90)))
    table["contrast"][1] = np.nan
    return table


def test_csv_can_be_read_back_exactly(tmp_path):
    table = table_of_two()
    tables.write_table(tmp_path / "t.csv", {"measurements": table}, CONTEXT)
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row.pop("image") for row in rows] == ["well/3"] * 2
    assert list(rows[0]) == [column.name for column in COLUMNS]
    for column in COLUMNS:
        cells = [row[column.name] for row in rows]
        if column.dtype == "bool":
            assert cells == ["false", "false"]
        else:
            values = np.array([float(cell or "nan") for cell in cells])
            np.testing.assert_array_equal(values, table[column.name])


def test_parquet(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    table = table_of_two()
    tables.write_table(tmp_path / "t.parquet", {"measurements": table}, CONTEXT)
    found = pq.read_table(tmp_path / "t.parquet")
    assert found.column_names == ["image", *(column.name for column in COLUMNS)]
    assert found["image"].to_pylist() == ["well/3"] * 2
    for column in COLUMNS:
        values = found[column.name].to_numpy()
        assert str(values.dtype) == column.dtype
        np.testing.assert_array_equal(values, table[column.name])
        metadata = found.schema.field(column.name).metadata
        assert metadata == {b"unit": column.unit.encode(), b"doc": column.doc.encode()}


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "HAS_PARQUET", False)
    with pytest.raises(superdsm.PluginError, match=r"pip install 'superdsm-measure\[parquet\]'"):
        tables.write_table(tmp_path / "t.parquet", {"measurements": table_of_two()}, CONTEXT)
    assert list(tmp_path.iterdir()) == []


def test_table_of_an_image_without_objects(tmp_path):
    tables.write_table(tmp_path / "t.csv", {"measurements": measure([], np.ones((8, 9)))}, CONTEXT)
    assert (tmp_path / "t.csv").read_text().splitlines() == [",".join(["image", *(c.name for c in COLUMNS)])]


def test_columns_are_documented():
    assert all(column.doc.endswith(".") for column in COLUMNS)
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", readme, re.MULTILINE)
    assert [row for row in rows if row[0] != "image"] == [(c.name, c.unit or "-", c.doc) for c in COLUMNS]


def test_batch(superdsm_plugin, superdsm_batch):
    status = superdsm_plugin(plugin)
    assert status.offers == {"stages": ["measure"], "exporters": ["measurements"], "commands": ["measure-columns"]}
    directory = superdsm_batch({"use": ["measure"], "measurements_pathpattern": "tables/%d.csv"})
    lines = (directory / "tables" / "1.csv").read_text().splitlines()
    assert len(lines) > 1 and lines[1].startswith("1,1,")


def test_a_table_of_the_whole_task(superdsm_plugin, superdsm_batch):
    superdsm_plugin(plugin)
    directory = superdsm_batch({"use": ["measure"], "tables": ["measurements.csv"]})
    with (directory / "measurements.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file_id", *(column.name for column in COLUMNS)]
    assert {column_type(name) for name in rows[0]} == {"text", "integer", "number", "flag"}


def test_command(superdsm_plugin, capsys):
    from superdsm.cli import main

    superdsm_plugin(plugin)
    assert main(["measure-columns"]) == 0
    assert "area [px^2]: Number of pixels of the mask." in capsys.readouterr().out
