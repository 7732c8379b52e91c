"""What fields may hold, and whether fields fit together.

Stages may be anybody's code, and stored results anybody's files. What they provide is looked at once, before the next
stage has it: kernels rely on it, and a stage further down would get the blame.
"""

import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any, NamedTuple, cast

from superdsm.fields import IMAGE, Field

Shape = tuple[int, int]
LARGEST = 2**31 - 1  # of labels and positions: 32 bits

# The attributes of objects that are relied on; see `superdsm.core.objects.Object`.
OBJECT = ("atoms", "energy", "is_optimal", "on_boundary", "offset", "fragment", "n_pixels")


class Content(NamedTuple):
    """What has to be known of a value, to say whether others fit to it.

    Attributes
    ----------
    shape : tuple of int or None
        Rows and columns of an array of pixels.
    extent : tuple of int or None
        Rows and columns that a grid needs so that objects and points are inside.
    labels : int or None
        The largest label.
    entries : int or None
        Length of a list of points or pairs.
    """

    shape: Shape | None = None
    extent: Shape | None = None
    labels: int | None = None
    entries: int | None = None


class Part(NamedTuple):
    """A field among others: its declaration, and what is known of its value."""

    field: Field
    content: Content


class ContentError(ValueError):
    """A value is not what its field may hold; the text goes on after the name of the field."""


def check_value(field: Field, value: Any, image_shape: Shape | None) -> str:
    """Return what is wrong with a value of a field, or an empty string; see `examine`."""
    try:
        examine(field, value, image_shape)
    except ContentError as exc:
        return str(exc)
    return ""


def examine(field: Field, value: Any, image_shape: Shape | None) -> Content:
    """Check a value of a field.

    Parameters
    ----------
    field : Field
        The declaration.
    value : object
        What a stage returned. None is legal unless the field is `needed`.
    image_shape : tuple of int, optional
        Rows and columns of the image, if known.

    Returns
    -------
    Content

    Raises
    ------
    ContentError
        Something is wrong with it.
    """
    if value is None:
        if field.needed:
            raise ContentError("is None")
        return Content()
    if field.kind == "json":
        return _examine_json(field, value)
    if field.kind == "table":
        if not isinstance(value, Mapping):
            raise ContentError(f"is {type(value).__name__}, not a dict of columns")
        return Content()
    content = _examine_objects(value) if field.kind == "objects" else _examine_array(field, value, image_shape)
    if image_shape is not None and (problem := _outside(content.extent, image_shape)):
        raise ContentError(problem)
    return content


def _examine_json(field: Field, value: Any) -> Content:
    if field.holds == "dict" and not isinstance(value, Mapping):
        raise ContentError(f"is {type(value).__name__}, not a dict")
    if field.holds == "number" and not (_is_number(value) and 0 < value < math.inf):
        raise ContentError(f"is {_shown(value)}, not a positive number")
    return Content()


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_index(value: Any) -> bool:
    return isinstance(value, Integral) and 0 <= int(value) <= LARGEST


