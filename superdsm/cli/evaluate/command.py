"""``superdsm evaluate``: label images, or all tasks of a tree, against the ground truth."""

import argparse
from pathlib import Path

from superdsm.records import Command

EPILOG = """\
Two label images, or two directories whose files are matched by their names without suffixes:
  superdsm evaluate labels/ truth/ --ignore-border --overlay errors/
All tasks in and below a directory, with the pattern of the ground truth written like img_pathpattern:
  superdsm evaluate plates/ --gt "{ROOTDIR}/truth/%d.png"

Exit codes: 0: all was evaluated; 1: some of the ground truth has no usable label image; 2: nothing was evaluated.
With --partial, there are only counts and scores of true objects. What the scores mean: docs/evaluate.md.
"""


def _area(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return value


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    add = parser.add_argument
    add("predicted", metavar="PREDICTED", type=Path, help="label image or directory of them; with --gt: root of tasks")
    add("truth", metavar="GROUND_TRUTH", type=Path, nargs="?", help="label image or directory of the ground truth")
    add("--gt", metavar="PATTERN", help="evaluate the tasks in PREDICTED; path of the ground truth with the file id")
    what = parser.add_argument_group("what counts")
    add = what.add_argument
    add("--ignore-border", action="store_true", help="leave out objects that are cut by the border of the image")
    add("--min-area", metavar="PIXELS", type=_area, default=0, help="leave out smaller objects")
    add("--partial", action="store_true", help="only a part of the objects is labelled in the ground truth")
    show = parser.add_argument_group("what is shown")
    add = show.add_argument
    form = show.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print all scores as CSV")
    form.add_argument("--json", action="store_true", help="print all scores as JSON")
    add("--objects", action="store_true", help="tell of each object: what became of it, its partner, its distances")
    add("--by", metavar="SCORE", help="score of the best task, for instance seg (default: ap_50, with --partial seg)")
    add("--overlay", metavar="DIR", type=Path, help="write a picture for each image that colours the errors by kind")
    add("--images", metavar="PATH", type=Path, help="image or directory to draw the pictures on (default: black)")


def run(args: argparse.Namespace) -> int:
    """Evaluate; return 0 if all was evaluated, 1 if something is missing or cannot be read."""
    from superdsm.cli.evaluate import tables
    from superdsm.errors import SuperDSMError

    if (args.truth is None) == (args.gt is None):
        raise SuperDSMError(
            "where is the ground truth? give PREDICTED GROUND_TRUTH (files or directories) or ROOT --gt PATTERN (tasks)"
        )
    for given, needs, message in (
        (args.images, args.overlay is not None, "--images: is what pictures are drawn on; add --overlay DIR"),
        (args.images, args.gt is None, "--images: tasks know their images; leave it out"),
        (args.by, args.gt is not None, "--by: is about tasks; leave it out, or give ROOT --gt PATTERN"),
        (args.objects, args.gt is None or args.csv or args.json, "--objects: add --csv or --json for tasks"),
    ):
        if given and not needs:
            raise SuperDSMError(message)
    if args.gt is not None:
        from superdsm.cli.evaluate.tree import evaluate_tasks

        return tables.show_tasks(evaluate_tasks(args), args)
    from superdsm.cli.evaluate.pairs import evaluate_pairs

    return tables.show_images(evaluate_pairs(args), args)


COMMAND = Command("evaluate", "Compare label images with the ground truth.", add_arguments, run)
