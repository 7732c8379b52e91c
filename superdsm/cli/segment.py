"""``superdsm segment``: images in, label images out."""

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.cli import segment_exports
from superdsm.cli.segment_exports import Wanted, places
from superdsm.cli.segment_files import check_outputs, expanded, inputs_of, write_label_image
from superdsm.config import PIXEL_SIZE, PROFILE, SETTINGS, Config, parse_json
from superdsm.errors import ConfigError, ImageError, SuperDSMError, short
from superdsm.lengths import mean_size, pixel_size
from superdsm.parallel import THREAD_VARIABLES, cpu_count, semaphores_work
from superdsm.profiles import DEFAULT_PROFILE, PROFILES
from superdsm.records import Command, ExitCode, ImageFailed, ImageFinished, Reader, RunFinished, RunStarted
from superdsm.summary import described

if TYPE_CHECKING:
    from superdsm.api import Result
    from superdsm.batch.execution.pool.scheduler import Lost
    from superdsm.io import Selection
    from superdsm.pipeline import Pipeline

CERTIFIED = "global-energy-minimization"
EPILOG = """\
examples:
  superdsm segment nuclei.png -o labels.png --overlay overlay.png
  superdsm segment nuclei.tif -o labels.ome.tif --export geojson=nuclei.geojson --export rois=rois.zip
  superdsm segment plate/*.tif -o labels/ --overlay overlays/ --set AF_scale=40 --set dsm/alpha=0.5
"""


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs to segment an image."""

    image: Path
    reader: Reader
    labels: Path
    overlay: Path | None
    pipeline: "Pipeline"
    config: Config
    threads: int
    select: "Selection"
    certify: bool = False
    exports: tuple[tuple[Wanted, Path], ...] = ()
    measured: tuple[int | str, ...] = ()

    @property
    def outputs(self) -> tuple[Path, ...]:
        """All files that are written."""
        return tuple(path for path in (self.labels, self.overlay, *(path for _, path in self.exports)) if path)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has become of an image; `error` is empty if all went well."""

    n_objects: int = 0
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)
    certificate: tuple[str, ...] = ()
    labels: Path | None = None

    def __str__(self) -> str:
        noun = "object" if self.n_objects == 1 else "objects"
        parts = [f"{self.n_objects} {noun}", *described(self.summary), f"{self.seconds:.2f} s"]
        notes = "".join(f"; note: {text}" for text in self.notes)
        warnings = "".join(f"; warning: {text}" for text in self.warnings)
        return ", ".join(parts) + notes + warnings + "".join(f"\n  {line}" for line in self.certificate)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    add = parser.add_argument
    add("images", metavar="IMAGE", nargs="+", type=Path, help="image file")
    add(
        *("-o", "--output"),
        metavar="OUT",
        required=True,
        help="label image to write (.png or .tif); for several images a directory",
    )
    add("--overlay", metavar="PATH", help="picture with contours to write; for several images a directory")
    segment_exports.add_arguments(parser)
    add("--certify", action="store_true", help="print how far the energy is from the least one at most, and why")
    add("--channel", metavar="NAME", help="channel to segment: an index from 0, a name, or red, green or blue")
    add("--z", metavar="Z", help="z plane: an index from 0, a range as in 2-5, or max, mean or best-focus")
    add("--t", metavar="N", type=int, help="time point: an index from 0")
    add("--scene", metavar="N", type=int, help="scene of a file: an index from 0")
    add("--format", choices=("png", "tif"), default="png", help="of label images in a directory (default: png)")
    add(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        dest="settings",
        help="set a hyperparameter, for instance AF_scale=40 or dsm/alpha=0.5; repeatable; wins over --config",
    )
    add("--config", metavar="FILE.json", type=Path, help="read hyperparameters from a JSON file")
    add(
        "--profile",
        metavar="NAME",
        help=f"stages and defaults: {' or '.join(PROFILES)} (default: {DEFAULT_PROFILE}); wins over --config",
    )
    add("--jobs", metavar="N", type=int, help="number of cores to use (default: all); changes no result")
    add("--use", metavar="STAGE", action="append", default=[], help="use a stage of a plugin or a script; repeatable")
    add("--without", metavar="STAGE", action="append", default=[], help="leave a stage out; repeatable")


