"""Tables of objects and of discarded objects, and the page that describes their columns."""

import csv
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import superdsm
from superdsm.batch.results import flags, summary
from superdsm.io import codecs, columns
from superdsm.io.exporters import EXPORTERS, export
from superdsm.records import ExportContext
from superdsm.testing import synthetic_image

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tables.md"
EXPORTER = {exporter.name: exporter for exporter in EXPORTERS}


@pytest.fixture(scope="module", params=["published", "adaptive"])
def result(request: pytest.FixtureRequest) -> superdsm.Result:
    image, _ = synthetic_image(3, (160, 200), n_nuclei=8, radius=12.0)
    strict = {"postprocess": {"max_eccentricity": 0.6}, "evidence": {"min_area": 0.9}}
    stage = {"published": "postprocess", "adaptive": "evidence"}[request.param]
    return superdsm.segment(image, {"AF_scale": 8.5, stage: strict[stage]}, profile=request.param)


def written(tmp_path: Path, name: str, result: superdsm.Result, **context: Any) -> list[dict[str, str]]:
    export(EXPORTER[name], tmp_path / f"{name}.csv", result.fields, ExportContext("a,b", {}, {}, **context))
    with (tmp_path / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


class TestDiscarded:
    def test_every_discarded_object_is_kept_with_its_reason_and_figures(self, result: superdsm.Result) -> None:
        gone, kept, cover = (result.fields[name] for name in ("discarded_objects", "postprocessed_objects", "cover"))
        assert gone and kept and len(gone) + len(kept) == len(cover)
        records = [record for record in result.log if "threshold" in record]
        for item, record in zip(gone, records, strict=True):
            assert item.verdict == (record["reason"], record["value"], record["threshold"])
            assert replace(item, verdict=None) == next(one for one in cover if one.atoms == item.atoms)
        assert all(item.verdict is None for item in kept)
        assert sum(result.summary["discarded"].values()) == len(gone)

    def test_they_are_stored_and_what_is_kept_is_stored_as_before(self, result: superdsm.Result) -> None:
        kinds = {"discarded_objects": "objects", "postprocessed_objects": "objects"}
        values = {name: result.fields[name] for name in kinds}
        described, arrays = codecs.encode(values, kinds)
        assert codecs.decode(described, codecs.unpack(codecs.pack(arrays), arrays)) == values
        assert not {"postprocessed_objects.verdict", "postprocessed_objects.verdict_figures"} & set(arrays)

    def test_table(self, result: superdsm.Result, tmp_path: Path) -> None:
        rows = written(tmp_path, "discarded", result, pixel_size=(0.5, 0.25))
        assert list(rows[0]) == columns.with_micrometres(columns.DISCARDED, known=True)
        for row, item in zip(rows, result.fields["discarded_objects"], strict=True):
            assert (row["file_id"], row["reason"]) == ("a,b", item.verdict.reason)
            assert (float(row["value"]), float(row["threshold"])) == item.verdict[1:]
            assert int(row["area"]) == item.area and float(row["area_um2"]) == item.area / 8
            pixels = np.argwhere(item.fragment) + item.offset
            assert float(row["centroid_row"]) == pytest.approx(pixels[:, 0].mean())
            assert row["atoms"].split() == [str(atom) for atom in item.atoms]


class TestObjects:
    def test_columns_and_models(self, result: superdsm.Result, tmp_path: Path) -> None:
        rows = written(tmp_path, "objects", result)
        assert list(rows[0]) == [column.name for column in columns.OBJECTS]
        items = sorted(result.objects, key=lambda item: item.atoms)
        for label, (row, item) in enumerate(zip(rows, items, strict=True), 1):
            assert int(row["area"]) == np.count_nonzero(result.labels == label)
            assert float(row["energy_per_pixel"]) == item.energy / item.n_pixels
            assert row["confidence"] == ("" if item.confidence is None else repr(float(item.confidence)))
            assert row["touches_border"] == str(bool(item.slices[0].start == 0)).lower() or item.slices[0].start

    def test_an_image_without_objects_has_a_header(self, result: superdsm.Result, tmp_path: Path) -> None:
        fields = {**result.fields, "postprocessed_objects": []}
        empty = superdsm.Result(fields)
        assert written(tmp_path, "objects", empty) == []
        assert (tmp_path / "objects.csv").read_text().startswith("file_id,label,")

    def test_labels_are_those_of_the_label_image_with_the_same_options(
        self, result: superdsm.Result, tmp_path: Path
    ) -> None:
        from superdsm.core.labels import label_image

        labels = label_image(result.objects, result.labels.shape, dilate=3)
        path = tmp_path / "objects.csv"
        export(EXPORTER["objects"], path, result.fields, ExportContext("x", {"dilate": 3}, {}))
        with path.open(newline="") as file:
            areas = [int(row["area"]) for row in csv.DictReader(file)]
        assert areas == np.bincount(labels.ravel())[1:].tolist()


class TestColumns:
    def test_types_and_names_for_pycytominer(self) -> None:
        names = columns.with_micrometres(columns.OBJECTS, known=True)
        assert {name: columns.column_type(name) for name in ("area", "area_um2", "touches_border", "well")} == {
            "area": "integer", "area_um2": "number", "touches_border": "flag", "well": "text",
        }  # fmt: skip
        assert columns.column_type("intensity_mean_GFP") == "number"
        assert columns.cytominer_name("intensity_mean_GFP", "DAPI") == "Nuclei_Intensity_MeanIntensity_GFP"
        assert columns.cytominer_name("intensity_mean", "DAPI") == "Nuclei_Intensity_MeanIntensity_DAPI"
        assert columns.cytominer_name("area_um2") == "Nuclei_AreaShape_Area_um2"
        assert columns.cytominer_name("plate") == "Metadata_Plate"
        known = [columns.cytominer_name(name) for name in names]
        assert len(set(known)) == len(known) and all(re.match("(Nuclei|Metadata)_", name) for name in known)

    def test_the_page_has_every_column_with_its_unit_and_meaning(self) -> None:
        text = PAGE.read_text(encoding="utf-8")
        for title, found in (
            ("objects.csv", [(c.name, c.unit, c.doc) for c in columns.OBJECTS]),
            ("discarded.csv", [(c.name, c.unit, c.doc) for c in columns.DISCARDED]),
            ("summary.csv", [*summary.FIRST, *summary.LAST]),
        ):
            section = text.partition(f"## `{title}`")[2].partition("\n## ")[0]
            rows = re.findall(r"^\| `(.+?)` \| (.*?) \| (.*) \|$", section, re.MULTILINE)
            assert [row[:3] for row in rows] == [tuple(row) for row in found], title
        section = text.partition("## Flags")[2]
        rules = re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE)
        assert rules == [(name, doc) for name, (_, _, doc) in flags.RULES.items()]
        for column in columns.OBJECTS:
            assert column.cytominer and column.cytominer in text, column.name
