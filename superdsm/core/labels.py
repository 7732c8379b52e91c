"""The label image: objects drawn with the labels 1, 2, ..., and pixels of several objects shared out."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from superdsm._ext import masks
from superdsm._ext.distance import vertical_distances
from superdsm._ext.labels import contested_distances, draw
from superdsm._ext.watershed import flood
from superdsm.core.distance import squared_distance_to
from superdsm.core.objects import IntArray, Object, cropped
from superdsm.core.refine import padded_box

CONTESTED = -1
MAX_UINT16 = 65535


def label_image(
    objects: Sequence[Object],
    shape: tuple[int, ...],
    *,
    merge_overlap_threshold: float = math.inf,
    dilate: int = 0,
) -> npt.NDArray[np.uint16] | npt.NDArray[np.uint32]:
    """Draw the label image.

    Parameters
    ----------
    objects : sequence of Object
        The objects. They get the labels 1, 2, ... in the order of their atoms; those without a mask get none.
    shape : tuple of int
        Rows and columns of the image.
    merge_overlap_threshold : float, optional
        Two objects become one (transitively) if their overlap exceeds this fraction of the smaller one's area.
    dilate : int, optional
        Each mask is first dilated (> 0) or eroded (< 0) by a disk of this radius, in pixels.

    Returns
    -------
    ndarray of uint16 (uint32 if there are more than 65,535 labels), shape `shape`
        The labels, 0: background. Pixels of several objects belong to the object from which they are flooded; an object
        that has no pixel for itself is given some.
    """
    return draw_labels(labelled(objects, shape, merge_overlap_threshold=merge_overlap_threshold, dilate=dilate), shape)


def labelled(
    objects: Sequence[Object],
    shape: tuple[int, ...],
    *,
    merge_overlap_threshold: float = math.inf,
    dilate: int = 0,
) -> list[Object]:
    """Return the objects that get the labels 1, 2, ..., in this order, with their masks; see `label_image`.

    Of objects that become one the first lends its other attributes.
    """
    items = [item for item in sorted(objects, key=lambda item: item.atoms) if not item.is_empty]
    if dilate:
        items = [item for item in (_dilated(item, dilate, shape) for item in items) if not item.is_empty]
    if merge_overlap_threshold < math.inf:
        items = _merged(items, merge_overlap_threshold)
    return items


def draw_labels(items: list[Object], shape: tuple[int, ...]) -> npt.NDArray[np.uint16] | npt.NDArray[np.uint32]:
    """Draw the label image of what `labelled` returns; see `label_image`."""
    labels = np.zeros(shape, np.int32)
    contested = 0
    for label, item in enumerate(items, 1):
        mask = np.ascontiguousarray(item.fragment).view(np.uint8)
        contested += draw(labels, mask, *item.offset, label)
    if contested:
        _give_to_vanished(labels, items)
        _share_out(labels, items)
    if len(items) > MAX_UINT16:
        return labels.astype(np.uint32)
    return labels.astype(np.uint16)


def _dilated(item: Object, radius: int, shape: tuple[int, ...]) -> Object:
    """Dilate or erode the mask of an object; the outside of the image counts as set for an erosion."""
    mask, box = padded_box(item, max(radius, 1), shape)
    distance = min(abs(radius), sum(shape))
    mask = (masks.dilate if radius > 0 else masks.erode)(mask.view(np.uint8), distance)
    offset, fragment = cropped(mask, (box[0].start, box[1].start))
    return replace(item, offset=offset, fragment=fragment)


def _merged(items: list[Object], threshold: float) -> list[Object]:
    """Unite objects that overlap by more than a fraction of the smaller one's area."""
    areas = [item.area for item in items]
    pairs = [(i, j) for i, j in _box_pairs(items) if _overlap(items[i], items[j]) > threshold * min(areas[i], areas[j])]
    rows, columns = np.array(pairs, np.intp).reshape(-1, 2).T
    graph = sparse.coo_array((np.ones(len(pairs)), (rows, columns)), (len(items), len(items)))
    members: dict[int, list[Object]] = {}
    for item, component in zip(items, connected_components(graph, directed=False)[1].tolist(), strict=True):
        members.setdefault(component, []).append(item)
    return [_united(group) for group in members.values()]


