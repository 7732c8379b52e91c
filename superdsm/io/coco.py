"""The objects of an image in the format of the COCO data set (Lin et al., ECCV 2014), for detectors."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.errors import ImageError
from superdsm.io.geojson import CLASS
from superdsm.io.images import replacing
from superdsm.io.label_exports import LABEL_OPTIONS, OBJECTS, labelled_objects, labels_of
from superdsm.records import ExportContext, Exporter

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from superdsm.core.outlines import Part

INFO = {"description": "Objects found by superdsm"}
ENCODE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


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
    head = {
        "info": INFO,
        "images": [{"id": 1, "file_name": context.file or context.name, "height": height, "width": width}],
        "categories": [{"id": 1, "name": context.options[CLASS.name] or "object", "supercategory": "cell"}],
    }
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(ENCODE(head)[:-1] + ',"annotations":[')
        separator = "\n"
        for label, parts in outlines(labels):
            annotation = {"id": label, "image_id": 1, "category_id": 1, "iscrowd": 0, **_shape(labels, label, parts)}
            if label in scores:
                annotation["score"] = round(scores[label], 6)
            file.write(separator + ENCODE(annotation))
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


def join_coco(paths: Sequence[Path], path: Path) -> tuple[int, int]:
    """Join files of single images to one data set.

    Images and annotations are numbered anew, from 1 and in the order of the files; categories of one name are one.

    Parameters
    ----------
    paths : sequence of Path
        Files of `write_coco`, or others in the format.
    path : Path
        The file to write.

    Returns
    -------
    images, annotations : int
        Their numbers.

    Raises
    ------
    ImageError
        A file is not in the format, two files describe an image of the same name, or the file cannot be written.
    """
    images: list[dict[str, Any]] = []
    categories: dict[str, dict[str, Any]] = {}
    owners: dict[str, Path] = {}
    number = 0
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"annotations":[')
        for source in paths:
            content = _read(source)
            new_images, new_categories = {}, {}
            for image in content["images"]:
                if (other := owners.get(image["file_name"])) is not None:
                    raise ImageError(f"{source}: describes {image['file_name']}, and so does {other}; leave one out")
                owners[image["file_name"]] = source
                images.append({**image, "id": len(images) + 1})
                new_images[image["id"]] = len(images)
            for category in content["categories"]:
                found = categories.setdefault(category["name"], {**category, "id": len(categories) + 1})
                new_categories[category["id"]] = found["id"]
            for annotation in content["annotations"]:
                renumbered = {
                    "image_id": new_images[annotation["image_id"]],
                    "category_id": new_categories[annotation["category_id"]],
                }
                file.write(",\n" if number else "\n")
                number += 1
                file.write(ENCODE({**annotation, "id": number, **renumbered}))
        rest = {"info": INFO, "images": images, "categories": list(categories.values())}
        file.write("\n]," + ENCODE(rest)[1:] + "\n")
    return len(images), number


def _read(path: Path) -> dict[str, Any]:
    """Read a file, and check that what it refers to is there."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        images = {image["id"] for image in content["images"] if str(image["file_name"])}
        categories = {category["id"] for category in content["categories"] if str(category["name"])}
        whole = all(one["image_id"] in images and one["category_id"] in categories for one in content["annotations"])
    except OSError as exc:
        raise ImageError(f"{path}: cannot be read ({exc.strerror}); check the path") from exc
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise ImageError(f"{path}: is no COCO file ({type(exc).__name__}: {exc}); give COCO files") from exc
    if not whole:
        raise ImageError(f"{path}: has annotations of images or categories that it does not list; write it again")
    return content


COCO = Exporter(
    "coco",
    (OBJECTS, "g_raw"),
    write_coco,
    (".json",),
    (*LABEL_OPTIONS, CLASS),
    doc="The final objects with outlines, boxes and areas (COCO JSON, for detectors and annotation tools).",
)
