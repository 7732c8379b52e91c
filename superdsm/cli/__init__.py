"""The command line: ``superdsm COMMAND ...``.

Nothing numeric is imported here; a subcommand imports what it needs when it runs. Plugins are imported only for a
command that is not a built-in one, or by the command itself.
"""

import argparse
import itertools
import os
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from superdsm.errors import KernelsError, SuperDSMError
from superdsm.records import Command

OK, FAILED, ERROR, INTERRUPTED, CLOSED_PIPE = 0, 1, 2, 130, 141
DESCRIPTION = "Globally optimal segmentation of cell nuclei with deformable shape models."


class _Parser(argparse.ArgumentParser):
    """A parser that reports mistakes in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(ERROR, f"superdsm: error: {message}; see: {self.prog} --help\n")


def _add_global_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("options of all commands")
    options: list[tuple[str, dict[str, object]]] = [
        ("--no-plugins", {"action": "store_true", "help": "load no plugins"}),
        ("--block", {"action": "append", "default": [], "metavar": "NAME", "help": "do not load the plugin NAME"}),
        ("--debug", {"action": "store_true", "help": "show the traceback of an error"}),
    ]
    for flag, settings in options:
        if flag not in parser._option_string_actions:  # a command may describe an option of its own in other words
            group.add_argument(flag, **settings)  # type: ignore[arg-type]


def _split(argv: Sequence[str]) -> tuple[list[str], str, list[str]]:
    """Split the arguments into options before the command, the command, and what follows it."""
    index = 0
    while index < len(argv) and argv[index].startswith("-"):
        index += 2 if argv[index] == "--block" else 1
    return list(argv[:index]), "".join(argv[index : index + 1]), list(argv[index + 1 :])


def _top_parser(commands: Mapping[str, Command]) -> _Parser:
    width = max(map(len, commands))
    lines = [f"  {name:{width}}  {command.help}" for name, command in commands.items()]
    parser = _Parser(
        prog="superdsm",
        usage="superdsm [options] COMMAND ...",
        description=DESCRIPTION,
        epilog="\n".join(["commands:", *lines, "", _plugin_note(), "Help on a command: superdsm COMMAND --help"]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    _add_global_options(parser)
    return parser


def _plugin_note() -> str:
    """Name the installed plugins. They are not imported for this, so their commands are not known."""
    from superdsm.plugins.loader import entry_points

    names = [entry.name for entry, _ in entry_points()]
    if not names:
        return "No plugins are installed."
    return f"Installed plugins: {', '.join(names)} (their commands: superdsm plugins)"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        0: done. 1: done in part. 2: nothing could start. 130: interrupted. 141: the reader of the output is gone.
    """
    argv = sys.argv[1:] if argv is None else argv
    debug = "--debug" in argv
    try:
        code = _run(argv)
        sys.stdout.flush()
        return code
    except SystemExit as exc:  # argparse ends this way
        return exc.code if isinstance(exc.code, int) else OK
    except KeyboardInterrupt:
        if debug:
            raise
        return _complain("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # The interpreter flushes standard output at its end and must not meet the closed pipe again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except SuperDSMError as exc:
        if debug:
            _traceback()
        return _complain(f"error: {exc}", ERROR)
    except KernelsError as exc:
        if debug:
            raise
        return _complain(f"error: {exc}", ERROR)
    except OSError as exc:
        if debug or exc.filename is None:
            raise
        return _complain(f"error: {exc.filename}: {exc.strerror}", ERROR)


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"superdsm: {message}\n")
    return code


def _traceback() -> None:
    import traceback

    traceback.print_exc()


def _run(argv: Sequence[str]) -> int:
    from superdsm.cli.messages import show_warnings
    from superdsm.plugins.catalog import configure, registry

    before, name, rest = _split(argv)
    commands = registry().builtin("commands")
    top = _top_parser(commands) if not name or {"-h", "--help"} & {*before} else _options_parser()
    options = top.parse_args(before)
    if options.version:
        from importlib.metadata import version

        sys.stdout.write(f"superdsm {version('superdsm')}\n")
        return OK
    if not name:
        top.print_help(sys.stderr)
        return ERROR
    show_warnings()
    configure(no_plugins=options.no_plugins or "--no-plugins" in rest, block=[*options.block, *_blocked(rest)])
    command: Command = commands.get(name) or registry().lookup("commands", name)
    parser = _Parser(prog=f"superdsm {name}", description=command.help)
    command.add_arguments(parser)
    _add_global_options(parser)
    args = parser.parse_args(rest)
    args.debug, args.no_plugins = args.debug or options.debug, args.no_plugins or options.no_plugins
    args.block = [*options.block, *args.block]
    return command.run(args)


def _options_parser() -> _Parser:
    """Return a parser of the options before the command, without the texts that take time to collect."""
    parser = _Parser(prog="superdsm", add_help=False, allow_abbrev=False)
    parser.add_argument("--version", action="store_true")
    _add_global_options(parser)
    return parser


def _blocked(rest: Sequence[str]) -> list[str]:
    """Return the plugins that are blocked by options after the command, before these are parsed."""
    following = [value for flag, value in itertools.pairwise(rest) if flag == "--block"]
    return following + [text.removeprefix("--block=") for text in rest if text.startswith("--block=")]
