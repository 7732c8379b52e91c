"""From an image of any kind to grey intensities between 0 and 1."""

from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.color import rgb2gray

from superdsm.core.colours import channel_of, nuclear_channel

COLOUR_CHANNELS = 3
LARGEST = 1e300  # so that differences and sums of a few intensities are finite
LARGE = 200_000  # values from which on a table of all intensities pays off


def composite_channel(image: npt.NDArray[Any]) -> str:
    """Return the channel of an image that shows nuclei, see `superdsm.core.colours.nuclear_channel`; "": it is grey.

    Raises
    ------
    ValueError
        As by `grey_image`.
    """
    image = _checked(image)
    return "" if image.ndim == 2 or _repeats_one_channel(image) else nuclear_channel(image)


def grey_image(
    image: npt.NDArray[Any], histological: bool, channel: str = ""
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8] | None]:
    """Turn an image into grey intensities, scaled to [0, 1] by their minimum and maximum.

    Colour becomes grey with the weights of `skimage.color.rgb2gray`. Histological images are dark on bright: their
    grey is the mean of the channels, inverted.

    Parameters
    ----------
    image : ndarray of bool, integers or floats, shape (rows, columns) or (rows, columns, channels)
        In any memory layout and byte order. Grey (2-D, or one channel), grey with alpha (two channels), colour (three),
        or colour with alpha (four).
    histological : bool
        Whether the image is a colour image of dark objects on bright background.
    channel : str, optional
        Of a colour image: the channel to take instead of the luminance, see `superdsm.core.colours.channel_of`.

    Returns
    -------
    g_raw : ndarray of float64, shape (rows, columns)
        Intensities in [0, 1]; all zero for a constant image.
    g_rgb : ndarray of uint8, shape (rows, columns, 3), or None
        The colour image, if `histological`.

    Raises
    ------
    ValueError
        The image is empty, has a wrong number of axes or channels, is transparent, holds complex numbers, NaN or
        infinity, numbers beyond 1e300, or is grey although `histological` is set.
    """
    image = _checked(image)
    if channel and image.ndim == 3:
        image = channel_of(image, channel)
    if image.dtype.kind == "f" and image.dtype.itemsize > np.dtype(float).itemsize:
        image = image.astype(np.float64)  # not known to rgb2gray
    if histological:
        if image.ndim == 2:
            raise ValueError("the image is grey, but histological images are in colour; set histological to false")
        grey = image.mean(axis=2, dtype=np.float64)
        np.subtract(grey.max(), grey, out=grey)
        return _stretched(grey), _as_bytes(image)
    if image.ndim == 3 and image.size > LARGE and _repeats_one_channel(image):
        return _looked_up(image[..., 0]), None
    grey = rgb2gray(image) if image.ndim == 3 else image
    return _stretched(grey.astype(np.float64)), None


def _checked(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the image without alpha, contiguous and native: the last bit of a sum depends on the order of terms."""
    image = np.ascontiguousarray(image)
    image = image.astype(image.dtype.newbyteorder("="), copy=False)
    _check_kind(image)
    return _without_alpha(image)


def _check_kind(image: npt.NDArray[Any]) -> None:
    shape = " x ".join(map(str, image.shape))
    if image.dtype.kind not in "buif":
        raise ValueError(f"the pixels are of type {image.dtype}; give an image of booleans, integers or real numbers")
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] > 4):
        kind = "a stack" if image.ndim >= 3 else "not an image"
        raise ValueError(f"the shape {shape or '()'} is {kind}; give one plane (rows x columns, 1 to 4 channels)")
    if image.size == 0:
        raise ValueError(f"the image has no pixels (shape {shape}); give one with at least one row and column")
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise ValueError("the image has NaN or infinite pixels; replace them first")
    if image.dtype.kind == "f" and max(float(image.max()), -float(image.min())) > LARGEST:
        raise ValueError(f"the image has pixels beyond {LARGEST:g}, too large to compute with; scale it first")


def _without_alpha(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return (rows, columns) or (rows, columns, 3)."""
    if image.ndim == 2:
        return image
    if image.shape[2] in (2, 4):
        alpha = image[..., -1]
        opaque = np.iinfo(alpha.dtype).max if alpha.dtype.kind in "ui" else max(1, alpha.max())  # 1, or 255 as float
        if not (alpha == opaque).all():
            raise ValueError("the image has transparent pixels; remove its alpha channel, or make it opaque")
    return image[..., 0] if image.shape[2] < COLOUR_CHANNELS else image[..., :COLOUR_CHANNELS]


def _repeats_one_channel(image: npt.NDArray[Any]) -> bool:
    """Tell whether an image of bytes or 16-bit integers is grey in three equal channels."""
    first = image[..., 0]
    return image.dtype in (np.uint8, np.uint16) and all(np.array_equal(first, image[..., i]) for i in (1, 2))


def _looked_up(channel: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Stretched luminance of three equal channels: the same values as those of whole images, ten times faster."""
    low, high = int(channel.min()), int(channel.max())
    levels = np.arange(low, high + 1).astype(channel.dtype)
    # in a row of many pixels, as in an image: the order of the sums, and so the last bit, depends on the shape
    row = np.repeat(levels[None, :, None], COLOUR_CHANNELS, axis=2)
    table = _stretched(rgb2gray(row)[0])
    grey: npt.NDArray[np.float64] = table[channel - channel.dtype.type(low)]
    return grey


def _stretched(grey: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Scale to [0, 1] in place."""
    grey -= grey.min()
    maximum = grey.max()
    if maximum > 0:
        grey /= maximum
    return grey


def _as_bytes(image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Scale a colour image to 0 ... 255 by the range of its type (of floats: by 1, or by their maximum beyond)."""
    if image.dtype == np.uint8:
        return image.copy()
    if image.dtype.kind == "f":
        full = max(1.0, float(image.max()))
    else:
        full = 1.0 if image.dtype.kind == "b" else float(np.iinfo(image.dtype).max)
    return np.rint(np.clip(image / full, 0, 1) * 255).astype(np.uint8)
