"""``superdsm coco``: COCO files of single images to one data set."""

import argparse
import sys
from pathlib import Path

from superdsm.records import Command, ExitCode

EXAMPLE = """\
example:
  superdsm coco screen/plate1/coco/*.json -o plate1.json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="files of coco_pathpattern or --export coco"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", required=True, help="the file to write")


def run(args: argparse.Namespace) -> int:
    """Join the files."""
    from superdsm.errors import ImageError
    from superdsm.io.coco import join_coco

    output = args.output.resolve()
    if any(path.resolve() == output for path in args.files):
        raise ImageError(f"{args.output}: is one of the files that are joined; choose another name")
    images, objects = join_coco(args.files, args.output)
    sys.stdout.write(f"{args.output}: {images:,} images, {objects:,} objects\n")
    return ExitCode.OK


COMMAND = Command("coco", "Join COCO files of single images to one data set.", add_arguments, run)
