"""What goes to a worker, and what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from superdsm.batch.storage.journal import OutputFile
from superdsm.batch.tasks.file_ids import FileId
from superdsm.batch.tasks.keys import ExportRecipe, Recipe
from superdsm.config import Config
from superdsm.records import Exporter, Reader
from superdsm.stage import Stage


@dataclass(frozen=True, slots=True)
class TaskBundle:
    """What all images of a task have in common. It travels to the workers once per image, as bytes.

    Attributes
    ----------
    task : str
        Name of the task.
    stages : tuple of Stage
        The stages up to the last one.
    config : Config
        The hyperparameters.
    recipe : Recipe
        Tells what depends on what.
    readers : mapping
        The readers by name.
    exporters, exports : tuple
        The exporters, and what identifies their outputs.
    store : Path
        Where results are kept.
    keep : bool
        Whether results are to be kept.
    fresh : bool
        Whether only those earlier results may be used that the plan names.
    board : Path
        Where the worker tells what it is doing.
    """

    task: str
    stages: tuple[Stage, ...]
    config: Config
    recipe: Recipe
    readers: Mapping[str, Reader]
    exporters: tuple[Exporter, ...]
    exports: tuple[ExportRecipe, ...]
    store: Path
    keep: bool
    fresh: bool
    board: Path


@dataclass(frozen=True, slots=True)
class Job:
    """An image to work on.

    Attributes
    ----------
    number : int
        Number in the whole plan.
    id : int or str
        The file id.
    kit : bytes
        The pickled `TaskBundle`.
    kit_digest : str
        Its digest.
    path : str
        The image.
    stat : tuple of int
        Size and time of modification of the file when it was hashed.
    reader : str
        Name of the reader.
    image : str
        Key of the image.
    targets : tuple of int
        Indices of the stages whose results have to be there afterwards.
    load : tuple of int
        Indices of the stages whose results were planned to be there.
    exports : tuple of (int, str)
        Indices of the outputs to write, with their paths.
    threads : int
        Number of threads to work with.
    """

    number: int
    id: FileId
    kit: bytes
    kit_digest: str
    path: str
    stat: tuple[int, int]
    reader: str
    image: str
    targets: tuple[int, ...]
    load: tuple[int, ...]
    exports: tuple[tuple[int, str], ...]
    threads: int = 1


@dataclass(slots=True)
class ImageResult:
    """What became of an image.

    Attributes
    ----------
    number : int
        Number of the job.
    ok : bool
        Whether everything worked.
    computed, loaded : list of str
        Ids of the stages that were run, and of those whose results were taken from the store.
    outputs : dict
        By exporter: the file that was written.
    seconds : dict
        By stage: how long it took, or had taken.
    total : float
        Seconds for everything.
    performance : dict
        Counts of the energy minimisation.
    n_objects : int
        Number of final objects; -1: not known.
    warnings : list of str
        What the user should know of this image.
    damaged : list of str
        Damaged entries of the store that were found.
    kind, stage, message, traceback : str
        Of failures; see `superdsm.batch.storage.journal.JournalEntry`.
    """

    number: int
    ok: bool = True
    computed: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    outputs: dict[str, OutputFile] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    total: float = 0.0
    performance: dict[str, Any] = field(default_factory=dict)
    n_objects: int = -1
    warnings: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    kind: str = ""
    stage: str = ""
    message: str = ""
    traceback: str = ""
