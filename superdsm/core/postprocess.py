"""Postprocessing: objects that are no nuclei are discarded, the masks of the others refined (TPAMI 2023, Suppl. 6)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from superdsm._ext import masks
from superdsm.core.distance import squared_distance_to, within
from superdsm.core.filters import gaussian
from superdsm.core.objects import BoolArray, FloatArray, Object
from superdsm.core.refine import padded_box, refine_mask
from superdsm.parallel import Map, serial_map

EXTERIOR_REACH = 5  # in units of exterior_scale
GLARE_EROSION = 2  # in pixels


@dataclass(frozen=True, slots=True)
class PostprocessParams:
    """Hyperparameters of the postprocessing. Radii and distances are in pixels.

    Attributes
    ----------
    max_norm_energy : float
        Largest energy per pixel of an object's region.
    discard_image_boundary : bool
        Whether objects at the border of the image are discarded.
    min_object_radius, min_boundary_obj_radius, max_object_radius : float
        Smallest radius of an object, of one at the border of the image, and the largest radius of both.
    max_eccentricity, max_boundary_eccentricity : float
        Largest eccentricity of an object, and of one at the border of the image (None: the same).
    min_contrast : float
        Smallest ratio of the mean intensities inside and around an object.
    exterior_scale, exterior_offset : float
        Decay of the weights around an object, and distance from all objects at which the background begins.
    contrast_epsilon : float
        Added to both mean intensities.
    mask_stdamp, mask_max_distance, mask_smoothness, fill_holes
        See `superdsm.core.refine.refine_mask`; the smoothness is the scale of the Gaussian of the intensities.
    glare_detection_smoothness : float
        Scale of the Gaussian of the intensities for the detection of glare.
    glare_detection_num_layers, glare_detection_min_layer : int, float
        Number of superlevel sets that are looked at, and the lowest of them as a fraction of the range.
    min_glare_radius, min_boundary_glare_radius : float
        Objects above this radius are looked at for glare, and those at the border of the image (None: the same).
    """

    max_norm_energy: float
    discard_image_boundary: bool
    min_boundary_obj_radius: float
    min_object_radius: float
    max_object_radius: float
    max_eccentricity: float
    max_boundary_eccentricity: float | None
    min_contrast: float
    exterior_scale: float
    exterior_offset: float
    contrast_epsilon: float
    mask_stdamp: float
    mask_max_distance: int
    mask_smoothness: float
    fill_holes: bool
    glare_detection_smoothness: float
    glare_detection_num_layers: int
    glare_detection_min_layer: float
    min_glare_radius: float
    min_boundary_glare_radius: float | None


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why an object is discarded: the criterion, its value for the object, and the limit that this misses."""

    reason: str
    value: float
    threshold: float


def raw_moments(mask: BoolArray) -> tuple[int, int, int, int, int, int]:
    """Sums over the pixels of a mask of 1, r, c, r^2, r c and c^2 (rows and columns from 0)."""
    by_row, by_column = (np.count_nonzero(mask, axis=axis).astype(np.int64) for axis in (1, 0))
    r, c = np.arange(mask.shape[0]), np.arange(mask.shape[1])
    sums = (by_row.sum(), r @ by_row, c @ by_column, (r * r) @ by_row, r @ (mask @ c), (c * c) @ by_column)
    n, row, column, row2, mixed, column2 = map(int, sums)
    return n, row, column, row2, mixed, column2


