"""``superdsm plugins``: what is installed, what is wrong with it, and the skeleton of a new one."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from superdsm.cli.stages import columns
from superdsm.errors import PluginError, suggest
from superdsm.records import Command, ExitCode

if TYPE_CHECKING:
    from superdsm.plugins import PluginStatus


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("action", nargs="?", choices=["new"], help="new: make the skeleton of a plugin package")
    parser.add_argument("name", nargs="?", metavar="NAME", help="with new: the name of the package, as in my-stage")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a plugin is broken or in conflict")
    parser.add_argument("--traceback", metavar="NAME", help="show where the plugin NAME broke")
    parser.add_argument("--directory", default=".", metavar="DIR", help="with new: where to make it (default: here)")


def run(args: argparse.Namespace) -> int:
    """Print the plugins, or make a new one."""
    from superdsm.plugins import registry

    if args.action == "new":
        return _new(args)
    report = registry().report
    if args.traceback:
        return _traceback(args.traceback, report)
    if args.json:
        records = [{key: value for key, value in asdict(status).items() if key != "traceback"} for status in report]
        sys.stdout.write(json.dumps(records, indent=2) + "\n")
    else:
        _print(report)
    return int(bool(args.check) and any(status.status in ("broken", "conflict") for status in report))


def _new(args: argparse.Namespace) -> int:
    from superdsm.cli.skeleton import create

    if not args.name:
        raise PluginError("superdsm plugins new needs a name, for instance: superdsm plugins new my-stage")
    root = create(args.name, Path(args.directory))
    sys.stdout.write(f"made {root}; next: pip install -e '{root}[test]' && pytest {root}\n")
    return ExitCode.OK


def _print(report: "list[PluginStatus]") -> None:
    if not report:
        sys.stdout.write("no plugins are installed\n")
        return
    head = ("plugin", "provider", "version", "status", "offers")
    rows = [(s.name, s.provider, s.version, s.status, offers(s) or s.message) for s in report]
    title, *lines = columns([head, *rows])
    more = (f"\n    {status.message}" if status.message and status.offers else "" for status in report)
    sys.stdout.write("\n".join([title, *map(str.__add__, lines, more)]) + "\n")


def offers(status: "PluginStatus") -> str:
    """Describe what a plugin offers, as in ``stages tophat; exporters csv, parquet``."""
    return "; ".join(f"{kind} {', '.join(names)}" for kind, names in status.offers.items())


def _traceback(name: str, report: "list[PluginStatus]") -> int:
    found = [status for status in report if name in (status.name, status.provider)]
    if not found:
        raise PluginError(f"there is no plugin {name!r}{suggest(name, [status.name for status in report])}")
    for status in found:
        sys.stdout.write(status.traceback or f"{status.name} is {status.status}; there is no traceback\n")
    return ExitCode.OK


COMMAND = Command("plugins", "Show the installed plugins, or make the skeleton of a new one.", add_arguments, run)
