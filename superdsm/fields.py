"""The vocabulary: the fields that flow through the pipeline, what they mean, and how they are stored.

Every field is written once and is read-only afterwards. A stage of a third party declares further fields by its class
attribute ``fields``; a field without a declaration is stored by what its value is (array, table, or JSON).

There are two grids. Most pipelines know only the pixels of the image. A pipeline with the stage ``resolution`` works on
resampled pixels between that stage and ``restore``: the fields that say where a stage is (``g_raw``, ``scale``,
``zoom``) are refined by both, so that they go together at any place, and a stage between them need not know.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

KINDS = ("array", "json", "table", "objects")
GRIDS = ("", "image", "working")
SUMMARIES = {"": KINDS, "number": ("objects",), "counts": ("json",), "certificate": ("json",)}
HOLDS = {
    "": KINDS,
    "labels": ("array",),
    "points": ("array",),
    "pairs": ("array",),
    "number": ("json",),
    "dict": ("json",),
}
SOURCE = "image"  # what is given from outside
SCALE = "scale"  # what automatic hyperparameters follow
ZOOM = "zoom"  # what lengths follow that users give
CORRECTIONS = "corrections"  # what is given from outside besides the image
WORK = "work"  # what those two were on the working grid


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the pipeline.

    Attributes
    ----------
    name : str
        Name, unique in a pipeline.
    kind : str
        How it is stored and checked: "array" (NumPy array), "json" (numbers, strings, lists, and dicts of them, or
        None), "table" (dict of columns: equally long 1-D arrays), or "objects" (list of
        `superdsm.core.objects.Object`).
    doc : str
        Meaning, with units.
    dtype : str
        Of arrays: the NumPy dtype.
    shape : tuple
        Of arrays: one entry per axis; "rows" and "columns" stand for the shape of the image, None for any number.
    empty : object
        Value that a stage yields for an image without a scale. For arrays the fill value (None: zero), with ``None``
        axes of length zero; for other kinds the value itself.
    finite : bool
        Of arrays: whether NaN and infinity are refused. A later stage would notice them as well, and get the blame.
    summary : str
        What batch processing tells of the field without loading it: "number" (of "objects": how many were found, where
        several stages provide such a field those of the last one), "counts" (of "json": a dict for the table of
        counts), or nothing.
    grid : str
        What its pixels are: "image", those of the image; "working", those that the stages between ``resolution`` and
        ``restore`` work on (of a pipeline without these stages: those of the image); "" if it has none.
    holds : str
        What is checked of the content (see `superdsm.content`): "labels" (the labels 1, 2, ..., n, all of them, and 0),
        "points" (rows and columns inside the grid), "pairs" (of labels of `of`), "number" (of "json": finite and
        positive), "dict" (of "json"), or nothing.
    of : str
        The field whose labels "pairs" and "points" refer to: pairs hold some of them, points have one for each.
    needed : bool
        Whether None is refused.
    """

    name: str
    kind: str
    doc: str
    dtype: str = ""
    shape: tuple[str | int | None, ...] = ()
    empty: Any = None
    finite: bool = False
    summary: str = ""
    grid: str = ""
    holds: str = ""
    of: str = ""
    needed: bool = False

    def __post_init__(self) -> None:
        if self.grid not in GRIDS:
            raise ValueError(f"field {self.name!r}: grid {self.grid!r} is none of 'image', 'working' and ''")
        if self.kind not in KINDS:
            raise ValueError(f"field {self.name!r}: kind {self.kind!r} is none of {', '.join(KINDS)}")
        if self.kind not in SUMMARIES.get(self.summary, ()):
            raise ValueError(f"field {self.name!r}: a field of kind {self.kind!r} has no summary {self.summary!r}")
        if self.kind not in HOLDS.get(self.holds, ()):
            raise ValueError(f"field {self.name!r}: a field of kind {self.kind!r} holds no {self.holds!r}")


IMAGE = ("rows", "columns")
FINAL_OBJECTS = ("postprocessed_objects", "cover")  # the first of them that there is

FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field(SOURCE, "array", "The image as it was read.", "", (), grid="image"),
        Field(CORRECTIONS, "json", "Corrections by hand, see `superdsm.corrections`.", holds="dict"),
        Field(
            "g_raw",
            "array",
            "Grey intensities, scaled to [0, 1].",
            "float64",
            IMAGE,
            finite=True,
            grid="image",
            needed=True,
        ),
        Field("g_rgb", "array", "Colour image of histological input, else None.", "uint8", (*IMAGE, 3), grid="image"),
        Field(
            SCALE,
            "json",
            "Standard deviation of the blob of a typical object, in pixels of the grid of g_raw; None: no blob.",
            holds="number",
        ),
        Field(
            "nuclei",
            "json",
            "Size of the nuclei: radius in pixels of the image, spread, number of blobs.",
            holds="dict",
        ),
        Field(
            ZOOM,
            "json",
            "Pixels of the grid of g_raw per pixel of the image, along an axis; 1 where it is one.",
            holds="number",
        ),
        Field(WORK, "json", "The scale and the zoom of the working grid, kept for its end.", holds="dict"),
        Field(
            "g_work",
            "array",
            "The resampled grey intensities.",
            "float64",
            IMAGE,
            finite=True,
            grid="working",
            needed=True,
        ),
        Field(
            "g_image",
            "array",
            "Grey intensities of the image, kept for its end.",
            "float64",
            IMAGE,
            grid="image",
            needed=True,
        ),
        Field(
            "y",
            "array",
            "Offset-corrected intensities; foreground is roughly y > 0.",
            "float64",
            IMAGE,
            finite=True,
            grid="working",
            needed=True,
        ),
        Field("dsm_cfg", "json", "Resolved hyperparameters of the deformable shape model.", holds="dict"),
        Field(
            "y_mask",
            "array",
            "Pixels that are not part of irregular clusters.",
            "bool",
            IMAGE,
            True,
            grid="working",
            needed=True,
        ),
        Field(
            "atoms",
            "array",
            "Label image of the atoms, 1, 2, ...; 0: none.",
            "int32",
            IMAGE,
            grid="working",
            holds="labels",
            needed=True,
        ),
        Field(
            "adjacencies",
            "array",
            "Pairs of adjacent atoms, the smaller label first, sorted.",
            "int32",
            (None, 2),
            holds="pairs",
            of="atoms",
            needed=True,
        ),
        Field(
            "seeds",
            "array",
            "Row and column of the seed of atom 1, 2, ....",
            "int32",
            (None, 2),
            grid="working",
            holds="points",
            of="atoms",
            needed=True,
        ),
        Field(
            "clusters",
            "array",
            "Label image of the clusters, 1, 2, ....",
            "int32",
            IMAGE,
            grid="working",
            holds="labels",
            needed=True,
        ),
        Field(
            "cover",
            "objects",
            "The objects of the minimal set cover.",
            empty=(),
            summary="number",
            grid="working",
            needed=True,
        ),
        Field(
            "work_cover", "objects", "The cover as it was on the working grid.", empty=(), grid="working", needed=True
        ),
        Field(
            "objects",
            "objects",
            "All sets of atoms to which a model was fitted.",
            empty=(),
            grid="working",
            needed=True,
        ),
        Field("performance", "json", "Counts of the energy minimisation.", empty={}, summary="counts", holds="dict"),
        Field(
            "certificate",
            "json",
            "How far the cover is from the least energy at most, by cluster.",
            empty={},
            summary="certificate",
            holds="dict",
        ),
        Field(
            "postprocessed_objects",
            "objects",
            "The final objects.",
            empty=(),
            summary="number",
            grid="image",
            needed=True,
        ),
        Field(
            "discarded_objects",
            "objects",
            "The objects of the cover that are no nuclei, each with the reason, its value, and the limit it misses.",
            empty=(),
            grid="image",
        ),
    )
}


def on_grid(name: str, grid: str) -> Field:
    """Return the declaration of a field of the vocabulary for a stage that provides it on another grid."""
    return replace(FIELDS[name], grid=grid)


def resampled_shape(shape: tuple[int, ...], zoom: float) -> tuple[int, int]:
    """Return rows and columns of the grid with `zoom` pixels per pixel of an image of the shape `shape`."""
    return (max(1, round(shape[0] * zoom)), max(1, round(shape[1] * zoom)))


def empty_value(field: Field, image_shape: tuple[int, int]) -> Any:
    """Return what a field holds for an image in which nothing can be found.

    Parameters
    ----------
    field : Field
        The field.
    image_shape : tuple of int
        Rows and columns of the image.
    """
    if field.kind == "objects":
        return []
    if field.kind == "table":
        return dict(field.empty or {})
    if field.kind == "json":
        return field.empty
    import numpy as np

    sizes: dict[str | int | None, int] = {"rows": image_shape[0], "columns": image_shape[1], None: 0}
    shape = [sizes.get(axis, axis) if not isinstance(axis, int) else axis for axis in field.shape]
    return np.full([int(size) for size in shape if size is not None], field.empty or 0, dtype=field.dtype or "float64")


def image_shape(fields: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return rows and columns of the image, given some fields; None if none of them tells.

    Parameters
    ----------
    fields : mapping
        Fields by name. The image itself tells best; without it any array that is as large does.
    """
    whole = [name for name, field in FIELDS.items() if field.shape[:2] == IMAGE]
    for name in (SOURCE, "g_image", *whole):
        shape: tuple[int, ...] = getattr(fields.get(name), "shape", ())
        if len(shape) >= len(IMAGE):
            return (int(shape[0]), int(shape[1]))
    return None
