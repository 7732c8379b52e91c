"""The size of a typical nucleus, which everything else is relative to."""

import math
from typing import Any

from superdsm.config import Config
from superdsm.errors import ConfigError
from superdsm.params import param
from superdsm.stage import Stage, StageContext
from superdsm.stages.ingest import BRIGHT_FIELD


class NucleusSize(Stage):
    """Estimate the radius of a typical nucleus, from 3 to 200 pixels, and how sure that is; or take it as given."""

    id = "nucleus-size"
    version = "3"
    inputs = ("g_raw",)
    outputs = ("scale", "nuclei")

    nucleus_radius = param(
        None,
        'The radius of a typical nucleus, in pixels or as in "5 um" (see pixel_size); null: estimated.',
        type=float,
        min=0.5,
        max=1e4,
        nullable=True,
        toplevel=True,
        unit="px",
    )
    AF_scale = param(
        None,
        "The same as a scale: the radius divided by sqrt(2), in pixels; null: estimated.",
        type=float,
        min=0.1,
        max=1e4,
        nullable=True,
        toplevel=True,
        unit="px",
    )
    largest_radius = param(200.0, "Radii up to this one are looked for, in pixels.", min=3, max=1e4, unit="px")

    outline_trust = param(
        0.75,
        "What the outlines of nuclei that lie alone count for the radius, beside the blobs; 0: nothing.",
        min=0,
        max=1,
    )

    def identity_params(self, config: Config, image: bool = False) -> dict[str, Any]:
        """Return the hyperparameters; see `Stage.identity_params`."""
        values = super().identity_params(config, image)
        if values["nucleus_radius"] is not None and values["AF_scale"] is not None:
            message = "nucleus_radius and AF_scale both say how large the nuclei are; leave one of both out"
            raise ConfigError(message, "nucleus_radius", "AF_scale")
        return values

    def process(self, ctx: StageContext, *, g_raw: Any) -> dict[str, Any]:
        """Return the ``scale``, None if there is nothing of any size, and what is known of the ``nuclei``."""
        from superdsm.core.normalise import looks_bright_field
        from superdsm.core.radius import estimate_radius, refined_radius

        if looks_bright_field(g_raw):
            ctx.warn(BRIGHT_FIELD)
        given = ctx.params.nucleus_radius
        if ctx.params.AF_scale is not None:
            given = ctx.params.AF_scale * math.sqrt(2)
        if given is not None:
            ctx.tell(radius=round(given, 3))
            return {"scale": given / math.sqrt(2), "nuclei": {"radius": given, "spread": None, "count": None}}
        found = estimate_radius(g_raw, largest_radius=ctx.params.largest_radius)
        radius = found.radius
        if radius is not None and ctx.params.outline_trust:
            radius = refined_radius(g_raw, radius, trust=ctx.params.outline_trust)
        nuclei = {"radius": radius, "spread": found.spread, "count": found.count}
        if radius is None:
            ctx.warn("no object was found that tells the size of the nuclei; if there are any, set nucleus_radius")
            return {"scale": None, "nuclei": nuclei}
        ctx.tell(radius=round(radius, 3), radius_spread=round(found.spread, 3), radius_blobs=found.count)
        if found.count < FEW or found.spread > WIDE:
            blobs = "1 blob" if found.count == 1 else f"{found.count} blobs"
            ctx.warn(
                f"the radius of the nuclei, {radius:.3g} pixels, is uncertain ({blobs}, spread "
                f"{found.spread:.0%}); if it is wrong, set nucleus_radius"
            )
        return {"scale": radius / math.sqrt(2), "nuclei": nuclei}


FEW = 3  # blobs; a typical size of fewer says little
WIDE = 0.6  # spread (see RadiusEstimate); of nuclei of one kind it is below a half
