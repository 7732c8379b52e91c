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
    outputs = ("cover", "objects", "performance", "certificate")
    optional = ("corrections", "scale", "zoom")

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
    max_work_amount = param(
        1e6, "Largest number of sets of atoms that a cluster may need, unless max_cluster_sets is set.", min=1
    )
    cover = param(
        "greedy",
        "How the cover is chosen among the fitted sets: greedily, or the best one.",
        choices=("greedy", "exact"),
        neutral="greedy",
    )
    cover_timeout = param(
        math.inf, "Limit of the search for the exact cover of a large cluster, in seconds.", min=0, neutral=math.inf
    )
    max_cluster_sets = param(
        None,
        "Most models that are fitted in a cluster, then the best cover so far is taken; null: no limit.",
        type=int,
        min=1,
        nullable=True,
        neutral=None,
    )
    cluster_timeout = param(
        math.inf,
        "Limit of the time that a cluster takes, in seconds; then the best cover so far is taken, which depends on the "
        "speed of the computer. Set max_cluster_sets so low that this is not reached.",
        min=0,
        neutral=math.inf,
    )
    certify = param(
        False, "Whether the energy of each model is bounded by duality, for the certificate.", neutral=False
    )

    def process(
        self,
        ctx: StageContext,
        *,
        dsm_cfg: Any,
        corrections: Any = None,
        scale: Any = None,
        zoom: Any = 1.0,
        **fields: Any,
    ) -> dict[str, Any]:
        """Return the ``cover``, all fitted ``objects``, the counts of the ``performance``, and the ``certificate``.

        With ``corrections``, they are those after the corrections.
        """
        from superdsm.core.energy_minimization import TooMuchWork, minimise_energies
        from superdsm.core.model import ModelParams, fit
        from superdsm.core.prices import PricedFit, Prices

        model_params = ModelParams.from_config(dsm_cfg)
        prices = Prices(**dsm_cfg["prices"]) if "prices" in dsm_cfg else None

        def fit_for(y: Any, atoms: Any) -> Any:
            return fit if prices is None else PricedFit(prices, y, atoms)

        try:
            result = minimise_energies(
                **fields,
                model_params=model_params,
                **ctx.params,
                map=ctx.map,
                fit=fit_for(fields["y"], fields["atoms"]),
                superadditive=prices is None,
            )
        except TooMuchWork as exc:
            raise StageError(self.id, str(exc)) from exc
        if corrections and corrections["corrections"]:
            from superdsm.core.correction_setting import Setting

            setting = Setting.of(
                model_params, ctx.params, fit_for, superadditive=prices is None, scale=scale, zoom=zoom or 1.0
            )
            result = self.corrected(ctx, result, corrections, setting, fields)
        for record in result.log:
            ctx.log(**record)
        ctx.tell(fallbacks=sum(record["status"] not in SETTLED for record in result.log))
        for detail in result.certificate["details"]:
            if detail["reasons"]:
                ctx.log(**{name: detail[name] for name in ("cluster", "atoms", "upper", "lower", "reasons")})
        for message in result.warnings:
            ctx.warn(message)
        return {name: getattr(result, name) for name in self.outputs}

    def corrected(self, ctx: StageContext, result: Any, corrections: Any, setting: Any, fields: Any) -> Any:
        """Return the outcome after corrections by hand."""
        from superdsm.core.correction_scene import ImpossibleError, Scene
        from superdsm.core.corrections import correct

        scene = Scene(**{name: fields[name] for name in ("y", "y_mask", "atoms", "clusters", "adjacencies", "seeds")})
        try:
            result = correct(result, corrections, scene, setting, ctx.map)
        except ImpossibleError as exc:
            raise StageError(self.id, str(exc)) from exc
        ctx.tell(corrected=len(corrections["corrections"]))
        return result


SETTLED = ("optimal", "noise")  # what became of a fit; otherwise the solver gave up, and a simpler model stands for it
