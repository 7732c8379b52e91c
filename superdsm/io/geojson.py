"""Outlines as GeoJSON (RFC 7946, with pixels as coordinates), as QuPath and many others read it."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.io.label_exports import LABEL_OPTIONS, OBJECTS, labelled_objects, labels_of, option
from superdsm.jsonable import digest_bytes
from superdsm.params import param
from superdsm.records import ExportContext, Exporter

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from superdsm.core.outlines import Part

CLASS = option("object_class", param("Nucleus", 'Class of the objects in GeoJSON and COCO files; "": none (GeoJSON).'))
COLOUR = (64, 224, 255)  # of the class, in QuPath
TABLE = "measurements"  # a table of the pipeline with a column "label", of the stage measure for instance
SIGNIFICANT = 7  # digits of measurements


def write_geojson(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write the outlines of the final objects with their measurements and class.

    One feature per object: a Polygon, or a MultiPolygon if its pixels are not 4-connected. Coordinates are x and y of
    corners of pixels, in pixels.
    """
    from superdsm.core.outlines import outlines

    labels = labels_of(fields, context)
    measurements = _measurements(labels, fields, context)
    prefix = _prefix(context.name)
    dump = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
    classes = _classes(fields, context)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"type":"FeatureCollection","features":[')
        separator = "\n"
        for label, parts in outlines(labels):
            feature = {
                "type": "Feature",
                "id": f"{prefix}-{label:012x}",
                "geometry": _geometry(parts),
                "properties": {
                    "objectType": "detection",
                    "name": str(label),
                    "label": label,
                    **classes(label),
                    "measurements": measurements(label),
                },
            }
            file.write(separator + dump(feature))
            separator = ",\n"
        file.write("\n]}\n")


def _geometry(parts: "list[Part]") -> dict[str, Any]:
    polygons = [[_closed(ring.tolist()) for ring in part.rings] for part in parts]
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def _closed(ring: list[list[int]]) -> list[list[int]]:
    return [*ring, ring[0]]


def _prefix(name: str) -> str:
    """Return the first four of the five groups of UUIDs (RFC 9562, version 8) that are the same for the same image."""
    code = digest_bytes(name.encode("utf-8", "surrogateescape"))
    return f"{code[:8]}-{code[8:12]}-8{code[12:15]}-a{code[15:18]}"


def _measurements(labels: "npt.NDArray[np.integer[Any]]", fields: Mapping[str, Any], context: ExportContext) -> Any:
    """Return a function from a label to its measurements by name; what is not known is left out."""
    from superdsm.core.label_figures import figures

    columns: dict[str, list[float]] = {
        name: values.tolist() for name, values in figures(labels, fields["image"], context.pixel_size).items()
    }
    objects = labelled_objects(fields, context)
    if objects is not None:
        for name, values in _model(objects):
            columns[name] = [math.nan, *values]
        for name, values in _table(fields):
            columns.setdefault(name, values)

    def of(label: int) -> dict[str, float]:
        found = ((name, values[label]) for name, values in columns.items() if label < len(values))
        return {name: float(f"{value:.{SIGNIFICANT}g}") for name, value in found if math.isfinite(value)}

    return of


def _model(objects: list[Any]) -> Iterator[tuple[str, list[float]]]:
    yield "Energy per pixel", [item.energy / item.n_pixels if item.n_pixels else math.nan for item in objects]
    yield "Margin", [math.nan if item.margin is None else item.margin for item in objects]
    yield "Confidence", [math.nan if item.confidence is None else item.confidence for item in objects]


def _table(fields: Mapping[str, Any]) -> Iterator[tuple[str, list[float]]]:
    """Yield the columns of numbers of the table of measurements, by label, if there is one."""
    table = fields.get(TABLE) or {}
    if "label" not in table:
        return
    places = [int(label) for label in table["label"]]
    for name, values in table.items():
        if name != "label" and getattr(values, "dtype", None) is not None and values.dtype.kind in "biuf":
            column = [math.nan] * (max(places, default=0) + 1)
            for label, value in zip(places, values.tolist(), strict=True):
                column[label] = float(value)
            yield name, column


def _classes(fields: Mapping[str, Any], context: ExportContext) -> Any:
    """Return a function from a label to its class: that of the table of measurements if it has one, or the option."""
    default = context.options[CLASS.name]
    table = fields.get(TABLE) or {}
    own: dict[int, str] = {}
    if "class" in table and "label" in table and labelled_objects(fields, context) is not None:
        own = {int(label): str(name) for label, name in zip(table["label"], table["class"], strict=True)}

    def of(label: int) -> dict[str, Any]:
        name = own.get(label, default)
        return {"classification": {"name": name, "color": list(COLOUR)}} if name else {}

    return of


GEOJSON = Exporter(
    "geojson",
    (OBJECTS, "g_raw", "image", f"{TABLE}|g_raw"),
    write_geojson,
    (".geojson", ".json"),
    (*LABEL_OPTIONS, CLASS),
    doc="Outlines of the final objects with measurements and class (GeoJSON, for QuPath).",
    pixel_size_in=(".geojson", ".json"),
)
