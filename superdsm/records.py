"""What hooks return and what observers are told: typed, frozen records."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from superdsm.params import Param
    from superdsm.stage import Stage


@dataclass(frozen=True, slots=True)
class StageEntry:
    """A stage that can be used.

    Attributes
    ----------
    stage : type of Stage
        The class. Its ``id`` is the name under which ``use`` activates it; where it goes in the pipeline is declared
        by its ``replaces``, ``before`` or ``after``.
    default : bool
        Whether the stage belongs to the published method (built-in stages only). Which stages make a pipeline is said
        in `superdsm.profiles`.
    """

    stage: "type[Stage]"
    default: bool = False


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads image files.

    Attributes
    ----------
    name : str
        Unique name.
    suffixes : tuple of str
        Lower-case suffixes with the dot, for instance ``(".png",)``.
    read : callable
        ``read(path) -> ndarray`` with shape (rows, columns) or (rows, columns, channels). Raises
        `superdsm.errors.ImageError` if the file is not a readable image.
    version : str
        Changes when the same file yields another array.
    open : callable, optional
        ``open(path) -> superdsm.io.ImageSource``, for files with channels, stacks, or pixel sizes: what there is can
        then be listed, and a plane be chosen.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path], Any]
    version: str = "1"
    open: Callable[[Path], Any] | None = None


def reader_by_suffix(name: str, readers: Iterable[Reader]) -> Reader | None:
    """Return the reader with the longest suffix that a file name ends in; of equal ones the first; None: no reader."""
    name = name.lower()
    found: tuple[int, Reader | None] = (0, None)
    for reader in readers:
        for suffix in reader.suffixes:
            if name.endswith(suffix) and len(suffix) > found[0]:
                found = (len(suffix), reader)
    return found[1]


@dataclass(frozen=True, slots=True)
class ExportContext:
    """What an exporter knows besides the fields.

    Attributes
    ----------
    name : str
        The file id or name of the image.
    options : mapping
        Values of the options that the exporter declares.
    params : mapping
        All hyperparameters as used, automatic ones filled in: nested by namespace.
    log : tuple of mapping
        Records that the stages logged.
    timings : mapping
        Seconds per stage.
    pixel_size : tuple of float, optional
        Height and width of a pixel of the image in micrometres, for exporters with ``pixel_size_in``.
    planes : mapping
        The further channels that are to be measured, by name: intensities as they were read, of the shape of the image;
        each is read when it is asked for. For exporters with ``measures_channels``.
    file : str
        Name of the file of the image, without its directory; "" if that is not known.
    """

    name: str
    options: Mapping[str, Any]
    params: Mapping[str, Any]
    log: tuple[Mapping[str, Any], ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    pixel_size: tuple[float, float] | None = None
    planes: Mapping[str, Any] = field(default_factory=dict)
    file: str = ""


@dataclass(frozen=True, slots=True)
class Exporter:
    """Writes a file per image.

    Attributes
    ----------
    name : str
        Unique name; a task asks for the files with ``<name>_pathpattern``.
    inputs : tuple of str
        Fields that are needed. ``"a|b"`` stands for the first of the two that the pipeline provides.
    write : callable
        ``write(path, fields, context)`` with a mapping of the `inputs` (under the names that were found) and an
        `ExportContext`. It writes to exactly `path` (a temporary name with the right suffix; the caller renames it).
    suffixes : tuple of str
        Suffixes that can be written; empty: any.
    options : tuple of Param
        Options of the exporter, which a task sets by their names (for instance ``dilate``).
    version : str
        Changes when the same fields yield another file.
    doc : str
        One line on what is written.
    pixel_size_in : tuple of str
        Suffixes of the files into which the size of a pixel goes.
    pixel_size_option : str
        The option that must be on for that; "": none.
    measures_channels : bool
        Whether further channels of the image are measured.
    column_type : callable, optional
        Of exporters that write tables with a row for each of several things (CSV, the first column is the name of the
        image): ``column_type(name)`` is the type of a column, "integer", "number", "text" or "flag". Such tables can be
        gathered to one for a task.
    file_name : str
        What a file is called in a directory of such files, with ``{stem}`` for the name of the image and ``{number}``
        for its place among the images, from 0; "": ``{stem}`` and the first of the suffixes.
    """

    name: str
    inputs: tuple[str, ...]
    write: Callable[[Path, Mapping[str, Any], ExportContext], None]
    suffixes: tuple[str, ...] = ()
    options: "tuple[Param, ...]" = ()
    version: str = "1"
    doc: str = ""
    pixel_size_in: tuple[str, ...] = ()
    pixel_size_option: str = ""
    measures_channels: bool = False
    column_type: Callable[[str], str] | None = None
    file_name: str = ""

    @property
    def alternatives(self) -> tuple[tuple[str, ...], ...]:
        """For each of the `inputs` the fields of which the first that is there is taken."""
        return tuple(tuple(names.split("|")) for names in self.inputs)

    def named(self, stem: str, number: int) -> str:
        """Return what the file of an image is called in a directory, see `file_name`."""
        return (self.file_name or "{stem}" + next(iter(self.suffixes), "")).format(stem=stem, number=number)

    def accepts(self, name: str) -> bool:
        """Whether the name of a file ends in one of the `suffixes`."""
        return not self.suffixes or name.lower().endswith(self.suffixes)

    def option_values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of all options: those given, in their types, and defaults; anything else is dropped.

        Raises
        ------
        ConfigError
            A value is illegal.
        """
        return {spec.name: spec.check(given.get(spec.name, spec.default), spec.name) for spec in self.options}


