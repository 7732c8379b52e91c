"""Flat-field correction: intensities divided by how brightly each place of the field of view is illuminated.

With a dark image D and a flat image F of the same instrument the corrected intensities are (I - D) / f, where f is
F - D divided by its mean (Seibert, Boone and Lindfors, Flat-field correction technique for digital detectors, SPIE
3336, 1998). Without F, f is estimated from the image: a polynomial surface through its background.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
TILES = 24  # along the longer side
LEAST_TILE = 8  # pixels along a side
QUANTILE = 0.25  # of the intensities of a tile: its background, if less than three quarters of it are objects
ROUNDS = 20
CUT = 2.0  # tiles this many deviations above the surface are covered by objects
BELOW = 4.0  # tiles this many deviations below it are shadows, or outside of the field
NORMAL_MEDIAN = 0.6744897501960817  # median of |x| for standard normal x
LEAST = 0.05  # places that are illuminated less than this part of the mean tell nothing


def background_surface(image: FloatArray, degree: int) -> FloatArray:
    """Fit a polynomial surface through the background of an image.

    The background of a tile of the image is a low quantile of its intensities. The surface is fitted by least squares
    with Tukey's weights, in which tiles far above it (objects) count less the farther they are, until nothing changes.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
        Intensities.
    degree : int
        Degree of the polynomial.

    Returns
    -------
    ndarray of float64, same shape
    """
    rows, columns, values = _tiles(image)
    design = _monomials(_relative(rows, image.shape[0]), _relative(columns, image.shape[1]), degree)
    weights = np.ones(len(values))
    for _ in range(ROUNDS):
        root = np.sqrt(weights)
        coefficients = np.linalg.lstsq(design * root[:, None], values * root, rcond=None)[0]
        residuals = values - design @ coefficients
        # of the tiles that count, from their own centre: the objects would widen it
        deviation = float(np.median(np.abs(residuals[weights > 0]))) / NORMAL_MEDIAN
        if deviation <= 1e-12 * np.abs(values).max(initial=1e-300):
            break
        limits = np.where(residuals > 0, CUT, BELOW) * deviation
        new = np.where(np.abs(residuals) < limits, (1 - (residuals / limits) ** 2) ** 2, 0)
        if np.count_nonzero(new) < design.shape[1] or np.allclose(new, weights, atol=1e-3):
            break
        weights = new
    across = _powers(_relative(np.arange(image.shape[1]), image.shape[1]), degree)
    down = _powers(_relative(np.arange(image.shape[0]), image.shape[0]), degree)
    table = np.zeros((degree + 1, degree + 1))
    for (p, q), coefficient in zip(_exponents(degree), coefficients, strict=True):
        table[p, q] = coefficient
    return np.asarray(down.T @ table @ across)


def _tiles(image: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return row and column of the middle of each tile, and its background."""
    side = max(LEAST_TILE, -(-max(image.shape) // TILES))
    rows, columns, values = [], [], []
    for top in _starts(image.shape[0], side):
        for left in _starts(image.shape[1], side):
            tile = image[top : top + side, left : left + side]
            rows.append(top + (tile.shape[0] - 1) / 2)
            columns.append(left + (tile.shape[1] - 1) / 2)
            values.append(np.quantile(tile, QUANTILE))
    return np.array(rows), np.array(columns), np.array(values)


def _starts(length: int, side: int) -> range:
    """Return where tiles begin; a rest of less than half of a tile is left out, unless it is all there is."""
    return range(0, max(1, length - side // 2), side)


def _relative(places: npt.NDArray[Any], length: int) -> FloatArray:
    """Return places as numbers from -1 to 1."""
    return np.asarray(2 * places / max(1, length - 1) - 1, np.float64)


def _exponents(degree: int) -> list[tuple[int, int]]:
    return [(p, q) for p in range(degree + 1) for q in range(degree + 1 - p)]


def _powers(places: FloatArray, degree: int) -> FloatArray:
    return np.stack([places**power for power in range(degree + 1)])


def _monomials(rows: FloatArray, columns: FloatArray, degree: int) -> FloatArray:
    return np.stack([rows**p * columns**q for p, q in _exponents(degree)], axis=1)


def corrected(image: npt.NDArray[Any], flat: FloatArray, dark: float | FloatArray) -> FloatArray:
    """Divide an image by a flat image.

    Parameters
    ----------
    image : ndarray, shape (rows, columns) or (rows, columns, channels)
        Intensities.
    flat : ndarray of float64, shape (rows, columns)
        How brightly each place is illuminated, in any unit.
    dark : float or ndarray of float64, shape (rows, columns)
        The intensity without light, of the image and of the flat image.

    Returns
    -------
    ndarray of float64, shape of the image
        In the units of the image; the mean of the divisor is 1. Nothing is below 0.

    Raises
    ------
    ValueError
        The flat image has another shape, or is nowhere brighter than `dark`.
    """
    if flat.shape != image.shape[:2]:
        raise ValueError(f"has {_pixels(flat.shape)} pixels, but the image has {_pixels(image.shape)}")
    relative = flat - dark
    if not relative.mean() > 0:
        raise ValueError("is not brighter than the dark intensity")
    relative = np.maximum(relative / relative.mean(), LEAST)
    if image.ndim == 3:
        relative = relative[..., None]
        dark = dark[..., None] if isinstance(dark, np.ndarray) else dark
    return np.asarray(np.maximum((image.astype(np.float64) - dark) / relative, 0))


def illumination(image: npt.NDArray[Any], degree: int) -> FloatArray:
    """Estimate from the background of an image how brightly each place is illuminated.

    Parameters
    ----------
    image : ndarray, shape (rows, columns) or (rows, columns, channels)
        Intensities; in colour the mean of the channels counts.
    degree : int
        See `background_surface`.

    Returns
    -------
    ndarray of float64, shape (rows, columns)
    """
    grey = image.mean(axis=2) if image.ndim == 3 else image
    return background_surface(np.asarray(grey, np.float64), degree)


def _pixels(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} x {shape[1]}"
