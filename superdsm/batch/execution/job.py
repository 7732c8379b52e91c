"""What goes to a worker, and what comes back."""

import functools
import pickle
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from superdsm.batch.storage.journal import Outcome
from superdsm.batch.tasks.file_ids import FileId
from superdsm.batch.tasks.keys import ExportRecipe, Recipe
from superdsm.config import Config
from superdsm.io.sources import Selection
from superdsm.jsonable import digest_bytes
from superdsm.records import Exporter, Reader
from superdsm.stage import Stage


@dataclass(frozen=True, slots=True, weakref_slot=True)
class TaskBundle:
    """What all images of a task have in common. It travels to the workers once per image, as bytes.

    Attributes
    ----------
    stages : tuple of Stage
        The stages up to the last one.
    config : Config
        The hyperparameters.
    recipe : Recipe
        Tells what depends on what.
    readers : mapping
        The readers by name.
    selection : Selection
        Which plane of the images is segmented.
    exporters, exports : mapping
        The exporters by name, and what identifies their outputs.
    store : Path
        Where results are kept.
    keep : bool
        Whether results are to be kept.
    fresh : bool
        Whether only those earlier results may be used that the plan names.
    progress : Path
        Where the worker tells what it is doing.
    """

    stages: tuple[Stage, ...]
    config: Config
    recipe: Recipe
    readers: Mapping[str, Reader]
    selection: Selection
    exporters: Mapping[str, Exporter]
    exports: Mapping[str, ExportRecipe]
    store: Path
    keep: bool
    fresh: bool
    progress: Path


# The bundles of a run in this process. To unpickle one where it was pickled would replace the methods of classes from
# scripts and notebooks by copies without source, which no longer see what is defined anew besides them.
_packed_here: weakref.WeakValueDictionary[str, TaskBundle] = weakref.WeakValueDictionary()


def pack(bundle: TaskBundle) -> tuple[bytes, str]:
    """Return a bundle as bytes (classes that were defined in scripts included), and their digest."""
    import cloudpickle

    data = cloudpickle.dumps(bundle)
    digest = digest_bytes(data)
    _packed_here[digest] = bundle
    return data, digest


def unpack(data: bytes, digest: str) -> TaskBundle:
    """Return what was packed; the same object where that was done in this process and it is still there."""
    return _packed_here.get(digest) or _loaded(data, digest)


@functools.lru_cache(maxsize=4)
def _loaded(data: bytes, digest: str) -> TaskBundle:
    bundle: TaskBundle = pickle.loads(data)
    return bundle


@dataclass(frozen=True, slots=True)
class Job:
    """An image to work on.

    Attributes
    ----------
    number : int
        Number in the whole plan.
    id : int or str
        The file id.
    bundle : bytes
        The pickled `TaskBundle`.
    digest : str
        Its digest.
    path : str
        The image.
    stat : tuple of int
        Size and time of modification of the file when it was hashed.
    reader : str
        Name of the reader.
    image : str
        Key of the image.
    targets : tuple of str
        Ids of the stages whose results have to be there afterwards.
    load : tuple of str
        Ids of the stages whose results were planned to be there. One that has vanished is computed; what the plan says
        is computed follows from this, so that it need not be told.
    exports : tuple of (str, str)
        Names of the outputs to write, with their paths.
    threads : int
        Number of threads to work with.
    """

    number: int
    id: FileId
    bundle: bytes
    digest: str
    path: str
    stat: tuple[int, int]
    reader: str
    image: str
    targets: tuple[str, ...]
    load: tuple[str, ...]
    exports: tuple[tuple[str, str], ...]
    threads: int = 1


@dataclass(slots=True, kw_only=True)
class ImageResult(Outcome):
    """What a worker tells of an image.

    Attributes
    ----------
    number : int
        Number of the job.
    ok : bool
        Whether everything worked.
    computed, loaded : list of str
        Ids of the stages that were run, and of those whose results were taken from the store.
    total : float
        Seconds for everything.
    damaged : list of str
        Damaged entries of the store that were found.
    traceback : str
        Of failures.
    """

    number: int
    ok: bool = True
    computed: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    total: float = 0.0
    damaged: list[str] = field(default_factory=list)
    traceback: str = ""
