"""Exporters of tables: the objects of an image and those that were discarded, with measurements, as CSV."""

import csv
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.errors import ImageError
from superdsm.io import columns
from superdsm.io.label_exports import LABEL_OPTIONS, OBJECTS, final_objects, option
from superdsm.params import param
from superdsm.records import ExportContext, Exporter

if TYPE_CHECKING:
    from superdsm.core.objects import Object

RING_OPTIONS = (
    option(
        "background_gap",
        param(3.0, "In tables, the background of an object begins so many pixels away from it.", min=0, max=1e4),
    ),
    option(
        "background_width",
        param(10.0, "In tables, the ring of the background is so many pixels wide.", min=1, max=1e4),
    ),
)


def text_of(value: Any) -> str:
    """Return a cell from which the value can be read back exactly; empty: not known."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or value != value:
        return ""
    return repr(value) if isinstance(value, float) else str(value)


def write_csv(path: Path, names: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Write a table as CSV, a row at a time."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)


def _write(path: Path, names: list[str], rows: Iterable[Mapping[str, Any]]) -> None:
    write_csv(path, names, ([text_of(row.get(name)) for name in names] for row in rows))


def _add_micrometres(row: dict[str, Any], size: tuple[float, float] | None) -> dict[str, Any]:
    """Add lengths and areas in micrometres."""
    if size is not None:
        length = {"centroid_row": size[0], "centroid_column": size[1]}
        for name in list(row):
            column = columns.KNOWN.get(name)
            if column is not None and column.unit in columns.UNITS:
                one = size[0] * size[1] if column.unit == "px2" else length.get(name, math.sqrt(size[0] * size[1]))
                row[f"{name}_{columns.UNITS[column.unit]}"] = row[name] * one
    return row


def write_objects(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write a row for each object of the label image, in the order of the labels."""
    from superdsm.core.labels import draw_labels, labelled

    options = {spec.name: context.options[spec.name] for spec in LABEL_OPTIONS}
    shape = fields["image"].shape[:2]
    items = labelled(final_objects(fields), shape, **options)
    names = [
        *columns.with_micrometres(columns.OBJECTS, context.pixel_size is not None),
        *(f"{column.name}_{columns.channel_name(name)}" for name in context.planes for column in columns.INTENSITY),
    ]
    _write(path, names, _measured(items, draw_labels(items, shape), fields["image"], context))


def _measured(items: "list[Object]", labels: Any, image: Any, context: ExportContext) -> list[dict[str, Any]]:
    import numpy as np

    from superdsm.core import measure

    grey = measure.grey_levels(image)
    found, occupied = measure.regions(labels), labels > 0
    ring_size = context.options["background_gap"], context.options["background_width"]
    rings = [measure.ring_around(region, occupied, *ring_size) for region in found]
    rows = [
        {
            columns.IMAGE: context.name,
            "label": label,
            **measure.shape_of(region),
            **measure.intensities(region, ring, grey),
            **measure.model_of(item),
            "touches_border": measure.touches_border(region.slices, labels.shape),
        }
        for label, (item, region, ring) in enumerate(zip(items, found, rings, strict=True), 1)
    ]
    centres = np.array([(row["centroid_row"], row["centroid_column"]) for row in rows], np.float64).reshape(-1, 2)
    for row, distance in zip(rows, measure.nearest(centres).tolist(), strict=True):
        row["neighbour_distance"] = distance
        _add_micrometres(row, context.pixel_size)
    for name in context.planes:  # one channel after the other is in memory
        plane = measure.grey_levels(context.planes[name])
        if plane.shape != grey.shape:
            raise ImageError(f"{context.name}: channel {name!r} is not of the size of the image")
        for row, region, ring in zip(rows, found, rings, strict=True):
            values = measure.intensities(region, ring, plane)
            row.update({f"{key}_{columns.channel_name(name)}": value for key, value in values.items()})
    return rows


def write_discarded(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write a row for each object that was discarded, with the reason."""
    names = columns.with_micrometres(columns.DISCARDED, context.pixel_size is not None)
    rows = [_discarded(item, context) for item in fields["discarded_objects"]]
    _write(path, names, rows)


def _discarded(item: "Object", context: ExportContext) -> dict[str, Any]:
    import numpy as np

    verdict = item.verdict
    rows, cols = np.nonzero(item.fragment)
    row: dict[str, Any] = {
        columns.IMAGE: context.name,
        "reason": verdict.reason if verdict else "",
        "value": verdict.value if verdict else None,
        "threshold": verdict.threshold if verdict else None,
        "centroid_row": item.offset[0] + float(rows.mean()) if rows.size else math.nan,
        "centroid_column": item.offset[1] + float(cols.mean()) if cols.size else math.nan,
        "area": item.area,
        "energy_per_pixel": item.energy / item.n_pixels if item.n_pixels else math.nan,
        "atoms": " ".join(map(str, item.atoms)),
    }
    return _add_micrometres(row, context.pixel_size)


TABLES: tuple[Exporter, ...] = (
    Exporter(
        "objects",
        (OBJECTS, "image"),
        write_objects,
        (".csv",),
        (*LABEL_OPTIONS, *RING_OPTIONS),
        doc="Table of the objects with measurements (CSV).",
        pixel_size_in=(".csv",),
        measures_channels=True,
        column_type=columns.column_type,
    ),
    Exporter(
        "discarded",
        ("discarded_objects",),
        write_discarded,
        (".csv",),
        doc="Table of the objects that were discarded, with the reasons (CSV).",
        pixel_size_in=(".csv",),
        column_type=columns.column_type,
    ),
)
