"""First stage: from the image as read to grey intensities."""

from os import PathLike
from typing import Any

from superdsm.errors import ImageError
from superdsm.params import param
from superdsm.stage import Stage, StageContext

BRIGHT_FIELD = (
    "the image looks like bright field (dark objects on bright ground), but bright objects are looked for; "
    "set histological to true if it is in colour, or invert it"
)


class Ingest(Stage):
    """Turn the image to grey, and scale its intensities to [0, 1]."""

    id = "ingest"
    version = "1"
    inputs = ("image",)
    outputs = ("g_raw", "g_rgb")
    stored = False

    histological = param(False, "Whether the image is in colour, with dark objects on bright ground.", toplevel=True)

    def process(self, ctx: StageContext, *, image: Any) -> dict[str, Any]:
        """Return ``g_raw`` and, of histological images, ``g_rgb``."""
        from superdsm.core.ingest import grey_image

        if isinstance(image, (str, PathLike)):
            raise ImageError(f"{image}: an array is needed, not a path; read it with superdsm.io.read_image")
        try:
            g_raw, g_rgb = grey_image(image, ctx.params.histological)
        except ValueError as exc:
            raise ImageError(f"{ctx.image}: {exc}" if ctx.image else str(exc)) from exc
        return {"g_raw": g_raw, "g_rgb": g_rgb}
