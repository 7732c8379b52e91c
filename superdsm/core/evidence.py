"""Which objects are nuclei: those that stand out of the noise, and as the other objects of the image do.

What glare, tails of cells and debris have in common is that they are dimmer, more blurred or much smaller than the
nuclei beside them. How bright, sharp and large nuclei are is learnt from the objects of the image itself.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from superdsm.core.contours import TINY, sharpness, surroundings
from superdsm.core.filters import gaussian
from superdsm.core.normalise import noise_level, weighted_quantile
from superdsm.core.objects import BoolArray, FloatArray, Object
from superdsm.core.resample import resample
from superdsm.parallel import Map, serial_map


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for an object.

    Attributes
    ----------
    amplitude : float
        How much it stands out of what is around it, in units of the intensities.
    sharpness : float
        The step of the intensity across its outline, as a fraction of the amplitude.
    area : int
        Its pixels.
    solidity : float
        What part of its convex hull it fills.
    """

    amplitude: float
    sharpness: float
    area: int
    solidity: float


def select(
    image: FloatArray,
    objects: Sequence[Object],
    radius: float,
    *,
    max_norm_energy: float,
    min_amplitude: float,
    min_significance: float,
    min_sharpness: float,
    min_area: float,
    max_area: float,
    min_solidity: float,
    smoothing: float,
    reach: float,
    inside_quantile: float,
    outside_quantile: float,
    finest_radius: float,
    map: Map = serial_map,  # noqa: A002 - the name of the seam for parallelism
) -> tuple[list[Object], list[dict[str, Any]]]:
    """Keep the objects for which the image gives evidence that they are nuclei.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
        Intensities.
    objects : sequence of Object
        Objects with disjoint masks on the pixels of the image.
    radius : float
        Radius of a typical object, in pixels.
    max_norm_energy : float
        Largest energy per pixel of an object's region.
    min_amplitude : float
        Smallest amplitude, as a fraction of the typical one of the objects.
    min_significance : float
        Smallest amplitude, in standard deviations of the noise.
    min_sharpness : float
        Smallest sharpness, as a fraction of the typical one of the objects.
    min_area, max_area : float
        Smallest and largest area, as a fraction of the area of a typical object.
    min_solidity : float
        Smallest part of its convex hull that an object fills.
    smoothing, reach, inside_quantile, outside_quantile : float
        How amplitudes are measured; see `superdsm.core.contours.to_image`.
    finest_radius : float
        Larger nuclei are measured on a coarser grid on which a typical one has this radius, in pixels.
    map : superdsm.parallel.Map, optional
        For parallelism; the outcome does not depend on it.

    Returns
    -------
    objects : list of Object
        Those that remain; all that a person has said to be right.
    log : list of dict
        One record per discarded object: its ``atoms`` and ``offset``, the ``reason`` ("norm_energy", "small", "large",
        "irregular", "noise", "dim", "blurred"), the ``value`` and the ``threshold`` that it misses.
    """
    zoom = min(1.0, finest_radius / radius)
    rows, columns = image.shape
    shape = max(1, round(rows * zoom)), max(1, round(columns * zoom))
    smooth = gaussian(resample(image, shape), smoothing, map)
    labels = sampled_labels(objects, image.shape, shape)
    boxes = ndimage.find_objects(labels, len(objects))

    def measure(label: int) -> Evidence:
        box, area = boxes[label - 1], objects[label - 1].area
        if box is None:  # its pixels were given to others that are as small; the stubs of SciPy do not know that
            return Evidence(0.0, 0.0, area, 0.0)  # type: ignore[unreachable]
        seen = surroundings(
            smooth, labels, label, box,
            reach=reach, inside_quantile=inside_quantile, outside_quantile=outside_quantile,
        )  # fmt: skip
        step = sharpness(smooth, labels, label, box, seen.amplitude)
        return Evidence(seen.amplitude, step, area, solidity(objects[label - 1].fragment))

    found = map(measure, range(1, len(objects) + 1))
    area = math.pi * radius**2
    noise = noise_level(image)
    rules = [
        ("norm_energy", [-item.energy / max(item.n_pixels, 1) for item in objects], -max_norm_energy),
        ("small", [one.area / area for one in found], min_area),
        ("large", [-one.area / area for one in found], -max_area),
        ("irregular", [one.solidity for one in found], min_solidity),
        ("noise", [one.amplitude / max(noise, TINY) for one in found], min_significance),
    ]
    verdicts: list[tuple[str, float, float] | None] = [None] * len(objects)
    _apply(rules, verdicts)
    for reason, values, least in (
        ("dim", [one.amplitude for one in found], min_amplitude),
        ("blurred", [one.sharpness for one in found], min_sharpness),
    ):
        typical = _typical([(value, one) for value, one, out in zip(values, found, verdicts, strict=True) if not out])
        _apply([(reason, [value / max(typical, TINY) for value in values], least)], verdicts)
    verdicts = [None if item.is_corrected else verdict for item, verdict in zip(objects, verdicts, strict=True)]
    kept = [item for item, verdict in zip(objects, verdicts, strict=True) if verdict is None]
    log = [
        {
            "atoms": list(item.atoms),
            "offset": list(item.offset),  # parts of a divided object have the same atoms
            "reason": verdict[0],
            "value": verdict[1],
            "threshold": verdict[2],
        }
        for item, verdict in zip(objects, verdicts, strict=True)
        if verdict is not None
    ]
    return kept, log


