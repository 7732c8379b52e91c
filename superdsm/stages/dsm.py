"""Hyperparameters of the deformable shape model, for the stages that fit it."""

import math
from typing import Any

from superdsm.params import param
from superdsm.stage import Stage, StageContext

NO_EFFECT = "Accepted for configurations of earlier versions; steers their solver and has no effect."


class Dsm(Stage):
    """Resolve the hyperparameters of the deformable shape model (TPAMI 2023, Sec. 3.2)."""

    id = "dsm"
    version = "1"
    inputs = ()
    outputs = ("dsm_cfg",)

    alpha = param(
        0.5, "Weight of the regulariser of the deformations.", min=0, max=1e300, auto=("scale^2", 0.0005), unit="px2"
    )
    smooth_amount = param(
        10,
        "Standard deviation of the Gaussians of the deformation, in pixels.",
        unit="px",
        auto=("scale", 0.2),
        truncate=True,
        floor=4,
    )
    smooth_subsample = param(
        20,
        "Spacing of the Gaussians of the deformation, in pixels.",
        auto=("scale", 0.4),
        truncate=True,
        floor=8,
        unit="px",
    )
    gaussian_shape_multiplier = param(2.0, "Where the Gaussians are cut off, in units of 2 smooth_amount.", min=0.1)
    epsilon = param(1.0, "Smoothness of the regulariser.", min=1e-12, max=1e12)
    background_margin = param(
        20,
        "Pixels farther than this from the foreground belong to no region, in pixels.",
        unit="px",
        auto=("scale", 0.4),
        truncate=True,
        floor=8,
    )
    solver = param("newton", "The solver: damped Newton, or the cone solver of cvxopt.", choices=("newton", "cvxopt"))
    cp_timeout = param(300.0, "Bound of a single fit, in seconds; beyond it the elliptical optimum is used.", min=0)
    init = param("elliptical", "Start of a deformable fit.", choices=("elliptical",))
    scale = param(1000.0, NO_EFFECT)
    cachesize = param(1, NO_EFFECT)
    cachetest = param(None, NO_EFFECT, type=str, nullable=True)
    sparsity_tol = param(0.0, NO_EFFECT)
    smooth_mat_dtype = param("float32", NO_EFFECT, choices=("float32", "float64"))
    smooth_mat_max_allocations = param(math.inf, NO_EFFECT)

    def process(self, ctx: StageContext) -> dict[str, Any]:
        """Return the resolved hyperparameters ``dsm_cfg``."""
        return {"dsm_cfg": dict(ctx.params)}