@dataclass(frozen=True, slots=True)
class ExecutorOptions:
    """How an executor is to be made.

    Attributes
    ----------
    jobs : int
        Number of workers.
    environ : mapping
        Environment variables to set in each worker before it imports anything.
    """

    jobs: int
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExecutorEntry:
    """A way to run jobs.

    Attributes
    ----------
    name : str
        Unique name, as given to ``--executor``.
    make : callable
        ``make(options) -> concurrent.futures.Executor``.
    doc : str
        One line of help.
    """

    name: str
    make: Callable[[ExecutorOptions], Executor]
    doc: str = ""


class ExitCode(IntEnum):
    """What a command tells the shell."""

    OK = 0
    PARTIAL = 1  # some images failed, or something was found that is wrong
    ERROR = 2  # nothing could start
    INTERRUPTED = 130
    CLOSED_PIPE = 141  # the reader of the output is gone


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand of ``superdsm``.

    Attributes
    ----------
    name : str
        Unique name.
    help : str
        One line of help.
    add_arguments : callable
        ``add_arguments(parser)`` declares the arguments; it must be quick.
    run : callable
        ``run(args) -> int`` does the work and returns the exit code, see `ExitCode`.
    """

    name: str
    help: str
    add_arguments: "Callable[[argparse.ArgumentParser], None]"
    run: "Callable[[argparse.Namespace], int]"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; observers are told in the parent process, in order.

    Attributes
    ----------
    task : str
        Path of the task relative to the root, or "" outside of batch processing.
    image : str
        The file id or name of the image, or "".
    """

    task: str
    image: str


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """A batch begins. `total` images are to be processed."""

    total: int


@dataclass(frozen=True, slots=True)
class StageStarted(Event):
    """A stage begins to work on an image."""

    stage: str


@dataclass(frozen=True, slots=True)
class StageFinished(Event):
    """A stage has finished an image in `seconds`."""

    stage: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ImageFinished(Event):
    """An image is done; `outputs` are the files that were written, `n_objects` the objects found (-1: not known)."""

    seconds: float
    outputs: tuple[Path, ...]
    n_objects: int
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImageFailed(Event):
    """An image failed in a stage, or before or after the stages (`stage` is then "")."""

    stage: str
    message: str


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """A batch has ended."""

    done: int
    failed: int
    seconds: float
