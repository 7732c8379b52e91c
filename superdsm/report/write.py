"""Writing a report: the page, its pictures, and a table for MultiQC."""

import contextlib
import csv
import io
import tempfile
from pathlib import Path

from superdsm.batch.api import Batch
from superdsm.batch.execution.listener import Listener
from superdsm.batch.storage.atomic import write_atomic
from superdsm.errors import TaskError
from superdsm.report.gather import ReportOptions, gather
from superdsm.report.pictures import Pictures
from superdsm.report.records import Report
from superdsm.report.render import render

MULTIQC = "superdsm_mqc.tsv"
MULTIQC_HEAD = """\
# id: superdsm
# section_name: 'superdsm'
# description: 'Segmentation of cell nuclei: what was found in each image, and what is remarkable.'
# plot_type: 'table'
# pconfig:
#     id: 'superdsm_table'
#     title: 'superdsm: images'
"""


def write_report(
    batch: Batch, options: ReportOptions, *, jobs: int | None = None, listener: Listener | None = None
) -> Report:
    """Write a report of all tasks with results.

    Pictures are made of what is stored: no stage runs whose results are kept. The same results give the same bytes.

    Parameters
    ----------
    batch : Batch
        The tasks.
    options : ReportOptions
        Which page is written, and how.
    jobs : int, optional
        Number of workers for the pictures; by default as many as there are cores.
    listener : Listener, optional
        Is told what happens.

    Returns
    -------
    Report
        What the page says.

    Raises
    ------
    TaskError
        Nothing was processed yet, something is wrong with a task, or the page cannot be written.
    """
    with contextlib.ExitStack() as stack:
        place = options.files
        if options.single_file:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="superdsm-")))
        report = gather(batch, Pictures(batch, place, listener or Listener(), jobs), options)
    try:
        write_atomic(options.page, render(report).encode())
        write_atomic(options.page.with_name(MULTIQC), multiqc(report))
    except OSError as exc:
        raise TaskError(f"{exc.filename or options.page}: the report cannot be written ({exc.strerror})") from exc
    return report


def multiqc(report: Report) -> bytes:
    """Return the images as a table that MultiQC shows."""
    text = io.StringIO(newline="")
    text.write(MULTIQC_HEAD)
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(["Sample", "status", *(column.label for column in report.columns), "flags"])
    for task in report.tasks:
        for image in task.images:
            name = image.id if len(report.tasks) == 1 else f"{task.name}/{image.id}"
            cells = ["" if (value := image.values.get(column.name)) is None else value for column in report.columns]
            marks = ", ".join(flag.rule for flag in image.flags)
            writer.writerow([_line(name), image.status, *cells, marks])
    return text.getvalue().encode(errors="backslashreplace")


def _line(text: str) -> str:
    return " ".join(text.split())


def default_page(root: Path) -> Path:
    """Return where the report of a root is written by default."""
    return root / "report.html"
