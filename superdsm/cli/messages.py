"""Warnings on standard error, one line each."""

import logging
import sys
import threading


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        text = " ".join(record.getMessage().split())
        sys.stderr.write(f"superdsm: {record.levelname.lower()}: {text}\n")


def tell_of_threads() -> None:
    """Let a thread that fails say so in a line; whoever waits for what it was to do finds out by themselves."""

    def tell(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is not SystemExit:
            name = args.thread.name if args.thread else "of this process"
            text = " ".join(f"{args.exc_type.__name__}: {args.exc_value}".split())
            sys.stderr.write(f"superdsm: warning: the thread {name} failed: {text}\n")

    threading.excepthook = tell


def show_warnings() -> None:
    """Show what is logged as a warning."""
    log = logging.getLogger("superdsm")
    log.propagate = False
    if not any(isinstance(handler, _Handler) for handler in log.handlers):
        log.addHandler(_Handler(logging.WARNING))
