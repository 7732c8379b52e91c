"""The command that continues."""

import argparse
import shlex
from typing import Any

from superdsm.batch.execution.listener import RunSummary
from superdsm.batch.plan import Plan
from superdsm.batch.planning.records import Action

OPTIONS = (
    *("run", "task", "task_dir", "force", "fresh", "retry_failed", "oneshot", "last_stage"),
    *("use", "without", "profile"),
    *("jobs", "executor", "timeout", "fail_fast", "html"),
)


def after_plan(plan: Plan) -> dict[str, Any]:
    """Return which options of the next command differ, after a plan was shown."""
    if plan.count(Action.RUN) or plan.count(Action.FAIL):
        return {"run": True}
    return {"run": True, "retry_failed": True} if plan.count(Action.SKIP) else {"run": False}


def after_run(summary: RunSummary) -> dict[str, Any]:
    """Return which options of the next command differ, after images were processed."""
    if summary.interrupted or summary.locked or summary.total > summary.done + summary.failed:
        return {"run": True}
    if summary.failed or summary.skipped:
        return {"run": True, "retry_failed": True, "force": False, "fresh": False}
    if summary.unwritten:
        return {"run": True, "force": False, "fresh": False}
    return {"run": False, "force": False, "fresh": False, "retry_failed": False}


def command(args: argparse.Namespace, changes: dict[str, Any]) -> str:
    """Return the command line, given the arguments of this one and what differs."""
    words = ["superdsm", "batch", str(args.root)]
    for name in OPTIONS:
        value = changes.get(name, getattr(args, name))
        option = "--" + name.replace("_", "-")
        if value is True:
            words.append(option)
        elif isinstance(value, (list, tuple)):
            words += [word for item in value for word in (option, str(item))]
        elif value not in (None, False, ""):
            words += [option, str(value)]
    return shlex.join(words)
