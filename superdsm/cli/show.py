"""``superdsm show``: a task or an image in a few lines; nothing is written."""

import argparse
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.errors import SuperDSMError
from superdsm.profiles import DEFAULT_PROFILE, PROFILES
from superdsm.records import Command, ExitCode

if TYPE_CHECKING:
    from superdsm.batch import Batch
    from superdsm.batch.results.images import TaskResults

WORST = 10  # images that are listed
OPEN = "not processed yet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("target", metavar="IMAGE|ROOT", type=Path, help="image file, or directory that was given to superdsm batch")
    add("task", metavar="TASK", nargs="?", help="directory of a task, relative to ROOT (default: all tasks)")
    add("--config", metavar="FILE.json", type=Path, help="of an image: read hyperparameters from a JSON file")
    add(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        dest="settings",
        help="of an image: set a hyperparameter, as in superdsm segment; repeatable",
    )
    add("--profile", metavar="NAME", help=f"of an image: {' or '.join(PROFILES)} (default: {DEFAULT_PROFILE})")
    add("--channel", metavar="NAME", help="of an image: channel to look at, an index from 0 or a name")
    add("--corrections", metavar="FILE.json", type=Path, help="of an image: corrections by hand")


def run(args: argparse.Namespace) -> int:
    """Print the summary; return 0."""
    given = [name for name in ("config", "settings", "profile", "channel", "corrections") if getattr(args, name)]
    if args.target.is_dir():
        if given:
            option = {"settings": "set"}.get(given[0], given[0])
            raise SuperDSMError(f"--{option}: is about an image, but {args.target} is a directory")
        lines = _root_lines(args.target, args.task)
    else:
        if args.task is not None:
            raise SuperDSMError(f"{args.target}: is no directory; only a directory has a task {args.task!r}")
        lines = _image_lines(args)
    for line in lines:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    return ExitCode.OK


# --- a root ---


def _root_lines(root: Path, task: str | None) -> Iterator[str]:
    from superdsm.batch import Batch

    batch = Batch.open(root)
    for found in batch.tasks([task] if task else []):
        yield from _task_lines(batch, found.name)


def _task_lines(batch: "Batch", name: str) -> Iterator[str]:
    """Yield what is known of a task: counts, medians, and the images that should be looked at first."""
    from superdsm.batch.results.flags import flags
    from superdsm.batch.storage.journal import DONE
    from superdsm.config import PROFILE

    results = batch.results(name)
    entries = [record.entry for record in results.values()]
    done = [entry for entry in entries if entry.status == DONE]
    found = flags(entries)
    counts = {
        "done": len(done),
        "failed": len(entries) - len(done),
        OPEN: len(results.prepared.file_ids) - len(entries),
        "flagged": sum(map(bool, found)),
        "corrected by hand": _corrected(results),
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count or what == "done")
    profile = results.prepared.task.config.get(PROFILE)
    yield f"{name}: {len(results.prepared.file_ids)} images, profile {profile}: {told}"
    medians = _medians(done)
    if medians:
        yield f"  medians: {', '.join(medians)}"
    worst = sorted(
        ((entry, flagged) for entry, flagged in zip(entries, found, strict=True) if flagged),
        key=lambda item: -item[1][0].severity,
    )
    for entry, flagged in worst[:WORST]:
        yield f"  {entry.id}: {'; '.join(flag.text for flag in flagged)}"
    if len(worst) > WORST:
        yield f"  and {len(worst) - WORST} more: superdsm report {batch.root}"


def _corrected(results: "TaskResults") -> int:
    from superdsm.batch.tasks.corrections import corrections_file

    directory = results.prepared.task.directory
    return sum(corrections_file(directory, file_id).is_file() for file_id in results.prepared.file_ids)


def _medians(done: Sequence[Any]) -> list[str]:
    """Return the medians over images, in words."""
    columns: dict[str, list[float | None]] = {
        "objects": [entry.n_objects if entry.n_objects >= 0 else None for entry in done],
        "px radius": [entry.summary.get("radius") for entry in done],
        "contrast": [entry.summary.get("contrast") for entry in done],
        "s per image": [sum(entry.seconds.values()) or None for entry in done],
    }
    known = {what: [value for value in values if isinstance(value, (int, float))] for what, values in columns.items()}
    return [f"{statistics.median(values):.3g} {what}" for what, values in known.items() if values]


# --- an image ---


def _image_lines(args: argparse.Namespace) -> Iterator[str]:
    """Yield what ``superdsm segment`` would find."""
    from superdsm.api import segment
    from superdsm.cli.segment import read_config
    from superdsm.config import PIXEL_SIZE, PROFILE
    from superdsm.io import Selection, open_image, read_plane, reader_for
    from superdsm.lengths import mean_size
    from superdsm.plugins import resolve_pipeline
    from superdsm.summary import described

    config, _ = read_config(args.config, args.settings)
    profile = args.profile or config.get(PROFILE, DEFAULT_PROFILE)
    config = config.with_value(PROFILE, profile)
    pipeline = resolve_pipeline((), (), profile=profile)
    pipeline.validate(config)
    channel = args.channel
    select = Selection(int(channel) if channel is not None and channel.isdecimal() else channel)
    source = open_image(args.target, reader_for(args.target))
    image = read_plane(source, select)
    rows, columns = image.shape[:2]
    size = source.pixel_size
    yield f"{args.target}: {columns} x {rows} pixels, {image.dtype}" + (f", {mean_size(size):.4g} um" if size else "")
    for note in source.notes:
        yield f"  note: {note}"
    if size is not None and any(stage.needs_pixel_size(config) for stage in pipeline):
        config = config.with_value(PIXEL_SIZE, mean_size(size))
    try:
        result = segment(image, config, pipeline=pipeline, name=str(args.target), corrections=args.corrections)
    except SuperDSMError as exc:
        raise SuperDSMError(str(exc) if str(args.target) in str(exc) else f"{args.target}: {exc}") from exc
    count = len(result.objects)
    yield f"  {count} object{'' if count == 1 else 's'} (profile {profile}, {sum(result.timings.values()):.2f} s)"
    for fact in described(result.summary):
        yield f"  {fact}"
    if count:
        areas = [item.area for item in result.objects]
        yield f"  area {statistics.median(areas):.4g} px2 (median; {min(areas)} to {max(areas)})"
    for warning in result.warnings:
        yield f"  warning: {warning}"


COMMAND = Command("show", "Tell in a few lines of a task or an image.", add_arguments, run)
