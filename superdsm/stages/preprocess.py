"""Subtraction of the local intensity offset."""

import math
from typing import Any

from superdsm.params import param
from superdsm.stage import Stage, StageContext


class Preprocess(Stage):
    """Denoise, and subtract a smooth local intensity offset (TPAMI 2023, Suppl. 1)."""

    id = "preprocess"
    version = "1"
    inputs = ("g_raw",)
    outputs = ("y",)
    stored = False

    sigma1 = param(math.sqrt(2), "Scale of the denoising Gaussian, in pixels.", min=0, max=1e4, unit="px")
    sigma2 = param(
        40.0, "Scale of the Gaussian of the local offset, in pixels.", min=0, max=1e4, auto=("scale", 1.0), unit="px"
    )
    offset_clip = param(3.0, "Intensities above this many standard deviations do not count for the offset.", min=0)
    lower_clip_mean = param(False, "Whether the offset is nowhere below the mean intensity.")

    def process(self, ctx: StageContext, *, g_raw: Any) -> dict[str, Any]:
        """Return the offset-corrected intensities ``y``."""
        from superdsm.core.preprocess import offset_corrected

        return {"y": offset_corrected(g_raw, **ctx.params, map=ctx.map)}