def eccentricity(moments: tuple[int, int, int, int, int, int]) -> float:
    """Eccentricity of the ellipse with the second moments of a mask, as `skimage.measure.regionprops` defines it.

    Parameters
    ----------
    moments : tuple of int
        Sums over the pixels of the mask of 1, r, c, r^2, r c, c^2.

    Returns
    -------
    float
        From 0 (circle, or a single pixel) to 1 (line).
    """
    n, r, c, rr, rc, cc = moments
    a, b, d = n * rr - r * r, n * rc - r * c, n * cc - c * c  # exact: n^2 times the covariances
    root = math.sqrt((a - d) ** 2 + 4 * b * b)
    largest = a + d + root
    return math.sqrt(min(1.0, 2 * root / largest)) if largest > 0 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """The image, and what is computed once for all objects.

    Attributes
    ----------
    g_raw : ndarray of float64, shape (rows, columns)
        Intensities.
    std : float
        Their standard deviation.
    near : ndarray of uint8, same shape
        Pixels that are too close to an object for being background.
    smooth, smooth_for_glare : ndarray of float64, same shape
        Smoothed intensities; `g_raw` where they are not needed.
    """

    g_raw: FloatArray
    std: float
    near: npt.NDArray[np.uint8]
    smooth: FloatArray
    smooth_for_glare: FloatArray

    @classmethod
    def of(cls, g_raw: FloatArray, cover: list[Object], params: PostprocessParams, map_: Map) -> "_Picture":
        g_raw = np.ascontiguousarray(g_raw, np.float64)
        union = np.zeros(g_raw.shape, bool)
        for item in cover:
            item.draw(union)
        # the erosion of the background by a disk is the complement of the dilation of the union
        near = np.ascontiguousarray(within(union, params.exterior_offset, map=map_)).view(np.uint8)
        smooth = glare = g_raw
        if params.mask_stdamp > 0 and params.mask_max_distance > 0:
            smooth = gaussian(g_raw, params.mask_smoothness, map=map_)
        if min(params.min_glare_radius, _boundary_glare_radius(params)) < math.inf:
            same = smooth is not g_raw and params.glare_detection_smoothness == params.mask_smoothness
            glare = smooth if same else gaussian(g_raw, params.glare_detection_smoothness, map=map_)
        return cls(g_raw, float(g_raw.std()), near, smooth, glare)


def _boundary_glare_radius(params: PostprocessParams) -> float:
    given = params.min_boundary_glare_radius
    return params.min_glare_radius if given is None else given


def contrast(
    item: Object,
    g_raw: FloatArray,
    near: npt.NDArray[np.uint8],
    *,
    std: float,
    offset: float,
    scale: float,
    epsilon: float,
) -> float:
    """Contrast of an object: the ratio of the mean intensities inside and around it.

    Parameters
    ----------
    item : Object
        The object.
    g_raw : ndarray of float64, shape (rows, columns)
        Intensities.
    near : ndarray of uint8, same shape
        Pixels that are too close to an object for being background.
    std : float
        Standard deviation of `g_raw`, the unit of the intensities.
    offset, scale : float
        A background pixel at distance t of the object has the weight ``exp(-d)`` with
        ``d = max(t - offset, 0) / scale <= 5``.
    epsilon : float
        Added to both means.

    Returns
    -------
    float
        Infinite if there is no background around the object, or if it is black and `epsilon` is 0.
    """
    reach = math.ceil(min(offset + EXTERIOR_REACH * scale, sum(g_raw.shape)))
    mask, box = padded_box(item, reach, g_raw.shape)
    g, excluded = np.ascontiguousarray(g_raw[box]), np.ascontiguousarray(near[box])
    squared = squared_distance_to(mask, reach)
    inside, outside, weights = masks.contrast_sums(mask.view(np.uint8), g, excluded, squared, offset, scale)
    if not weights:
        return math.inf
    unit = std or 1.0
    interior, exterior = inside / item.area / unit + epsilon, outside / weights / unit + epsilon
    if exterior > 0:
        return interior / exterior
    return math.inf if interior > 0 else 1.0


def is_glare(item: Object, smooth: FloatArray, *, num_layers: int, min_layer: float) -> bool:
    """Whether an object is a single blurred spot: its superlevel sets are all connected.

    Parameters
    ----------
    item : Object
        The object.
    smooth : ndarray of float64, shape (rows, columns)
        Smoothed intensities.
    num_layers : int
        Number of superlevel sets.
    min_layer : float
        The lowest, as a fraction of the range of the intensities inside the eroded mask.
    """
    mask, box = padded_box(item, 1, smooth.shape)
    inside = masks.erode(mask.view(np.uint8), GLARE_EROSION)
    values = smooth[box]
    if not inside.any():
        return False
    low, high = values[inside].min(), values[inside].max()
    layers = np.linspace(min_layer, 1, num_layers, endpoint=False)
    return all(ndimage.label(inside & (values >= low + f * (high - low)))[1] < 2 for f in layers)


