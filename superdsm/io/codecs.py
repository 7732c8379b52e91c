"""How fields are stored: as arrays and JSON values, never as pickles.

The description of a field is a JSON object: its kind, the names of its arrays, and its JSON value. Each kind of
`superdsm.fields.Field` has an encoder and a decoder here.
"""

import io
import math
import zipfile
from collections.abc import Iterable, Mapping
from typing import IO, TYPE_CHECKING, Any

from superdsm.jsonable import plain

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

COMPRESSION_LEVEL = 1  # label images and masks shrink to a few percent at any level


def encode(values: Mapping[str, Any], kinds: Mapping[str, str]) -> "tuple[dict[str, Any], dict[str, Array]]":
    """Turn fields into descriptions and arrays.

    Parameters
    ----------
    values : mapping
        The fields.
    kinds : mapping
        The declared kind of each field; it counts as far as the value agrees with it.

    Returns
    -------
    fields : dict
        A description (JSON) of each field.
    arrays : dict
        All arrays; their names begin with those of their fields.

    Raises
    ------
    TypeError
        A value cannot be stored; the text names the field.
    """
    fields: dict[str, Any] = {}
    arrays: dict[str, Array] = {}
    for name, value in values.items():
        kind = kind_of(value, kinds.get(name, "json"))
        try:
            content, parts = _ENCODERS[kind](value)
        except (TypeError, ValueError) as exc:
            raise TypeError(f"the field {name!r} cannot be stored: {exc}") from exc
        named = {f"{name}.{part}": array for part, array in parts.items()}
        for array in named.values():
            if array.dtype.hasobject:
                raise TypeError(f"the field {name!r} cannot be stored: it is an array of Python objects")
        fields[name] = {"kind": kind, "value": content, "arrays": list(named)}
        arrays |= named
    return fields, arrays


def decode(fields: Mapping[str, Any], arrays: "Mapping[str, Array]") -> dict[str, Any]:
    """Turn descriptions and arrays back into fields; arrays are read-only."""
    values = {}
    for name, described in fields.items():
        parts = {key.removeprefix(f"{name}."): arrays[key] for key in described["arrays"]}
        values[name] = _DECODERS[described["kind"]](described["value"], parts)
    return values


def kind_of(value: Any, declared: str) -> str:
    """Return the kind as which a value is stored, given the declared one."""
    if value is None:
        return "json"
    if hasattr(value, "dtype") and getattr(value, "ndim", 0) > 0:
        return "array"
    if declared == "array" and hasattr(value, "dtype"):
        return "array"
    if isinstance(value, Mapping) and value and all(hasattr(column, "dtype") for column in value.values()):
        return "table"
    return declared if declared in ("objects", "table") else "json"


def _encode_json(value: Any) -> "tuple[Any, dict[str, Array]]":
    return plain(value), {}


def _decode_json(value: Any, parts: "Mapping[str, Array]") -> Any:
    return value


def _encode_array(value: Any) -> "tuple[Any, dict[str, Array]]":
    return None, {"array": value}


def _decode_array(value: Any, parts: "Mapping[str, Array]") -> Any:
    return parts["array"]


def _encode_table(value: Mapping[str, Any]) -> "tuple[Any, dict[str, Array]]":
    import numpy as np

    columns = {str(name): np.asarray(column) for name, column in value.items()}
    if any(column.ndim != 1 for column in columns.values()) or len({len(c) for c in columns.values()}) > 1:
        raise ValueError("the columns of a table are one-dimensional and equally long")
    return list(columns), {str(index): column for index, column in enumerate(columns.values())}


def _decode_table(value: list[str], parts: "Mapping[str, Array]") -> dict[str, Any]:
    return {name: parts[str(index)] for index, name in enumerate(value)}


