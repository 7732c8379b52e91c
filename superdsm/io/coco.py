"""The objects of an image in the format of the COCO data set (Lin et al., ECCV 2014), for detectors."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.io.geojson import CLASS
from superdsm.io.label_exports import LABEL_OPTIONS, OBJECTS, labelled_objects, labels_of
from superdsm.records import ExportContext, Exporter

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from superdsm.core.outlines import Part


def write_coco(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write the objects with outlines, boxes and areas.

    Outlines are polygons along the edges of pixels; objects with holes, which polygons of COCO cannot have, are
    run-length encoded.
    """
    from superdsm.core.outlines import outlines

    labels = labels_of(fields, context)
    height, width = labels.shape
    objects = labelled_objects(fields, context) or []
    scores = {label: item.confidence for label, item in enumerate(objects, 1) if item.confidence is not None}
    dump = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
    head = {
        "info": {"description": "Objects found by superdsm"},
        "images": [{"id": 1, "file_name": context.file or context.name, "height": height, "width": width}],
        "categories": [{"id": 1, "name": context.options[CLASS.name] or "object", "supercategory": "cell"}],
    }
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(dump(head)[:-1] + ',"annotations":[')
        separator = "\n"
        for label, parts in outlines(labels):
            annotation = {"id": label, "image_id": 1, "category_id": 1, "iscrowd": 0, **_shape(labels, label, parts)}
            if label in scores:
                annotation["score"] = round(scores[label], 6)
            file.write(separator + dump(annotation))
            separator = ",\n"
        file.write("\n]}\n")


def _shape(labels: "npt.NDArray[np.integer[Any]]", label: int, parts: "list[Part]") -> dict[str, Any]:
    import numpy as np

    corners = np.concatenate([part.outer for part in parts])
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    mask = labels[top:bottom, left:right] == label
    segmentation: Any = [part.outer.ravel().tolist() for part in parts]
    if any(part.holes for part in parts):
        segmentation = {"size": list(labels.shape), "counts": _runs(mask, top, left, labels.shape)}
    area = int(np.count_nonzero(mask))
    return {"segmentation": segmentation, "area": area, "bbox": [left, top, right - left, bottom - top]}


def _runs(mask: "npt.NDArray[np.bool_]", top: int, left: int, shape: tuple[int, ...]) -> list[int]:
    """Return the lengths of the runs of pixels outside and inside, in turns, column by column."""
    import numpy as np

    columns, rows = np.nonzero(mask.T)
    places = (columns + left) * shape[0] + rows + top
    breaks = np.flatnonzero(np.diff(places) > 1)
    first = np.concatenate([places[:1], places[breaks + 1]])
    last = np.concatenate([places[breaks], places[-1:]]) + 1
    edges = np.concatenate([[0], np.stack([first, last], axis=1).ravel(), [shape[0] * shape[1]]])
    runs: list[int] = np.diff(edges).tolist()
    return runs if runs[-1] else runs[:-1]


COCO = Exporter(
    "coco",
    (OBJECTS, "g_raw"),
    write_coco,
    (".json",),
    (*LABEL_OPTIONS, CLASS),
    doc="The final objects with outlines, boxes and areas (COCO JSON, for detectors and annotation tools).",
)