def _apply(
    rules: Sequence[tuple[str, Sequence[float], float]], verdicts: list[tuple[str, float, float] | None]
) -> None:
    """Note the first rule that each object fails: one whose value is below the least."""
    for reason, values, least in rules:
        for index, value in enumerate(values):
            if verdicts[index] is None and value < least:
                verdicts[index] = reason, abs(value), abs(least)


def _typical(values: Sequence[tuple[float, Evidence]]) -> float:
    """Median of a value over objects, each of which counts by its area: debris is small."""
    if not values:
        return 0.0
    areas = np.array([one.area for _, one in values], np.float64)
    return weighted_quantile(np.array([value for value, _ in values]), areas, 0.5)


def solidity(mask: BoolArray) -> float:
    """Return which part of its convex hull a mask fills.

    Parameters
    ----------
    mask : ndarray of bool, 2-D
        The mask, cut to its bounding box; not empty.

    Returns
    -------
    float
        1 for a rectangle, about 0.97 for a disk in pixels, less for masks with bays.
    """
    from scipy.spatial import ConvexHull

    columns = mask.shape[1]
    first = mask.argmax(axis=1)
    last = columns - mask[:, ::-1].argmax(axis=1)
    rows = np.flatnonzero(mask.any(axis=1))
    # the corners of the outermost pixels of each row
    corners = np.concatenate([
        np.column_stack([rows + row, ends[rows]]) for row in (0, 1) for ends in (first, last)
    ])  # fmt: skip
    return float(np.count_nonzero(mask) / ConvexHull(corners).volume)  # in two dimensions, the volume is the area


def sampled_labels(
    objects: Sequence[Object], shape: tuple[int, ...], new_shape: tuple[int, int]
) -> npt.NDArray[np.int32]:
    """Draw a label image on a grid that is not finer, from the pixels in the middle of each of its pixels.

    Parameters
    ----------
    objects : sequence of Object
        Objects with disjoint masks; those that are missed get one pixel.
    shape, new_shape : tuple of int
        Rows and columns of the image, and of the grid.

    Returns
    -------
    ndarray of int32, shape `new_shape`
        Labels 1, 2, ... in the order of the objects.
    """
    labels = np.zeros(shape, np.int32)
    for label, item in enumerate(objects, 1):
        labels[item.slices][item.fragment] = label
    if shape == new_shape:
        return labels
    places = [((np.arange(n) + 0.5) * (size / n)).astype(np.intp) for n, size in zip(new_shape, shape, strict=True)]
    sampled = labels[np.ix_(*places)]
    missing = np.flatnonzero(np.bincount(sampled.ravel(), minlength=len(objects) + 1)[1:] == 0)
    for index in missing.tolist():
        item = objects[index]
        row, column = np.argwhere(item.fragment)[item.area // 2] + item.offset
        sampled[row * new_shape[0] // shape[0], column * new_shape[1] // shape[1]] = index + 1
    return sampled
