"""The stage ``measure``."""

from typing import Any

from superdsm import Field, Stage, StageContext, param
from superdsm_measure.columns import COLUMNS
from superdsm_measure.measure import grey_levels, measure

DOC = "Measurements, one row per object: " + ", ".join(
    f"{column.name} ({column.unit})" if column.unit else column.name for column in COLUMNS
)


class Measure(Stage):
    """Measure every object: size, shape, intensity, energy, and where it lies."""

    id = "measure"
    version = "2"
    inputs = ("image", "postprocessed_objects")
    outputs = ("measurements",)
    fields = (Field("measurements", "table", DOC),)
    after = "postprocess"

    background_gap = param(
        3.0, "The ring of the local background begins this far away from the object, in pixels.", min=0
    )
    background_width = param(10.0, "Width of the ring of the local background, in pixels.", min=1)

    def process(self, ctx: StageContext, *, image: Any, postprocessed_objects: Any) -> dict[str, Any]:
        """Return the table ``measurements``."""
        params = ctx.params
        grey = grey_levels(image)
        return {
            "measurements": measure(
                postprocessed_objects, grey, gap=params.background_gap, width=params.background_width
            )
        }
