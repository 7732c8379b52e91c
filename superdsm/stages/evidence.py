"""Which of the objects are nuclei."""

import math
from collections import Counter
from typing import Any

from superdsm.params import param
from superdsm.stage import Stage, StageContext


class Evidence(Stage):
    """Discard objects that do not stand out as the others do: glare, tails, debris, noise."""

    id = "evidence"
    version = "3"
    inputs = ("g_raw", "cover", "scale")
    outputs = ("postprocessed_objects", "discarded_objects")

    max_norm_energy = param(0.4, "Largest energy per pixel of an object's region.", min=0)
    min_amplitude = param(0.4, "Least contrast to the surroundings, in typical contrasts of the objects.", min=0)
    min_significance = param(8.0, "Least contrast, in standard deviations of the noise.", min=0)
    min_sharpness = param(0.2, "Least steepness of the outline, in typical ones of the objects.", min=0)
    min_area = param(0.06, "Least area, in areas of a typical nucleus.", min=0)
    max_area = param(math.inf, "Largest area, in areas of a typical nucleus.", min=0)
    min_solidity = param(0.72, "Least part of its convex hull that an object fills.", min=0, max=1)
    smoothing = param(0.5, "Scale of the Gaussian of the intensities, in pixels.", min=0, max=1e3)
    reach = param(0.8, "Width of the surroundings, in radii of the object.", min=0, max=10)
    inside_quantile = param(0.72, "Quantile of the intensities inside an object that stands for it.", min=0, max=1)
    outside_quantile = param(0.1, "Quantile of those around it that stands for the background.", min=0, max=1)

    finest_radius = param(
        24.0, "Larger nuclei are measured on a grid on which they have this radius, in pixels.", min=4, max=1e4
    )

    def process(self, ctx: StageContext, *, g_raw: Any, cover: Any, scale: Any) -> dict[str, Any]:
        """Return the final objects, ``postprocessed_objects``: disjoint, each in one piece. And the discarded ones."""
        from superdsm.core.evidence import select
        from superdsm.core.measure import overview
        from superdsm.core.objects import discarded

        objects, log = select(g_raw, cover, scale * math.sqrt(2), **ctx.params, map=ctx.map)
        for record in log:
            ctx.log(**record)
        ctx.tell(discarded=dict(sorted(Counter(record["reason"] for record in log).items())))
        if not objects:
            ctx.warn("no object was found" if not cover else f"all {len(cover)} objects were discarded")
        ctx.tell(**overview(objects, g_raw))
        return {"postprocessed_objects": objects, "discarded_objects": discarded(cover, log)}
