"""Which objects are nuclei: those that stand out of the noise, and as the other objects of the image do.

What glare, tails of cells and debris have in common is that they are dimmer, more blurred or much smaller than the
nuclei beside them. How bright, sharp and large nuclei are is learnt from the objects of the image itself.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from superdsm.core.contours import surroundings
from superdsm.core.filters import gaussian
from superdsm.core.normalise import noise_level, weighted_quantile
from superdsm.core.objects import BoolArray, FloatArray, Object
from superdsm.core.refine import padded_box
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
    max_norm_energy: float = 0.4,
    min_amplitude: float = 0.4,
    min_significance: float = 8.0,
    min_sharpness: float = 0.2,
    min_area: float = 0.06,
    max_area: float = math.inf,
    min_solidity: float = 0.72,
    smoothing: float = 0.5,
    reach: float = 0.8,
    inside_quantile: float = 0.72,
    outside_quantile: float = 0.1,
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
    map : superdsm.parallel.Map, optional
        For parallelism; the outcome does not depend on it.

    Returns
    -------
    objects : list of Object
        Those that remain.
    log : list of dict
        One record per discarded object: its ``atoms``, the ``reason`` ("norm_energy", "small", "large", "irregular",
        "noise", "dim", "blurred"), the ``value`` and the ``threshold`` that it misses.
    """
    smooth = gaussian(image, smoothing, map)
    labels = np.zeros(image.shape, np.int32)
    for label, item in enumerate(objects, 1):
        labels[item.slices][item.fragment] = label

    def measure(label: int) -> Evidence:
        item = objects[label - 1]
        seen = surroundings(
            smooth, labels, label, item.slices,
            reach=reach, inside_quantile=inside_quantile, outside_quantile=outside_quantile,
        )  # fmt: skip
        step = _step(item, smooth) / max(seen.amplitude, TINY)
        return Evidence(seen.amplitude, step, item.area, solidity(item.fragment))

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
    kept = [item for item, verdict in zip(objects, verdicts, strict=True) if verdict is None]
    log = [
        {"atoms": list(item.atoms), "reason": verdict[0], "value": verdict[1], "threshold": verdict[2]}
        for item, verdict in zip(objects, verdicts, strict=True)
        if verdict is not None
    ]
    return kept, log


TINY = 1e-12


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


def _step(item: Object, smooth: FloatArray) -> float:
    """Difference of the mean intensities of the pixels just inside and just outside of an outline."""
    from scipy import ndimage

    mask, box = padded_box(item, 1, smooth.shape)
    inner = mask & ~ndimage.binary_erosion(mask, border_value=1)
    outer = ndimage.binary_dilation(mask) & ~mask
    part = smooth[box]
    return float(part[inner].mean() - part[outer].mean()) if inner.any() and outer.any() else 0.0
