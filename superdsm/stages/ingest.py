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
COMPOSITE = (
    "the colours look like those of a fluorescence composite, of which the luminance was segmented (7 % blue); "
    "to segment one stain, choose its channel (channel, for instance --channel blue)"
)


class Ingest(Stage):
    """Turn the image to grey, and scale its intensities to [0, 1]."""

    id = "ingest"
    version = "1"
    inputs = ("image",)
    outputs = ("g_raw", "g_rgb")
    stored = False

    histological = param(False, "Whether the image is in colour, with dark objects on bright ground.", toplevel=True)
    colour = param(
        "luminance",
        "How colours become grey: by their luminance, or (auto) in fluorescence composites, vivid colours on black, by "
        "the channel that shows the nuclei.",
        choices=("luminance", "auto"),
        neutral="luminance",
    )

    def process(self, ctx: StageContext, *, image: Any) -> dict[str, Any]:
        """Return ``g_raw`` and, of histological images, ``g_rgb``."""
        from superdsm.core.ingest import composite_channel, grey_image

        if isinstance(image, (str, PathLike)):
            raise ImageError(f"{image}: an array is needed, not a path; read it with superdsm.io.read_image")
        try:
            channel = "" if ctx.params.histological else composite_channel(image)
            if channel and ctx.params.colour == "luminance":
                ctx.warn(COMPOSITE)
                channel = ""
            g_raw, g_rgb = grey_image(image, ctx.params.histological, channel)
        except ValueError as exc:
            raise ImageError(f"{ctx.image}: {exc}" if ctx.image else str(exc)) from exc
        if channel:
            ctx.tell(colour=channel)
        return {"g_raw": g_raw, "g_rgb": g_rgb}
