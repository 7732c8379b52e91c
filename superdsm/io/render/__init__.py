"""Arrays to pictures: overlays, coloured label images, and maps of what the stages see."""

from superdsm.io.render.background import grey_picture
from superdsm.io.render.colours import COLOURS, coloured_labels
from superdsm.io.render.maps import atoms_picture, graph_picture, signed_map
from superdsm.io.render.overlays import confidence_picture, outlines_picture, overlay

__all__ = [
    "COLOURS",
    "atoms_picture",
    "coloured_labels",
    "confidence_picture",
    "graph_picture",
    "grey_picture",
    "outlines_picture",
    "overlay",
    "signed_map",
]
