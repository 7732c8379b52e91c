"""Built-in exporters of pictures: overlays, coloured label images, and maps of what the stages see."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.io.images import PICTURE_SUFFIXES, save_rgb
from superdsm.io.label_exports import LABEL_OPTIONS, OBJECTS, final_objects, labels_of, option
from superdsm.io.render.contours import POSITIONS
from superdsm.params import param
from superdsm.records import ExportContext, Exporter

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

BORDER = option("seg_border", param(2, "Width of the contours, in pixels.", min=1, max=1000))
POSITION = option(
    "seg_border_position",
    param(
        "inner",
        "Where the contours lie: inner, outer or center of the edges of the objects.",
        choices=POSITIONS,
        neutral="inner",
    ),
)
COLOUR = option(
    "seg_border_colour",
    param(
        "",
        'Colour of all contours, as in "#ffc400"; empty: objects that touch have different ones.',
        neutral="",
        pattern="(#[0-9a-fA-F]{6})?",
    ),
)
ENHANCE = option("enhance", param(True, "Whether dim intensities are shown brighter than they are.", neutral=True))
SCALE_BAR = option(
    "scale_bar", param(False, "Whether a scale bar is drawn, where the size of a pixel is known.", neutral=False)
)
LEGEND = option("legend", param(True, "Whether a strip with the colours and their values is added below."))

IMAGE = "g_rgb|g_raw"
WORKING = "g_work|g_raw"


def write_overlay(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write a picture of the image with the contours of the final objects."""
    from superdsm.io.render import overlay

    picture = overlay(
        _image(fields),
        labels_of(fields, context),
        border=context.options[BORDER.name],
        position=context.options[POSITION.name],
        enhance=context.options[ENHANCE.name],
        colour=_colour(context.options[COLOUR.name]),
    )
    _save(path, picture, context)


def write_confidence(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write a picture of the image with the contours of the final objects, coloured by their confidence."""
    from superdsm.core.labels import draw_labels, labelled
    from superdsm.io.render import confidence_picture

    shape = fields["g_raw"].shape
    items = labelled(final_objects(fields), shape)
    values = [item.confidence for item in items]
    picture = confidence_picture(_image(fields), draw_labels(items, shape), values, border=context.options[BORDER.name])
    save_rgb(path, picture)


def write_image(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write a picture of the image."""
    from superdsm.io.render import grey_picture

    _save(path, grey_picture(_image(fields), enhance=context.options[ENHANCE.name]), context)


def write_colours(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write the label image of the final objects as a picture."""
    from superdsm.io.render import coloured_labels

    _save(path, coloured_labels(labels_of(fields, context)), context)


def write_clusters(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write a picture of the image with the outlines of the clusters."""
    from superdsm.io.render import outlines_picture

    image = next(fields[name] for name in WORKING.split("|") if name in fields)
    save_rgb(path, outlines_picture(image, fields["clusters"], enhance=context.options[ENHANCE.name]))


def write_ymap(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write the offset-corrected intensities with their sign as a picture."""
    from superdsm.io.render import signed_map

    save_rgb(path, signed_map(fields["y"], legend=context.options[LEGEND.name]))


def write_atoms(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write a picture of the atoms upon the offset-corrected intensities."""
    from superdsm.io.render import atoms_picture

    save_rgb(path, atoms_picture(*(fields[name] for name in ATOM_FIELDS)))


def write_adj(path: Path, fields: Mapping[str, Any], context: ExportContext) -> None:
    """Write a picture of the atoms and their adjacency graph upon the offset-corrected intensities."""
    from superdsm.io.render import graph_picture

    save_rgb(path, graph_picture(*(fields[name] for name in GRAPH_FIELDS)))


def _image(fields: Mapping[str, Any]) -> Any:
    return fields["g_raw"] if fields.get("g_rgb") is None else fields["g_rgb"]


def _save(path: Path, picture: "npt.NDArray[np.uint8]", context: ExportContext) -> None:
    """Write a picture in the pixels of the image, with a scale bar if that was asked for."""
    if context.options[SCALE_BAR.name] and context.pixel_size is not None:
        from superdsm.io.render.drawing import scale_bar

        scale_bar(picture, context.pixel_size[1])
    save_rgb(path, picture)


def _colour(text: str) -> tuple[int, int, int] | None:
    """Return red, green and blue of a text like "#ffc400"."""
    if not text:
        return None
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue


ATOM_FIELDS = ("y", "atoms", "clusters")
GRAPH_FIELDS = ("y", "atoms", "adjacencies", "seeds", "clusters")

PICTURES: tuple[Exporter, ...] = (
    Exporter(
        "adj",
        GRAPH_FIELDS,
        write_adj,
        PICTURE_SUFFIXES,
        version="2",
        doc="Picture of the atoms (magenta outlines; white: outlines of clusters) and their adjacency graph (white "
        "dots: seeds; green lines: adjacent atoms) upon "
        "the offset-corrected intensities (orange: above zero; blue: below).",
    ),
    Exporter(
        "overlay",
        (OBJECTS, "g_raw", IMAGE),
        write_overlay,
        PICTURE_SUFFIXES,
        (BORDER, *LABEL_OPTIONS, POSITION, COLOUR, ENHANCE, SCALE_BAR),
        pixel_size_in=PICTURE_SUFFIXES,
        pixel_size_option=SCALE_BAR.name,
        doc="Picture of the image with the contours of the final objects; colours only tell neighbouring objects "
        "apart; dim intensities are shown brighter than they are.",
    ),
    Exporter(
        "confidence",
        (OBJECTS, "g_raw", IMAGE),
        write_confidence,
        PICTURE_SUFFIXES,
        (BORDER,),
        doc="Picture with the contours of the final objects, from orange (unsure) to blue (sure).",
    ),
    Exporter(
        "image",
        ("g_raw", IMAGE),
        write_image,
        PICTURE_SUFFIXES,
        (ENHANCE, SCALE_BAR),
        pixel_size_in=PICTURE_SUFFIXES,
        pixel_size_option=SCALE_BAR.name,
        doc="Picture of the image alone; dim intensities are shown brighter than they are.",
    ),
    Exporter(
        "colours",
        (OBJECTS, "g_raw"),
        write_colours,
        PICTURE_SUFFIXES,
        (*LABEL_OPTIONS, SCALE_BAR),
        pixel_size_in=PICTURE_SUFFIXES,
        pixel_size_option=SCALE_BAR.name,
        doc="Picture of the label image: objects near to each other have different colours.",
    ),
    Exporter(
        "clusters",
        (WORKING, "clusters"),
        write_clusters,
        PICTURE_SUFFIXES,
        (ENHANCE,),
        doc="Picture of the image, as the stages see it, with the outlines of the clusters.",
    ),
    Exporter(
        "ymap",
        ("y",),
        write_ymap,
        PICTURE_SUFFIXES,
        (LEGEND,),
        doc="Picture of the offset-corrected intensities: orange above zero (foreground), blue below.",
    ),
    Exporter(
        "atoms",
        ATOM_FIELDS,
        write_atoms,
        PICTURE_SUFFIXES,
        doc="Picture of the atoms (magenta outlines; white: outlines of clusters) upon the offset-corrected "
        "intensities (orange: above zero; blue: below).",
    ),
)
