"""``superdsm report``: one page on which one sees what is good, what is doubtful, and what failed."""

import argparse
import sys
from pathlib import Path

from superdsm.records import Command, ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("root", metavar="ROOT", help="directory that was given to superdsm batch")
    add("-o", "--output", metavar="FILE", type=Path, help="page to write (default: ROOT/report.html)")
    add("--single-file", action="store_true", help="everything in the page: small pictures only, to send it around")
    add(
        "--views",
        choices=("auto", "all", "flagged", "none"),
        default="auto",
        help="which images have large pictures (auto: all; of more than 300 the flagged ones)",
    )
    add(
        "--gt",
        metavar="PATTERN",
        default="",
        help="true label images, as img_pathpattern: shows errors and scores, as superdsm evaluate does",
    )
    add("--open", action="store_true", help="show the page in the browser")
    add("--jobs", metavar="N", type=int, help="number of workers for the pictures (default: all cores)")


def run(args: argparse.Namespace) -> int:
    """Write the report."""
    from superdsm.batch.api import Batch
    from superdsm.errors import TaskError
    from superdsm.report.gather import ReportOptions
    from superdsm.report.write import default_page, write_report

    if args.jobs is not None and args.jobs < 1:
        raise TaskError(f"--jobs {args.jobs}: give the number of workers, at least 1")
    batch = Batch.open(args.root)
    page = (args.output or default_page(batch.root)).absolute()
    if page.suffix.lower() not in (".html", ".htm"):
        raise TaskError(f"{page}: the report is an HTML page; give a name that ends in .html")
    report = write_report(batch, ReportOptions(page, args.single_file, args.views, args.gt), jobs=args.jobs)
    images = [image for task in report.tasks for image in task.images]
    flagged = sum(bool(image.flags) for image in images)
    sys.stdout.write(f"{page}: {len(images)} images, {flagged} flagged\n")
    if args.open:
        import webbrowser

        webbrowser.open(page.as_uri())
    return ExitCode.OK


COMMAND = Command("report", "Write a page that shows the results of a root.", add_arguments, run)
