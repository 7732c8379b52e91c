"""What happens in a worker: one image is evaluated as far as the plan says, and its outputs are written."""

import contextlib
import functools
import os
import sys
import time
import traceback
from pathlib import Path

from superdsm import streams
from superdsm.batch.execution.job import ImageResult, Job, TaskBundle, unpack
from superdsm.batch.execution.plane import PlaneSource
from superdsm.batch.execution.store_cache import ChangedError, OutputError, StoreCache
from superdsm.batch.storage import progress
from superdsm.batch.storage.digests import file_digest
from superdsm.batch.storage.journal import EXPORT, FailureKind, OutputFile, is_outside
from superdsm.batch.storage.progress import ProgressEvent
from superdsm.config import PIXEL_SIZE
from superdsm.errors import ImageError, StageError, SuperDSMError, one_line
from superdsm.evaluation import Evaluation
from superdsm.fields import CORRECTIONS
from superdsm.io.images import read_builtin
from superdsm.lengths import mean_size, pixel_size
from superdsm.parallel import Map, thread_map
from superdsm.places import Places
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
        # What a stage prints must not get between the lines that programs read.
        with contextlib.redirect_stdout(sys.stderr), thread_map(job.threads) as mapper:
            bundle = unpack(job.bundle, job.digest, tell=functools.partial(_tell_loading, job))
            image = _Image(job, bundle, mapper, result)
            image.run()
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # noqa: BLE001 - one image must not stop the others, whatever a plugin calls
        result.ok = False
        result.kind, result.stage, result.message = _failure(exc, image.where if image else "")
        result.traceback = traceback.format_exc()
    result.total = time.perf_counter() - start
    return result


def _tell_loading(job: Job, stage: str) -> None:
    progress.send(job.progress, job.number, ProgressEvent.STAGE, time.time(), stage)


def _failure(exc: BaseException, where: str) -> tuple[FailureKind, str, str]:
    """Return kind, stage and message of a failure."""
    text = one_line(exc).removeprefix(f"{type(exc).__name__}: ")
    inside = FailureKind.OUTSIDE if is_outside(exc) else FailureKind.STAGE
    if isinstance(exc, MemoryError):
        return FailureKind.MEMORY, where, "out of memory"
    if isinstance(exc, ChangedError):
        return FailureKind.CHANGED, where, text
    if isinstance(exc, StageError):
        return inside, exc.stage, exc.message
    if isinstance(exc, OutputError):
        return FailureKind.OUTPUT, where, text
    if isinstance(exc, ImageError):
        return (FailureKind.OUTPUT if where.startswith(EXPORT) else inside), where, text
    if isinstance(exc, OSError):
        return FailureKind.OUTPUT, where, text
    return inside, where, text if isinstance(exc, SuperDSMError) else one_line(exc)


class _Image:
    """An image on its way: it is evaluated and exported, and `result` tells what comes of that."""

    def __init__(self, job: Job, bundle: TaskBundle, mapper: Map, result: ImageResult) -> None:
        self.job = job
        self.bundle = bundle
        self.result = result
        self.doing = ""
        reader = bundle.readers[job.reader]
        self.source = PlaneSource(
            Path(job.path), reader, bundle.selection, (*job.stat, job.content), pixel_size(bundle.config)
        )
        self.cache = StoreCache(job, bundle)
        self.evaluation = Evaluation(
            bundle.stages,
            bundle.config,
            given={CORRECTIONS: job.corrections.field()} if job.corrections else None,
            source=self.source.image,
            cache=self.cache,
            mapper=mapper,
            name=str(job.id),
            observe=self.observe,
            read_image=read_builtin,
        )
        result.computed, result.loaded, result.damaged = (
            self.evaluation.computed,
            self.cache.loaded,
            self.cache.damaged,
        )

    @property
    def where(self) -> str:
        """What is being done."""
        return self.doing or self.evaluation.where

    def run(self) -> None:
        """Reach the targets, and write the outputs."""
        self.tell(ProgressEvent.BEGIN)  # again: what was imported so far does not count as time of the image
        self.find_pixel_size()
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
        progress.send(self.job.progress, self.job.number, event, time.time(), stage, seconds)

    def observe(self, event: Event) -> None:
        """Pass on what the stages tell."""
        if isinstance(event, StageStarted):
            self.tell(ProgressEvent.STAGE, event.stage)
        elif isinstance(event, StageFinished):
            self.result.seconds[event.stage] = event.seconds
            self.tell(ProgressEvent.STAGE_DONE, event.stage, event.seconds)

    def find_pixel_size(self) -> None:
        """Let the image tell the size of its pixels where the task has lengths in micrometres and does not tell."""
        config = self.bundle.config
        if any(stage.needs_pixel_size(config) for stage in self.bundle.stages):
            self.doing = "reading"
            if (size := self.source.pixel_size) is not None:
                self.evaluation.config = config.with_value(PIXEL_SIZE, mean_size(size))
            self.doing = ""

    def export_all(self) -> None:
        """Write the outputs."""
        from superdsm.io.exporters import export

        params = self.evaluation.params().as_dict()
        keys = self.job.keys(self.bundle.recipe)
        inputs: Places[bool] = Places()
        for path in (self.job.path, *self.bundle.inputs):
            inputs.add(path, True)
        for exporter, path in self.job.exports:
            recipe = self.bundle.exports[exporter]
            fields = self.evaluation.fields(name for name, _ in recipe.inputs)
            self.doing = f"export of {recipe.name}"
            if inputs.find(path) is not None:  # a link may have been made after the plan
                raise OutputError(f"{path}: is a file that is read, and is not replaced; write to another path")
            runs = list(self.evaluation.known())
            read = [{"stage": "read", "notes": list(self.source.notes)}] if self.source.notes else []
            log = (*read, *({"stage": run.stage, **record} for run in runs for record in run.log))
            seconds = {run.stage: run.seconds for run in runs}
            context = ExportContext(
                str(self.job.id),
                recipe.options,
                params,
                log,
                seconds,
                self.source.pixel_size if recipe.sized else None,
                self.source.planes(recipe.channels),
                Path(self.job.path).name,
            )
            export(self.bundle.exporters[exporter], path, fields, context)
            stat = Path(path).stat()
            key = recipe.key(self.job.image, keys)
            self.result.outputs[recipe.name] = OutputFile(path, key, file_digest(path), stat.st_size, stat.st_mtime_ns)
            self.doing = ""

    def summarise(self) -> None:
        """Fill the result with what is known of the stages, also of those that were not run this time."""
        self.result.outputs = dict(sorted(self.result.outputs.items()))
        self.result.warnings += self.source.notes
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
        if (size := self.source.pixel_size) is not None:
            self.result.summary["pixel_size"] = round(mean_size(size), 9)


def initialise_worker(parent: int) -> None:
    """Prepare a worker process: it leaves Ctrl-C to the parent, and does not outlive it."""
    import signal
    import threading

    streams.install()  # what a stage prints is no reason to fail
    with contextlib.suppress(OSError):
        os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
