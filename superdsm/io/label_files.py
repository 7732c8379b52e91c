"""Label images for other programs: OME-TIFF, and the layout of the Cell Tracking Challenge."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.errors import ImageError
from superdsm.io.images import MAX_UINT16, OME_SUFFIXES, save_labels, save_ome
from superdsm.io.label_exports import LABEL_OPTIONS, OBJECTS, labels_of
from superdsm.records import ExportContext, Exporter

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def write_ome(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write the label image of the final objects as OME-TIFF, with the size of a pixel where it is known."""
    save_ome(path, labels_of(fields, context), context.pixel_size)


def write_ctc(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write the label image of the final objects as TIFF of 16 bits.

    Raises
    ------
    ImageError
        There are more objects than the format holds.
    """
    labels: npt.NDArray[np.integer[Any]] = labels_of(fields, context)
    if (count := int(labels.max(initial=0))) > MAX_UINT16:
        raise ImageError(f"{path}: masks of the Cell Tracking Challenge hold at most 65,535 objects, not {count:,}")
    save_labels(path, labels)


OME = Exporter(
    "ome",
    (OBJECTS, "g_raw"),
    write_ome,
    OME_SUFFIXES,
    LABEL_OPTIONS,
    doc="Label image of the final objects with the size of a pixel (OME-TIFF, for napari, OMERO, QuPath and Fiji).",
    pixel_size_in=(".tif", ".tiff"),
)
CTC = Exporter(
    "ctc",
    (OBJECTS, "g_raw"),
    write_ctc,
    (".tif",),
    LABEL_OPTIONS,
    doc="Label image of the final objects (16 bit, for trackers that read the Cell Tracking Challenge: "
    "`01_RES/mask%03d.tif`).",
    file_name="mask{number:03d}.tif",
)
