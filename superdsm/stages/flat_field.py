"""Correction of uneven illumination, before anything else; no profile has it, ``use`` puts it in."""

import os
from pathlib import Path
from typing import Any

from superdsm.config import Config
from superdsm.errors import ConfigError, ImageError
from superdsm.jsonable import digest_bytes
from superdsm.params import param
from superdsm.stage import Stage, StageContext

LARGEST = 999.0  # that is told
FILES = ("flat", "dark_image")
STRONG = 5.0  # ratio of the brightest to the darkest place beyond which an estimate is doubtful


class FlatField(Stage):
    """Divide the image by its illumination: that of a flat image, or what the background of the image itself tells."""

    id = "flat-field"
    version = "1"
    inputs = ("image",)
    outputs = ("image",)
    stored = False
    before = "ingest"
    # Digests of the files as they were when the results were identified. In a slot: what is in the __dict__ of a stage
    # is taken for a part of its code.
    __slots__ = ("_digests",)

    flat = param(
        "",
        "File with the illumination: an empty field of view, of the same size; absolute, or relative to the working "
        'directory. "": estimated from the background of each image.',
    )
    dark = param(
        0.0,
        "Intensity without light, of images and the flat image, in the units of the files.",
        min=0,
        max=1e300,
    )
    dark_image = param("", 'File with the intensities without light, instead of one number. "": none.')
    degree = param(2, "Degree of the surface through the background that is the estimate.", min=1, max=6)

    def __init__(self, **defaults: Any) -> None:
        super().__init__(**defaults)
        self._digests: dict[str, str] = {}

    def identity_params(self, config: Config, image: bool = False) -> dict[str, Any]:
        """Return the hyperparameters, for files the digests of their contents; see `Stage.identity_params`."""
        values = super().identity_params(config, image)
        for name in FILES:
            if values[name]:
                path = values[name]
                values[name] = self._digests[path] = _digest(path, self.path(name))
        return values

    def files(self, config: Config) -> tuple[str, ...]:
        """Return the paths of the flat and the dark image."""
        values = (config.get(self.path(name), self.defaults.get(name)) for name in FILES)
        return tuple(value for value in values if isinstance(value, str) and value)

    def process(self, ctx: StageContext, *, image: Any) -> dict[str, Any]:
        """Return the corrected ``image``."""
        from superdsm.core.flat_field import corrected, illumination

        if isinstance(image, (str, os.PathLike)) or getattr(image, "ndim", 0) not in (2, 3):
            return {"image": image}  # the next stage says what is wrong with it
        params = ctx.params
        dark = self._read(ctx, params.dark_image, image.shape) if params.dark_image else params.dark
        flat = self._read(ctx, params.flat, image.shape) if params.flat else illumination(image, params.degree)
        try:
            result = corrected(image, flat, dark)
        except ValueError as exc:
            if params.flat:
                raise ImageError(f"{params.flat} {exc}; give another one as {self.path('flat')}") from exc
            ctx.warn(f"the background of the image {exc}: its illumination was not corrected")
            return {"image": image}
        if not params.flat:
            self._tell(ctx, flat - dark)
        return {"image": result}

    def _tell(self, ctx: StageContext, light: Any) -> None:
        """Tell how much an estimated illumination varies."""
        span = min(float(light.max() / max(light.min(), 1e-300)), LARGEST)
        ctx.tell(illumination=round(span, 3))
        if span > STRONG:
            ctx.warn(
                f"the estimated illumination varies {span:.3g} times over the image, and may be wrong; "
                f"give {self.path('flat')}, or {self.path('dark')}"
            )

    def _read(self, ctx: StageContext, path: str, shape: tuple[int, ...]) -> Any:
        if self._digests.get(path) != _digest(path, self.id):
            raise ImageError(f"{path}: was changed while it was being used; start again")
        found = ctx.read_image(path)
        if found.ndim != 2 or found.shape != shape[:2]:
            sizes = " and ".join(" x ".join(map(str, one)) for one in (found.shape, shape))
            raise ImageError(f"{path}: is no grey image of the size of the image (they are {sizes} pixels)")
        return found.astype("float64")


def _digest(path: str, name: str) -> str:
    file = Path(path)
    try:
        if not file.is_file():
            raise ConfigError(f"{name}: there is no file {path}; give the path of an image")
        return digest_bytes(file.read_bytes())
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{name}: {path} cannot be read ({exc}); give the path of an image") from exc