def _rejection(item: Object, picture: _Picture, params: PostprocessParams) -> Rejection | None:
    """Return the first criterion that an object with a mask misses; the cheap ones come first."""
    boundary = item.on_boundary
    if boundary and params.discard_image_boundary:
        return Rejection("image_boundary", 1.0, 0.0)
    norm_energy = item.energy / max(1, item.n_pixels)
    if norm_energy > params.max_norm_energy:
        return Rejection("norm_energy", norm_energy, params.max_norm_energy)
    moments = raw_moments(item.fragment)
    radius = math.sqrt(moments[0] / math.pi)
    smallest = params.min_boundary_obj_radius if boundary else params.min_object_radius
    if radius < smallest:
        return Rejection("small", radius, smallest)
    if radius > params.max_object_radius:
        return Rejection("large", radius, params.max_object_radius)
    value, limit = eccentricity(moments), params.max_eccentricity
    if boundary and params.max_boundary_eccentricity is not None:
        limit = params.max_boundary_eccentricity
    if value > limit:
        return Rejection("eccentricity", value, limit)
    return _intensity_rejection(item, radius, picture, params)


def _intensity_rejection(item: Object, radius: float, picture: _Picture, params: PostprocessParams) -> Rejection | None:
    ratio = contrast(
        item,
        picture.g_raw,
        picture.near,
        std=picture.std,
        offset=params.exterior_offset,
        scale=params.exterior_scale,
        epsilon=params.contrast_epsilon,
    )
    if ratio < params.min_contrast:
        return Rejection("contrast", ratio, params.min_contrast)
    limit = _boundary_glare_radius(params) if item.on_boundary else params.min_glare_radius
    if radius > limit and is_glare(
        item,
        picture.smooth_for_glare,
        num_layers=params.glare_detection_num_layers,
        min_layer=params.glare_detection_min_layer,
    ):
        return Rejection("glare", radius, limit)
    return None


def _process(item: Object, picture: _Picture, params: PostprocessParams) -> Object | Rejection:
    if item.is_outlined:
        return item
    rejection = None if item.is_corrected else _rejection(item, picture, params)
    if rejection:
        return rejection
    refined = refine_mask(
        item,
        picture.smooth,
        stdamp=params.mask_stdamp,
        max_distance=params.mask_max_distance,
        fill_holes=params.fill_holes,
    )
    if refined.is_empty and item.is_corrected:
        return item
    return Rejection("empty_after_refinement", 0.0, 1.0) if refined.is_empty else refined


def postprocess(
    g_raw: FloatArray,
    cover: Sequence[Object],
    *,
    map: Map = serial_map,  # noqa: A002 - the name of the seam for parallelism
    **hyperparameters: Any,
) -> tuple[list[Object], list[dict[str, Any]]]:
    """Discard the objects that are no nuclei, and refine the masks of the others (TPAMI 2023, Suppl. 6).

    Parameters
    ----------
    g_raw : ndarray of float64, shape (rows, columns)
        Intensities in [0, 1].
    cover : sequence of Object
        The objects.
    map : superdsm.parallel.Map, optional
        For parallelism; the outcome does not depend on it.
    **hyperparameters
        See `PostprocessParams`.

    Returns
    -------
    objects : list of Object
        Those that remain, with refined masks, in the order of `cover`; all that a person has said to be right.
    log : list of dict
        One record per discarded object: its ``atoms``, the ``reason`` ("empty", "image_boundary", "norm_energy",
        "small", "large", "eccentricity", "contrast", "glare", "empty_after_refinement"), the ``value`` and the
        ``threshold`` that it misses.
    """
    params = PostprocessParams(**hyperparameters)
    candidates = [item for item in cover if not item.is_empty]
    outcomes: list[Object | Rejection] = []
    if candidates:
        picture = _Picture.of(g_raw, candidates, params, map)
        outcomes = map(lambda item: _process(item, picture, params), candidates)
    rest = iter(outcomes)
    verdicts = [(item, Rejection("empty", 0.0, 1.0) if item.is_empty else next(rest)) for item in cover]
    objects = [verdict for _, verdict in verdicts if isinstance(verdict, Object)]
    log = [
        {
            "atoms": list(item.atoms),
            "reason": verdict.reason,
            "value": verdict.value,
            "threshold": verdict.threshold,
        }
        for item, verdict in verdicts
        if isinstance(verdict, Rejection)
    ]
    return objects, log
