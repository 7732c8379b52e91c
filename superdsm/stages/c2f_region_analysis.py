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
        unit="px",
        auto=("radius", 0.33),
        truncate=True,
    )
    max_atom_norm_energy = param(0.05, "Regions of a higher energy per pixel are split further.", min=0)
    min_norm_energy_improvement = param(0.1, "Relative improvement of the energy per pixel that a split must bring.")
    max_cluster_marker_irregularity = param(0.2, "Foreground with more border per area is not segmented.", min=0)

    max_failed_trials = param(
        500, "A region is not split further after so many trials that brought nothing.", min=1, neutral=500
    )

    def process(self, ctx: StageContext, *, y: Any, dsm_cfg: Any) -> dict[str, Any]:
        """Return the clusters, the atoms, and how these are connected."""
        from superdsm.core.region_analysis import analyse_regions

        analysis = analyse_regions(y, background_margin=dsm_cfg["background_margin"], **ctx.params, map=ctx.map)
        for record in analysis.log:
            ctx.log(**record)
        self.tell_left_out(ctx, y, analysis)
        given_up = sum(record.get("given_up", 0) for record in analysis.log)
        if given_up:
            ctx.warn(
                f"{given_up} large region{'s were' if given_up > 1 else ' was'} not split further after "
                f"{ctx.params.max_failed_trials} trials that brought nothing; if there are nuclei in "
                f"{'them' if given_up > 1 else 'it'}, raise {self.id}/max_failed_trials"
            )
        return {
            "y_mask": analysis.y_mask,
            "atoms": analysis.atoms,
            "adjacencies": analysis.adjacencies,
            "seeds": analysis.seeds,
            "clusters": analysis.clusters,
        }

    def tell_left_out(self, ctx: StageContext, y: Any, analysis: Any) -> None:
        """Say how much of the foreground was left out as irregular."""
        from superdsm.core.clusters import count_left_out

        irregular, specks, share = count_left_out(y, analysis.y_mask, analysis.clusters)
        components = irregular + int(analysis.clusters.max(initial=0))
        ctx.tell(components=components, irregular=irregular, specks=specks, atoms=len(analysis.seeds))
        if share > NOTABLE:
            ctx.warn(
                f"{share:.0%} of the foreground was left out as irregular; "
                f"a larger {self.id}/max_cluster_marker_irregularity keeps more"
            )


NOTABLE = 0.2  # part of the foreground's intensity; specks of noise have much less
