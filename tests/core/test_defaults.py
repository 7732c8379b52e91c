"""Stages declare the defaults of hyperparameters; `superdsm.core` has none of its own that could differ."""

import ast
from pathlib import Path

import superdsm.core
from superdsm.default_plugin import superdsm_register_stages

CORE = Path(superdsm.core.__file__).parent


def defaults_of(tree):
    """Yield the names of arguments of functions and of fields of classes that have a default."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            positional = [*node.args.posonlyargs, *node.args.args]
            yield from (arg.arg for arg in positional[len(positional) - len(node.args.defaults) :])
            yield from (
                arg.arg for arg, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if value
            )
        elif isinstance(node, ast.ClassDef):
            yield from (item.target.id for item in node.body if isinstance(item, ast.AnnAssign) and item.value)


def test_what_stages_declare_has_no_default_in_core():
    declared = {name for entry in superdsm_register_stages() for name in entry.stage.declared}
    assert len(declared) > 60
    modules = sorted(CORE.glob("*.py"))
    found = {f"{path.name}: {name}" for path in modules for name in defaults_of(ast.parse(path.read_text("utf-8")))}
    assert {"model.py: bound", "energy_minimization.py: fit", "search.py: energies"} <= found
    assert {entry for entry in found if entry.split(": ")[1] in declared} == {
        "corrections.py: outline",  # that of one object, as a person has drawn it
        "distance.py: reach",  # up to where distances are wanted, not that of outlines
        "radius.py: min_significance",  # that of blobs, not of objects
    }
