"""Resampling of images and masks between the pixels of an image and other grids that cover the same area."""

import math

import numpy as np
import numpy.typing as npt

from superdsm._ext import resample as kernel
from superdsm.core.filters import gaussian
from superdsm.core.objects import EMPTY, BoolArray, FloatArray

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
    image = np.ascontiguousarray(image, np.float64)
    if image.shape == shape:
        return image.copy()
    axes = [_axis(before, after) for before, after in zip(image.shape, shape, strict=True)]
    return kernel.weighted_sums(image, *axes[0], *axes[1])


def interpolated(image: FloatArray, rows: FloatArray, columns: FloatArray) -> FloatArray:
    """Interpolate an image linearly at a grid of positions; beyond its borders it is continued.

    Parameters
    ----------
    image : ndarray of float64, shape (m, n)
        Intensities; at least one pixel.
    rows, columns : ndarray of float64, 1-D
        Positions, in pixels.

    Returns
    -------
    ndarray of float64, shape (rows, columns)
    """
    return kernel.weighted_sums(image, *_between(rows, image.shape[0]), *_between(columns, image.shape[1]))


Weights = tuple[npt.NDArray[np.int32], FloatArray]


def _axis(before: int, after: int) -> Weights:
    """Which pixels go into each of the new ones along an axis: the first, and the weights of it and the next ones."""
    ratio = before / after
    if after >= before:
        return _between((np.arange(after, dtype=np.float64) + 0.5) * ratio - 0.5, before)
    starts = np.arange(after) * ratio
    taps = min(math.ceil(ratio) + 1, before)
    first = np.minimum(starts.astype(np.int32), before - taps)
    pixels = first[:, None] + np.arange(taps)
    weights = np.minimum(starts[:, None] + ratio, pixels + 1.0) - np.maximum(starts[:, None], pixels)
    np.maximum(weights, 0, out=weights)
    return first, weights / weights.sum(axis=1, keepdims=True)


def _between(positions: FloatArray, size: int) -> Weights:
    """Interpolate linearly between pixels; beyond the first and the last one, continue these."""
    if size == 1:
        return np.zeros(len(positions), np.int32), np.ones((len(positions), 1))
    positions = positions.clip(0, size - 1)
    first = np.minimum(positions.astype(np.int32), size - 2)
    part = positions - first
    return first, np.stack([1 - part, part], axis=1)


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
    pad = MARGIN + math.ceil(2 * smoothing)
    soft = gaussian(np.pad(mask, pad).astype(np.float64), smoothing)
    starts, axes = [], []
    for start, size, before, after in zip(offset, mask.shape, shape, new_shape, strict=True):
        ratio = before / after
        first = max(0, math.floor((start - MARGIN) / ratio))
        last = min(after, math.ceil((start + size + MARGIN) / ratio))
        starts.append(first)
        axes.append(
            _between((np.arange(first, last, dtype=np.float64) + 0.5) * ratio - 0.5 - (start - pad), size + 2 * pad)
        )
    return (starts[0], starts[1]), kernel.weighted_sums(soft, *axes[0], *axes[1])


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
    kernel.draw_degrees(labels, best, *offset, degrees, label)


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
    row, column, piece = kernel.largest_piece(np.ascontiguousarray(mask, bool).view(np.uint8))
    if not piece.size:
        return (0, 0), EMPTY
    return (offset[0] + row, offset[1] + column), piece.view(bool)
