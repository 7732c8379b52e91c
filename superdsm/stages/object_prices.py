"""What objects cost beside their energies."""

import dataclasses
import math
from typing import Any

from superdsm.params import param
from superdsm.stage import Stage, StageContext


class ObjectPrices(Stage):
    """Prices for objects of two brightnesses, of odd outlines, and of large sizes: what nuclei that touch look like."""

    id = "object-prices"
    version = "2"
    inputs = ("dsm_cfg", "scale")
    outputs = ("dsm_cfg",)
    stored = False

    brightness = param(
        0.0,
        "Price of the variance of the log brightness within an object.",
        min=0,
        max=1e300,
        auto=("scale^2", 15.0),
        unit="px2",
    )
    outline = param(
        0.0, "Price of the part of an object outside of the ellipse of its moments.", min=0, max=1e300,
        auto=("scale^2", 10.0), unit="px2",
    )  # fmt: skip
    size = param(
        0.0,
        "Price of the log area of an object, in typical ones.",
        min=0,
        max=1e300,
        auto=("scale^2", 0.5),
        unit="px2",
    )
    outline_tolerance = param(0.04, "What of an object may be outside of the ellipse for free.", min=0, max=1)
    size_tolerance = param(1.2, "Up to which area size is free, in typical areas.", min=1e-3, max=1e6)
    brightness_offset = param(0.3, "Brightness at the threshold of the foreground, in amplitudes.", min=1e-3, max=1e3)

    neck = param(
        0.0,
        "Price of the weakness of the links that hold the atoms of an object together.",
        min=0,
        max=1e300,
        auto=("scale^2", 1.0),
        unit="px2",
    )
    neck_width = param(1.0, "Width at which a link is not weak, in diameters of the smaller atom.", min=0, max=10)
    neck_depth = param(1.0, "What a dip of the brightness at a link counts beside its width.", min=0, max=100)

    def process(self, ctx: StageContext, *, dsm_cfg: Any, scale: Any) -> dict[str, Any]:
        """Return ``dsm_cfg`` with the prices, for the stages that fit models."""
        from superdsm.core.prices import Prices

        prices = Prices(typical_area=2 * math.pi * scale**2, **ctx.params)
        return {"dsm_cfg": {**dsm_cfg, "prices": dataclasses.asdict(prices)}}