def _shown(value: Any) -> str:
    """Return a value for a message, whatever it is."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - anybody's code
        text = type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."


def _examine_array(field: Field, value: Any, image_shape: Shape | None) -> Content:
    import numpy as np

    if not isinstance(value, (np.ndarray, np.generic)):
        raise ContentError(f"is {type(value).__name__}, not an array")
    if field.dtype and str(value.dtype) != field.dtype:
        raise ContentError(f"has dtype {value.dtype}, not {field.dtype}")
    if field.shape and value.ndim != len(field.shape):
        raise ContentError(f"has {value.ndim} axes, not {len(field.shape)}")
    expected = dict(zip(IMAGE, image_shape, strict=True)) if image_shape else {}
    for axis, (want, have) in enumerate(zip(field.shape, value.shape, strict=False)):
        size = expected.get(want) if isinstance(want, str) else want
        if size is not None and size != have:
            raise ContentError(f"has length {have} along axis {axis}, not {size}")
    if field.finite and not np.isfinite(value).all():
        raise ContentError("has NaN or infinite values")
    shape = cast(Shape, value.shape[:2]) if field.shape[:2] == IMAGE else None
    if field.holds == "labels":
        return Content(shape, labels=_examine_labels(value))
    if field.holds:
        return _examine_rows(field, value)
    return Content(shape)


def _examine_labels(value: Any) -> int:
    """Return the largest label."""
    import numpy as np

    if value.size == 0:
        return 0
    low, high = int(value.min()), int(value.max())
    if low < 0:
        raise ContentError(f"has the label {low}; labels are 1, 2, ..., and 0 where there is none")
    if high > value.size:
        raise ContentError(f"has the label {high}, but no more than {value.size} pixels; labels have no gaps")
    flat = value.ravel()
    there = np.zeros(high + 1, bool)
    there[0] = there[flat[0]] = True
    there[flat[1:][flat[1:] != flat[:-1]]] = True  # a label begins where the one before ends: few pixels of them all
    if not there.all():
        raise ContentError(f"has the label {high}, but not the label {int(there.argmin())}; labels have no gaps")
    return high


def _examine_rows(field: Field, value: Any) -> Content:
    if not len(value):
        return Content(entries=0, labels=0, extent=(0, 0) if field.holds == "points" else None)
    low = int(value.min())
    if field.holds == "points":
        if low < 0:
            raise ContentError(f"has the coordinate {low}, which is outside the image")
        return Content(extent=(int(value[:, 0].max()) + 1, int(value[:, 1].max()) + 1), entries=len(value))
    if low < 1:
        raise ContentError(f"has the label {low}; labels are 1, 2, ...")
    return Content(labels=int(value.max()), entries=len(value))


def _examine_objects(value: Any) -> Content:
    if not isinstance(value, (list, tuple)):
        raise ContentError(f"is {type(value).__name__}, not a list of objects")
    rows = columns = 0
    for index, item in enumerate(value):
        problem = _problem_of_object(item)
        if problem:
            raise ContentError(f"has {problem} (item {index})")
        rows = max(rows, item.offset[0] + item.fragment.shape[0])
        columns = max(columns, item.offset[1] + item.fragment.shape[1])
    return Content(extent=(int(rows), int(columns)))


def _problem_of_object(item: Any) -> str:
    import numpy as np

    known = getattr(type(item), "__dataclass_fields__", {})
    if not all(name in known for name in OBJECT):
        return f"{_shown(item)}, which is no object"
    fragment, offset, atoms = item.fragment, item.offset, item.atoms
    if not (isinstance(fragment, np.ndarray) and fragment.ndim == 2 and fragment.dtype == bool):
        return "an object whose mask is no two-dimensional array of bool"
    if fragment.size and not fragment.any():
        return "an object whose mask has no pixel; the shape of an empty one is (0, 0)"
    if not (isinstance(offset, tuple) and len(offset) == 2 and all(map(_is_index, offset))):
        return f"an object at {_shown(offset)}, which is no position inside the image"
    if not (isinstance(atoms, tuple) and all(map(_is_index, atoms))):
        return f"an object of the atoms {_shown(atoms)}, which is no tuple of labels"
    if not _is_number(item.energy) or math.isnan(item.energy):
        return f"an object of the energy {_shown(item.energy)}, which is no number"
    if not (isinstance(item.n_pixels, Integral) and 0 <= int(item.n_pixels) < 2**63):
        return f"an object of {_shown(item.n_pixels)} pixels, which is no count"
    return ""


def _outside(extent: Shape | None, shape: Shape) -> str:
    if extent is None or (extent[0] <= shape[0] and extent[1] <= shape[1]):
        return ""
    return f"reaches to row {extent[0]} and column {extent[1]} of an image of {shape[0]} x {shape[1]} pixels"


def misfit(parts: Iterable[Part], *, one_grid: bool) -> tuple[str, str] | None:
    """Return the name of a field that does not fit to those before it, and what is wrong; None if all fit together.

    Parameters
    ----------
    parts : iterable of Part
        The fields, in the order in which they were made: the later one of two gets the blame.
    one_grid : bool
        Whether all pixels are those of the image; see `superdsm.fields`.
    """
    seen: list[Part] = []
    for part in parts:
        for before in seen:
            same = one_grid or _grid(part.field) == _grid(before.field)
            problem = (_misplaced(part, before) if same else "") or _miscounted(part, before)
            if problem:
                return part.field.name, problem
        seen.append(part)
    return None


def _grid(field: Field) -> str:
    return field.grid or "image"


def _misplaced(part: Part, before: Part) -> str:
    """Return whether two fields of the same pixels differ in shape, or one lies outside the other."""
    this, other, name = part.content, before.content, before.field.name
    if other.shape is not None:
        if this.shape is not None and this.shape != other.shape:
            return f"has the shape {this.shape}, but {name!r} has {other.shape}"
        return _outside(this.extent, other.shape)
    if this.shape is not None and _outside(other.extent, this.shape):
        return f"has the shape {this.shape}, but {name!r} reaches to row {other.extent[0]} and column {other.extent[1]}"  # type: ignore[index]
    return ""


def _miscounted(part: Part, before: Part) -> str:
    """Return whether one of two fields refers to labels that the other one does not have."""
    for child, parent in ((part, before), (before, part)):
        if not child.field.of:
            continue
        if child.field.of == parent.field.name:
            there = parent.content.labels
        elif child.field.of == parent.field.of and parent.field.holds == "points":
            there = parent.content.entries
        else:
            continue
        wrong = _difference(child, there)
        if wrong:
            return wrong if child is part else f"does not fit to {child.field.name!r}, which {wrong}"
    return ""


def _difference(child: Part, there: int | None) -> str:
    content, of = child.content, child.field.of
    if there is None:
        return ""
    if child.field.holds == "points":
        return "" if content.entries in (None, there) else f"has {content.entries} entries, but there are {there} {of}"
    most = content.labels or 0
    return "" if most <= there else f"has the label {most}, but there are {there} {of}"
