"""Postprocessing: objects that are no nuclei are dropped, and the masks are refined."""

import math
from collections import Counter
from typing import Any

from superdsm.params import param
from superdsm.stage import Stage, StageContext


class Postprocess(Stage):
    """Discard spurious objects and refine the masks (TPAMI 2023, Suppl. 6)."""

    id = "postprocess"
    version = "1"
    inputs = ("g_raw", "cover")
    outputs = ("postprocessed_objects", "discarded_objects")

    max_norm_energy = param(0.2, "Largest energy per pixel of an object's region.", min=0)
    discard_image_boundary = param(False, "Whether objects at the border of the image are discarded.")
    min_boundary_obj_radius = param(
        0.0, "Smallest radius of an object at the border of the image, in pixels.", min=0, unit="px"
    )
    min_object_radius = param(0.0, "Smallest radius of an object, in pixels.", min=0, auto=("radius", 0.0), unit="px")
    max_object_radius = param(
        math.inf, "Largest radius of an object, in pixels.", min=0, auto=("radius", math.inf), unit="px"
    )
    max_eccentricity = param(0.99, "Largest eccentricity of an object.", min=0)
    max_boundary_eccentricity = param(
        math.inf, "Largest eccentricity at the border of the image; null: like max_eccentricity.", min=0, nullable=True
    )
    min_contrast = param(1.35, "Smallest ratio of the intensities inside and around an object.", min=0)
    exterior_scale = param(5.0, "Decay of the weights around an object, in pixels.", min=1e-6, unit="px")
    exterior_offset = param(
        5.0, "Distance from the objects at which the background begins, in pixels.", min=0, unit="px"
    )
    contrast_epsilon = param(1e-4, "Regularises the contrast.", min=0, max=1e300)
    mask_stdamp = param(2.0, "Tolerance of the refinement, in standard deviations of the intensities.")
    mask_max_distance = param(
        1, "Width of the band in which a mask is refined, in pixels; 0: no refinement.", unit="px"
    )
    mask_smoothness = param(
        3.0, "Scale of the Gaussian of the intensities for the refinement, in pixels.", min=0, max=1e4, unit="px"
    )
    fill_holes = param(True, "Whether holes of the masks are filled.")
    glare_detection_smoothness = param(
        3.0, "Scale of the Gaussian for the detection of glare, in pixels.", min=0, max=1e4, unit="px"
    )
    glare_detection_num_layers = param(5, "Number of superlevel sets that are looked at.", min=1, max=10_000)
    glare_detection_min_layer = param(0.5, "Lowest superlevel set, as a fraction of the range.", min=0, max=1)
    min_glare_radius = param(
        math.inf,
        "Objects above this radius are looked at for glare, in pixels.",
        min=0,
        auto=("radius", math.inf),
        unit="px",
    )
    min_boundary_glare_radius = param(
        None, "The same at the border of the image; null: like min_glare_radius.", type=float, min=0, nullable=True
    )

    def process(self, ctx: StageContext, *, g_raw: Any, cover: Any) -> dict[str, Any]:
        """Return the final objects, ``postprocessed_objects``, and the ``discarded_objects``."""
        from superdsm.core.measure import overview
        from superdsm.core.objects import discarded
        from superdsm.core.postprocess import postprocess

        objects, log = postprocess(g_raw, cover, **ctx.params, map=ctx.map)
        for record in log:
            ctx.log(**record)
        ctx.tell(discarded=dict(sorted(Counter(record["reason"] for record in log).items())))
        if not objects:
            ctx.warn("no object was found" if not cover else f"all {len(cover)} objects were discarded")
        ctx.tell(**overview(objects, g_raw))
        return {"postprocessed_objects": objects, "discarded_objects": discarded(cover, log)}
