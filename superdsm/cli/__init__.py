"""The command line: ``superdsm COMMAND ...``.

Nothing numeric is imported here; a subcommand imports what it needs when it runs. Plugins are imported only for a
command that is not a built-in one, or by the command itself.
"""

import argparse
import contextlib
import errno
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from superdsm import streams
from superdsm.errors import KernelsError, SuperDSMError, escaped, one_line
from superdsm.records import Command, ExitCode

EXIT_GRACE = 5.0  # seconds
DESCRIPTION = "Globally optimal segmentation of cell nuclei with deformable shape models."


class _Parser(argparse.ArgumentParser):
    """A parser that reports mistakes in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(ExitCode.ERROR, f"superdsm: error: {message}; see: {self.prog} --help\n")


def _add_global_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("options of all commands")
    options: list[tuple[str, dict[str, Any]]] = [
        ("--no-plugins", {"action": "store_true", "help": "load no plugins"}),
        ("--block", {"action": "append", "default": [], "metavar": "NAME", "help": "do not load the plugin NAME"}),
        ("--debug", {"action": "store_true", "help": "show the traceback of an error"}),
    ]
    for flag, settings in options:
        with contextlib.suppress(argparse.ArgumentError):  # a command may describe the option in words of its own
            group.add_argument(flag, **settings)


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
        What the shell is told, see `superdsm.records.ExitCode`.
    """
    if argv is None and "--debug" not in sys.argv:
        from superdsm.cli.messages import tell_of_threads

        tell_of_threads()
    with streams.never_failing() as losses:
        code = _run_safely(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
        code = _account(code, losses)
    if argv is None:  # the process ends now
        _bound_exit(code)
    return code


def _account(code: int, losses: streams.Losses) -> int:
    """Return the exit code, given what could not be shown."""
    if losses.first is None:
        return code
    stream, number = losses.first
    if number == errno.EPIPE:
        return code or ExitCode.CLOSED_PIPE
    _complain(f"error: {stream} could not be written ({os.strerror(number)})", ExitCode.PARTIAL)
    return code or ExitCode.PARTIAL


def _bound_exit(code: int) -> None:
    """End the process after some seconds, whatever threads and exit handlers a plugin has left behind."""
    import threading

    def end() -> None:
        _complain(f"threads or exit handlers were still running after {EXIT_GRACE:g} s and were ended", ExitCode.OK)
        os._exit(code)

    timer = threading.Timer(EXIT_GRACE, end)
    timer.daemon = True
    with contextlib.suppress(RuntimeError):  # no thread can be started; nothing else can be running then
        timer.start()


def _run_safely(argv: Sequence[str]) -> int:
    """Run a command; errors become one line each."""
    debug = "--debug" in argv
    try:
        return _run(argv)
    except SystemExit as exc:  # argparse ends this way
        return exc.code if isinstance(exc.code, int) else ExitCode.OK
    except KeyboardInterrupt:
        if debug:
            raise
        return _complain("interrupted", ExitCode.INTERRUPTED)
    except SuperDSMError as exc:
        if debug:
            _traceback()
        return _complain(f"error: {exc}", ExitCode.ERROR)
    except KernelsError as exc:
        if debug:
            raise
        return _complain(f"error: {exc}", ExitCode.ERROR)
    except ImportError as exc:  # of a library that is damaged, or for which memory is short
        if debug:
            raise
        return _complain(f"error: {one_line(exc)}; to see where, add --debug", ExitCode.ERROR)
    except MemoryError:
        if debug:
            raise
        return _complain("error: there is not enough memory; end other programs, or use fewer --jobs", ExitCode.ERROR)
    except BrokenPipeError:  # standard output that somebody else has put there
        return ExitCode.CLOSED_PIPE
    except OSError as exc:
        if debug or exc.errno is None:
            raise
        where = "" if exc.filename is None else f"{exc.filename}: "
        return _complain(f"error: {where}{exc.strerror}", ExitCode.ERROR)


def _complain(message: str, code: ExitCode) -> ExitCode:
    sys.stderr.write("\n".join(map(escaped, f"superdsm: {message}".split("\n"))) + "\n")
    return code


def _traceback() -> None:
    import traceback

    traceback.print_exc()


def _run(argv: Sequence[str]) -> int:
    from superdsm.cli.messages import show_warnings
    from superdsm.plugins.catalog import configure, registry

    early = _Parser(prog="superdsm", add_help=False, allow_abbrev=False)
    _add_global_options(early)
    given, rest = early.parse_known_args(argv)  # wherever they stand: plugins may have the command
    commands = registry().builtin("commands")
    if not rest or rest[0].startswith("-"):
        return _without_command(rest, commands)
    show_warnings()
    configure(no_plugins=given.no_plugins, block=given.block)
    name = rest[0]
    command: Command = commands.get(name) or registry().lookup("commands", name)
    parser = _Parser(prog=f"superdsm {name}", description=command.help)
    command.add_arguments(parser)
    _add_global_options(parser)
    args = parser.parse_args(rest[1:], given)
    return command.run(args)


def _without_command(argv: Sequence[str], commands: Mapping[str, Command]) -> int:
    """Show the version or the help."""
    parser = _top_parser(commands)
    options, others = parser.parse_known_args(argv)
    if options.version:
        from importlib.metadata import version

        sys.stdout.write(f"superdsm {version('superdsm')}\n")
        return ExitCode.OK
    if others:
        parser.error(f"unrecognized arguments: {' '.join(text for text in others if text.startswith('-'))}")
    parser.print_help(sys.stderr)
    return ExitCode.ERROR
