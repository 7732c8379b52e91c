"""Entries of the store that somebody has made, with right checksums: nothing is run, and nothing is believed."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from superdsm.batch.storage.store import DamagedError, Entry, Store
from superdsm.jsonable import digest_bytes

KEY = "ab" * 20


class Trap:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def write(store: Store, content: Any, arrays: bytes | None = None) -> None:
    """Write an entry with the right checksums."""
    folder = store.directory / KEY[:2]
    folder.mkdir(parents=True, exist_ok=True)
    if arrays is not None:
        content["arrays"] = {"size": len(arrays), "checksum": digest_bytes(arrays)}
        (folder / f"{KEY}.npz").write_bytes(arrays)
    text = json.dumps(content).encode()
    (folder / f"{KEY}.json").write_bytes(f"{digest_bytes(text)}\n".encode() + text + b"\n")


def body(**changes: Any) -> dict[str, Any]:
    described = {"kind": "array", "value": None, "arrays": ["y.array"]}
    common = {"format": 1, "key": KEY, "stage": "any", "seconds": 0.0, "arrays": None, "fields": {"y": described}}
    return {**common, "warnings": [], "log": [], **changes}


def npz(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return buffer.getvalue()


def npy(array: Any, *, pickled: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=pickled)
    return buffer.getvalue()


def announcing(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return buffer.getvalue() + b"few"


def test_pickles_are_not_loaded(tmp_path: Path) -> None:
    store, trap = Store(tmp_path / "store"), tmp_path / "sprung"
    array = np.array([Trap(trap)], dtype=object)
    write(store, body(), npz(**{"y.array": npy(array, pickled=True)}))
    entry = store.entry(KEY)
    assert entry is not None
    with pytest.raises(DamagedError, match="holds no fields"):
        store.values(entry)
    assert not trap.exists()
    np.load(io.BytesIO(npy(array, pickled=True)), allow_pickle=True)
    assert trap.exists(), "it would have been sprung"


@pytest.mark.parametrize(
    "arrays",
    [
        npz(**{"y.array": announcing((10**6, 10**6))}),
        npz(**{"y.array": announcing((2**62, 2**62))}),
        npz(**{"y.array": b"\x93NUMPY\x09\x00"}),
        npz(other=npy(np.zeros(3))),
        b"PK\x03\x04",
        b"",
    ],
)
def test_arrays_that_are_not_there(tmp_path: Path, arrays: bytes) -> None:
    store = Store(tmp_path)
    write(store, body(), arrays)
    entry = store.entry(KEY)
    assert entry is not None
    with pytest.raises(DamagedError, match="holds no fields"):
        store.values(entry)


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        body(key="cd" * 20),
        body(stage=3),
        body(seconds="long"),
        body(warnings=[3]),
        body(log=["x"]),
        body(fields=[]),
        body(fields={"y": None}),
        body(fields={"y": {"kind": "array", "arrays": []}}),
        body(fields={"y": {"kind": "array", "value": None, "arrays": [3]}}),
        body(arrays={"size": 3}),
        body(arrays=7),
        {name: value for name, value in body().items() if name != "arrays"},
    ],
)
def test_what_is_no_entry(tmp_path: Path, content: Any) -> None:
    store = Store(tmp_path)
    write(store, content)
    with pytest.raises(DamagedError, match="is not the entry that its name says"):
        store.entry(KEY)


def test_nesting_that_is_too_deep(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write(store, {})
    text = b"[" * 100_000
    (tmp_path / KEY[:2] / f"{KEY}.json").write_bytes(f"{digest_bytes(text)}\n".encode() + text + b"\n")
    with pytest.raises(DamagedError, match="is no JSON"):
        store.entry(KEY)


@pytest.mark.parametrize("value", [3, -1, 10**9, "x", None, [1]])
def test_objects_of_a_number_that_is_wrong(tmp_path: Path, value: Any) -> None:
    store = Store(tmp_path)
    store.put(Entry(KEY, "any", {}, 0.0, [], []), {"cover": []}, {"cover": "objects"})
    content = json.loads((tmp_path / KEY[:2] / f"{KEY}.json").read_bytes().partition(b"\n")[2])
    content["fields"]["cover"]["value"] = value
    write(store, content)
    entry = store.entry(KEY)
    assert entry is not None
    if value == -1:
        assert store.values(entry) == {"cover": []}
    else:
        with pytest.raises(DamagedError, match="holds no fields"):
            store.values(entry)
