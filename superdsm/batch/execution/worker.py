"""What happens in a worker: one image is evaluated as far as the plan says, and its outputs are written."""

import os
import time
import traceback
from pathlib import Path
from typing import Any

from superdsm.batch.execution.job import ImageResult, Job, TaskBundle, unpack
from superdsm.batch.execution.store_cache import OutputError, StoreCache
from superdsm.batch.storage import progress
from superdsm.batch.storage.digests import file_digest
from superdsm.batch.storage.journal import EXPORT, FailureKind, OutputFile
from superdsm.batch.storage.progress import ProgressEvent
from superdsm.errors import ImageError, StageError, SuperDSMError
from superdsm.evaluation import Evaluation
from superdsm.parallel import Map, thread_map
from superdsm.records import Event, ExportContext, StageFinished, StageStarted
from superdsm.summary import gathered

# What the journal keeps of a certificate: all but the details of the clusters.
CERTIFICATE = ("upper", "lower", "gap", "clusters", "optimal", "restricted", "excess", "reasons", "fits")


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
    result = ImageResult(number=job.number)
    image = None
    try:
        with thread_map(job.threads) as mapper:
            image = _Image(job, unpack(job.bundle, job.digest), mapper, result)
            image.run()
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # noqa: BLE001 - one image must not stop the others, whatever a plugin calls
        result.ok = False
        result.kind, result.stage, result.message = _failure(exc, image.where if image else "")
        result.traceback = traceback.format_exc()
    result.total = time.perf_counter() - start
    return result


def _failure(exc: BaseException, where: str) -> tuple[FailureKind, str, str]:
    """Return kind, stage and message of a failure."""
    text = " ".join(str(exc).split()) or type(exc).__name__
    if isinstance(exc, MemoryError):
        return FailureKind.MEMORY, where, "out of memory"
    if isinstance(exc, StageError):
        return FailureKind.STAGE, exc.stage, exc.message
    if isinstance(exc, OutputError):
        return FailureKind.OUTPUT, where, text
    if isinstance(exc, ImageError):
        return (FailureKind.OUTPUT if where.startswith(EXPORT) else FailureKind.STAGE), where, text
    if isinstance(exc, OSError):
        return FailureKind.OUTPUT, where, text
    return FailureKind.STAGE, where, text if isinstance(exc, SuperDSMError) else f"{type(exc).__name__}: {text}"


class _Image:
    """An image on its way: it is evaluated and exported, and `result` tells what comes of that."""

    def __init__(self, job: Job, bundle: TaskBundle, mapper: Map, result: ImageResult) -> None:
        self.job = job
        self.bundle = bundle
        self.result = result
        self.exporting = ""
        self.cache = StoreCache(job, bundle)
        self.evaluation = Evaluation(
            bundle.stages,
            bundle.config,
            source=self.read,
            cache=self.cache,
            mapper=mapper,
            name=str(job.id),
            observe=self.observe,
        )
        result.computed, result.loaded, result.damaged = (
            self.evaluation.computed,
            self.cache.loaded,
            self.cache.damaged,
        )

    @property
    def where(self) -> str:
        """What is being done."""
        return self.exporting or self.evaluation.where

    def run(self) -> None:
        """Reach the targets, and write the outputs."""
        self.tell(ProgressEvent.BEGIN)  # again: what was imported so far does not count as time of the image
        for stage_id in self.job.targets:
            self.evaluation.ensure(stage_id)
        if self.job.exports:
            self.tell(ProgressEvent.EXPORT)
            start = time.perf_counter()
            self.export_all()
            self.result.seconds[EXPORT] = time.perf_counter() - start
        self.summarise()

    def tell(self, event: ProgressEvent, stage: str = "", seconds: float = 0.0) -> None:
        """Tell the parent."""
        progress.send(self.bundle.progress, self.job.number, event, time.time(), stage, seconds)

    def observe(self, event: Event) -> None:
        """Pass on what the stages tell."""
        if isinstance(event, StageStarted):
            self.tell(ProgressEvent.STAGE, event.stage)
        elif isinstance(event, StageFinished):
            self.result.seconds[event.stage] = event.seconds
            self.tell(ProgressEvent.STAGE_DONE, event.stage, event.seconds)

    def read(self) -> Any:
        """Read the image, which must still be the one that was planned."""
        from superdsm.io import read_image

        path = Path(self.job.path)
        image = read_image(path, self.bundle.readers[self.job.reader], self.bundle.selection)
        stat = path.stat()
        if (stat.st_size, stat.st_mtime_ns) != self.job.stat:
            raise OutputError(f"{path}: was changed while it was being processed; run the batch again")
        return image

    def export_all(self) -> None:
        """Write the outputs."""
        from superdsm.io.exporters import export

        params = self.evaluation.params().as_dict()
        keys = self.bundle.recipe.keys(self.job.image)
        for exporter, path in self.job.exports:
            recipe = self.bundle.exports[exporter]
            fields = {name: self.evaluation.field(name) for name, _ in recipe.inputs}
            self.exporting = f"export of {recipe.name}"
            runs = list(self.evaluation.known())
            log = tuple({"stage": run.stage, **record} for run in runs for record in run.log)
            seconds = {run.stage: run.seconds for run in runs}
            context = ExportContext(str(self.job.id), recipe.options, params, log, seconds)
            export(self.bundle.exporters[exporter], path, fields, context)
            stat = Path(path).stat()
            key = recipe.key(self.job.image, keys)
            self.result.outputs[recipe.name] = OutputFile(path, key, file_digest(path), stat.st_size, stat.st_mtime_ns)
            self.exporting = ""

    def summarise(self) -> None:
        """Fill the result with what is known of the stages, also of those that were not run this time."""
        self.result.outputs = dict(sorted(self.result.outputs.items()))
        for run in self.evaluation.known():
            self.result.seconds[run.stage] = run.seconds
            self.result.warnings += run.warnings
            self.result.summary |= gathered(run.log)
            stage = self.evaluation.stages[run.stage]
            for name, told in run.summary.items():
                kind = stage.field(name).summary
                if kind == "counts":
                    self.result.performance = told
                elif kind == "certificate":
                    self.result.certificate = {key: told[key] for key in CERTIFICATE if key in told}
                else:
                    self.result.n_objects = told


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
