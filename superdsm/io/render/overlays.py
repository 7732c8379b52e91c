"""Contours of objects over the image."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from superdsm.io.render.background import grey_picture
from superdsm.io.render.colours import label_colours
from superdsm.io.render.contours import boundaries, contours
from superdsm.io.render.drawing import Colour

Image: TypeAlias = npt.NDArray[Any]
RGB: TypeAlias = npt.NDArray[np.uint8]

# From unsure to sure; told apart with any kind of colour vision, and on grey.
CONFIDENCE_COLOURS = ((255, 72, 0), (255, 190, 40), (190, 230, 190), (64, 190, 255))
OUTLINE_COLOUR: Colour = (255, 196, 0)


def overlay(
    image: Image,
    labels: Image,
    *,
    border: int = 2,
    position: str = "inner",
    enhance: bool = True,
    colour: Colour | None = None,
) -> RGB:
    """Draw the contours of objects into an image.

    Objects that are cut by the border of the image have open contours there.

    Parameters
    ----------
    image : ndarray, shape (rows, columns) or (rows, columns, 3)
        Grey intensities, or a uint8 colour image, which is shown as it is.
    labels : ndarray of int, shape (rows, columns)
        Label image; 0 is the background.
    border : int, optional
        Width of the contours, in pixels.
    position : str, optional
        Where the contours lie: "inner", "center" or "outer", see `superdsm.io.render.contours.contours`.
    enhance : bool, optional
        Whether the contrast of grey images is enhanced, see `superdsm.io.render.background.grey_picture`.
    colour : tuple of int, optional
        Red, green and blue of all contours; by default objects that touch have different colours.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3)
    """
    labels = np.asarray(labels)
    if image.shape[:2] != labels.shape:
        raise ValueError(f"the image has {image.shape[:2]} pixels, but the label image {labels.shape}")
    picture = grey_picture(image, enhance=enhance, labels=labels)
    if not labels.any():
        return picture
    colours = label_colours(labels)
    if colour is not None:
        colours[:] = colour
    return _with_contours(picture, contours(labels, border, position), colours)


def confidence_picture(image: Image, labels: Image, confidences: Sequence[float | None], *, border: int = 2) -> RGB:
    """Draw the contours of objects in colours that tell how sure these are.

    Parameters
    ----------
    image, labels, border
        See `overlay`.
    confidences : sequence of float or None
        From 0 (orange) to 1 (blue) for the labels 1, 2, ...; None: not known (white).

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3)
    """
    colours = np.array([(0, 0, 0), *map(_confidence_colour, confidences)], dtype=np.uint8)
    labels = np.asarray(labels)
    return _with_contours(grey_picture(image, labels=labels), contours(labels, border), colours)


def outlines_picture(image: Image, labels: Image, *, enhance: bool = True) -> RGB:
    """Draw lines of one pixel around the regions of a label image that fills the picture, as clusters do.

    Parameters
    ----------
    image, labels, enhance
        See `overlay`.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3)
    """
    picture = grey_picture(image, enhance=enhance)
    picture[boundaries(np.asarray(labels))] = OUTLINE_COLOUR
    return picture


def _with_contours(picture: RGB, contour: Image, colours: RGB) -> RGB:
    drawn = contour > 0
    picture[drawn] = colours[contour[drawn]]
    return picture


def _confidence_colour(value: float | None) -> tuple[int, ...]:
    if value is None:
        return (255, 255, 255)
    levels = np.linspace(0, 1, len(CONFIDENCE_COLOURS))
    channels = np.transpose(CONFIDENCE_COLOURS)
    return tuple(round(float(np.interp(value, levels, channel))) for channel in channels)
