"""Resampling of images and masks between the pixels of an image and other grids that cover the same area."""

import math

import numpy as np
import numpy.typing as npt

from superdsm.core.objects import BoolArray, FloatArray, cropped

MARGIN = 2  # pixels around a mask that the smoothing of its outline needs


def resample(image: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Resample an image to another number of rows and columns.

    Where pixels become larger, they are averages over their area (also over parts of pixels), so that nothing is lost
    and noise falls as it should; where they become smaller, they are interpolated linearly.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
        Intensities; at least one pixel.
    shape : tuple of int
        Rows and columns of the result; at least 1 each.

    Returns
    -------
    ndarray of float64, shape `shape`
        Contiguous; a copy of the image if the shape is the same.
    """
    columns = _resampled_rows(np.asarray(image, np.float64), shape[0])
    return np.ascontiguousarray(_resampled_rows(columns.T, shape[1]).T)


def _resampled_rows(image: FloatArray, rows: int) -> FloatArray:
    before = image.shape[0]
    if rows == before:
        return image.copy()
    if rows < before:
        # differences of the cumulative sums at the (fractional) edges of the new pixels
        sums = np.zeros((before + 1, image.shape[1]))
        np.cumsum(image, axis=0, out=sums[1:])
        edges = np.arange(rows + 1) * (before / rows)
        return np.asarray(np.diff(_interpolated_rows(sums, edges), axis=0) / (before / rows), np.float64)
    return _interpolated_rows(image, (np.arange(rows) + 0.5) * (before / rows) - 0.5)


def _interpolated_rows(image: FloatArray, positions: FloatArray) -> FloatArray:
    """Interpolate linearly between rows; beyond the first and the last one, continue these."""
    positions = positions.clip(0, len(image) - 1)
    first = np.minimum(positions.astype(np.intp), max(len(image) - 2, 0))
    second = np.minimum(first + 1, len(image) - 1)
    part = (positions - first)[:, None]
    return np.asarray(image[first] * (1 - part) + image[second] * part, np.float64)


def resample_mask(
    mask: BoolArray, offset: tuple[int, int], shape: tuple[int, int], new_shape: tuple[int, int], *, smoothing: float
) -> tuple[tuple[int, int], FloatArray]:
    """Bring a mask to another grid, as the degree to which each pixel belongs to it.

    Parameters
    ----------
    mask : ndarray of bool, 2-D
        The mask within its bounding box.
    offset : tuple of int
        Row and column of ``mask[0, 0]`` in the image.
    shape, new_shape : tuple of int
        Rows and columns of the image, and of the grid that the mask is brought to.
    smoothing : float
        Standard deviation of the Gaussian that rounds the steps of the outline, in pixels of the mask.

    Returns
    -------
    offset : tuple of int
        Row and column of the first pixel of the degrees on the new grid.
    degrees : ndarray of float64, 2-D
        From 0 (outside) to 1 (inside); the outline is at 0.5.
    """
    from superdsm.core.filters import gaussian

    pad = MARGIN + math.ceil(2 * smoothing)
    soft = gaussian(np.pad(mask, pad).astype(np.float64), smoothing)
    starts, axes = [], []
    for start, size, before, after in zip(offset, mask.shape, shape, new_shape, strict=True):
        ratio = before / after
        first = max(0, math.floor((start - MARGIN) / ratio))
        last = min(after, math.ceil((start + size + MARGIN) / ratio))
        starts.append(first)
        axes.append((np.arange(first, last) + 0.5) * ratio - 0.5 - (start - pad))
    degrees = _interpolated_rows(_interpolated_rows(soft, axes[0]).T, axes[1]).T
    return (starts[0], starts[1]), degrees


def draw_degrees(
    labels: npt.NDArray[np.int32], best: FloatArray, offset: tuple[int, int], degrees: FloatArray, label: int
) -> None:
    """Draw an object into a label image where its degree is at least 0.5 and larger than that of earlier objects.

    Parameters
    ----------
    labels, best : ndarray, shape (rows, columns)
        The label image, and the largest degree of each pixel so far; both are changed.
    offset : tuple of int
        Row and column of ``degrees[0, 0]``.
    degrees : ndarray of float64, 2-D
        See `resample_mask`.
    label : int
        The label.
    """
    (row, column), (height, width) = offset, degrees.shape
    box = slice(row, row + height), slice(column, column + width)
    larger = (degrees >= 0.5) & (degrees > best[box])
    labels[box][larger] = label
    best[box][larger] = degrees[larger]


def largest_piece(mask: BoolArray, offset: tuple[int, int]) -> tuple[tuple[int, int], BoolArray]:
    """Return the largest 4-connected piece of a mask, its holes filled, cut to its bounding box.

    Parameters
    ----------
    mask : ndarray of bool, 2-D
        A part of the image.
    offset : tuple of int
        Row and column of ``mask[0, 0]`` in the image.

    Returns
    -------
    offset : tuple of int
        Row and column of the bounding box; (0, 0) if the mask is empty.
    fragment : ndarray of bool, 2-D
        The piece, shape (0, 0) if the mask is empty.
    """
    from scipy import ndimage

    pieces, n = ndimage.label(mask)
    if n > 1:
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        mask = pieces == sizes.argmax()
    return cropped(ndimage.binary_fill_holes(mask), offset)
