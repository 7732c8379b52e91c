"""Estimation of the typical radius of bright, compact objects, from three pixels to a sixth of the image.

Blobs are maxima of the scale-normalised Laplacian of Gaussian (LoG) over position and scale (Lindeberg, Feature
Detection with Automatic Scale Selection, IJCV 30(2), 1998): for a disk of radius r the maximum is at the scale
r / sqrt(2). Large scales are searched on coarser images of a pyramid, so that the time is linear in the pixels whatever
the radius.
"""

import itertools
import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from superdsm._ext.radius import scale_maxima, without_overlaps
from superdsm.core.filters import gaussian
from superdsm.core.normalise import limited, noise_level, normalised, robust_range, weighted_quantile
from superdsm.core.prices import outside_ellipse
from superdsm.core.resample import largest_piece, resample

FloatArray = npt.NDArray[np.float64]

PER_OCTAVE = 4  # scales by octave
FIRST_SIGMA = 1.5  # smallest scale, in pixels of each level; below, the LoG is not sampled well enough
LAST_SIGMA = 2 * FIRST_SIGMA * 2 ** (1 / PER_OCTAVE)
SMALLEST_LEVEL = 12  # rows or columns of the coarsest level
COARSE_RADIUS = 12.0  # what the radius is on the grid on which outlines are looked at, in pixels
MOST_ZOOM = 2.0
MOST_COARSE_PIXELS = 2**19  # of that grid; of larger images parts are looked at
LEAST_AREA = 0.1  # of an object that tells the size, in typical areas
LEAST_HEIGHT = 0.5  # of such an object above its surroundings, in typical heights: debris and texture are dim
ELLIPTICAL = 0.06  # less than this part of a single object is outside of the ellipse of its moments
MARGIN = 2  # pixels around an object on that grid, for what it stands out of
LOG_NOISE = 0.62  # standard deviation of sigma^2 LoG of white noise of standard deviation 1, times sigma


@dataclass(frozen=True, slots=True)
class RadiusEstimate:
    """The typical radius of the objects of an image.

    Attributes
    ----------
    radius : float or None
        The radius, in pixels; None if there is no object.
    spread : float
        How much the radii differ: half the logarithm of the ratio of their 84 % and 16 % quantiles (for small values,
        the relative standard deviation); 0 without objects.
    count : int
        Number of blobs that the estimate rests on.
    """

    radius: float | None
    spread: float
    count: int


def estimate_radius(
    image: FloatArray,
    *,
    largest_radius: float,
    min_response: float = 0.55,
    min_significance: float = 6.0,
    overlap: float = 0.8,
    area_weight: float = 1.5,
) -> RadiusEstimate:
    """Estimate the typical radius of the bright objects of an image.

    The result does not change if the intensities are shifted or scaled, nor by a few very bright pixels.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
        Intensities, finite.
    largest_radius : float
        Blobs of larger radii are not looked for, in pixels.
    min_response : float
        Blobs of a response below this fraction of the typical one do not count.
    min_significance : float
        Blobs of a response below this many standard deviations of the noise do not count.
    overlap : float
        Of two blobs that are closer than this fraction of the larger radius, the one of the lower response is dropped.
    area_weight : float
        Exponent of the radius in the weight of a blob: with 2 blobs count by their areas.

    Returns
    -------
    RadiusEstimate
    """
    low, high = robust_range(image)
    if not high > low:
        return RadiusEstimate(None, 0.0, 0)
    # the square root lets dim objects count beside bright ones
    found = _blobs(np.sqrt(np.clip((image - low) / (high - low), 0, 1)), largest_radius, min_significance)
    if not len(found):
        return RadiusEstimate(None, 0.0, 0)
    found = found[found[:, 3] >= FAINT * _typical_response(found)]  # the many faint ones can only be dropped by others
    found = _without_overlaps(found, overlap)
    radii, responses = found[:, 2], found[:, 3]
    typical = _typical_response(found)
    chosen = responses >= min_response * typical
    radii = radii[chosen]
    weights = radii**area_weight * np.minimum(responses[chosen], typical) * found[chosen, 4]
    lower, median, upper = (weighted_quantile(radii, weights, q) for q in (0.16, 0.5, 0.84))
    return RadiusEstimate(median, 0.5 * math.log(upper / lower), len(radii))


FAINT = 0.3


def refined_radius(image: FloatArray, radius: float, *, trust: float) -> float:
    """Correct a radius by the objects that lie alone: components of the foreground with an elliptical outline.

    A blob is only as large as its bright part, and one of several objects that touch is as large as all of them; an
    outline says more.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
        Intensities, finite.
    radius : float
        The estimate, in pixels.
    trust : float
        What the outlines count: 0 leaves the estimate as it is, 1 forgets it.

    Returns
    -------
    float
        In pixels; `radius` itself if no object lies alone.
    """
    zoom = min(COARSE_RADIUS / radius, MOST_ZOOM)
    parts = [image[tile] for tile in _tiles(image.shape, int(MOST_COARSE_PIXELS / zoom**2))]
    found = np.concatenate([_singles(part, radius, zoom) for part in parts])
    if not len(found):
        return radius
    areas, heights = found.T
    areas = areas[heights >= LEAST_HEIGHT * weighted_quantile(heights, areas, 0.5)]
    typical = math.sqrt(weighted_quantile(areas, areas, 0.5) / math.pi)
    return float(radius ** (1 - trust) * typical**trust)


