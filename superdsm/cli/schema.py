"""``superdsm schema``: the JSON Schema of ``task.json``, with which editors complete and check it."""

import argparse
import json
import sys

from superdsm.records import Command, ExitCode

EXAMPLES = """\
examples:
  superdsm schema > task.schema.json
  superdsm schema --use ./stages.py:Denoise > task.schema.json

In a task.json, "$schema": "task.schema.json" names the file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--use",
        metavar="STAGE",
        action="append",
        default=[],
        help="add the hyperparameters of a stage of a script; repeatable",
    )


def run(args: argparse.Namespace) -> int:
    """Print the schema."""
    from superdsm.batch.components import installed
    from superdsm.batch.tasks.schema import task_schema
    from superdsm.plugins import resolve_stage

    stages = [resolve_stage(name)() for name in args.use]
    sys.stdout.write(json.dumps(task_schema(installed(), stages), indent=2) + "\n")
    return ExitCode.OK


COMMAND = Command("schema", "Print the JSON Schema of task.json, for editors.", add_arguments, run)
