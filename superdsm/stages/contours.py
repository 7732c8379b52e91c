"""The masks of the objects, on the pixels of the image."""

from typing import Any

from superdsm.fields import on_grid
from superdsm.stage import Stage, StageContext


class Contours(Stage):
    """Bring the objects to the pixels of the image, and fit their boundaries to its intensities."""

    id = "contours"
    version = "1"
    inputs = ("g_raw", "g_work", "cover", "scale")
    outputs = ("cover",)
    fields = (on_grid("cover", "image"),)

    def process(self, ctx: StageContext, *, g_raw: Any, g_work: Any, cover: Any, scale: Any) -> dict[str, Any]:
        """Return the ``cover`` with masks of the image."""
        from superdsm.core.contours import to_image

        return {"cover": to_image(cover, g_work.shape, g_raw, scale)}
