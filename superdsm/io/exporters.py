"""Built-in exporters: label images, certificates, hyperparameters and logs; and how any exporter's file is written.

Those of pictures are in `superdsm.io.picture_exporters`.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from superdsm.errors import PipelineError
from superdsm.io.coco import COCO
from superdsm.io.geojson import GEOJSON
from superdsm.io.imagej_rois import ROIS
from superdsm.io.images import LABEL_SUFFIXES, check_suffix, replacing, save_labels
from superdsm.io.label_exports import LABEL_OPTIONS, OBJECTS, labels_of
from superdsm.io.label_files import CTC, OME
from superdsm.io.tables import TABLES
from superdsm.jsonable import arrays_and_sets, plain
from superdsm.records import ExportContext, Exporter


def export(exporter: Exporter, path: str | Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write a file with an exporter: completely, or not at all.

    Parameters
    ----------
    exporter : Exporter
        The exporter.
    path : str or Path
        The file; its directory is made if needed.
    fields : mapping
        Fields of the pipeline by name, at least those that the exporter needs.
    context : ExportContext
        Options (those that are absent take their defaults) and hyperparameters.

    Raises
    ------
    ImageError
        The file cannot be written. Nothing is left behind, and an earlier file is untouched.
    PipelineError
        The pipeline did not provide a field that the exporter needs.
    ConfigError
        An option is illegal.
    """
    path = Path(path)
    check_suffix(path, exporter.suffixes, f"files of the exporter {exporter.name!r}")
    needed = select_fields(exporter, fields)
    context = replace(context, options=exporter.option_values(context.options))
    with replacing(path) as temporary:
        exporter.write(temporary, needed, context)


def select_fields(exporter: Exporter, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that an exporter needs; of alternatives ``"a|b"`` the first that is there.

    Raises
    ------
    PipelineError
        A field is missing.
    """
    result = {}
    for alternatives in exporter.alternatives:
        names = [name for name in alternatives if name in fields]
        if not names:
            wanted = " or ".join(alternatives)
            raise PipelineError(
                f"the exporter {exporter.name!r} needs the field {wanted}, which the pipeline does not provide; "
                f"run it up to the stage that does"
            )
        result[names[0]] = fields[names[0]]
    return result


def write_seg(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write the label image of the final objects."""
    save_labels(path, labels_of(fields, context), context.pixel_size)


def write_certificate(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write the certificate of optimality as JSON."""
    path.write_text(json.dumps(plain(fields["certificate"]), indent=1) + "\n", encoding="utf-8")


def write_cfg(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write the hyperparameters as used, automatic ones filled in, as JSON."""
    text = json.dumps(context.params, indent=4, sort_keys=True, default=arrays_and_sets)
    path.write_text(text + "\n", encoding="utf-8")


def write_log(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write what the stages logged, as JSON lines."""
    lines = (json.dumps(record, default=arrays_and_sets) + "\n" for record in context.log)
    path.write_text("".join(lines), encoding="utf-8")


EXPORTERS: tuple[Exporter, ...] = (
    Exporter(
        "seg",
        (OBJECTS, "g_raw"),
        write_seg,
        LABEL_SUFFIXES,
        LABEL_OPTIONS,
        doc="Label image of the final objects.",
        pixel_size_in=(".tif", ".tiff"),
    ),
    Exporter(
        "certificate",
        ("certificate",),
        write_certificate,
        (".json",),
        doc="How far the energy is from the least one at most, by cluster (JSON).",
    ),
    *(GEOJSON, ROIS, COCO, OME, CTC),
    *TABLES,
    Exporter(
        "cfg",
        (),
        write_cfg,
        doc="Hyperparameters as used, automatic ones filled in (JSON).",
        file_name="{stem}.json",
    ),
    Exporter(
        "log",
        (),
        write_log,
        doc="What the stages logged, for instance each fit (JSON lines).",
        file_name="{stem}.jsonl",
    ),
)
