"""Stages from Python files that belong to no package."""

import hashlib
import linecache
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, ModuleType

from superdsm.errors import PluginError, SuperDSMError, suggest
from superdsm.stage import Stage

PREFIX = "superdsm_script_"
# By module: the name under which linecache knows its text, and the code in it.
_files: dict[str, tuple[str, frozenset[CodeType]]] = {}


def load_class(path: Path, name: str) -> type[Stage]:
    """Return a stage class that is defined in a Python file.

    The module is pickled by value, so that its stages travel to worker processes that cannot import it.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        Name of the class.

    Raises
    ------
    PluginError
        The file cannot be read or run, or has no such stage.
    """
    module = load_module(path)
    value = getattr(module, name, None)
    if isinstance(value, type) and issubclass(value, Stage) and value.id:
        return value
    classes = [
        key
        for key, item in vars(module).items()
        if isinstance(item, type) and issubclass(item, Stage) and item.id and item.__module__ == module.__name__
    ]
    if isinstance(value, type) and issubclass(value, Stage):
        raise PluginError(f"{path}: the stage {name} has no id; give it one, as in id = 'my-stage'")
    if value is not None:
        raise PluginError(f"{path}: {name} is not a class derived from superdsm.Stage")
    offer = f"it has: {', '.join(classes)}" if classes else "it has no stages"
    raise PluginError(f"{path}: there is no stage {name!r}{suggest(name, classes)}; {offer}")


def load_module(path: Path) -> ModuleType:
    """Run a Python file as a module of its own; the same content of the same file is run once."""
    path = path.resolve()
    try:
        source = path.read_bytes()
        text = source.decode("utf-8-sig")
    except OSError as exc:
        raise PluginError(f"{path}: cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise PluginError(f"{path}: is not a UTF-8 text file") from exc
    identity = hashlib.blake2b(str(path).encode() + b"\0" + source, digest_size=8).hexdigest()
    name = f"{PREFIX}{path.stem}_{identity}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # dataclasses and inspect look here while the file runs
    # What is running is what was read, even if the file changes later.
    filename = f"<{path} {identity}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    try:
        code = compile(text, filename, "exec", dont_inherit=True)
        _files[name] = filename, frozenset(_codes(code))
        exec(code, vars(module))
    except BaseException as exc:
        del sys.modules[name]
        if isinstance(exc, SuperDSMError):
            raise PluginError(f"{path}: {exc}") from exc
        if not isinstance(exc, (Exception, SystemExit)):
            raise
        message = exc.msg if isinstance(exc, SyntaxError) and exc.filename == filename else exc
        raise PluginError(f"{path}{_line(exc, filename)}: {type(exc).__name__}: {message}") from exc
    from cloudpickle import register_pickle_by_value

    register_pickle_by_value(module)
    return module


def file_of(module: str, code: CodeType | None = None) -> str | None:
    """Return the name under which linecache knows the text of a module that was read from a file.

    Parameters
    ----------
    module : str
        Name of the module.
    code : code, optional
        None is returned if this code does not stand in that text. Code that was pickled and has come back has lost the
        name of its file, but is recognised.
    """
    filename, codes = _files.get(module, (None, frozenset()))
    return filename if code is None or code in codes else None


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _codes(const)


def _line(exc: BaseException, filename: str) -> str:
    """Return the line of the file in which it happened, as text."""
    if isinstance(exc, SyntaxError):
        return f", line {exc.lineno}" if exc.filename == filename else ""
    line, trace = "", exc.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename:
            line = f", line {trace.tb_lineno}"
        trace = trace.tb_next
    return line
