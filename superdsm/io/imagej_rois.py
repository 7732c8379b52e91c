"""Outlines as a zip of ROIs for ImageJ and Fiji."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.errors import ImageError
from superdsm.io.label_exports import LABEL_OPTIONS, OBJECTS, labels_of
from superdsm.records import ExportContext, Exporter

if TYPE_CHECKING:
    from superdsm.core.outlines import Part, Ring

LARGEST = 32_767  # ImageJ keeps the bounding box in 16 bits
MOVE, LINE, CLOSE = 0.0, 1.0, 4.0
TIMESTAMP = (1980, 1, 1, 0, 0, 0)  # the same outlines give the same bytes


def write_rois(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write the outlines of the final objects as ROIs that are named after the labels.

    Objects of one part without holes are polygons, others are composites.

    Raises
    ------
    ImageError
        The image is too large for the format.
    """
    from superdsm.core.outlines import outlines

    labels = labels_of(fields, context)
    if max(labels.shape) > LARGEST:
        reach = f"ROIs of ImageJ reach up to {LARGEST:,} pixels, and the image has {max(labels.shape):,}"
        raise ImageError(f"{path}: {reach}; write GeoJSON instead")
    digits = len(str(labels.max(initial=0)))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for label, parts in outlines(labels):
            name = f"{label:0{digits}d}"
            info = zipfile.ZipInfo(f"{name}.roi", TIMESTAMP)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, _encode(parts, name))


def _encode(parts: "list[Part]", name: str) -> bytes:
    import numpy as np
    from roifile import ROI_TYPE, ImagejRoi

    rings = [ring for part in parts for ring in part.rings]
    roi = ImagejRoi.frompoints(np.concatenate(rings), name=name)
    roi.right, roi.bottom = roi.right - 1, roi.bottom - 1  # corners of pixels, not pixels
    roi.roitype = ROI_TYPE.POLYGON
    if len(rings) > 1:
        roi.roitype = ROI_TYPE.RECT
        roi.multi_coordinates = np.array([value for ring in rings for value in _way(ring)], np.float32)
        roi.shape_roi_size = roi.multi_coordinates.size
        roi.integer_coordinates, roi.n_coordinates = None, 0
    encoded: bytes = roi.tobytes()
    return encoded


def _way(ring: "Ring") -> list[float]:
    first, *others = ring.tolist()
    values = [MOVE, *first]
    for corner in others:
        values += [LINE, *corner]
    return [*values, CLOSE]


ROIS = Exporter(
    "rois",
    (OBJECTS, "g_raw"),
    write_rois,
    (".zip",),
    LABEL_OPTIONS,
    doc="Outlines of the final objects (zip of ROIs, for ImageJ and Fiji).",
)
