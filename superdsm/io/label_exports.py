"""What exporters of label images and outlines have in common: the labels, as `seg_pathpattern` writes them."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from superdsm.fields import FINAL_OBJECTS
from superdsm.params import Param, param
from superdsm.records import ExportContext

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from superdsm.core.objects import Object

OBJECTS = "|".join(FINAL_OBJECTS)


def option(name: str, spec: Param) -> Param:
    """Return the declaration of an option of an exporter."""
    return replace(spec, name=name)


LABEL_OPTIONS = (
    option("dilate", param(0, "Number of pixels by which the masks of the objects are dilated (negative: eroded).")),
    option(
        "merge_overlap_threshold",
        param(float("inf"), "Merge objects that overlap by more than this fraction of the smaller one.", min=0),
    ),
)


def labels_of(fields: Mapping[str, Any], context: ExportContext) -> "npt.NDArray[np.integer[Any]]":
    """Return the label image of the final objects."""
    from superdsm.core.labels import label_image

    options = {spec.name: context.options[spec.name] for spec in LABEL_OPTIONS}
    labels: npt.NDArray[np.integer[Any]] = label_image(final_objects(fields), fields["g_raw"].shape, **options)
    return labels


def final_objects(fields: Mapping[str, Any]) -> "list[Object]":
    """Return the final objects."""
    return list(next(fields[name] for name in FINAL_OBJECTS if name in fields))


def labelled_objects(fields: Mapping[str, Any], context: ExportContext) -> "list[Object] | None":
    """Return the objects with the labels 1, 2, ...; None if the options have changed which labels there are."""
    if context.options["dilate"] < 0 or context.options["merge_overlap_threshold"] < math.inf:
        return None
    from superdsm.core.labels import labelled

    return labelled(final_objects(fields), fields["g_raw"].shape)
