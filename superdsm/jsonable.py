"""JSON values and digests: what keys, journals, stored results and outputs are written with."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any


def scalars(item: Any) -> Any:
    """Return what stands for an object that JSON does not know: a number of NumPy, or a mapping.

    This and the two functions below are meant for `json.dumps`, as its argument ``default``.

    Raises
    ------
    TypeError
        The object is of another kind.
    """
    if getattr(item, "shape", None) == () and hasattr(item, "item"):
        return item.item()
    if isinstance(item, Mapping):
        return dict(item)
    raise TypeError(f"{type(item).__name__} is no JSON value")


def arrays(item: Any) -> Any:
    """Do what `scalars` does, and make lists of arrays."""
    return item.tolist() if hasattr(item, "tolist") else scalars(item)


def arrays_and_sets(item: Any) -> Any:
    """Do what `arrays` does, and sort sets into lists: for what is only looked at, because no set comes back."""
    return sorted(item) if isinstance(item, (set, frozenset)) else arrays(item)


def plain(value: Any, default: Callable[[Any], Any] = arrays) -> Any:
    """Return a value as it is after it was written and read: lists for tuples, Python's numbers for NumPy's.

    Parameters
    ----------
    value : object
        It is copied.
    default : callable
        What to do with objects that JSON does not know.

    Raises
    ------
    TypeError
        The value has something in it that cannot be written.
    """
    return json.loads(json.dumps(value, default=default))


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a value, the same for any order of the keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest(value: Any) -> str:
    """Return the hex digest (160 bit) of a JSON value."""
    return digest_bytes(canonical_json(value).encode())


def digest_bytes(data: bytes | memoryview) -> str:
    """Return the hex digest (160 bit) of bytes."""
    return hashlib.blake2b(data, digest_size=20).hexdigest()
