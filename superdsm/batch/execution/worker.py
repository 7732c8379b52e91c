"""What happens in a worker: one image goes through its stages, and its outputs are written."""

import functools
import hashlib
import os
import pickle
import time
import traceback
from pathlib import Path
from typing import Any

from superdsm.batch.execution import progress
from superdsm.batch.execution.job import ImageResult, Job, TaskBundle
from superdsm.batch.execution.progress import ProgressEvent
from superdsm.batch.storage.digests import file_digest
from superdsm.batch.storage.journal import OutputFile
from superdsm.batch.storage.store import DamagedError, Entry, Store
from superdsm.batch.tasks.keys import IMAGE
from superdsm.config import Config
from superdsm.errors import ImageError, StageError, SuperDSMError
from superdsm.parallel import thread_map
from superdsm.pipeline import Run, run_stage
from superdsm.records import Event, ExportContext, StageFinished, StageStarted

OBJECT_FIELDS = ("postprocessed_objects", "cover")


def pack_kit(kit: TaskBundle) -> tuple[bytes, str]:
    """Return a kit as bytes (classes that were defined in scripts included), and their digest."""
    import cloudpickle

    data = cloudpickle.dumps(kit)
    return data, hashlib.blake2b(data, digest_size=20).hexdigest()


@functools.lru_cache(maxsize=4)
def _unpack_kit(data: bytes, digest: str) -> TaskBundle:
    kit: TaskBundle = pickle.loads(data)
    return kit


class OutputError(SuperDSMError):
    """Something cannot be written."""


def work(job: Job) -> ImageResult:
    """Do what is to be done for an image. Failures are values.

    Parameters
    ----------
    job : Job
        The image.

    Returns
    -------
    ImageResult
    """
    start = time.perf_counter()
    result = ImageResult(job.number)
    image = None
    try:
        image = _Image(job, _unpack_kit(job.kit, job.kit_digest), result)
        image.run_all()
    except Exception as exc:  # noqa: BLE001 - one image must not stop the others
        result.ok = False
        result.kind, result.stage, result.message = _failure(exc, image.where if image else "")
        result.traceback = traceback.format_exc()
    finally:
        if image is not None:
            image.tell(ProgressEvent.END)
    result.total = time.perf_counter() - start
    return result


def _failure(exc: BaseException, where: str) -> tuple[str, str, str]:
    """Return kind, stage and message of a failure."""
    text = " ".join(str(exc).split()) or type(exc).__name__
    if isinstance(exc, MemoryError):
        return "memory", where, "out of memory"
    if isinstance(exc, StageError):
        return "stage", exc.stage, exc.message
    if isinstance(exc, OutputError):
        return "output", where, text
    if isinstance(exc, ImageError):
        return ("output" if where.startswith("export") else "stage"), where, text
    if isinstance(exc, OSError):
        return "output", where, text
    return "stage", where, text if isinstance(exc, SuperDSMError) else f"{type(exc).__name__}: {text}"


