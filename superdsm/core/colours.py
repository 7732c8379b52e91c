"""Which channel of a colour image shows the nuclei: pictures of fluorescent stains, each in a colour of its own."""

from typing import Any

import numpy as np
import numpy.typing as npt

CHANNELS = ("red", "green", "blue")
BLUE = 2
ENOUGH = 200_003  # pixels that tell what kind of image it is
GROUND = 5.0  # percentage of the pixels that are darker than the signal begins
TOP = 99.9
DARK = 0.5  # the median of the brightest channel is below this part of its range where stains glow on black
BRIGHT = 0.2  # pixels above this part of the range show a stain
VIVID = 0.5  # how much the channels of a colour differ at least, as a part of the largest one
VIVID_SHARE = 0.1  # of the bright pixels
CONTENT = 0.15  # a channel with a stain reaches this part of the range
SAME = 0.95  # correlation of channels that show the same stain


def nuclear_channel(image: npt.NDArray[Any]) -> str:
    """Return the channel of a fluorescence composite that shows the nuclei.

    A composite has vivid colours on black. Where all its channels show the same, it is the picture of one stain, and
    the strongest channel is taken. Otherwise it is blue, in which stains of the DNA are shown by convention (also
    where it is a part of white); and without anything blue nothing tells, so that it is the maximum of the channels.

    Parameters
    ----------
    image : ndarray of bool, integers or floats, shape (rows, columns, 3)
        Red, green and blue.

    Returns
    -------
    str
        "red", "green", "blue" or "max"; "" if the image is none: grey, or stained tissue, or a photograph.
    """
    pixels = image.reshape(-1, 3)
    values = pixels[:: max(1, len(pixels) // ENOUGH)].astype(np.float64)
    signal = np.maximum(values - np.percentile(values, GROUND, axis=0), 0)
    largest = signal.max(axis=1)
    top = float(np.percentile(largest, TOP))
    if not top > 0 or np.median(values.max(axis=1)) - values.min() > DARK * (values.max() - values.min()):
        return ""
    bright = largest > BRIGHT * top
    colours = signal[bright]
    if np.mean(colours.max(axis=1) - colours.min(axis=1) > VIVID * colours.max(axis=1)) < VIVID_SHARE:
        return ""
    reached = np.percentile(signal, TOP, axis=0)
    strongest = int(np.argmax(reached))
    stained = [channel for channel in range(3) if reached[channel] > CONTENT * top]
    if all(_correlation(signal[:, strongest], signal[:, channel]) > SAME for channel in stained):
        return CHANNELS[strongest]
    return CHANNELS[BLUE] if BLUE in stained else "max"


def _correlation(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    if not one.std() > 0 or not other.std() > 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def channel_of(image: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """Return a channel of a colour image.

    Parameters
    ----------
    image : ndarray, shape (rows, columns, 3)
        Red, green and blue.
    name : str
        "red", "green", "blue", or "max" for the largest of the three in each pixel.

    Returns
    -------
    ndarray, shape (rows, columns)
    """
    return np.ascontiguousarray(image.max(axis=2) if name == "max" else image[..., CHANNELS.index(name)])
