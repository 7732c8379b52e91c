"""What identifies the code of a stage: provider, id and version, or the digest of its source.

The source of a class that declares no version is the text of the class, of its bases, and of everything that their
methods refer to in the same module: functions, classes, constants. Modules that it imports do not count; a stage whose
results depend on them should declare a version. An inherited version says nothing about the class that inherits it.
"""

import ast
import inspect
import linecache
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from superdsm.jsonable import canonical_json, digest_bytes
from superdsm.plugins.catalog import BUILTIN, registry
from superdsm.plugins.scripts import PREFIX, file_of
from superdsm.stage import Stage


class _NoSourceError(Exception):
    pass


def provider_of(stage: Stage | type[Stage]) -> str:
    """Return the distribution that offers a stage: "superdsm" for built-in ones, "" for classes of no plugin."""
    cls = stage if isinstance(stage, type) else type(stage)
    if cls.__module__.startswith("superdsm.stages."):
        return BUILTIN
    return registry().provider_of_class(cls)


def identity(stage: Stage) -> dict[str, Any] | None:
    """Return what identifies the code of a stage in the keys of its results.

    Parameters
    ----------
    stage : Stage
        The stage. Its hyperparameters are not part of this.

    Returns
    -------
    dict or None
        JSON values; None if neither a version nor a source is known, so that results must not be stored.
    """
    cls = type(stage)
    version = vars(cls).get("version")
    result: dict[str, Any] = {"provider": provider_of(stage), "id": stage.id, "version": version}
    if not result["provider"]:
        result["class"] = f"{_home(cls)}:{cls.__qualname__}"
    if version is None:
        source = source_digest(cls)
        if source is None:
            return None
        result["source"] = source
    state = {name: value for name, value in vars(stage).items() if name != "defaults"}
    if state:
        try:
            canonical_json(state)
        except (TypeError, ValueError):
            return None
        result["state"] = state
    return result


def _home(cls: type) -> str:
    """Return where a class is defined, without what differs from run to run or from computer to computer."""
    name = cls.__module__
    return name.removeprefix(PREFIX).rpartition("_")[0] + ".py" if name.startswith(PREFIX) else name


def source_digest(cls: type[Stage]) -> str | None:
    """Return the hex digest (160 bit) of the source of a class, or None where there is no source."""
    source = _Source()
    try:
        for base in cls.__mro__:
            if base not in (Stage, object):
                source.add_class(base)
    except _NoSourceError:
        return None
    content = "\0".join(f"{name}\0{text}" for name, text in sorted(source.texts.items()))
    return digest_bytes(content.encode())