def _box_pairs(items: list[Object]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of objects with overlapping bounding boxes, by a sweep over the rows."""
    active: list[int] = []
    for j in sorted(range(len(items)), key=lambda i: items[i].offset):
        rows, cols = items[j].slices
        active = [i for i in active if items[i].slices[0].stop > rows.start]
        for i in active:
            other = items[i].slices[1]
            if other.start < cols.stop and cols.start < other.stop:
                yield i, j
        active.append(j)


def _overlap(a: Object, b: Object) -> int:
    box = [slice(max(p.start, q.start), min(p.stop, q.stop)) for p, q in zip(a.slices, b.slices, strict=True)]
    cuts = [
        item.fragment[tuple(slice(s.start - o, s.stop - o) for s, o in zip(box, item.offset, strict=True))]
        for item in (a, b)
    ]
    return int(np.count_nonzero(cuts[0] & cuts[1]))


def _united(group: list[Object]) -> Object:
    if len(group) == 1:
        return group[0]
    starts = [min(item.offset[axis] for item in group) for axis in (0, 1)]
    stops = [max(item.slices[axis].stop for item in group) for axis in (0, 1)]
    mask = np.zeros([stop - start for start, stop in zip(starts, stops, strict=True)], bool)
    for item in group:
        row, col = (o - start for o, start in zip(item.offset, starts, strict=True))
        mask[row : row + item.fragment.shape[0], col : col + item.fragment.shape[1]] |= item.fragment
    return replace(group[0], offset=(starts[0], starts[1]), fragment=mask)


def _give_to_vanished(labels: IntArray, items: list[Object]) -> None:
    """Give pixels to the objects that others cover exactly: all that nobody claims, smallest objects first.

    If the others have claimed all of them, it is a single pixel, as far inside the object as possible.
    """
    present = np.bincount(labels.ravel() - CONTESTED, minlength=len(items) - CONTESTED + 1)[1 - CONTESTED :]
    vanished = [k for k in range(1, len(items) + 1) if not present[k - 1]]
    claimed: dict[int, int] = {}
    for k in sorted(vanished, key=lambda k: (items[k - 1].area, k)):
        item = items[k - 1]
        view = labels[item.slices]
        own = item.fragment & (view == CONTESTED)
        view[own] = k
        claimed[k] = int(np.count_nonzero(own))
        if claimed[k]:
            continue
        padded = np.pad(item.fragment, 1)
        depth = squared_distance_to(~padded)[1:-1, 1:-1]
        for pixel in np.argsort(-depth, axis=None, kind="stable")[: np.count_nonzero(item.fragment)].tolist():
            row, col = divmod(pixel, depth.shape[1])
            owner = int(view[row, col])
            if claimed.get(owner, 0) > 1:
                view[row, col] = k
                claimed[k], claimed[owner] = 1, claimed[owner] - 1
                break


def _share_out(labels: IntArray, items: list[Object]) -> None:
    """Flood the contested pixels from the labelled ones, those next to labelled pixels first.

    All labelled pixels take part, also those that are far from contested ones: the order of ties depends on them.
    """
    contested = labels == CONTESTED
    ranks = contested_distances(labels, vertical_distances((labels > 0).view(np.uint8)))
    labels[:] = flood(ranks, np.maximum(labels, 0), (labels != 0).view(np.uint8))
    left = contested & (labels == 0)
    if left.any():  # no way leads there from a labelled pixel: the first object takes them
        for label, item in enumerate(items, 1):
            own = item.fragment & left[item.slices]
            labels[item.slices][own] = label
            left[item.slices][own] = False
