"""The masks of the objects, on the pixels of the image."""

import math
from typing import Any

from superdsm.fields import on_grid
from superdsm.params import param
from superdsm.stage import Stage, StageContext


class Contours(Stage):
    """Bring the objects to the pixels of the image, and fit their boundaries to its intensities."""

    id = "contours"
    version = "3"
    inputs = ("g_raw", "g_work", "cover", "scale")
    outputs = ("cover", "work_cover")
    fields = (on_grid("cover", "image"),)

    level = param(
        0.37,
        "Where outlines run: at 0 the intensity around an object, at 1 that inside; 0: they stay as they are.",
        min=0,
        max=1,
    )
    smoothing = param(0.5, "Scale of the Gaussian of the intensities and of the outlines, in pixels.", min=0, max=1e3)
    reach = param(0.5, "How far an outline may move, in radii of the object.", min=0, max=10)
    inside_quantile = param(0.72, "Quantile of the intensities inside an object that stands for it.", min=0, max=1)
    outside_quantile = param(0.1, "Quantile of those around it that stands for the background.", min=0, max=1)
    finest_radius = param(
        24.0, "Outlines of larger nuclei are fitted on a grid on which they have this radius.", min=4, max=1e4
    )
    level_decay = param(0.5, "Of still larger nuclei the level is less, by this power of the ratio.", min=0, max=4)
    narrow = param(
        0.88,
        "Objects are divided where they are narrower than this part of their narrower side; 0: nowhere.",
        min=0,
        max=1,
    )
    least_divided = param(0.7, "Smaller objects are not divided, in areas of a typical nucleus.", min=0)

    def process(self, ctx: StageContext, *, g_raw: Any, g_work: Any, cover: Any, scale: Any) -> dict[str, Any]:
        """Return the ``cover`` with masks of the image, and as it was."""
        from superdsm.core.contours import to_image

        image_cover = to_image(cover, g_work.shape, g_raw, scale * math.sqrt(2), **ctx.params)
        return {"cover": image_cover, "work_cover": cover}
