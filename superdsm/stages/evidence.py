"""Which of the objects are nuclei."""

from typing import Any

from superdsm.params import param
from superdsm.stage import Stage, StageContext


class Evidence(Stage):
    """Discard objects that do not stand out as the others do: glare, tails, debris, noise."""

    id = "evidence"
    version = "1"
    inputs = ("g_raw", "cover", "scale")
    outputs = ("postprocessed_objects",)

    max_norm_energy = param(0.4, "Largest energy per pixel of an object's region.", min=0)

    def process(self, ctx: StageContext, *, g_raw: Any, cover: Any, scale: Any) -> dict[str, Any]:
        """Return the final objects, ``postprocessed_objects``: disjoint, each in one piece."""
        from superdsm.core.evidence import select

        return {"postprocessed_objects": select(g_raw, cover, scale, ctx.params.max_norm_energy)}
