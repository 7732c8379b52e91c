"""What was done for each image of a task: a journal of JSON lines.

A journal is only added to, one line per image, so that nothing that is written can harm what was written before. Each
line ends with a checksum. A line that a crash cut off, or that has changed since, is passed over: its image counts as
not done. (A database would need locks and shared memory that network file systems do not provide reliably; a journal
needs neither, and any tool can read it.)
"""

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from superdsm.batch.storage.atomic import write_atomic
from superdsm.batch.storage.layout import journal_directory
from superdsm.batch.tasks.file_ids import FileId

DONE, FAILED = "done", "failed"
SUM = re.compile(r',"sum":"([0-9a-f]{16})"\}$')
EXPORT = "export"  # stands among the stages for writing the outputs


class FailureKind(StrEnum):
    """What kind of thing went wrong with an image."""

    IMAGE = "image"  # it cannot be read at all
    STAGE = "stage"  # a stage raised an error
    OUTPUT = "output"  # something cannot be written, or was changed meanwhile
    CRASH = "crash"  # the worker ended
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTSIDE = (
        "outside"  # neither the image nor what is done with it: a library that cannot be loaded, no more processes
    )
    CHANGED = "changed"  # the image is not the one that was planned


LACKING = frozenset(
    (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOSPC, errno.EIO, getattr(errno, "EDQUOT", 0))
)


def is_outside(exc: BaseException | None) -> bool:
    """Return whether an error, or what it comes of, is one of the machine, not of an image or what is done with it.

    So it is with libraries that cannot be loaded, and where the system lacks memory, open files, processes or space.
    """
    while exc is not None:
        if isinstance(exc, (ImportError, MemoryError)) or (isinstance(exc, OSError) and exc.errno in LACKING):
            return True
        exc = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
    return False


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that was written.

    Attributes
    ----------
    path : str
        The file, relative to the task's directory if it is there.
    key : str
        Key of its content, see `superdsm.batch.tasks.keys.ExportRecipe`.
    digest, size, mtime_ns
        What it was when it was written.
    """

    path: str
    key: str
    digest: str
    size: int
    mtime_ns: int

    @property
    def texts(self) -> tuple[str, ...]:
        """What has to be text."""
        return (self.path, self.key, self.digest)

    @property
    def numbers(self) -> tuple[int, ...]:
        """What has to be a number."""
        return (self.size, self.mtime_ns)


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of an image: what a worker tells of it, and the journal keeps.

    Attributes
    ----------
    outputs : dict
        By exporter: the file that was written.
    seconds : dict
        By stage ("export" included): how long it took when it was computed.
    performance : dict
        Counts of the energy minimisation.
    n_objects : int
        Number of objects found; -1: not known.
    warnings : list of str
        What the user should know.
    stage, message, kind : str
        Of failures: where, what, and the `FailureKind`.
    certificate : dict
        How far the cover is from the least energy at most, without the details of the clusters.
    summary : dict
        What the stages say of the image as a whole, see `superdsm.summary`.
    """

    outputs: dict[str, OutputFile] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    performance: dict[str, Any] = field(default_factory=dict)
    n_objects: int = -1
    warnings: list[str] = field(default_factory=list)
    stage: str = ""
    message: str = ""
    kind: str = ""
    certificate: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)

    def outcome(self) -> dict[str, Any]:
        """Return the attributes above by name, of whatever has them."""
        return {item.name: getattr(self, item.name) for item in fields(Outcome)}


@dataclass(slots=True, kw_only=True)
class JournalEntry(Outcome):
    """What became of an image, and what it was made with.

    Attributes
    ----------
    id : int or str
        The file id.
    status : str
        "done" or "failed".
    recipe : str
        Digest of the recipe of the stages.
    image : str
        Key of the image; "" if it could not be read.
    exports : str
        Digest of the recipes of the outputs.
    corrections : str
        Digest of the corrections by hand; "" if there were none.
    """

    id: FileId
    status: str
    recipe: str
    image: str = ""
    exports: str = ""
    corrections: str = ""

    def line(self) -> str:
        """Return the line of the journal."""
        values = {"id": self.id, **asdict(self)}  # who it is about comes first
        data = {name: value for name, value in values.items() if value not in ("", {}, [])}
        data["outputs"] = {name: list(asdict(output).values()) for name, output in self.outputs.items()}
        return _summed(data)

    @classmethod
    def parse(cls, line: str) -> "JournalEntry":
        """Return the entry of a line.

        Raises
        ------
        ValueError, TypeError, KeyError, AttributeError
            It is none.
        """
        data = _checked(line)
        data["outputs"] = {name: OutputFile(*values) for name, values in data["outputs"].items()}
        entry = cls(**data)
        wrong = [name for name, kind in _KINDS.items() if not isinstance(getattr(entry, name), kind)]
        numbers = [*entry.seconds.values(), *(item for output in entry.outputs.values() for item in output.numbers)]
        texts = [*entry.warnings, *(item for output in entry.outputs.values() for item in output.texts)]
        if wrong or not all(map(_is_number, numbers)) or not all(isinstance(text, str) for text in texts):
            raise TypeError("a value of a line is of the wrong type")
        return entry


_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "id": (int, str),
    "n_objects": int,
    **dict.fromkeys(("status", "recipe", "image", "exports", "corrections", "stage", "message", "kind"), str),
    **dict.fromkeys(("seconds", "performance", "certificate", "summary"), dict),
    "warnings": list,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _summed(data: Mapping[str, Any]) -> str:
    """Return the line for some values, with the checksum of what stands before it."""
    text = json.dumps(data, separators=(",", ":"))
    return f'{text[:-1]},"sum":"{_checksum(text[:-1])}"}}'