def _encode_objects(value: Iterable[Any]) -> "tuple[Any, dict[str, Array]]":
    import numpy as np

    objects = list(value)
    masks = [np.asarray(obj.fragment, dtype=bool) for obj in objects]
    bits = [np.packbits(mask) for mask in masks]
    atoms = [np.asarray(sorted(obj.atoms), dtype=np.int32) for obj in objects]
    parts: dict[str, Array] = {
        "atoms": np.concatenate([*atoms, np.zeros(0, np.int32)]),
        "counts": np.asarray([len(item) for item in atoms], dtype=np.int32),
        "energy": np.asarray([obj.energy for obj in objects], dtype=np.float64),
        "flags": np.asarray([(obj.is_optimal, obj.on_boundary) for obj in objects], dtype=bool).reshape(-1, 2),
        "offset": np.asarray([obj.offset for obj in objects], dtype=np.int32).reshape(-1, 2),
        "shape": np.asarray([mask.shape for mask in masks], dtype=np.int32).reshape(-1, 2),
        "bits": np.concatenate([*bits, np.zeros(0, np.uint8)]),
        "n_pixels": np.asarray([obj.n_pixels for obj in objects], dtype=np.int64),
    }
    for name in ("margin", "confidence"):  # only objects of covers have them, and those of earlier versions have not
        known = [getattr(obj, name, None) for obj in objects]
        if any(value is not None for value in known):
            parts[name] = np.asarray([np.nan if value is None else value for value in known], dtype=np.float64)
    reasons = [" ".join(getattr(obj, "reasons", ())) for obj in objects]
    if any(reasons):
        parts["reasons"] = np.asarray(reasons, dtype=np.str_)
    if any(getattr(obj, "verdict", None) for obj in objects):  # only of those that were discarded
        verdicts = [getattr(obj, "verdict", None) or ("", math.nan, math.nan) for obj in objects]
        parts["verdict"] = np.asarray([reason for reason, *_ in verdicts], dtype=np.str_)
        parts["verdict_figures"] = np.asarray([figures for _, *figures in verdicts], dtype=np.float64)
    return len(objects), parts


def _decode_objects(value: int, parts: "Mapping[str, Array]") -> list[Any]:
    import numpy as np

    from superdsm.core.objects import Object

    atoms = np.split(parts["atoms"], np.cumsum(parts["counts"])[:-1]) if value else []
    lengths = (parts["shape"].astype(np.int64).prod(axis=1) + 7) // 8
    bits = np.split(parts["bits"], np.cumsum(lengths)[:-1]) if value else []
    objects = []
    for index in range(value):
        rows, columns = (int(size) for size in parts["shape"][index])
        mask = np.unpackbits(bits[index], count=rows * columns).reshape(rows, columns).astype(bool)
        mask.setflags(write=False)
        is_optimal, on_boundary = (bool(flag) for flag in parts["flags"][index])
        row, column = (int(value) for value in parts["offset"][index])
        objects.append(
            Object(
                atoms=tuple(int(atom) for atom in atoms[index]),
                energy=float(parts["energy"][index]),
                is_optimal=is_optimal,
                on_boundary=on_boundary,
                offset=(row, column),
                fragment=mask,
                n_pixels=int(parts["n_pixels"][index]),
                margin=_number(parts, "margin", index),
                confidence=_number(parts, "confidence", index),
                reasons=tuple(str(parts["reasons"][index]).split()) if "reasons" in parts else (),
                verdict=_verdict(parts, index),
            )
        )
    return objects


def _number(parts: "Mapping[str, Array]", name: str, index: int) -> float | None:
    value = float(parts[name][index]) if name in parts else math.nan
    return None if math.isnan(value) else value


def _verdict(parts: "Mapping[str, Array]", index: int) -> Any:
    from superdsm.core.objects import Verdict

    if "verdict" not in parts or not parts["verdict"][index]:
        return None
    value, threshold = (float(figure) for figure in parts["verdict_figures"][index])
    return Verdict(str(parts["verdict"][index]), value, threshold)


_ENCODERS = {"json": _encode_json, "array": _encode_array, "table": _encode_table, "objects": _encode_objects}
_DECODERS = {"json": _decode_json, "array": _decode_array, "table": _decode_table, "objects": _decode_objects}


def pack(arrays: "Mapping[str, Array]") -> bytes:
    """Return arrays as the bytes of an npz file; equal arrays give equal bytes."""
    import numpy as np

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION_LEVEL) as archive:
        for name in sorted(arrays):
            # A member opened by its name has a fixed date, so that the bytes depend on the arrays alone.
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(arrays[name]), allow_pickle=False)
    return buffer.getvalue()


def unpack(data: bytes, names: Iterable[str]) -> "dict[str, Array]":
    """Return the arrays of an npz file that are asked for by name; they are read-only."""
    import numpy as np

    arrays: dict[str, npt.NDArray[np.generic]] = {}
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        for name in names:
            _check_size(archive.zip.open(f"{name}.npy"), archive.zip.getinfo(f"{name}.npy").file_size)
            arrays[name] = archive[name]
            arrays[name].setflags(write=False)
    return arrays


def _check_size(file: IO[bytes], size: int) -> None:
    """Check that a file is as large as the array that it announces, before memory is taken for that.

    Raises
    ------
    ValueError
        It is not.
    """
    import numpy as np

    with file:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = read[version](file)
        if math.prod(shape) * dtype.itemsize != size - file.tell():
            raise ValueError("an array is not as large as it announces")
