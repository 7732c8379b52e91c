"""Whether a table of errors is complete: which ``raise`` statements of a module its cases do not reach."""

import ast
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Case = tuple[Callable[[], Any], type[Exception], str]


def error_of(cause: Callable[[], Any], kind: type[Exception]) -> Exception:
    """Return the error that is raised."""
    with pytest.raises(kind) as info:
        cause()
    return info.value


def unprovoked(module: ModuleType, cases: Iterable[Case]) -> list[str]:
    """Return ``line: text`` of the ``raise`` statements of a module that none of the cases reaches.

    A ``raise`` without an operand passes on what was raised elsewhere, and is left out.
    """
    text = inspect.getsource(module)
    raises = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Raise) and node.exc is not None]
    reached = {line for cause, kind, _ in cases for line in _lines(error_of(cause, kind), str(module.__file__))}
    lines = text.splitlines()
    return [
        f"{node.lineno}: {lines[node.lineno - 1].strip()}"
        for node in raises
        if not reached.intersection(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    ]


def _lines(error: BaseException | None, filename: str) -> Iterable[int]:
    while error is not None:
        trace = error.__traceback__
        while trace is not None:
            if Path(trace.tb_frame.f_code.co_filename) == Path(filename):
                yield trace.tb_lineno
            trace = trace.tb_next
        error = error.__cause__
