"""The working resolution: a grid on which the typical nucleus has always the same radius."""

import math
from typing import Any

from superdsm.fields import on_grid, resampled_shape
from superdsm.params import param
from superdsm.stage import Stage, StageContext


class Resolution(Stage):
    """Resample the image, so that nuclei of the typical size have the same radius in the stages that follow.

    From here to the stage ``restore``, ``g_raw`` and ``scale`` are on the working grid, and lengths of hyperparameters
    are converted to it.
    """

    id = "resolution"
    version = "2"
    inputs = ("g_raw", "scale")
    outputs = ("g_raw", "scale", "zoom", "work", "g_image", "g_work")
    fields = (on_grid("g_raw", "working"),)
    stored = False
    always = True

    target_radius = param(16.0, "Radius of the typical nucleus on the working grid, in its pixels.", min=4, max=200)
    max_zoom = param(8.0, "The image is enlarged at most so much.", min=1, max=32)
    max_pixels = param(
        5e7, "The working grid has at most so many pixels; larger images are not enlarged further.", min=1e4
    )

    def process(self, ctx: StageContext, *, g_raw: Any, scale: Any) -> dict[str, Any]:
        """Return ``g_raw`` and ``scale`` on the working grid, its ``zoom``, and ``g_image``, what was given."""
        from superdsm.core.resample import resample

        params = ctx.params
        zoom = 1.0
        if scale is not None:
            wanted = params.target_radius / (scale * math.sqrt(2))
            zoom = min(wanted, params.max_zoom, max(1.0, math.sqrt(params.max_pixels / g_raw.size)))
            if zoom < wanted and zoom * scale * math.sqrt(2) < SMALL:
                ctx.warn(
                    f"the image is enlarged {zoom:.3g} times, not {wanted:.3g} times as its nuclei need; "
                    "very small ones may be missed"
                )
        g_work = resample(g_raw, resampled_shape(g_raw.shape, zoom))
        ctx.tell(zoom=round(zoom, 4))
        work = {"scale": None if scale is None else scale * zoom, "zoom": zoom}
        return {**work, "work": work, "g_raw": g_work, "g_work": g_work, "g_image": g_raw}


SMALL = 8.0  # radius on the working grid, in its pixels; below, outlines are too coarse for the models