class _Source:
    """The texts that make up the source of a class, by what they define."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._seen: set[int] = set()

    def _add(self, name: str, text: str) -> None:
        known = self.texts.setdefault(name, text)
        if text not in known.split("\0"):  # another one of that name, as closures have
            self.texts[name] = f"{known}\0{text}"

    def add_class(self, cls: type) -> None:
        """Add a class, and what its methods refer to."""
        if id(cls) in self._seen:
            return
        self._seen.add(id(cls))
        functions = list(_functions(cls))
        self._add(f"class {cls.__qualname__}", _class_text(cls, functions))
        for function in functions:
            self._add_function(function, cls.__module__, f"{cls.__qualname__}.")

    def _add_function(self, function: Any, module: str, inside: str = "\0") -> None:
        """Add a function, what decorators have put around it, and what all of these refer to.

        What stands inside of a class is not added, for the text of the class has it.
        """
        while isinstance(function, FunctionType) and id(function) not in self._seen:
            self._seen.add(id(function))
            code = function.__code__
            if function.__globals__.get("__name__") == module and not code.co_qualname.startswith(inside):
                self._add(f"def {code.co_qualname}", _source(_code(function)))
            self._add_references(function, module)
            function = _unwrapped(getattr(function, "__wrapped__", None))

    def _add_references(self, function: FunctionType, module: str) -> None:
        """Add what a function refers to in its own module."""
        known = {**function.__globals__, **_closure(function)}
        for name in sorted(_names(function.__code__)):
            if name not in known:
                continue
            value = _unwrapped(known[name])
            if isinstance(value, type) and value.__module__ == module and value is not Stage:
                self.add_class(value)
            elif isinstance(value, FunctionType) and value.__module__ == module:
                self._add_function(value, module)
            elif not isinstance(value, (type, FunctionType, ModuleType)) and not callable(value):
                self._add(f"{name} =", _constant_text(name, value, function))


def _functions(cls: type) -> Iterator[FunctionType]:
    """Yield the functions that a class defines, also those of properties, class methods and static methods."""
    for value in vars(cls).values():
        inner = _unwrapped(value)
        if isinstance(inner, FunctionType) and inner.__module__ == cls.__module__:
            yield inner


def _unwrapped(value: Any) -> Any:
    """Return the function inside of a method, a property, a cache, a partial function or a compiled one."""
    if isinstance(value, (type, FunctionType, ModuleType)):
        return value
    names = ("__func__", "fget", "func", "__wrapped__", "py_func")
    functions = (inner for name in names if isinstance(inner := getattr(value, name, None), FunctionType))
    return next(functions, value)


def _class_text(cls: type, functions: list[FunctionType]) -> str:
    # The functions know their file even in a notebook, where the class does not.
    for function in functions:
        code = _code(function)
        for node, text in _definitions(code.co_filename):
            if node.name == cls.__name__ and node.lineno <= code.co_firstlineno <= (node.end_lineno or 0):
                return text
    filename = file_of(cls.__module__)
    if filename is not None:  # the file may have changed since, its text in linecache has not
        texts = [text for node, text in _definitions(filename) if node.name == cls.__name__]
        if len(texts) == 1:
            return inspect.cleandoc(texts[0])
    return inspect.cleandoc(_source(cls))


def _code(function: FunctionType) -> CodeType:
    """Return the code of a function with the name of the file where it stands, which pickling takes away."""
    code: CodeType = function.__code__
    filename = file_of(function.__module__, code)
    return code if filename is None else code.replace(co_filename=filename)


def _definitions(filename: str) -> Iterator[tuple[Any, str]]:
    """Yield the classes and functions of a file with their texts, inner ones after outer ones."""
    lines = linecache.getlines(filename)
    try:
        tree = ast.parse("".join(lines))
    except SyntaxError as exc:
        raise _NoSourceError from exc
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            yield node, "".join(lines[first - 1 : node.end_lineno])


def _closure(function: FunctionType) -> dict[str, Any]:
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {name: cell.cell_contents for name, cell in cells if name != "__class__"}


def _names(code: CodeType) -> set[str]:
    """Return the names that a code object and those inside it refer to."""
    inner = [const for const in code.co_consts if isinstance(const, CodeType)]
    return {*code.co_names, *code.co_freevars}.union(*map(_names, inner))


def _source(thing: Any) -> str:
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError) as exc:
        raise _NoSourceError from exc


def _constant_text(name: str, value: Any, function: FunctionType) -> str:
    """Return the value of a constant as text, or how it is assigned if it is of an unusual type."""
    if hasattr(value, "tobytes") and hasattr(value, "dtype"):
        return f"{value.dtype} {value.shape} {digest_bytes(value.tobytes())}"
    try:
        return canonical_json(value)
    except (TypeError, ValueError):
        return "".join(_assignments(name, _code(function).co_filename))


def _assignments(name: str, filename: str) -> Iterator[str]:
    lines = linecache.getlines(filename)
    if not lines:
        raise _NoSourceError
    for node in ast.parse("".join(lines)).body:
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(part, ast.Name) and part.id == name for item in targets for part in ast.walk(item)):
                yield "".join(lines[node.lineno - 1 : node.end_lineno])
