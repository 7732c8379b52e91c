"""Global energy minimisation: the best family of models for each cluster."""

import math
from typing import Any

from superdsm.errors import StageError
from superdsm.params import param
from superdsm.stage import Stage, StageContext


class GlobalEnergyMinimization(Stage):
    """Fit models to sets of atoms, and choose the cover of least energy (TPAMI 2023, Sec. 3.3; ISBI 2024)."""

    id = "global-energy-minimization"
    version = "1"
    inputs = ("y", "y_mask", "atoms", "adjacencies", "seeds", "clusters", "dsm_cfg")
    outputs = ("cover", "objects", "performance")

    pruning = param("exact", "How the sets of atoms are pruned.", choices=("exact", "isbi24"))
    beta = param(
        0.0, "Sparsity: the energy that each object costs.", min=0, max=1e300, auto=("scale^2", 0.66), unit="px2"
    )
    max_iter = param(5, "Number of runs of the greedy set cover, with beta * gamma each time.", min=1)
    gamma = param(0.8, "Factor of beta from run to run.", min=0, max=1)
    max_seed_distance = param(
        math.inf,
        "Largest distance of two seeds in one object, in pixels.",
        min=0,
        auto=("diameter", math.inf),
        unit="px",
    )
    max_work_amount = param(1e6, "Largest number of sets of atoms that a cluster may need.", min=1)

    def process(self, ctx: StageContext, *, dsm_cfg: Any, **fields: Any) -> dict[str, Any]:
        """Return the ``cover``, all fitted ``objects``, and the counts of the ``performance``."""
        from superdsm.core.energy_minimization import TooMuchWork, minimise_energies
        from superdsm.core.model import ModelParams
        from superdsm.core.prices import PricedFit, Prices

        model_params = ModelParams.from_config(dsm_cfg)
        fit = None
        if "prices" in dsm_cfg:
            fit = PricedFit(Prices(**dsm_cfg["prices"]), fields["y"], fields["atoms"])
        try:
            result = minimise_energies(**fields, model_params=model_params, **ctx.params, map=ctx.map, fit=fit)
        except TooMuchWork as exc:
            raise StageError(self.id, str(exc)) from exc
        for record in result.log:
            ctx.log(**record)
        return {name: getattr(result, name) for name in self.outputs}