def _checked(line: str) -> dict[str, Any]:
    """Return the values of a line without its checksum, which is right (those of earlier versions have none).

    Raises
    ------
    ValueError, TypeError
        It is damaged.
    """
    match = SUM.search(line)
    if match is not None and match[1] != _checksum(line[: match.start()]):
        raise ValueError("the line has changed since it was written")
    data = json.loads(line)
    if not isinstance(data, dict):
        raise TypeError("the line is no object")
    if (data.pop("sum", None) is None) != (match is None):
        raise ValueError("the checksum has changed since it was written")
    return data


def _checksum(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _parse(line: str) -> JournalEntry | None:
    """Return the entry of a line; None if it is of another version of the program: its image counts as not done."""
    try:
        return JournalEntry.parse(line)
    except (TypeError, KeyError, ValueError, AttributeError, RecursionError):
        return None


def id_key(file_id: FileId) -> str:
    """Return a text that differs for the integer 1 and the string "1"."""
    return json.dumps(file_id)


class Journal:
    """The journal of a task.

    Records are parsed when they are asked for: a hundred thousand of them stay small.

    Parameters
    ----------
    path : Path
        The file.

    Attributes
    ----------
    damaged : int
        Number of lines that have changed since they were written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = 0
        self._lines: dict[str, str] = {}
        self._recipes: dict[str, str] = {}
        self._count = 0
        self._torn = False
        self.load()

    def load(self) -> None:
        """Read the journal."""
        self._lines.clear()
        self._recipes.clear()
        self._count = self.damaged = 0
        try:
            file = self.path.open(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return
        with file:
            line = "\n"
            for line in file:
                self._read(line.strip())
            self._torn = not line.endswith("\n")

    def _read(self, line: str) -> None:
        if not line:
            return
        self._count += 1
        try:
            data = _checked(line)
            if data.keys() == {"recipe_of", "why"}:
                if not isinstance(data["recipe_of"], str) or not isinstance(data["why"], list):
                    raise TypeError("a recipe is a list")
                self._recipes[data["recipe_of"]] = line
            else:
                self._lines[id_key(data["id"])] = line
        except (ValueError, KeyError, TypeError, RecursionError):
            self.damaged += line.endswith("}")  # else it was cut off by a crash

    def get(self, file_id: FileId) -> JournalEntry | None:
        """Return what is known of an image."""
        line = self._lines.get(id_key(file_id))
        return None if line is None else _parse(line)

    def entries(self) -> Iterator[JournalEntry]:
        """Yield what is known of all images."""
        for line in self._lines.values():
            if (entry := _parse(line)) is not None:
                yield entry

    def provenance(self, digest: str) -> list[Any] | None:
        """Return what a recipe (of stages, or of outputs) was made of."""
        line = self._recipes.get(digest)
        return None if line is None else list(json.loads(line)["why"])

    def provenances(self) -> Iterator[list[Any]]:
        """Yield what all recipes of the task were made of, the last one first."""
        for line in reversed(self._recipes.values()):
            yield json.loads(line)["why"]

    def record_provenance(self, digest: str, provenance: list[Any]) -> None:
        """Keep what a recipe is made of.

        Raises
        ------
        OSError
            The journal cannot be written.
        """
        if digest not in self._recipes:
            line = _summed({"recipe_of": digest, "why": provenance})
            self._append(line)
            self._recipes[digest] = line

    def add(self, entry: JournalEntry) -> None:
        """Keep what became of an image; it is on the disk when this returns.

        Raises
        ------
        OSError
            The journal cannot be written.
        """
        line = entry.line()
        self._append(line)
        self._lines[id_key(entry.id)] = line

    def _append(self, line: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        start, self._torn = ("\n" if self._torn else ""), True
        data = f"{start}{line}\n".encode()
        with self.path.open("ab", buffering=0) as file:  # else closing it would write once more what could not be
            before = file.tell()
            try:
                while data:
                    data = data[file.write(data) :]
                os.fsync(file.fileno())
            except OSError:
                try:  # who reads it later must not find what was told to have failed
                    os.truncate(file.fileno(), before)
                except OSError:
                    self.load()  # what is there counts
                raise
        self._torn = False
        self._count += 1

    def compact(self) -> None:
        """Drop lines that are damaged, and those that later ones have replaced if they are the most.

        Raises
        ------
        OSError
            The journal cannot be written; it is as it was.
        """
        if self.damaged or self._count > 2 * (len(self._lines) + len(self._recipes)) + 100:
            lines = [*self._recipes.values(), *self._lines.values()]
            write_atomic(self.path, ("\n".join(lines) + "\n").encode())
            self._count, self.damaged, self._torn = len(lines), 0, False

    def stamp(self) -> tuple[int, int]:
        """Return size and time of modification of the journal, to see whether another process has added to it."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return (0, 0)
        return (stat.st_size, stat.st_mtime_ns)


class Journals(Mapping[str, Journal]):
    """The journals of a root by the name of the task; each is read when it is first asked for.

    Parameters
    ----------
    root : Path
        The root.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._journals: dict[str, Journal] = {}

    def __getitem__(self, task: str) -> Journal:
        if task not in self._journals:
            self._journals[task] = Journal(journal_directory(self.root, task) / "journal.jsonl")
        return self._journals[task]

    def __iter__(self) -> Iterator[str]:
        return iter(self._journals)

    def __len__(self) -> int:
        return len(self._journals)
