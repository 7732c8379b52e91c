"""Refinement of the masks of objects by the intensities of the image (TPAMI 2023, Suppl. 6)."""

import math
from dataclasses import replace

import numpy as np

from superdsm._ext import masks
from superdsm.core.objects import BoolArray, FloatArray, Object, cropped


def padded_box(item: Object, pad: int, image_shape: tuple[int, ...]) -> tuple[BoolArray, tuple[slice, slice]]:
    """Cut the mask of an object to its bounding box, enlarged where the image allows it.

    Parameters
    ----------
    item : Object
        The object; its mask is not empty.
    pad : int
        Width of the margin, in pixels.
    image_shape : tuple of int
        Rows and columns of the image.

    Returns
    -------
    mask : ndarray of bool, 2-D
        The mask within the box.
    box : tuple of slice
        Where the box lies in the image.
    """
    starts = [max(0, start - pad) for start in item.offset]
    stops = [
        min(size, start + extent + pad)
        for start, extent, size in zip(item.offset, item.fragment.shape, image_shape, strict=True)
    ]
    mask = np.zeros([stop - start for start, stop in zip(starts, stops, strict=True)], bool)
    row, col = (start - first for start, first in zip(item.offset, starts, strict=True))
    mask[row : row + item.fragment.shape[0], col : col + item.fragment.shape[1]] = item.fragment
    return mask, (slice(starts[0], stops[0]), slice(starts[1], stops[1]))


def refine_mask(item: Object, smooth: FloatArray, *, stdamp: float, max_distance: int, fill_holes: bool) -> Object:
    """Refine the mask of an object.

    In the band between the erosion and the dilation of the mask, a pixel belongs to the refined mask if its smoothed
    intensity is typical for the object; then holes are filled.

    Parameters
    ----------
    item : Object
        The object; its mask is not empty.
    smooth : ndarray of float64, shape (rows, columns)
        Smoothed intensities of the image. Not used if `stdamp` or `max_distance` is not positive: then only holes are
        filled.
    stdamp : float
        Typical is what differs from the mean over the mask by at most so many standard deviations.
    max_distance : int
        Radius of the dilation and of the erosion, in pixels.
    fill_holes : bool
        Whether holes (background that is not 4-connected to the outside) are filled.

    Returns
    -------
    Object
        The same object with another mask, possibly an empty one.
    """
    mask, offset = item.fragment, item.offset
    if stdamp > 0 and max_distance > 0:
        radius = min(max_distance, sum(smooth.shape))
        mask, box = padded_box(item, radius, smooth.shape)
        if stdamp < math.inf:
            mask = masks.refine(mask.view(np.uint8), np.ascontiguousarray(smooth[box]), radius, stdamp)
        else:  # all of the band is typical, also where all intensities are equal
            mask = masks.dilate(mask.view(np.uint8), radius)
        offset = box[0].start, box[1].start
    if fill_holes:
        mask = masks.fill_holes(np.ascontiguousarray(mask).view(np.uint8))
    offset, fragment = cropped(mask, offset)
    return replace(item, offset=offset, fragment=fragment)
