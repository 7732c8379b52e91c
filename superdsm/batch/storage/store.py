"""The store of results: per image and stage one entry, found by its key.

An entry is ``KEY.json``, and ``KEY.npz`` if there are arrays. The JSON file is written last, holds the checksum of the
other file, and has a checksum of its own: an entry is there completely, or is not there, or is known to be damaged.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from superdsm.batch.storage.atomic import write_atomic
from superdsm.errors import SuperDSMError
from superdsm.jsonable import arrays_and_sets, digest_bytes
from superdsm.writing import is_temporary

FORMAT = 1


class DamagedError(SuperDSMError):
    """An entry of the store is truncated, was changed, or is not one of ours."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A result of a stage without its arrays.

    Attributes
    ----------
    key, stage : str
        Key of the result, and id of the stage.
    fields : mapping
        Descriptions of the fields, see `superdsm.io.codecs`.
    seconds : float
        How long the stage took.
    warnings : list of str
        What the stage told the user.
    log : list of dict
        What the stage logged.
    arrays : dict or None
        Size and checksum of the file with the arrays, if there is one.
    """

    key: str
    stage: str
    fields: Mapping[str, Any]
    seconds: float
    warnings: list[str]
    log: list[dict[str, Any]]
    arrays: dict[str, Any] | None = None


def _is_entry(content: Any, key: str) -> bool:
    """Return whether JSON is an entry: checksums only tell that it is as it was written, not by whom."""
    return (
        isinstance(content, dict)
        and content.get("format") == FORMAT
        and content.get("key") == key
        and isinstance(content.get("stage"), str)
        and isinstance(content.get("seconds"), (int, float))
        and _is_list(content.get("warnings"), str)
        and _is_list(content.get("log"), dict)
        and isinstance(content.get("fields"), dict)
        and all(_is_description(item) for item in content["fields"].values())
        and "arrays" in content
        and _is_file(content["arrays"])
    )


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


def _is_description(value: Any) -> bool:
    known = isinstance(value, dict) and isinstance(value.get("kind"), str) and "value" in value
    return known and _is_list(value.get("arrays"), str)


def _is_file(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and {"size", "checksum"} <= value.keys())


class Store:
    """Results under a directory.

    Parameters
    ----------
    directory : Path
        The directory; it is made when something is put there.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._prefix = str(directory)

    def _path(self, key: str, suffix: str) -> Path:
        return self.directory / key[:2] / (key + suffix)

    def __contains__(self, key: str) -> bool:
        return os.path.exists(f"{self._prefix}/{key[:2]}/{key}.json")  # noqa: PTH110 - asked very often

    def put(
        self, entry: Entry, values: Mapping[str, Any], kinds: Mapping[str, str], grids: Mapping[str, str] | None = None
    ) -> Entry:
        """Store a result.

        Parameters
        ----------
        entry : Entry
            The result, without `fields` and `arrays`, which are filled in.
        values : mapping
            The fields.
        kinds : mapping
            How each field is stored, see `superdsm.fields.Field`.
        grids : mapping, optional
            Whose pixels those of a field are, where that may be doubtful; they become part of its description.

        Returns
        -------
        Entry
            The entry as it was stored.

        Raises
        ------
        OSError
            It cannot be written.
        TypeError
            A field holds something that cannot be stored.
        """
        from superdsm.io.codecs import encode, pack

        fields, arrays = encode(values, kinds)
        for name, grid in (grids or {}).items():
            fields[name]["grid"] = grid
        description = None
        if arrays:
            data = pack(arrays)
            description = {"size": len(data), "checksum": digest_bytes(data)}
            write_atomic(self._path(entry.key, ".npz"), data)
        body = {
            "format": FORMAT,
            "key": entry.key,
            "stage": entry.stage,
            "seconds": entry.seconds,
            "arrays": description,
            "fields": fields,
            "warnings": entry.warnings,
            "log": entry.log,
        }
        text = json.dumps(body, separators=(",", ":"), default=arrays_and_sets)
        lines = f"{digest_bytes(text.encode())}\n{text}\n".encode()
        write_atomic(self._path(entry.key, ".json"), lines)
        return Entry(entry.key, entry.stage, fields, entry.seconds, entry.warnings, entry.log, description)

    def entry(self, key: str) -> Entry | None:
        """Return an entry without its arrays, or None if there is none.

        Raises
        ------
        DamagedError
            The entry is damaged.
        """
        path = self._path(key, ".json")
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise DamagedError(f"{path}: cannot be read ({exc.strerror})") from exc
        checksum, _, body = data.partition(b"\n")
        if checksum.decode("ascii", "replace") != digest_bytes(body.removesuffix(b"\n")):
            raise DamagedError(f"{path}: is truncated or was changed")
        try:
            content = json.loads(body)
        except (ValueError, RecursionError) as exc:
            raise DamagedError(f"{path}: is no JSON") from exc
        if not _is_entry(content, key):
            raise DamagedError(f"{path}: is not the entry that its name says")
        return Entry(
            key,
            content["stage"],
            content["fields"],
            content["seconds"],
            content["warnings"],
            content["log"],
            content["arrays"],
        )

    def values(self, entry: Entry, names: list[str] | None = None) -> dict[str, Any]:
        """Return fields of an entry (None: all).

        Raises
        ------
        DamagedError
            The arrays of the entry are missing or damaged.
        """
        from superdsm.io.codecs import decode, unpack

        wanted = {name: entry.fields[name] for name in (entry.fields if names is None else names)}
        arrays: dict[str, Any] = {}
        parts = [name for described in wanted.values() for name in described["arrays"]]
        data = self._array_bytes(entry) if parts and entry.arrays is not None else None
        try:
            if data is not None:
                arrays = unpack(data, parts)
            return decode(wanted, arrays)
        except MemoryError:
            raise
        except Exception as exc:  # whoever can write here can make checksums: anything may be in there
            path = self._path(entry.key, ".json")
            raise DamagedError(f"{path}: holds no fields ({type(exc).__name__})") from exc

    def _array_bytes(self, entry: Entry) -> bytes:
        assert entry.arrays is not None
        path = self._path(entry.key, ".npz")
        try:
            data = path.read_bytes()
        except OSError as exc:
            raise DamagedError(f"{path}: cannot be read ({exc.strerror})") from exc
        if len(data) != entry.arrays["size"] or digest_bytes(data) != entry.arrays["checksum"]:
            raise DamagedError(f"{path}: is truncated or was changed")
        return data

    def verify(self, key: str) -> None:
        """Read an entry completely.

        Raises
        ------
        DamagedError
            It is damaged.
        """
        entry = self.entry(key)
        if entry is None:
            raise DamagedError(f"{self._path(key, '.npz')}: belongs to no entry")
        if entry.arrays is not None:
            self._array_bytes(entry)

    def damaged(self) -> Iterator[tuple[str, DamagedError]]:
        """Read all entries completely; yield the keys of those that are damaged, and what is wrong with them."""
        for key in self.keys():
            try:
                self.verify(key)
            except DamagedError as exc:
                yield key, exc

    def keys(self) -> Iterator[str]:
        """Yield the keys of all entries."""
        for path in self.files():
            if path.suffix == ".json" and not path.name.startswith("."):
                yield path.stem

    def files(self) -> Iterator[Path]:
        """Yield all files of the store, also those that an interrupted process left behind."""
        if self.directory.is_dir():
            for folder in sorted(self.directory.iterdir()):
                yield from sorted(folder.iterdir())

    def remove(self, key: str) -> int:
        """Remove an entry, and return how many bytes that frees."""
        freed = 0
        for suffix in (".json", ".npz"):
            path = self._path(key, suffix)
            if path.exists():
                freed += path.stat().st_size
                path.unlink()
        return freed

    def leftovers(self) -> list[Path]:
        """Return the files that belong to no entry: those of interrupted processes."""
        files = list(self.files())
        complete = {path.stem for path in files if path.suffix == ".json" and not path.name.startswith(".")}
        return [path for path in files if is_temporary(path.name) or path.stem not in complete]
