"""Make the picture of the README: an example image, the graph of its atoms, and the segmented nuclei.

Run it in the root of the repository: ``python docs/make_example.py``.
"""

from pathlib import Path

import numpy as np

from superdsm.api import segment
from superdsm.config import Config
from superdsm.io import read_image, write_rgb
from superdsm.io.render import graph_picture, overlay

GAP = 8  # white pixels between the pictures

examples = Path("examples")
result = segment(read_image(examples / "images" / "uneven.png"), Config.from_file(examples / "config.json"))
fields = result.fields
names = ("y", "atoms", "adjacencies", "seeds", "clusters")
pictures = [
    overlay(fields["g_raw"], np.zeros_like(result.labels)),
    graph_picture(*(fields[name] for name in names)),
    result.overlay(),
]
gap = np.full((pictures[0].shape[0], GAP, 3), 255, np.uint8)
write_rgb(Path("docs") / "example.png", np.hstack([pictures[0], gap, pictures[1], gap, pictures[2]]))
