"""Intensities relative to background, noise and the objects themselves."""

import math
from typing import Any

from superdsm.params import param
from superdsm.stage import Stage, StageContext


class Normalise(Stage):
    """Turn intensities to a measure of foreground that treats dim and bright nuclei alike."""

    id = "normalise"
    version = "2"
    inputs = ("g_raw", "scale")
    outputs = ("y",)
    stored = False

    smoothing = param(1.0, "Scale of the denoising Gaussian, in pixels of the working grid.", min=0, max=1e3)
    background_reach = param(
        3.0, "Width of the square whose lowest intensities are the background, in radii.", min=1, max=1e3
    )
    amplitude_reach = param(
        1.0, "How far around a pixel the brightest object is looked for, in scales (radius / sqrt 2).", min=0, max=100
    )
    least_amplitude = param(0.12, "Lower bound of the local amplitude, in typical amplitudes.", min=1e-6, max=1e6)
    level = param(0.41, "Threshold of the foreground, in local amplitudes above the background.", min=0, max=1)
    noise_factor = param(3.0, "Least threshold, in standard deviations of the noise.", min=0, max=1e6)
    offset_scale = param(0.92, "Scale of the Gaussian of the local mean, in scales.", min=0, max=100)
    offset_weight = param(
        1.12, "The threshold is at least the local mean times this, which separates objects that touch.", min=0, max=100
    )
    brightest = param(5.0, "Intensities above this many typical amplitudes are cut off.", min=1, max=1e6)
    speck_area = param(0.05, "Foreground below this part of a typical object's area is left out.", min=0, max=1e3)

    def process(self, ctx: StageContext, *, g_raw: Any, scale: Any) -> dict[str, Any]:
        """Return ``y``: positive in the foreground, of order 1 inside of objects."""
        from superdsm.core.normalise import normalised

        return {"y": normalised(g_raw, scale * math.sqrt(2), **ctx.params, map=ctx.map)}
