"""What objects are drawn upon: the image itself, as it is or with its contrast enhanced."""

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[Any]
RGB: TypeAlias = npt.NDArray[np.uint8]

GAMMA = 0.5  # lifts dim nuclei to a visible grey; the noise of the background stays dark
LEVELS = 4096  # before the gamma: as many as keep dark greys apart
SAMPLES = 1 << 17


def grey_picture(image: Image, *, enhance: bool = True, labels: Image | None = None) -> RGB:
    """Return an image as a picture.

    Parameters
    ----------
    image : ndarray, shape (rows, columns) or (rows, columns, 3)
        Grey intensities, or a uint8 colour image, which is shown as it is.
    enhance : bool, optional
        Whether grey intensities are stretched so that dim objects can be seen as well (from the percentile 0.5 to
        99.8, with a gamma of 0.5). Else the range from the least to the largest intensity is shown linearly.
    labels : ndarray of int, shape (rows, columns), optional
        Label image. With it, what is shown white is at least as bright as a typical pixel of the objects: where these
        are few and small, the noise of the background is not made as bright as they are.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3)
    """
    if image.ndim == 3:
        return np.array(image, dtype=np.uint8)
    low, high = _bright_range(image, labels) if enhance else (image.min(), image.max())
    if high <= low:  # nearly all is background
        low, high = image.min(), image.max()
    span = high - low if high > low else 1.0
    levels = ((np.linspace(0, 1, LEVELS) ** (GAMMA if enhance else 1)) * 255).round().astype(np.uint8)
    grey = levels[((np.clip(image, low, high) - low) * ((LEVELS - 1) / span)).astype(np.uint16)]
    return np.repeat(grey[..., None], 3, axis=2)


def _bright_range(image: Image, labels: Image | None) -> tuple[float, float]:
    step = max(1, math.isqrt(image.size // SAMPLES))
    low, high = np.percentile(image[::step, ::step], (0.5, 99.8))
    inside = image[labels > 0] if labels is not None else image[:0, :0].ravel()
    if inside.size:
        high = max(high, float(np.median(inside[:: max(1, inside.size // SAMPLES)])))
    return float(low), float(high)
