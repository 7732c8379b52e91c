"""Figures of the objects of a label image that cost one pass over its pixels: size, place, intensity."""

from typing import Any

import numpy as np
import numpy.typing as npt

COLOURS = ("red", "green", "blue")
Columns = dict[str, npt.NDArray[np.float64]]


def figures(
    labels: npt.NDArray[np.integer[Any]], image: npt.NDArray[Any], pixel_size: tuple[float, float] | None = None
) -> Columns:
    """Return figures of all labels.

    Parameters
    ----------
    labels : ndarray of int, shape (rows, columns)
        Label image; 0 is the background.
    image : ndarray, shape (rows, columns) or (rows, columns, channels)
        The intensities as they were read.
    pixel_size : tuple of float, optional
        Height and width of a pixel, in micrometres.

    Returns
    -------
    dict of ndarray of float64
        By name and unit, one item for each number from 0 to the largest label; NaN where no pixel has it. "Centroid X
        px" and "Centroid Y px" are 0.5 in the middle of the first pixel, as outlines have it.
    """
    count = int(labels.max(initial=0)) + 1
    inside = labels > 0
    members = labels[inside]
    rows, columns = np.nonzero(inside)
    area = np.bincount(members, minlength=count).astype(np.float64)
    area[area == 0] = np.nan

    def mean(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        return np.bincount(members, values, count) / area

    found = {"Area px^2": area, "Centroid X px": mean(columns) + 0.5, "Centroid Y px": mean(rows) + 0.5}
    if pixel_size is not None:
        height, width = pixel_size
        found["Area µm^2"] = area * height * width
        found["Centroid X µm"] = found["Centroid X px"] * width
        found["Centroid Y µm"] = found["Centroid Y px"] * height
    if image.ndim == 2 or image.shape[2] < len(COLOURS):
        return found | {"Mean intensity": mean(image.reshape(*labels.shape, -1)[..., 0][inside])}
    return found | {f"Mean {name}": mean(image[..., channel][inside]) for channel, name in enumerate(COLOURS)}
