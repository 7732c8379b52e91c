"""``superdsm export``: pictures of the images of a task, made of what is stored as far as possible."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.records import Command

if TYPE_CHECKING:
    from superdsm.batch.execution.listener import Listener

# What people ask for, and which exporter writes it.
MODES = {
    "seg": ("overlay", "contours of the objects"),
    "img": ("image", "the image alone"),
    "lab": ("colours", "the label image, in colours"),
    "fgc": ("clusters", "outlines of the clusters"),
    "atm": ("atoms", "atoms upon the signed map of intensities"),
    "adj": ("adj", "atoms and the graph of their adjacencies"),
    "ymap": ("ymap", "the signed map of offset-corrected intensities"),
    "conf": ("confidence", "contours coloured by how sure they are"),
}
FOLDER = "export"  # in the directory of the task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("root", metavar="ROOT", help="directory that was given to superdsm batch")
    add("task", metavar="TASK", nargs="?", default=".", help="directory of the task, relative to ROOT (default: ROOT)")
    described = "; ".join(f"{mode}: {doc}" for mode, (_, doc) in MODES.items())
    add("--mode", choices=tuple(MODES), default="seg", help=f"what is drawn (default: seg). {described}")
    add("--imageid", metavar="ID", nargs="+", action="extend", default=[], help="only the images with these file ids")
    add("--outdir", metavar="DIR", type=Path, help=f"where the pictures go (default: {FOLDER}/MODE in the task)")
    add("--border", metavar="N", type=int, dest="seg_border", help="width of the contours, in pixels")
    add(
        *("--border-position",),
        choices=("inner", "center", "outer"),
        dest="seg_border_position",
        help="where the contours lie",
    )
    add("--border-colour", metavar="#RRGGBB", dest="seg_border_colour", help="colour of all contours")
    add(
        "--enhance",
        action=argparse.BooleanOptionalAction,
        help="show dim intensities brighter than they are (default), or not",
    )
    add("--scale-bar", action="store_true", default=None, help="draw a scale bar where the size of a pixel is known")
    add("--jobs", metavar="N", type=int, help="number of workers (default: all cores)")


def run(args: argparse.Namespace) -> int:
    """Write the pictures; return 0 if all were written, 1 if some could not be."""
    from superdsm.batch.api import Batch
    from superdsm.errors import TaskError

    if args.jobs is not None and args.jobs < 1:
        raise TaskError(f"--jobs {args.jobs}: give the number of workers, at least 1")
    batch = Batch.open(args.root)
    directory = args.outdir or batch.root / args.task / FOLDER / args.mode
    names = ("seg_border", "seg_border_position", "seg_border_colour", "enhance", "scale_bar")
    options: dict[str, Any] = {name: value for name in names if (value := getattr(args, name)) is not None}
    exporter, _ = MODES[args.mode]
    plan = batch.plan_export(args.task, exporter, directory, args.imageid, options)
    debug = getattr(args, "debug", False)
    summary = plan.run(jobs=args.jobs, executor="serial" if debug else "loky", listener=_lines())
    return summary.exit_code


def _lines() -> "Listener":
    from superdsm.batch.execution.job import ImageResult
    from superdsm.batch.execution.listener import Listener
    from superdsm.batch.planning.records import ImagePlan, TaskPlan

    class Lines(Listener):
        """Prints a line per picture."""

        def result(self, plan: TaskPlan, image: ImagePlan, result: ImageResult) -> None:
            for output in result.outputs.values():
                sys.stdout.write(f"{output.path}\n")
            if not result.ok:
                sys.stderr.write(f"superdsm: error: image {image.id}: {result.message}\n")
            sys.stdout.flush()

        def message(self, text: str) -> None:
            sys.stderr.write(f"superdsm: {text}\n")

    return Lines()


COMMAND = Command("export", "Write pictures of the images of a task.", add_arguments, run)
