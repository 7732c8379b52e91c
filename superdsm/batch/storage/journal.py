"""What was done for each image of a task: a journal of JSON lines.

A journal is only added to, one line per image, so that nothing that is written can harm what was written before. A line
that a crash cut off is passed over: its image counts as not done. (A database would need locks and shared memory that
network file systems do not provide reliably; a journal needs neither, and any tool can read it.)
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from superdsm.batch.storage.atomic import write_atomic
from superdsm.batch.storage.layout import journal_directory
from superdsm.batch.tasks.file_ids import FileId

DONE, FAILED = "done", "failed"
EXPORT = "export"  # stands among the stages for writing the outputs


class FailureKind(StrEnum):
    """What kind of thing went wrong with an image."""

    IMAGE = "image"  # it cannot be read at all
    STAGE = "stage"  # a stage raised an error
    OUTPUT = "output"  # something cannot be written, or was changed meanwhile
    CRASH = "crash"  # the worker ended
    TIMEOUT = "timeout"
    MEMORY = "memory"


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


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """What became of an image.

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
    outputs : dict
        By exporter: the file.
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
    """

    id: FileId
    status: str
    recipe: str
    image: str = ""
    exports: str = ""
    outputs: dict[str, OutputFile] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    performance: dict[str, Any] = field(default_factory=dict)
    n_objects: int = -1
    warnings: list[str] = field(default_factory=list)
    stage: str = ""
    message: str = ""
    kind: str = ""

    def line(self) -> str:
        """Return the line of the journal."""
        data = {name: value for name, value in asdict(self).items() if value not in ("", {}, [])}
        data["outputs"] = {name: list(asdict(output).values()) for name, output in self.outputs.items()}
        return json.dumps(data, separators=(",", ":"))

    @classmethod
    def parse(cls, line: str) -> "JournalEntry":
        """Return the entry of a line."""
        data = json.loads(line)
        data["outputs"] = {name: OutputFile(*values) for name, values in data["outputs"].items()}
        return cls(**data)


def _parse(line: str) -> JournalEntry | None:
    """Return the entry of a line; None if it is of another version of the program: its image counts as not done."""
    try:
        return JournalEntry.parse(line)
    except (TypeError, KeyError, ValueError):
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
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: dict[str, str] = {}
        self._recipes: dict[str, str] = {}
        self._count = 0
        self._torn = False
        self.load()

    def load(self) -> None:
        """Read the journal."""
        self._lines.clear()
        self._recipes.clear()
        self._count = 0
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
            data = json.loads(line)
            if "recipe_of" in data:
                self._recipes[data["recipe_of"]] = line
            else:
                self._lines[id_key(data["id"])] = line
        except (ValueError, KeyError, TypeError):
            return  # cut off by a crash

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
            line = json.dumps({"recipe_of": digest, "why": provenance}, separators=(",", ":"))
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
        with self.path.open("ab") as file:
            file.write(f"{start}{line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        self._torn = False
        self._count += 1

    def compact(self) -> None:
        """Drop lines that later ones have replaced, if they are the most."""
        if self._count > 2 * (len(self._lines) + len(self._recipes)) + 100:
            lines = [*self._recipes.values(), *self._lines.values()]
            write_atomic(self.path, ("\n".join(lines) + "\n").encode())
            self._count = len(lines)

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
