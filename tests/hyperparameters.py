"""Hyperparameters for tests of `superdsm.core`: those that the stages declare."""

from superdsm.core.model import ModelParams
from superdsm.core.prices import Prices
from superdsm.core.search import SearchParams
from superdsm.stages.dsm import Dsm
from superdsm.stages.global_energy_minimization import GlobalEnergyMinimization
from superdsm.stages.object_prices import ObjectPrices


def defaults(stage, *names, **changes):
    """Return the defaults of a stage by name (or some of them), with changes; unknown names are errors."""
    known = {name: spec.default for name, spec in stage.declared.items()}
    assert set(changes) <= set(known), set(changes) - set(known)
    return {name: known[name] for name in names or known} | changes


def model_params(**changes):
    """Return the defaults of the stage ``dsm``, with changes."""
    return ModelParams.from_config(defaults(Dsm, **changes))


def search_params(**changes):
    """Return the defaults of the stage ``global-energy-minimization``, with changes."""
    return SearchParams(**defaults(GlobalEnergyMinimization, *SearchParams.__dataclass_fields__, **changes))


def object_prices(typical_area, **changes):
    """Return the defaults of the stage ``object-prices``, with changes."""
    return Prices(typical_area=typical_area, **defaults(ObjectPrices, **changes))