def run(args: argparse.Namespace) -> int:
    """Segment the images; return 0 if all went well, 1 if some images failed, 2 if nothing could be done."""
    from superdsm.api import instruction_set
    from superdsm.host import check_memory_limit

    check_memory_limit()
    for name in THREAD_VARIABLES:  # before NumPy is loaded: the cores are for our own processes and threads
        os.environ.setdefault(name, "1")
    if args.jobs is not None and args.jobs < 1:
        raise SuperDSMError(f"--jobs {args.jobs}: give the number of cores to use, at least 1")
    cores = args.jobs or cpu_count()
    jobs = plan(args, cores)
    instruction_set()  # one message, not one for each image, if the kernels cannot be used
    if len(jobs) == 1 or getattr(args, "debug", False):
        return _report(jobs, _run_here(jobs))
    if not semaphores_work():
        sys.stderr.write("superdsm: warning: this system has no semaphores for worker processes; working in this one\n")
        return _report(jobs, map(attempt, jobs))
    return _report(jobs, _run_in_processes(jobs, min(len(jobs), cores)))


def plan(args: argparse.Namespace, cores: int) -> list[Job]:
    """Check everything that can be checked before the first image is segmented.

    Raises
    ------
    SuperDSMError
        With one line that says what is wrong.
    """
    from superdsm.io import Selection, reader_for
    from superdsm.plugins import resolve_pipeline

    config, parts = read_config(args.config, args.settings)
    if args.profile is not None:
        config = config.with_value(PROFILE, args.profile)
    pipeline = resolve_pipeline(tuple(args.use), tuple(args.without), profile=config.get(PROFILE, DEFAULT_PROFILE))
    if args.certify and f"{CERTIFIED}/certify" in {name for stage in pipeline for name in stage.config_paths()}:
        config = Config().with_value(f"{CERTIFIED}/certify", True).merged(config)
    everywhere = {name: config[name] for name in SETTINGS if name in config}
    for part, source in [*parts, (config, "hyperparameters")]:
        try:
            pipeline.validate(part.merged(everywhere))
        except ConfigError as exc:
            raise ConfigError(f"{source}: {exc}", *exc.paths) from exc
    args.images = expanded(args.images)
    readers = [reader_for(path) for path in args.images]
    outputs = _outputs(args)
    wanted = segment_exports.wanted(args, pipeline)
    exports = segment_exports.files(args.images, wanted)
    inputs = inputs_of(args.images, args.config, (*args.use, *args.without))
    for stage in pipeline:
        for file in stage.files(config):
            inputs.add(file, f"a file of the stage {stage.id}")
    check_outputs([(*paths, *(path for _, path in more)) for paths, more in zip(outputs, exports, strict=True)], inputs)
    threads = max(1, cores // len(outputs))
    select = Selection(_index(args.channel), _index(args.z), args.t, args.scene)
    measured = tuple(_channel(name) for name in dict.fromkeys(args.measured))
    return [
        Job(image, reader, labels, overlay, pipeline, config, threads, select, args.certify, more, measured)
        for (image, labels, overlay), reader, more in zip(outputs, readers, exports, strict=True)
    ]


def _index(text: str | None) -> int | str | None:
    """Return a number as such, and names as they are."""
    return None if text is None else _channel(text)


def _channel(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def read_config(path: Path | None, settings: list[str]) -> tuple[Config, list[tuple[Config, str]]]:
    """Return the configuration, and its parts with where they come from.

    Parameters
    ----------
    path : Path, optional
        A JSON file with hyperparameters.
    settings : list of str
        ``name=value`` each, with a JSON value or a plain string; they win over the file.
    """
    config = Config.from_file(path) if path else Config()
    if path and any(key == "runnable" or key.endswith("_pathpattern") for key in config):
        raise ConfigError(f"{path}: is a task, not hyperparameters; run it with: superdsm batch {path.parent}")
    parts = [(config, str(path))] if path else []
    for setting in settings:
        name, equals, text = (item.strip() for item in setting.partition("="))
        source = f"--set {short(setting)}"
        if not equals or not all(name.split("/")):
            raise ConfigError(f"{source}: give a name and a value, for instance --set AF_scale=40")
        try:
            value = parse_json(text, "")
        except ConfigError:
            value = text  # a string without quotes
        try:
            part = Config().with_value(name, value)
        except ConfigError as exc:
            raise ConfigError(f"{source}: {exc}") from exc
        config = config.merged(part)
        parts.append((part, source))
    return config, parts


def _outputs(args: argparse.Namespace) -> list[tuple[Path, Path, Path | None]]:
    """Return image, label image and overlay of each image."""
    from superdsm.io.images import LABEL_SUFFIXES, PICTURE_SUFFIXES

    labels = _paths(args.images, args.output, f".{args.format}", "label images", LABEL_SUFFIXES)
    overlays: list[Path | None] = [None] * len(args.images)
    if args.overlay is not None:
        overlays = list(_paths(args.images, args.overlay, ".png", "pictures", PICTURE_SUFFIXES))
    return list(zip(args.images, labels, overlays, strict=True))


def _paths(images: list[Path], place: str, suffix: str, what: str, suffixes: tuple[str, ...]) -> list[Path]:
    names = [image.stem + suffix for image in images]
    return places(images, place, names, what, suffixes)


def segment_file(job: Job, observe: Any = None) -> Outcome:
    """Segment an image and write what was asked for.

    Raises
    ------
    SuperDSMError
        The image cannot be segmented; the line names it.
    """
    from superdsm.api import segment
    from superdsm.io import open_image, read_plane, write_rgb
    from superdsm.io.planes import Planes

    start = time.perf_counter()
    name = str(job.image)
    try:
        source = open_image(job.image, job.reader)
        image = read_plane(source, job.select)
        config, size = _sized(job, source.pixel_size)
        result = segment(image, config, pipeline=job.pipeline, jobs=job.threads, name=name, observe=observe)
        labels = result.labels
        written, moved = write_label_image(job.labels, labels, size)
        planes = Planes(job.image, lambda name: read_plane(source, replace(job.select, channel=name)), job.measured)
        if job.overlay is not None:
            write_rgb(job.overlay, result.overlay())
        for wanted, path in job.exports:
            wanted.write(path, result, job.image, size, planes)
    except MemoryError as exc:
        raise ImageError(f"{name}: does not fit into memory; use fewer --jobs, or cut it into smaller images") from exc
    except SystemExit as exc:  # a reader may be anybody's code
        raise ImageError(f"{name}: the reader {job.reader.name!r} failed (SystemExit: {exc})") from exc
    except SuperDSMError as exc:
        if name in str(exc) or any(str(path) in str(exc) for path in job.outputs):
            raise
        raise ImageError(f"{name}: {exc}") from exc
    seconds = time.perf_counter() - start
    certificate = _certificate(result) if job.certify else ()
    return Outcome(
        int(labels.max(initial=0)),
        seconds,
        (*result.warnings, *moved),
        source.notes,
        summary=result.summary,
        certificate=certificate,
        labels=written,
    )


def _sized(job: Job, size: tuple[float, float] | None) -> tuple[Config, tuple[float, float] | None]:
    """Return the configuration, with the size of a pixel if lengths depend on it, and height and width of a pixel.

    What the configuration says wins over what the file says.
    """
    given = pixel_size(job.config)
    if given is not None:
        return job.config, (given, given)
    if size is not None and any(stage.needs_pixel_size(job.config) for stage in job.pipeline):
        return job.config.with_value(PIXEL_SIZE, mean_size(size)), size
    return job.config, size


def _certificate(result: "Result") -> tuple[str, ...]:
    """Return the certificate in words."""
    from superdsm.core.certificate import describe

    certificate = result.fields.get("certificate")
    if not certificate:
        return ("no certificate: the pipeline did not minimise energies",)
    first, *more = describe(certificate)
    return f"{first}; energy minimisation {result.timings[CERTIFIED]:.2f} s", *more


def attempt(job: Job) -> Outcome:
    """Segment an image as `segment_file` does, but return an error as part of the outcome."""
    try:
        return segment_file(job)
    except SuperDSMError as exc:
        return Outcome(error=str(exc))


def _run_here(jobs: list[Job]) -> Iterator[Outcome]:
    """Segment in this process; the first error ends it."""
    from superdsm.plugins import registry

    for job in jobs:
        yield segment_file(job, registry().notify)


def _run_in_processes(jobs: list[Job], workers: int) -> Iterator[Outcome]:
    """Yield the outcomes in the order of the jobs."""
    import tempfile

    from superdsm.batch.execution.job import check_portable
    from superdsm.batch.execution.pool.scheduler import LEFT_BEHIND, Lost, Scheduler
    from superdsm.batch.storage.progress import ProgressMessage, ProgressReader
    from superdsm.plugins import registry
    from superdsm.records import ExecutorOptions

    check_portable(jobs[0].pipeline)
    known: dict[int, Outcome] = {}
    with (
        tempfile.TemporaryDirectory(prefix="superdsm-", ignore_cleanup_errors=True) as directory,
        contextlib.closing(ProgressReader(Path(directory))) as progress,
    ):
        scheduler: Scheduler[Job, Outcome] = Scheduler(
            attempt,
            entry=registry().executors["loky"],
            options=ExecutorOptions(workers),
            progress=progress,
        )
        given = dict(enumerate(jobs))
        turn = 0
        for event in scheduler.run(given):
            if isinstance(event, ProgressMessage):
                continue
            known[event.number] = _given_up(given[event.number], event) if isinstance(event, Lost) else event.value
            while turn in known:
                yield known.pop(turn)
                turn += 1
        if scheduler.ended:
            sys.stderr.write(f"superdsm: warning: {LEFT_BEHIND}\n")


def _given_up(job: Job, lost: "Lost") -> Outcome:
    """Say what became of an image that `attempt` has said nothing of."""
    if lost.error is None:
        return Outcome(error=f"{job.image}: its worker was killed; use fewer --jobs if memory was short")
    return Outcome(error=f"{job.image}: {type(lost.error).__name__}: {lost.error}; to see the traceback, add --debug")


def _report(jobs: list[Job], outcomes: Iterator[Outcome]) -> int:
    from superdsm.plugins import registry

    notify = registry().notify
    notify(RunStarted("", "", len(jobs)))
    start, failed = time.perf_counter(), 0
    for job, outcome in zip(jobs, outcomes, strict=True):
        name = str(job.image)
        if outcome.error:
            failed += 1
            sys.stderr.write(f"superdsm: error: {outcome.error}\n")
            notify(ImageFailed("", name, "", outcome.error))
        else:
            sys.stdout.write(f"{name}: {outcome}\n")
            sys.stdout.flush()
            told = (*outcome.notes, *outcome.warnings)
            written = tuple(outcome.labels or path if path == job.labels else path for path in job.outputs)
            notify(ImageFinished("", name, outcome.seconds, written, outcome.n_objects, told))
    notify(RunFinished("", "", len(jobs) - failed, failed, time.perf_counter() - start))
    if not failed:
        return ExitCode.OK
    return ExitCode.PARTIAL if failed < len(jobs) else ExitCode.ERROR


COMMAND = Command("segment", "Segment images: write label images, and overlays.", add_arguments, run)
