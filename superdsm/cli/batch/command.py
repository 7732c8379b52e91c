"""``superdsm batch``: plan or run the tasks in a directory."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from superdsm.profiles import PROFILES
from superdsm.records import Command, ExitCode

if TYPE_CHECKING:
    from superdsm.batch.api import Batch
    from superdsm.batch.plan import Plan
    from superdsm.cli.batch.display import Display

EPILOG = """
Without --run, nothing is processed: the plan is shown. Exit codes: 0: all done; 1: some images failed, the rest is
done; 2: nothing could start; 130: interrupted. The last line of the output is the command that continues.
"""


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return value


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EPILOG
    parser.add_argument("root", metavar="ROOT", help="directory in and below which the tasks are")
    parser.add_argument("--run", action="store_true", help="process the images; without it, the plan is shown")
    what = parser.add_argument_group("what to process")
    what.add_argument("--task", action="append", default=[], metavar="DIR", help="only this task (relative to ROOT)")
    what.add_argument(
        "--task-dir", action="append", default=[], metavar="DIR", help="only this task and those derived from it"
    )
    what.add_argument("--force", action="store_true", help="recompute everything, also what is complete")
    what.add_argument("--fresh", action="store_true", help="compute what is not complete without earlier results")
    what.add_argument("--retry-failed", action="store_true", help="try images again that failed before")
    what.add_argument("--oneshot", action="store_true", help="write outputs, but keep no results and no marks")
    what.add_argument("--last-stage", metavar="STAGE", help="stop after this stage (only with --oneshot)")
    what.add_argument("--use", action="append", default=[], metavar="STAGE", help="use this stage, in all tasks")
    what.add_argument("--without", action="append", default=[], metavar="STAGE", help="leave this stage out")
    what.add_argument(
        "--profile", metavar="NAME", help=f"stages and defaults in all tasks: {' or '.join(PROFILES)}; wins over config"
    )
    how = parser.add_argument_group("how to process")
    how.add_argument(
        "--jobs", type=_positive, metavar="N", help="workers (default: num_cpus of the task, or all cores)"
    )
    how.add_argument("--executor", default="", metavar="NAME", help="what runs the workers (default: loky)")
    how.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="give an image up after this time")
    how.add_argument("--fail-fast", action="store_true", help="stop at the first image that fails")
    how.add_argument("--debug", action="store_true", help="work in this process, and show tracebacks")
    show = parser.add_argument_group("what is shown")
    show.add_argument("--verbosity", type=int, default=0, metavar="N", help="-1: failures only; 0; 1; 2: each stage")
    show.add_argument("--quiet", action="store_true", help="like --verbosity -1")
    show.add_argument("--json", action="store_true", help="the plan and all events as JSON lines")
    show.add_argument("--report", type=Path, metavar="FILE", help="keep a status file (JSON) up to date")
    show.add_argument("--html", action="store_true", help="end with the report of the whole root (ROOT/report.html)")


def run(args: argparse.Namespace) -> int:
    """Plan, and process if asked to."""
    from superdsm.api import instruction_set
    from superdsm.batch.api import Batch
    from superdsm.batch.components import installed
    from superdsm.batch.execution.runner import find_executor
    from superdsm.batch.planning.records import Action
    from superdsm.cli.batch.continuation import after_run, command
    from superdsm.host import check_memory_limit

    if args.run:
        check_memory_limit()
    executor = args.executor or ("serial" if args.debug else "loky")
    _check(args)
    components = installed()
    find_executor(components, executor)
    batch = Batch.open(args.root, components)
    display = _display(args)
    plan = _plan(args, batch, display)
    _check_report(args, plan)
    if not args.run:
        _show(args, plan, display)
        return ExitCode.OK
    display.prepare()
    if not plan.has_work:
        code = ExitCode.PARTIAL if plan.count(Action.SKIP) else ExitCode.OK
        display.nothing_to_do(plan.tasks, code)
        _show(args, plan, display)
        return code if _report_written(args, batch, plan, display) else ExitCode.PARTIAL
    instruction_set()  # one message, not one for each image, if the kernels cannot be used
    summary = plan.run(
        jobs=args.jobs, executor=executor, timeout=args.timeout, fail_fast=args.fail_fast, listener=display
    )
    written = summary.interrupted or _report_written(args, batch, plan, display)
    changes = after_run(summary)
    display.next_command(command(args, changes), needed=changes["run"])
    return summary.exit_code if written or summary.exit_code else ExitCode.PARTIAL


def _check(args: argparse.Namespace) -> None:
    """Raise for options that do not go together."""
    from superdsm.errors import TaskError

    if args.last_stage and not args.oneshot:
        raise TaskError("--last-stage: only goes with --oneshot; to stop a task early, set its field last_stage")
    if args.timeout and (args.debug or args.executor == "serial"):
        raise TaskError("--timeout: needs worker processes; leave --debug and --executor serial out")


def _check_report(args: argparse.Namespace, plan: "Plan") -> None:
    """Raise if the status file would replace a file of the run."""
    from superdsm.errors import TaskError

    if args.report and (what := plan.files.of_file(str(args.report))):
        raise TaskError(f"--report: {args.report} is {what}; give another file")


def _report_written(args: argparse.Namespace, batch: "Batch", plan: "Plan", display: "Display") -> bool:
    """Write the report, where it is wanted; return False, and say why, if it cannot be written."""
    from superdsm.batch.tasks.fields import REPORT
    from superdsm.errors import TaskError

    wanted = any(task.prepared.task.value(REPORT) for task in plan.tasks)
    if args.oneshot or not (args.html or wanted):
        return True
    from superdsm.report.gather import ReportOptions
    from superdsm.report.write import default_page, write_report

    page = default_page(batch.root)
    try:
        if what := plan.files.of_file(str(page)):
            raise TaskError(f"{page}: is {what}; the report is written with superdsm report -o elsewhere")
        write_report(batch, ReportOptions(page), jobs=args.jobs)
    except TaskError as exc:
        display.message(str(exc))
        return False
    display.message(f"report: {page}")
    return True


def _plan(args: argparse.Namespace, batch: "Batch", display: "Display") -> "Plan":
    return batch.plan(
        args.task,
        args.task_dir,
        force=args.force,
        fresh=args.fresh,
        oneshot=args.oneshot,
        retry_failed=args.retry_failed,
        use=args.use,
        without=args.without,
        last_stage=args.last_stage,
        profile=args.profile,
        listener=display,
    )


def _display(args: argparse.Namespace) -> "Display":
    """Return what shows the plan and the run."""
    import sys

    from superdsm.cli.batch.json_lines import JsonLines
    from superdsm.cli.batch.lines import Lines
    from superdsm.cli.batch.live import Live
    from superdsm.cli.batch.status_file import StatusFile

    verbosity = -1 if args.quiet else args.verbosity
    display: Display
    if args.json:
        display = JsonLines(verbosity)
    elif sys.stdout.isatty() and verbosity >= 0 and not args.debug and args.run:
        display = Live(verbosity)
    else:
        display = Lines(verbosity, debug=args.debug)
    return StatusFile(display, args.report) if args.report and args.run else display


def _show(args: argparse.Namespace, plan: "Plan", display: "Display") -> None:
    """Show a plan that is not carried out, and the command that does."""
    from superdsm.cli.batch.continuation import after_plan, command

    display.show_plan(plan.tasks, plan.seconds(args.jobs))
    changes = after_plan(plan)
    display.next_command(command(args, changes), needed=changes["run"])


COMMAND = Command("batch", "Plan or run all tasks in and below a directory.", add_arguments, run)