class _Image:
    """An image on its way through the stages; results are computed or loaded when they are needed."""

    def __init__(self, job: Job, kit: TaskBundle, result: ImageResult) -> None:
        self.job = job
        self.kit = kit
        self.result = result
        self.keys = kit.recipe.keys(job.image)
        self.store = Store(kit.store)
        self.entries: dict[int, Entry] = {}
        self.broken: set[int] = set()
        self.values: dict[tuple[int, str], Any] = {}
        self.logs: dict[int, list[dict[str, Any]]] = {}
        self.warnings: dict[int, list[str]] = {}
        self.done: set[int] = set()
        self.where = ""

    def run_all(self) -> None:
        """Reach the targets, and write the outputs."""
        self.tell(ProgressEvent.BEGIN)
        with thread_map(self.job.threads) as self.map:
            for at in self.job.targets:
                self.ensure(at)
            self.export_all()
        self.summarise()

    def tell(self, event: ProgressEvent, stage: str = "", seconds: float = 0.0) -> None:
        """Let the parent know."""
        progress.send(self.kit.board, self.job.number, event, time.time(), stage, seconds)

    def observe(self, event: Event) -> None:
        """Pass on what the stages tell."""
        if isinstance(event, StageStarted):
            self.tell(ProgressEvent.STAGE, event.stage)
        elif isinstance(event, StageFinished):
            self.tell(ProgressEvent.STAGE_DONE, event.stage, event.seconds)

    def entry(self, at: int) -> Entry | None:
        """Return the stored result of a stage, if there is one that may be used."""
        if at in self.entries:
            return self.entries[at]
        allowed = at in self.job.load or not self.kit.fresh
        if not allowed or at in self.broken or not self.kit.recipe.stages[at].stored:
            return None
        try:
            entry = self.store.entry(self.keys[at])
        except DamagedError as exc:
            self.damaged(at, exc)
            return None
        if entry is not None:
            self.entries[at] = entry
        return entry

    def damaged(self, at: int, exc: DamagedError) -> None:
        """Keep in mind that an entry cannot be used, and say so."""
        self.broken.add(at)
        self.entries.pop(at, None)
        self.result.damaged.append(f"{exc}; computed anew")

    def ensure(self, at: int) -> None:
        """Arrange that the result of a stage is in the store, or was computed."""
        if at not in self.done and self.entry(at) is None:
            self.compute(at)

    def field(self, at: int, name: str) -> Any:
        """Return a field, from the stage that provides it."""
        if (at, name) not in self.values:
            if at == IMAGE:
                self.values[at, name] = self.read()
            elif not self.load(at, name):
                self.compute(at)
        return self.values[at, name]

    def load(self, at: int, name: str) -> bool:
        """Load a field from the store; return whether that worked."""
        entry = self.entry(at)
        if entry is None:
            return False
        try:
            self.values[at, name] = self.store.values(entry, [name])[name]
        except DamagedError as exc:
            self.damaged(at, exc)
            return False
        stage = self.kit.stages[at].id
        if stage not in self.result.loaded:
            self.result.loaded.append(stage)
        return True

    def read(self) -> Any:
        """Read the image, which must still be the one that was planned."""
        from superdsm.io import read_image

        self.where = "reading"
        path = Path(self.job.path)
        image = read_image(path, reader=self.kit.readers[self.job.reader])
        stat = path.stat()
        if (stat.st_size, stat.st_mtime_ns) != self.job.stat:
            raise OutputError(f"{path}: was changed while it was being processed; run the batch again")
        return image

    def compute(self, at: int) -> None:
        """Run a stage, and store its result."""
        stage, recipe = self.kit.stages[at], self.kit.recipe.stages[at]
        fields = {name: self.field(provider, name) for name, provider in recipe.inputs}
        if stage.needs_scale and "scale" in fields and fields["scale"] is None and "g_raw" not in fields:
            provider = self.provider("g_raw", at)
            if provider is not None:
                fields["g_raw"] = self.field(provider, "g_raw")
        self.where = stage.id
        run = Run(fields=fields)
        run_stage(stage, run, self.kit.config, map=self.map, name=str(self.job.id), observe=self.observe)
        self.result.computed.append(stage.id)
        self.result.seconds[stage.id] = run.timings[stage.id]
        self.logs[at] = [{name: value for name, value in item.items() if name != "stage"} for item in run.log]
        self.warnings[at] = run.warnings
        self.done.add(at)
        outputs = {name: run.fields[name] for name in stage.outputs}
        if recipe.stored:
            outputs = self.keep(at, outputs, run.timings[stage.id])
        self.values |= {(at, name): value for name, value in outputs.items()}

    def provider(self, name: str, before: int) -> int | None:
        """Return the stage before another one that provides a field."""
        found = [at for at in range(before) if name in self.kit.recipe.stages[at].outputs]
        return found[-1] if found else None

    def keep(self, at: int, outputs: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Store the result of a stage; return it as it will be when it is loaded."""
        from superdsm.io.codecs import kind_of, plain

        stage = self.kit.stages[at]
        kinds = {name: stage.field(name).kind for name in outputs}
        entry = Entry(self.keys[at], stage.id, {}, seconds, self.warnings[at], self.logs[at])
        try:
            normal = {
                name: plain(value) if kind_of(value, kinds[name]) == "json" else value
                for name, value in outputs.items()
            }
            if self.kit.keep:
                self.entries[at] = self.store.put(entry, normal, kinds)
        except TypeError as exc:
            raise StageError(stage.id, str(exc)) from exc
        except OSError as exc:
            raise OutputError(f"the result cannot be stored in {self.kit.store}: {exc.strerror}") from exc
        return normal

    def export_all(self) -> None:
        """Write the outputs."""
        if not self.job.exports:
            return
        self.tell(ProgressEvent.EXPORT)
        start = time.perf_counter()
        params = self.params()
        for index, path in self.job.exports:
            self.export(index, Path(path), params)
        self.result.seconds["export"] = time.perf_counter() - start

    def export(self, index: int, path: Path, params: Config) -> None:
        """Write one output."""
        from superdsm.io.exporters import export

        recipe = self.kit.exports[index]
        fields = {name: self.field(at, name) for name, at in recipe.inputs}
        self.where = f"export of {recipe.name}"
        log = tuple({"stage": self.kit.stages[at].id, **item} for at in self.order() for item in self.log(at))
        seconds = {self.kit.stages[at].id: self.seconds(at) for at in self.order()}
        context = ExportContext(str(self.job.id), recipe.options, params.as_dict(), log, seconds)
        export(self.kit.exporters[index], path, fields, context)
        stat = path.stat()
        key = recipe.key(self.job.image, self.keys)
        self.result.outputs[recipe.name] = OutputFile(str(path), key, file_digest(path), stat.st_size, stat.st_mtime_ns)

    def params(self) -> Config:
        """Return all hyperparameters as used, automatic ones filled in."""
        report, scale = Config(), None
        for at, stage in enumerate(self.kit.stages):
            report = report.merged(stage.resolve(self.kit.config, scale)[1])
            if "scale" in stage.outputs:
                scale = self.field(at, "scale")
        return report

    def order(self) -> list[int]:
        """Return the indices of the stages that something is known of."""
        return [at for at in range(len(self.kit.stages)) if at in self.done or self.entry(at) is not None]

    def log(self, at: int) -> list[dict[str, Any]]:
        """Return what a stage logged, now or when it was computed."""
        entry = None if at in self.done else self.entry(at)
        return self.logs[at] if entry is None else entry.log

    def seconds(self, at: int) -> float:
        """Return how long a stage took, now or when it was computed."""
        entry = None if at in self.done else self.entry(at)
        return self.result.seconds[self.kit.stages[at].id] if entry is None else entry.seconds

    def summarise(self) -> None:
        """Fill the result with what is known of the stages, also of those that were not run this time."""
        self.result.outputs = dict(sorted(self.result.outputs.items()))
        for at in self.order():
            stage = self.kit.stages[at]
            self.result.seconds[stage.id] = self.seconds(at)
            entry = self.entries.get(at)
            self.result.warnings += self.warnings.get(at) or (entry.warnings if entry else [])
            if "performance" in stage.outputs:
                self.result.performance = self.known(at, "performance") or {}
            for name in OBJECT_FIELDS:
                if name in stage.outputs:
                    self.result.n_objects = self.known(at, name, count=True)

    def known(self, at: int, name: str, *, count: bool = False) -> Any:
        """Return the value of a JSON field, or the number of objects of a field, without loading arrays."""
        if (at, name) in self.values:
            value = self.values[at, name]
            return len(value) if count else value
        entry = self.entry(at)
        return (-1 if count else None) if entry is None else entry.fields[name]["value"]


def initialise_worker(parent: int) -> None:
    """Prepare a worker process: it leaves Ctrl-C to the parent, and does not outlive it."""
    import signal
    import threading

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