def _singles(image: FloatArray, radius: float, zoom: float) -> FloatArray:
    """Return area in pixels of the image, and height above the darkest pixel around, of what looks like one object."""
    shape = max(1, round(image.shape[0] * zoom)), max(1, round(image.shape[1] * zoom))
    coarse = resample(image, shape)
    components, _ = ndimage.label(_foreground(coarse, radius * zoom) > 0)
    found: list[tuple[float, float]] = []
    for label, box in enumerate(ndimage.find_objects(components), 1):
        _, mask = largest_piece(components[box] == label, (0, 0))  # a component is one piece; its holes are filled
        area = np.count_nonzero(mask) / zoom**2
        if area >= LEAST_AREA * math.pi * radius**2 and outside_ellipse(mask) < ELLIPTICAL:
            around = coarse[tuple(slice(max(0, side.start - MARGIN), side.stop + MARGIN) for side in box)]
            found.append((float(area), float(coarse[box][mask].mean() - around.min())))
    return np.array(found).reshape(-1, 2)


_foreground = partial(  # positive in the foreground; the radius does not follow the hyperparameters of the stage
    normalised,
    smoothing=1.0,
    background_reach=3.0,
    amplitude_reach=1.0,
    least_amplitude=0.12,
    level=0.41,
    noise_factor=3.0,
    offset_scale=0.92,
    offset_weight=1.12,
    brightest=5.0,
    speck_area=0.05,
)


def _typical_response(blobs: FloatArray) -> float:
    """Median of the responses of blobs, each of which counts by its response and area."""
    return weighted_quantile(blobs[:, 3], limited(blobs[:, 3] * blobs[:, 2] ** 2 * blobs[:, 4]), 0.5)


def _blobs(image: FloatArray, largest_radius: float, min_significance: float) -> FloatArray:
    """Return row, column, radius, response of the blobs, in pixels, and how many each stands for."""
    noise = noise_level(image)
    found = [np.zeros((0, 5))]
    level, size = image, 1.0
    while min(level.shape) >= SMALLEST_LEVEL and FIRST_SIGMA * math.sqrt(2) * size <= largest_radius:
        least = min_significance * LOG_NOISE * noise / size
        tiles = _tiles(level.shape, MOST_PIXELS)
        share = level.size / sum((t[0].stop - t[0].start) * (t[1].stop - t[1].start) for t in tiles)
        for rows, columns in tiles:
            blobs = _level_blobs(level[rows, columns], least / LAST_SIGMA)
            blobs[:, :2] += rows.start, columns.start
            blobs[:, :3] *= size
            significant = blobs[:, 3] * (blobs[:, 2] / math.sqrt(2)) >= least * size
            blobs = blobs[significant & (blobs[:, 2] <= largest_radius)]
            found.append(np.column_stack([blobs, np.full(len(blobs), share)]))
        level, size = _halved(level), 2 * size
    return np.concatenate(found)


def _tiles(shape: tuple[int, ...], most: int) -> list[tuple[slice, slice]]:
    """Return the parts of a level that are looked at: all of it, or of a large one a tile in each quarter."""
    if shape[0] * shape[1] <= most:
        return [(slice(0, shape[0]), slice(0, shape[1]))]
    ratio = math.sqrt(most / (shape[0] * shape[1]))
    axes = []
    for extent in shape:
        side = max(SMALLEST_LEVEL, round(extent * ratio / 2))
        starts = (round(extent / 4 - side / 2), round(extent * 3 / 4 - side / 2))
        axes.append([slice(max(0, start), max(0, start) + side) for start in starts])
    return list(itertools.product(*axes))


MOST_PIXELS = 2**17


def _level_blobs(level: FloatArray, least: float) -> FloatArray:
    """Return row, column, radius and response of the blobs of one octave of scales, in pixels of the level."""
    step = 2 ** (1 / PER_OCTAVE)
    sigmas = FIRST_SIGMA * step ** np.arange(-1, PER_OCTAVE + 2)
    smoothed = [gaussian(level, float(sigma)) for sigma in sigmas]
    # the difference of Gaussians approximates the LoG: sigma^2 LoG = (G(k sigma) - G(sigma)) / (k - 1)
    scale, row, column, at, before, after = scale_maxima(smoothed, least * (step - 1)).T
    bend = before - 2 * at + after
    vertex = np.divide(0.5 * (before - after), bend, out=np.zeros_like(at), where=bend < 0)
    # a DoG of sigma and k sigma has its maximum at the LoG scale sqrt(k) sigma
    sigma = FIRST_SIGMA * step ** (scale - 0.5 + np.clip(vertex, -0.5, 0.5))
    return np.stack([row + 0.5, column + 0.5, sigma * math.sqrt(2), at / (step - 1)], axis=1)


def _halved(level: FloatArray) -> FloatArray:
    """Average blocks of 2 x 2 pixels; a last odd row or column counts twice."""
    odd = [(0, size % 2) for size in level.shape]
    padded = np.pad(level, odd, mode="edge") if level.shape[0] % 2 or level.shape[1] % 2 else level
    rows = padded[::2] + padded[1::2]
    return np.asarray((rows[:, ::2] + rows[:, 1::2]) / 4)


def _without_overlaps(blobs: FloatArray, overlap: float) -> FloatArray:
    """Drop blobs that are close to one of a higher response; strongest first."""
    if not len(blobs):
        return blobs
    order = np.lexsort((blobs[:, 1], blobs[:, 0], blobs[:, 2], -blobs[:, 3]))
    blobs = blobs[order]
    octaves = np.floor(np.log2(blobs[:, 2])).astype(int)
    # by octave of the radius, so that the neighbours of a small blob are not looked for in the reach of the largest
    groups, sizes = np.unique(octaves, return_counts=True)
    by_row = np.lexsort((blobs[:, 0], octaves)).astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    kept = without_overlaps(np.ascontiguousarray(blobs[:, :3]), by_row, starts, 2.0 ** (groups + 1), overlap)
    return np.asarray(blobs[kept], np.float64)
