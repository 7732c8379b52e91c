"""``superdsm schema``: the JSON Schema of ``task.json``, with which editors complete and check it."""

import argparse
import json
import sys
from pathlib import Path

from superdsm.records import Command, ExitCode

EXAMPLES = """\
examples:
  superdsm schema > task.schema.json
  superdsm schema --use ./stages.py:Denoise -o task.schema.json

In a task.json, "$schema": "task.schema.json" names the file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="write a file (default: to standard output)")
    parser.add_argument(
        "--use",
        metavar="STAGE",
        action="append",
        default=[],
        help="add the hyperparameters of a stage of a script; repeatable",
    )


def run(args: argparse.Namespace) -> int:
    """Print the schema, or write it to a file."""
    from superdsm.batch.components import installed
    from superdsm.batch.tasks.schema import task_schema
    from superdsm.batch.tasks.tree import FILE
    from superdsm.errors import TaskError
    from superdsm.io import replacing
    from superdsm.plugins import resolve_stage

    stages = [resolve_stage(name)() for name in args.use]
    text = json.dumps(task_schema(installed(), stages), indent=2) + "\n"
    if args.output is not None and args.output.name == FILE:
        raise TaskError(f"{args.output}: is the name of a task; give the schema another one, as task.schema.json")
    if args.output is None:
        sys.stdout.write(text)
    else:
        with replacing(args.output) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return ExitCode.OK


COMMAND = Command("schema", "Print the JSON Schema of task.json, for editors.", add_arguments, run)
