"""What napari shows of a segmentation: values for layers, on the pixels of the image; without napari."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from superdsm import Result

PREFIX = "superdsm "
LABELS, ATOMS, GRAPH, DISCARDED = (f"{PREFIX}{name}" for name in ("labels", "atoms", "graph", "discarded"))


@dataclass(frozen=True, slots=True)
class LayerData:
    """A layer.

    Attributes
    ----------
    name : str
        Its name.
    kind : str
        "labels" or "shapes".
    data : object
        What it shows.
    options : mapping
        Arguments of napari's ``add_labels`` or ``add_shapes``.
    """

    name: str
    kind: str
    data: Any
    options: Mapping[str, Any] = field(default_factory=dict)


def layers(result: Result) -> list[LayerData]:
    """Return the layers of a result, from the bottom to the top."""
    fields = result.fields
    found = []
    if "atoms" in fields and np.any(fields["atoms"]):
        place = placement(result)
        found.append(
            LayerData(ATOMS, "labels", np.asarray(fields["atoms"]), {"opacity": 0.4, "visible": False, **place})
        )
        lines = [np.asarray(fields["seeds"], float)[[a - 1, b - 1]] for a, b in fields["adjacencies"].tolist()]
        if lines:
            look = {"shape_type": "line", "edge_width": 1, "edge_color": "#ffb000", "visible": False}
            found.append(LayerData(GRAPH, "shapes", lines, {**look, **place}))
    discarded = fields.get("discarded_objects") or []
    if discarded:
        labels = np.zeros(result.labels.shape, np.int32)
        reasons = ["background"]
        for label, item in enumerate(discarded, 1):
            labels[item.slices][item.fragment] = label
            reasons.append(item.verdict.reason if item.verdict is not None else "")
        found.append(LayerData(DISCARDED, "labels", labels, {"opacity": 0.4, "features": {"reason": reasons}}))
    found.append(LayerData(LABELS, "labels", result.labels.astype(np.int32), {"opacity": 0.6}))
    return found


def placement(result: Result) -> dict[str, tuple[float, float]]:
    """Return ``scale`` and ``translate`` of what is on the working grid."""
    image, atoms = result.labels.shape, result.fields["atoms"].shape
    scale = [rows / work for rows, work in zip(image, atoms, strict=True)]
    return {"scale": (scale[0], scale[1]), "translate": ((scale[0] - 1) / 2, (scale[1] - 1) / 2)}
