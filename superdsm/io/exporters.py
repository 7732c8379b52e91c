"""Built-in exporters: label images, pictures, hyperparameters and logs; and how any exporter's file is written."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.errors import PipelineError
from superdsm.fields import FINAL_OBJECTS
from superdsm.io.images import LABEL_SUFFIXES, PICTURE_SUFFIXES, check_suffix, replacing, save_labels, save_rgb
from superdsm.io.tables import LABEL_OPTIONS, TABLES
from superdsm.jsonable import arrays_and_sets, plain
from superdsm.params import Param, param
from superdsm.records import ExportContext, Exporter

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

OBJECTS = "|".join(FINAL_OBJECTS)


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


def _option(name: str, spec: Param) -> Param:
    return replace(spec, name=name)


BORDER = _option("seg_border", param(2, "Width of the contours, in pixels.", min=1, max=1000))


def _labels(fields: Mapping[str, Any], context: ExportContext) -> "npt.NDArray[np.integer[Any]]":
    from superdsm.core.labels import label_image

    objects = next(fields[name] for name in FINAL_OBJECTS if name in fields)
    labels: npt.NDArray[np.integer[Any]] = label_image(objects, fields["g_raw"].shape, **_label_options(context))
    return labels


def _label_options(context: ExportContext) -> dict[str, Any]:
    return {spec.name: context.options[spec.name] for spec in LABEL_OPTIONS}


def write_seg(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write the label image of the final objects."""
    save_labels(path, _labels(fields, context), context.pixel_size)


def write_overlay(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write a picture of the image with the contours of the final objects."""
    from superdsm.io.render import overlay

    image = fields["g_raw"] if fields.get("g_rgb") is None else fields["g_rgb"]
    save_rgb(path, overlay(image, _labels(fields, context), border=context.options["seg_border"]))


def write_confidence(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write a picture of the image with the contours of the final objects, coloured by their confidence."""
    from superdsm.core.labels import label_image
    from superdsm.io.render import confidence_picture

    image = fields["g_raw"] if fields.get("g_rgb") is None else fields["g_rgb"]
    objects = next(fields[name] for name in FINAL_OBJECTS if name in fields)
    labelled = sorted((item for item in objects if not item.is_empty), key=lambda item: item.atoms)
    labels = label_image(labelled, fields["g_raw"].shape)
    values = [item.confidence for item in labelled]
    save_rgb(path, confidence_picture(image, labels, values, border=context.options["seg_border"]))


def write_certificate(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write the certificate of optimality as JSON."""
    path.write_text(json.dumps(plain(fields["certificate"]), indent=1) + "\n", encoding="utf-8")


def write_adj(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write a picture of the atoms and their adjacency graph."""
    from superdsm.io.render import adjacency_picture

    names = [next(name for name in alternatives.split("|") if name in fields) for alternatives in ADJACENCY_FIELDS]
    save_rgb(path, adjacency_picture(*(fields[name] for name in names)))


def write_cfg(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write the hyperparameters as used, automatic ones filled in, as JSON."""
    text = json.dumps(context.params, indent=4, sort_keys=True, default=arrays_and_sets)
    path.write_text(text + "\n", encoding="utf-8")


def write_log(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write what the stages logged, as JSON lines."""
    lines = (json.dumps(record, default=arrays_and_sets) + "\n" for record in context.log)
    path.write_text("".join(lines), encoding="utf-8")


ADJACENCY_FIELDS = ("g_work|g_raw", "atoms", "adjacencies", "seeds", "clusters")

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
        "adj",
        ADJACENCY_FIELDS,
        write_adj,
        PICTURE_SUFFIXES,
        doc="Picture of the atoms (orange outlines; blue: outlines of clusters) and their adjacency graph "
        "(red dots: seeds; green lines: adjacent atoms).",
    ),
    Exporter(
        "overlay",
        (OBJECTS, "g_raw", "g_rgb|g_raw"),
        write_overlay,
        PICTURE_SUFFIXES,
        (BORDER, *LABEL_OPTIONS),
        doc="Picture of the image with the contours of the final objects; colours only tell neighbouring objects "
        "apart; dim intensities are shown brighter than they are.",
    ),
    Exporter(
        "confidence",
        (OBJECTS, "g_raw", "g_rgb|g_raw"),
        write_confidence,
        PICTURE_SUFFIXES,
        (BORDER,),
        doc="Picture with the contours of the final objects, from orange (unsure) to blue (sure).",
    ),
    Exporter(
        "certificate",
        ("certificate",),
        write_certificate,
        (".json",),
        doc="How far the energy is from the least one at most, by cluster (JSON).",
    ),
    Exporter("cfg", (), write_cfg, doc="Hyperparameters as used, automatic ones filled in (JSON)."),
    Exporter("log", (), write_log, doc="What the stages logged, for instance each fit (JSON lines)."),
    *TABLES,
)
