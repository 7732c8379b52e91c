"""Lines, dots and words in pictures."""

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

RGB: TypeAlias = npt.NDArray[np.uint8]
Colour: TypeAlias = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
FONT_SIZE = 12


def line(picture: RGB, start: Any, stop: Any, width: float, colour: Colour) -> None:
    """Draw a line with round ends and smooth edges; a line from a point to itself is a dot."""
    margin = width / 2 + 1
    low = np.floor(np.minimum(start, stop) - margin).astype(int).clip(0)
    high = np.ceil(np.maximum(start, stop) + margin).astype(int) + 1
    window = picture[low[0] : high[0], low[1] : high[1]]
    rows = np.arange(low[0], low[0] + window.shape[0])[:, None] - start[0]
    columns = np.arange(low[1], low[1] + window.shape[1])[None, :] - start[1]
    drow, dcolumn = np.subtract(stop, start)
    square = drow**2 + dcolumn**2
    along = np.clip((rows * drow + columns * dcolumn) / square, 0, 1) if square else 0.0
    distance = np.hypot(rows - along * drow, columns - along * dcolumn)
    opacity = np.clip(width / 2 + 0.5 - distance, 0, 1)[..., None]
    window[:] = (window + opacity * (np.array(colour) - window.astype(float))).round().astype(np.uint8)


def text_width(text: str) -> int:
    """Return how many pixels a line of text is wide."""
    return math.ceil(float(_font().getlength(text)))


def write(picture: RGB, row: int, column: int, text: str) -> None:
    """Write a line of white text whose upper left corner is at a pixel; what does not fit is cut off."""
    from PIL import Image as PillowImage
    from PIL import ImageDraw

    canvas = PillowImage.fromarray(picture)
    ImageDraw.Draw(canvas).text((column, row), text, font=_font(), fill=WHITE)
    picture[:] = np.asarray(canvas)


def scale_bar(picture: RGB, pixel_size: float) -> None:
    """Draw a white bar with a dark rim into the lower right corner, about a fifth of the picture wide.

    Parameters
    ----------
    picture : ndarray of uint8, shape (rows, columns, 3)
        Is changed. In a picture where bar and words do not fit, nothing is drawn.
    pixel_size : float
        Micrometres per pixel, along a row.
    """
    rows, columns = picture.shape[:2]
    length = _round_length(columns * pixel_size / 5)
    pixels, text = round(length / pixel_size), f"{length:g} um"
    height, margin = max(3, rows // 150), 8
    box = (max(pixels, text_width(text)) + 2 * margin, FONT_SIZE + height + 3 * margin)
    if pixels < 1 or box[0] > columns or box[1] > rows:
        return
    top, left = rows - box[1], columns - box[0]
    picture[top + margin // 2 : rows - margin // 2, left + margin // 2 : columns - margin // 2] //= 3
    write(picture, top + margin, left + margin, text)
    picture[rows - margin - height : rows - margin, left + margin : left + margin + pixels] = WHITE


def _round_length(length: float) -> float:
    """Return the largest of 1, 2 and 5 times a power of ten that is not above a length."""
    power = 10.0 ** np.floor(np.log10(length))
    return float(max(factor * power for factor in (1, 2, 5) if factor * power <= length * (1 + 1e-9)))


def _font() -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(FONT_SIZE)
