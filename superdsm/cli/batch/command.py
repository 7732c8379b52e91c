"""``superdsm batch``: plan or run the tasks in a directory."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.records import Command

if TYPE_CHECKING:
    from superdsm.batch.components import Components
    from superdsm.batch.execution.listener import RunSummary
    from superdsm.batch.planning.planner import Planner, TaskPlan
    from superdsm.batch.tasks.tree import TaskTree
    from superdsm.cli.batch.lines import Lines, StatusFile

MANY = 200  # images that take a noticeable time to hash
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
    how = parser.add_argument_group("how to process")
    how.add_argument(
        "--jobs", type=_positive, metavar="N", help="workers (default: num_cpus of the task, or all cores)"
    )
    how.add_argument("--executor", default="", metavar="NAME", help="what runs the workers (default: loky)")
    how.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="give an image up after so long")
    how.add_argument("--fail-fast", action="store_true", help="stop at the first image that fails")
    how.add_argument("--debug", action="store_true", help="work in this process, and show tracebacks")
    show = parser.add_argument_group("what is shown")
    show.add_argument("--verbosity", type=int, default=0, metavar="N", help="-1: failures only; 0; 1; 2: each stage")
    show.add_argument("--quiet", action="store_true", help="like --verbosity -1")
    show.add_argument("--json", action="store_true", help="the plan and all events as JSON lines")
    show.add_argument("--report", type=Path, metavar="FILE", help="keep a status file (JSON) up to date")


def run(args: argparse.Namespace) -> int:
    """Plan, and process if asked to."""
    from superdsm.batch.components import installed
    from superdsm.batch.execution.runner import RunOptions, execute, find_executor, has_work
    from superdsm.batch.planning.planner import Planner, PlanOptions
    from superdsm.batch.tasks.tree import discover
    from superdsm.cli.batch.lines import StatusFile
    from superdsm.errors import TaskError

    if args.last_stage and not args.oneshot:
        raise TaskError("--last-stage: only goes with --oneshot; to stop a task early, set its field last_stage")
    if args.timeout and (args.debug or args.executor == "serial"):
        raise TaskError("--timeout: needs worker processes; leave --debug and --executor serial out")
    tools = installed()
    executor = args.executor or ("serial" if args.debug else "loky")
    find_executor(tools, executor)
    tree = discover(args.root, tools)
    listener = _listener(args)
    planner = Planner(tree, tools, PlanOptions(args.force, args.fresh, args.oneshot, args.retry_failed))
    planner.hashes.announce = lambda count: _announce(args, count)
    plans = _plan(args, tree, tools, planner, listener)
    if not args.run:
        _show(args, planner, plans, listener)
        return 0
    if isinstance(listener, StatusFile):
        listener.check()
    if not any(map(has_work, plans)):
        code = 1 if any(plan.count("skip") for plan in plans) else 0
        if isinstance(listener, StatusFile):
            listener.idle(plans, code)
        _show(args, planner, plans, listener)
        return code
    if args.json:
        _show_json(planner, plans, listener)
    options = RunOptions(args.jobs, executor, args.timeout, args.fail_fast)
    try:
        with _terminable():
            summary = execute(planner, plans, tools, options, listener)
    except TaskError as exc:
        if isinstance(listener, StatusFile):
            listener.fail(str(exc))
        raise
    if summary.done and not args.quiet:
        _tell_outputs(args, plans, listener)
    _next(args, listener, _continuation(args, summary))
    return summary.exit_code


def _plan(
    args: argparse.Namespace, tree: "TaskTree", tools: "Components", planner: "Planner", listener: "Lines | StatusFile"
) -> "list[TaskPlan]":
    """Make the plans of the tasks that were asked for; all mistakes in them are told at once."""
    from superdsm.batch.tasks.conflicts import clashes
    from superdsm.batch.tasks.prepare import PreparedTask, Preparer
    from superdsm.errors import TaskError

    for warning in tree.warnings:
        _warn(args, listener, warning)
    preparer = Preparer(tree, tools, tuple(args.use), tuple(args.without), args.last_stage)
    setups: list[PreparedTask] = []
    wrong: list[str] = []
    for task in tree.select(args.task, args.task_dir):
        try:
            setups.append(preparer.prepare(task))
        except TaskError as exc:
            wrong.append(str(exc))
    if not setups and not wrong:
        _warn(args, listener, 'no task is to be run; a task that is needs "runnable": true in its task.json')
    if wrong:
        raise TaskError("\n".join(dict.fromkeys(wrong)))  # derived tasks share mistakes
    if taken := clashes(setups):
        raise TaskError("\n".join(map(str, taken)))
    plans = [planner.plan(setup) for setup in setups]
    planner.hashes.save()
    if planner.hashes.problem and args.verbosity > 0:
        _warn(args, listener, planner.hashes.problem)
    return plans


def _announce(args: argparse.Namespace, count: int) -> None:
    """Say why it takes a while, where somebody is watching."""
    import sys

    if count >= MANY and not args.quiet and sys.stderr.isatty():
        sys.stderr.write(f"superdsm: reading {count} images that are new or have changed\n")


def _warn(args: argparse.Namespace, listener: "Lines | StatusFile", text: str) -> None:
    import sys

    if args.json:
        listener.message(text)
    else:
        sys.stderr.write(f"superdsm: warning: {text}\n")


def _listener(args: argparse.Namespace) -> "Lines | StatusFile":
    import sys

    from superdsm.cli.batch.lines import JsonLines, Lines, Live, StatusFile

    verbosity = -1 if args.quiet else args.verbosity
    listener: Lines
    if args.json:
        listener = JsonLines(verbosity)
    elif sys.stdout.isatty() and verbosity >= 0 and not args.debug and args.run:
        listener = Live(verbosity)
    else:
        listener = Lines(verbosity, debug=args.debug)
    return StatusFile(listener, args.report) if args.report and args.run else listener


def _show(
    args: argparse.Namespace, planner: "Planner", plans: "Sequence[TaskPlan]", listener: "Lines | StatusFile"
) -> None:
    """Show the plan."""
    from superdsm.batch.execution.runner import seconds_in_all
    from superdsm.cli.batch import describe

    seconds = seconds_in_all(plans, args.jobs)
    if args.json:
        _show_json(planner, plans, listener)
    elif not args.quiet:
        for line in describe.lines(planner, plans, verbose=args.verbosity > 0):
            listener.message(line)
        listener.message(describe.totals(plans, seconds))
    if any(plan.count("run") or plan.count("fail") for plan in plans):
        _next(args, listener, {"run": True})
    elif any(plan.count("skip") for plan in plans):
        _next(args, listener, {"run": True, "retry_failed": True})
    elif not args.quiet:
        _next(args, listener, {"run": False})


def _show_json(planner: "Planner", plans: "Sequence[TaskPlan]", listener: "Lines | StatusFile") -> None:
    from superdsm.cli.batch import describe
    from superdsm.cli.batch.lines import JsonLines

    inner = getattr(listener, "inner", listener)
    assert isinstance(inner, JsonLines)
    for record in describe.json_records(planner, plans):
        inner.record(record)


def _tell_outputs(args: argparse.Namespace, plans: "Sequence[TaskPlan]", listener: "Lines | StatusFile") -> None:
    """Say where the outputs are."""
    from superdsm.cli.batch.describe import outputs_line, outputs_of
    from superdsm.cli.batch.lines import JsonLines

    inner = getattr(listener, "inner", listener)
    found = [(plan.name, *where) for plan in plans if plan.count("run") and (where := outputs_of(plan.setup))]
    if isinstance(inner, JsonLines):
        inner.record({"event": "outputs", "tasks": {name: directory for name, _, directory in found}})
    elif found:
        inner.message(outputs_line(found))


def _continuation(args: argparse.Namespace, summary: "RunSummary") -> dict[str, Any]:
    """Return how the options of the next command differ."""
    if summary.interrupted or summary.locked or summary.total > summary.done + summary.failed:
        return {"run": True}
    if summary.failed or summary.skipped:
        return {"run": True, "retry_failed": True, "force": False, "fresh": False}
    return {"run": False, "force": False, "fresh": False, "retry_failed": False}


def _next(args: argparse.Namespace, listener: "Lines | StatusFile", changes: dict[str, Any]) -> None:
    """Show the command that continues."""
    from superdsm.cli.batch.describe import command
    from superdsm.cli.batch.lines import JsonLines

    names = [
        "run",
        "task",
        "task_dir",
        "force",
        "fresh",
        "retry_failed",
        "oneshot",
        "last_stage",
        "use",
        "without",
        "jobs",
        "executor",
        "timeout",
        "fail_fast",
    ]
    line = command(args.root, {name: getattr(args, name) for name in names}, **changes)
    inner = getattr(listener, "inner", listener)
    if isinstance(inner, JsonLines):
        inner.record({"event": "next", "command": line})
    elif not args.quiet or changes.get("run"):
        inner.message(line)


class _terminable:  # noqa: N801 - reads like a function
    """Makes SIGTERM end a run as Ctrl-C does: finished images are kept, and the workers are gone."""

    def __enter__(self) -> None:
        import signal

        def interrupt(number: int, frame: Any) -> None:
            raise KeyboardInterrupt

        self._before = signal.signal(signal.SIGTERM, interrupt)

    def __exit__(self, *exc: object) -> None:
        import signal

        signal.signal(signal.SIGTERM, self._before)


COMMAND = Command("batch", "Plan or run all tasks in and below a directory.", add_arguments, run)
