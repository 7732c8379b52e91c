"""What corrections by hand are carried out with."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from superdsm.core import model
from superdsm.core.objects import FloatArray, IntArray
from superdsm.core.search import SearchParams

DEFAULT_RADIUS = 16.0  # of a typical object where no scale is known, in pixels
FitFor = Callable[[FloatArray, IntArray], Callable[..., model.Fit]]


@dataclass(frozen=True, slots=True)
class Setting:
    """What corrections are carried out with; see `superdsm.core.energy_minimization.minimise_energies`.

    Attributes
    ----------
    model_params : superdsm.core.model.ModelParams
        Hyperparameters of the model.
    search : SearchParams
        Hyperparameters of the search.
    max_seed_distance, cluster_timeout, certify
        See there.
    fit_for : callable
        ``fit_for(y, atoms)`` is what fits models.
    superadditive : bool
        Whether its energies are superadditive.
    radius : float
        Radius of a typical object, in pixels.
    zoom : float
        Pixels of the working grid per pixel of the image.
    """

    model_params: model.ModelParams
    search: SearchParams
    max_seed_distance: float
    cluster_timeout: float
    certify: bool
    fit_for: FitFor
    superadditive: bool
    radius: float
    zoom: float = 1.0

    @classmethod
    def of(
        cls,
        model_params: model.ModelParams,
        params: Mapping[str, Any],
        fit_for: FitFor,
        *,
        superadditive: bool,
        scale: float | None,
        zoom: float,
    ) -> "Setting":
        """Make the setting of the hyperparameters of a minimisation, and of the scale of the image."""
        return cls(
            model_params,
            SearchParams(**{item.name: params[item.name] for item in fields(SearchParams)}),
            params["max_seed_distance"],
            params["cluster_timeout"],
            params["certify"],
            fit_for,
            superadditive,
            math.sqrt(2) * scale if scale else DEFAULT_RADIUS,
            zoom,
        )
