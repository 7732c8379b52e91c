"""Intensities relative to background, noise and the objects themselves."""

from typing import Any

from superdsm.params import param
from superdsm.stage import Stage, StageContext


class Normalise(Stage):
    """Turn intensities to a measure of foreground that treats dim and bright nuclei alike."""

    id = "normalise"
    version = "1"
    inputs = ("g_raw", "scale")
    outputs = ("y",)
    stored = False

    smoothing = param(1.0, "x", min=0, max=10)

    def process(self, ctx: StageContext, *, g_raw: Any, scale: Any) -> dict[str, Any]:
        """Return ``y``: positive in the foreground, of order 1 inside of objects."""
        from superdsm.core.normalise import normalised

        return {"y": normalised(g_raw, scale)}
