"""Make the picture of docs/evaluate.md: what goes wrong with hyperparameters that do not suit the images.

Run it in the root of the repository: ``python docs/make_evaluate.py``.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from superdsm.api import segment
from superdsm.config import Config
from superdsm.io import read_image, write_rgb
from superdsm.io.render import overlay
from superdsm.metrics import evaluate
from superdsm.metrics.picture import COLOURS, error_picture

GAP = 8  # white pixels between the pictures
LINE = 26  # height of the legend
PANELS = (
    ("bent", "global-energy-minimization/AF_beta", 0.1),
    ("clusters", "global-energy-minimization/AF_beta", 4.0),
    ("uneven", "postprocess/min_contrast", 2.5),
)


def panel(name: str, hyperparameter: str, value: float) -> np.ndarray:
    """Return the errors in an example image with a hyperparameter that does not suit it."""
    image, truth = (read_image(Path("examples") / folder / f"{name}.png") for folder in ("images", "true_labels"))
    config = Config.from_file(Path("examples") / "config.json").with_value(hyperparameter, value)
    labels = segment(image, config).labels
    background = overlay(image, np.zeros_like(labels))
    return error_picture(labels, truth, evaluate(labels, truth), background)


def legend(width: int) -> np.ndarray:
    """Return a strip with the names of all colours."""
    strip = Image.new("RGB", (width, LINE), "white")
    draw = ImageDraw.Draw(strip)
    font = ImageFont.load_default(15)
    step = width // len(COLOURS)
    for index, (kind, colour) in enumerate(COLOURS.items()):
        draw.rectangle((index * step, 7, index * step + 15, 22), fill=colour)
        draw.text((index * step + 22, 5), kind, fill="black", font=font)
    return np.asarray(strip)


pictures = [panel(*arguments) for arguments in PANELS]
rows = min(picture.shape[0] for picture in pictures)
gap = np.full((rows, GAP, 3), 255, np.uint8)
row = np.hstack([part for picture in pictures for part in (gap, picture[:rows])][1:])
write_rgb(Path("docs") / "evaluate.png", np.vstack([row, legend(row.shape[1])]))
