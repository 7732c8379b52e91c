"""Estimation of the scale, from which hyperparameters are set automatically."""

import math
from typing import Any

from superdsm.params import param
from superdsm.stage import Stage, StageContext
from superdsm.stages.ingest import BRIGHT_FIELD


class Scale(Stage):
    """Estimate the scale of the objects by blob detection (TPAMI 2023, Sec. 3.1)."""

    id = "scale"
    version = "1"
    inputs = ("g_raw",)
    outputs = ("scale",)

    AF_scale = param(
        None,
        "The scale in pixels (radius of a typical object / sqrt(2)); null: estimated from the image.",
        type=float,
        min=0.1,
        max=1e4,
        nullable=True,
        toplevel=True,
        unit="px",
    )

    def process(self, ctx: StageContext, *, g_raw: Any) -> dict[str, Any]:
        """Return the ``scale``: a number, or None if the image shows no blob."""
        from superdsm.core.normalise import looks_bright_field
        from superdsm.core.scale import estimate_scale

        if looks_bright_field(g_raw):
            ctx.warn(BRIGHT_FIELD)
        scale = ctx.params.AF_scale
        if scale is None:
            scale = estimate_scale(g_raw, ctx.map)
        if scale is None:
            ctx.warn("no blob was found that tells the scale of the objects; if there are objects, set AF_scale")
        else:
            ctx.tell(radius=round(scale * math.sqrt(2), 3))
        return {"scale": scale}
