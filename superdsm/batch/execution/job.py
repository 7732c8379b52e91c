"""What goes to a worker, and what comes back."""

import functools
import pickle
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from superdsm.batch.storage.journal import Outcome
from superdsm.batch.tasks.corrections import NONE
from superdsm.batch.tasks.file_ids import FileId
from superdsm.batch.tasks.keys import ExportRecipe, Recipe
from superdsm.config import Config
from superdsm.corrections import Corrections
from superdsm.errors import StageError, one_line
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
    inputs : tuple of str
        Files besides the images that are read, and must not be replaced.
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
    inputs: tuple[str, ...] = ()


# The bundles of a run in this process. To unpickle one where it was pickled would replace the methods of classes from
# scripts and notebooks by copies without source, which no longer see what is defined anew besides them.
_packed_here: weakref.WeakValueDictionary[str, TaskBundle] = weakref.WeakValueDictionary()


def pack(bundle: TaskBundle) -> tuple[bytes, str]:
    """Return a bundle as bytes (classes that were defined in scripts included), and their digest.

    Raises
    ------
    StageError
        A part of it cannot be sent to a worker; names the stage, exporter or reader.
    """
    import cloudpickle

    marked: tuple[Any, ...] = tuple(item for stage in bundle.stages for item in (_Mark(stage.id), stage))
    try:
        data = cloudpickle.dumps(replace(bundle, stages=marked))
    except MemoryError:
        raise
    except Exception as exc:  # what is pickled is anybody's code
        check_portable(bundle.stages)
        _check_each({f"exporter {item.name}": item for item in bundle.exporters.values()})
        _check_each({f"reader {item.name}": item for item in bundle.readers.values()})
        raise StageError("", _not_sent(exc)) from exc
    digest = digest_bytes(data)
    _packed_here[digest] = bundle
    return data, digest


def check_portable(stages: Iterable[Stage]) -> None:
    """Check that stages can be sent to a worker.

    Raises
    ------
    StageError
        One cannot.
    """
    _check_each({stage.id: stage for stage in stages})


def _check_each(items: Mapping[str, object]) -> None:
    import cloudpickle

    for name, item in items.items():
        try:
            cloudpickle.dumps(item)
        except MemoryError:
            raise
        except Exception as exc:  # anybody's code
            raise StageError(name, _not_sent(exc)) from exc


def _not_sent(exc: Exception) -> str:
    return f"cannot be sent to a worker ({one_line(exc)}); make what it holds when it is first needed"


def unpack(data: bytes, digest: str, tell: Callable[[str], None]) -> TaskBundle:
    """Return what was packed; the same object where that was done in this process and it is still there.

    Parameters
    ----------
    data : bytes
        The bundle.
    digest : str
        Its digest.
    tell : callable
        Is given the id of each stage before it is loaded: a stage may be anybody's code, and end or stop the process.

    Raises
    ------
    StageError
        A stage cannot be loaded.
    """
    global _loading  # noqa: PLW0603 - pickle offers no other way to those who are loaded
    here = _packed_here.get(digest)
    if here is not None:
        return here
    _loading = _Loading(tell)
    try:
        return _loaded(data, digest)
    except (MemoryError, KeyboardInterrupt, StageError):
        raise
    except BaseException as exc:
        raise StageError(_loading.stage, f"cannot be loaded in a worker ({one_line(exc)})") from exc
    finally:
        _loading = None


@functools.lru_cache(maxsize=4)
def _loaded(data: bytes, digest: str) -> TaskBundle:
    bundle: TaskBundle = pickle.loads(data)
    stages = bundle.stages[1::2]  # between the marks
    for stage_id, stage in zip(bundle.recipe.stages, stages, strict=True):
        if not isinstance(stage, Stage):  # pickles need not become what they were made of
            raise StageError(stage_id, f"becomes {type(stage).__name__} on its way to a worker")
    return replace(bundle, stages=stages)


class _Loading:
    """Which stage is being loaded."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.stage = ""
        self._tell = tell

    def begin(self, stage: str) -> None:
        self.stage = stage
        self._tell(stage)


_loading: _Loading | None = None


class _Mark:
    """Stands before a stage in a bundle, and tells when the stage is about to be loaded; leaves None behind."""

    def __init__(self, stage: str) -> None:
        self.stage = stage

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return _begin_loading, (self.stage,)


def _begin_loading(stage: str) -> None:
    if _loading is not None:
        _loading.begin(stage)


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
    content : str
        Digest of its file.
    targets : tuple of str
        Ids of the stages whose results have to be there afterwards.
    load : tuple of str
        Ids of the stages whose results were planned to be there. One that has vanished is computed; what the plan says
        is computed follows from this, so that it need not be told.
    exports : tuple of (str, str)
        Names of the outputs to write, with their paths.
    progress : Path
        Where the worker tells what it is doing.
    threads : int
        Number of threads to work with.
    corrections : Corrections
        What was corrected by hand.
    """

    number: int
    id: FileId
    bundle: bytes
    digest: str
    path: str
    stat: tuple[int, int]
    reader: str
    image: str
    content: str
    targets: tuple[str, ...]
    load: tuple[str, ...]
    exports: tuple[tuple[str, str], ...]
    progress: Path
    threads: int = 1
    corrections: Corrections = NONE

    def keys(self, recipe: Recipe) -> dict[str, str]:
        """Return the key of each stage's result, by the id of the stage."""
        return recipe.keys(self.image, self.corrections.digest)


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
