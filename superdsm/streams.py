"""Standard output and standard error that stop no work: what cannot be written is dropped, and remembered.

A log on a full disk, a pipe whose reader is gone, or a closed descriptor is no reason to leave images undone.
"""

import contextlib
import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import Any, TextIO

PATIENCE = 5.0  # seconds for a reader that is slow, where writing does not wait by itself
NAMES = {1: "standard output", 2: "standard error"}


class Losses:
    """What could not be written.

    Attributes
    ----------
    first : (str, int) or None
        The stream that was the first to lose something, and the number of the error.
    """

    def __init__(self) -> None:
        self.first: tuple[str, int] | None = None

    def add(self, descriptor: int, number: int) -> None:
        """Note that something was lost."""
        if self.first is None:
            self.first = NAMES.get(descriptor, str(descriptor)), number


class _Raw(io.RawIOBase):
    """A descriptor; writing to it never fails."""

    def __init__(self, descriptor: int, losses: Losses) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._losses = losses

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            if select.select([], [self._descriptor], [], PATIENCE)[1]:
                return 0  # the buffer comes again
            number = errno.EAGAIN
        except OSError as exc:
            number = exc.errno or errno.EIO
        self._losses.add(self._descriptor, number)
        return len(data)


@contextlib.contextmanager
def never_failing() -> Iterator[Losses]:
    """Let standard output and standard error drop what cannot be written, and say what could not."""
    before = sys.stdout, sys.stderr
    losses = install()
    try:
        yield losses
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(ValueError):  # somebody has closed it
                stream.flush()
    finally:
        sys.stdout, sys.stderr = before


def install() -> Losses:
    """Do it for the rest of this process; streams that somebody else has put there are only made to take any text.

    Returns
    -------
    Losses
        Is filled in as long as the process lasts.
    """
    losses = Losses()
    for descriptor in range(3):  # else the next file that is opened becomes what others take for standard output
        with contextlib.suppress(OSError):
            _reserve(descriptor)
    sys.stdout = _stream(sys.stdout, sys.__stdout__, 1, losses)
    sys.stderr = _stream(sys.stderr, sys.__stderr__, 2, losses)
    return losses


def _reserve(descriptor: int) -> None:
    """Open a descriptor on nothing if it is closed."""
    try:
        os.fstat(descriptor)
    except OSError:
        found = os.open(os.devnull, os.O_RDWR)
        if found != descriptor:  # a lower one was free
            os.dup2(found, descriptor)
            os.close(found)
        os.set_inheritable(descriptor, True)


def _stream(stream: Any, original: Any, descriptor: int, losses: Losses) -> TextIO:
    if stream is None:  # it was closed when the process began
        losses.add(descriptor, errno.EBADF)
        return open(os.devnull, "w", encoding="utf-8", errors="backslashreplace")  # noqa: PTH123 - stays open as long as the process lasts
    if not isinstance(stream, io.TextIOWrapper):
        return stream  # type: ignore[no-any-return]
    if stream is not original or (os.name == "nt" and stream.isatty()):  # the console of Windows has a way of its own
        stream.reconfigure(errors="backslashreplace")  # names of files need not be text in the encoding of the terminal
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Raw(stream.fileno(), losses)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering or descriptor == 2,
        write_through=stream.write_through,
    )
