"""The marker ``process``: found by what the code of a test refers to, and enforced while the test runs.

A test has the marker if its code, a fixture that it asks for, or a function of the tests that one of these calls,
refers to something that starts processes. Where that cannot be seen, as in a command line that is run in this process,
the test says so itself. A test that starts a process without the marker fails.
"""

import contextlib
import platform
import sys
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any

import pytest

from tests.laboratory import Laboratory

STARTERS = {"subprocess", "Popen", "loky", "ProcessPoolExecutor", "check_stage"}
EVENTS = {"subprocess.Popen", "os.fork", "os.posix_spawn", "os.system"}

started: list[str] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event in EVENTS:
        started.append(event)


def _note_loky() -> None:
    """Note what loky starts; it does so below the level of audit events."""
    import _posixsubprocess

    fork_exec = _posixsubprocess.fork_exec

    def noted(*arguments: Any) -> Any:
        started.append("loky")
        return fork_exec(*arguments)

    _posixsubprocess.fork_exec = noted


platform.processor()  # starts `uname` where it is asked first, and remembers the answer
sys.addaudithook(_note)
with contextlib.suppress(ImportError):  # Windows has another way
    _note_loky()


@pytest.fixture(autouse=True)
def no_process_without_the_marker(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that starts a process and does not have the marker."""
    started.clear()
    yield
    if started and request.node.get_closest_marker("process") is None:
        pytest.fail(f"this test starts a process ({started[0]}): give it the marker `process`", pytrace=False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts processes."""
    for item in items:
        if isinstance(item, pytest.Function) and _starts_processes(item):
            item.add_marker(pytest.mark.process)


def _starts_processes(item: pytest.Function) -> bool:
    definitions = item._fixtureinfo.name2fixturedefs.values()
    functions = [item.function, *(each.func for fixtures in definitions for each in fixtures)]
    methods = vars(Laboratory) if "lab" in item.fixturenames else {}
    seen: set[CodeType] = set()
    return any(_refers(function, methods, seen) for function in functions)


def _refers(function: Any, methods: Mapping[str, Any], seen: set[CodeType]) -> bool:
    """Whether a function, or one of the tests that it calls, refers to what starts processes."""
    function = getattr(function, "__func__", function)
    if not isinstance(function, FunctionType) or function.__code__ in seen:
        return False
    seen.add(function.__code__)
    words = set(_words(function.__code__))
    if words & STARTERS:
        return True
    used = [names[word] for names in (function.__globals__, methods) for word in words & set(names)]
    return any(_refers(each, methods, seen) for value in used for each in _of_the_tests(value))


def _of_the_tests(value: Any) -> list[Any]:
    """Return a function, or the methods of a class, if it belongs to the tests; the laboratory only does as asked."""
    if not getattr(value, "__module__", "").startswith("tests.") or value is Laboratory:
        return []
    return list(vars(value).values()) if isinstance(value, type) else [value]


def _words(code: CodeType) -> Iterator[str]:
    """Yield the names that code refers to, and the strings in it."""
    yield from code.co_names
    yield from code.co_freevars
    for const in code.co_consts:
        if isinstance(const, str):
            yield const
        elif isinstance(const, tuple):
            yield from (item for item in const if isinstance(item, str))
        elif isinstance(const, CodeType):
            yield from _words(const)
