"""Make the pictures of the page on choosing parameters: what single hyperparameters do to a small synthetic image.

Run it in the root of the repository: ``python docs/make_choosing_parameters.py``.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from superdsm.api import segment
from superdsm.io import write_rgb
from superdsm.testing.synthetic import synthetic_image

GAP = 6  # white pixels between the pictures
FOLDER = Path("docs") / "choosing-parameters"
Image = npt.NDArray[Any]
Setting = Mapping[str, Any]


def crowded() -> Image:
    """Return an image of nuclei that touch."""
    return synthetic_image(2, (150, 170), n_nuclei=14, radius=13, clustering=0.75, background=0.1, bent=0.1)[0]


def dim_and_bright() -> Image:
    """Return an image in which some nuclei are much dimmer than the others."""
    image, labels = synthetic_image(4, (150, 170), n_nuclei=14, radius=11, clustering=0.0, background=0.0, noise=0.01)
    factors = np.where(np.arange(labels.max() + 1) % 3 == 1, 0.24, 1.0)
    factors[0] = 1.0
    smooth = ndimage.gaussian_filter(factors[labels], 1.0)
    return np.asarray(image * smooth)


def with_debris() -> Image:
    """Return an image of nuclei with small bright debris between them."""
    image, labels = synthetic_image(6, (150, 170), n_nuclei=9, radius=13, clustering=0.2, background=0.0)
    rng, spots = np.random.default_rng(3), np.zeros(image.shape)
    free = np.argwhere(ndimage.distance_transform_edt(labels == 0) > 8)
    spots[tuple(rng.permutation(free)[:14].T)] = 1.0
    debris = ndimage.gaussian_filter(spots, 3.0)
    return np.asarray(image + 75 * debris / debris.max())


def blurred() -> Image:
    """Return an image of nuclei without sharp edges."""
    image = synthetic_image(8, (150, 170), n_nuclei=9, radius=14, clustering=0.0, background=0.1)[0]
    return ndimage.gaussian_filter(image.astype(float), 3.5)


BETA = "global-energy-minimization/AF_beta"
PICTURES: Mapping[str, tuple[Image, tuple[Setting, ...]]] = {
    "size": (crowded(), ({"nucleus_radius": 40}, {"nucleus_radius": 4}, {})),
    "merged": (crowded(), ({BETA: 6.0}, {})),
    "split": (crowded(), ({BETA: 0.05}, {})),
    "missed": (dim_and_bright(), ({}, {"evidence/min_amplitude": 0.1})),
    "outlines": (blurred(), tuple({"contours/level": level} for level in (0.15, 0.36, 0.7))),
    "too-many": (with_debris(), ({}, {"evidence/min_area": 0.3})),
}


def main() -> None:
    """Write the pictures, and say how many objects each shows."""
    FOLDER.mkdir(exist_ok=True)
    for name, (image, settings) in PICTURES.items():
        panels: list[Image] = []
        for setting in settings:
            result = segment(image, setting, profile="adaptive")
            sys.stdout.write(f"{name}: {dict(setting)}: {len(result.objects)} objects\n")
            panels += [result.overlay(border=1), np.full((image.shape[0], GAP, 3), 255, np.uint8)]
        write_rgb(FOLDER / f"{name}.png", np.repeat(np.repeat(np.hstack(panels[:-1]), 2, axis=0), 2, axis=1))


if __name__ == "__main__":
    main()
