"""Back to the pixels of the image."""

from typing import Any

from superdsm.fields import on_grid
from superdsm.stage import Stage, StageContext


class Restore(Stage):
    """Leave the working grid: ``g_raw``, ``scale`` and lengths are again in pixels of the image."""

    id = "restore"
    version = "1"
    inputs = ("g_raw", "g_image", "scale", "zoom")
    outputs = ("g_raw", "scale", "zoom")
    fields = (on_grid("g_raw", "image"),)
    stored = False
    always = True

    def process(self, ctx: StageContext, *, g_raw: Any, g_image: Any, scale: Any, zoom: Any) -> dict[str, Any]:
        """Return ``g_raw``, ``scale`` and ``zoom`` as they were before the image was resampled."""
        return {"g_raw": g_image, "scale": None if scale is None else scale / zoom, "zoom": 1.0}
