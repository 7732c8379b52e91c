"""Coarse-to-fine region analysis: from the foreground to clusters of atoms."""

from typing import Any

from superdsm.params import param
from superdsm.stage import Stage, StageContext


class C2FRegionAnalysis(Stage):
    """Split the image into clusters and atoms, coarse to fine (TPAMI 2023, Sec. 3.3)."""

    id = "c2f-region-analysis"
    version = "1"
    inputs = ("y", "dsm_cfg")
    outputs = ("y_mask", "atoms", "adjacencies", "seeds", "clusters")

    seed_connectivity = param(8, "Neighbourhood of the local maxima that are seeds.", choices=(4, 8))
    min_atom_radius = param(
        15,
        "Regions smaller than a disk of this radius are not split off, in pixels.",
        min=0,
        auto=("radius", 0.33),
        truncate=True,
    )
    max_atom_norm_energy = param(0.05, "Regions of a higher energy per pixel are split further.", min=0)
    min_norm_energy_improvement = param(0.1, "Relative improvement of the energy per pixel that a split must bring.")
    max_cluster_marker_irregularity = param(0.2, "Foreground with more border per area is not segmented.", min=0)

    def process(self, ctx: StageContext, *, y: Any, dsm_cfg: Any) -> dict[str, Any]:
        """Return the clusters, the atoms, and how these are connected."""
        from superdsm.core.region_analysis import analyse_regions

        analysis = analyse_regions(y, background_margin=dsm_cfg["background_margin"], **ctx.params, map=ctx.map)
        for record in analysis.log:
            ctx.log(**record)
        return {name: getattr(analysis, name) for name in self.outputs}
