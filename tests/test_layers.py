"""The layers of the package, enforced by a walk through all imports, those inside functions included."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "superdsm"
NUMERICS = (
    "numpy",
    "scipy",
    "skimage",
    "imageio",
    "tifffile",
    "imagecodecs",
    "cvxopt",
    "threadpoolctl",
    "PIL",
    "pandas",
)
HEAVY = (*NUMERICS, "rich", "loky", "cloudpickle")
INNER = ("superdsm.core", "superdsm._ext", "superdsm.metrics")
OUTER = ("superdsm.batch", "superdsm.cli")
SPINE = (
    *(
        "errors",
        "jsonable",
        "config",
        "lengths",
        "corrections",
        "params",
        "fields",
        "content",
        "ledger",
        "stage",
        "evaluation",
    ),
    *("pipeline", "records", "streams", "profiles", "summary", "hookspecs", "certificates", "host"),
    *("parallel", "places", "writing"),
)
EDGES = ("io", "api")  # where arrays meet files and users

# Layer: (what it never imports, what it does not import at module level).
RULES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "_ext": (("superdsm.core", "superdsm.stages", "superdsm.stage", *OUTER, "superdsm.plugins"), ()),
    "core": (
        (
            *OUTER,
            *(f"superdsm.{name}" for name in (*SPINE, *EDGES) if name not in ("errors", "parallel")),
            "superdsm.metrics",
            "superdsm.stages",
            "superdsm.plugins",
            "superdsm.testing",
            *(
                "imageio",
                "tifffile",
                "imagecodecs",
                "loky",
                "rich",
                "multiprocessing",
                "concurrent",
                "pathlib",
                "logging",
            ),
        ),
        ("cvxopt",),
    ),
    "metrics": (
        (
            *OUTER,
            *(f"superdsm.{name}" for name in (*SPINE, *EDGES) if name != "errors"),
            *("superdsm.stages", "superdsm.plugins", "superdsm.testing", "superdsm._ext"),
            *("imageio", "tifffile", "imagecodecs", "skimage", "pathlib", "logging"),
        ),
        (),
    ),
    "stages": ((*OUTER, "superdsm.plugins", "superdsm.io", "superdsm.testing", "superdsm._ext"), ()),
    "spine": ((*INNER, *OUTER, "superdsm.stages", "superdsm.testing", *NUMERICS[1:]), HEAVY),
    "default_plugin": ((*INNER, *NUMERICS), (*HEAVY, *OUTER, "superdsm.stages", "superdsm.io")),
    "edges": (
        ("superdsm.stages", "superdsm.testing", *OUTER, "loky", "rich"),
        ("imageio", "tifffile", "imagecodecs", "superdsm.stages"),
    ),
    "plugins": ((*INNER, "superdsm.batch", "superdsm.cli"), (*HEAVY, "superdsm.stages")),
    "batch": ((*INNER, "superdsm.testing", "superdsm.report"), ("rich", "superdsm.stages")),
    "report": (("superdsm._ext", "superdsm.stages", "superdsm.testing", "superdsm.cli"), ("PIL", "jinja2")),
    "cli": (
        ("superdsm._ext",),
        (*HEAVY, *INNER, "superdsm.stages", "superdsm.batch.execution.runner", "superdsm.io.render"),
    ),
    "testing": ((), ()),
    "top": ((), (*HEAVY, *INNER, "superdsm.stages")),
}


def layer(module: str) -> str:
    """Name the layer of a module, given without the name of the package; "" if it belongs to none."""
    top = module.partition(".")[0]
    if top in RULES and top not in ("spine", "edges", "top"):
        return top
    return "spine" if top in SPINE else "edges" if top in EDGES else "top" if top in ("", "__main__") else ""


@cache
def imports(source: str, module: str, is_package: bool) -> tuple[tuple[str, bool], ...]:
    """Return the dotted names that a module imports, and whether that happens when it is loaded."""
    return tuple(_imports(source, module, is_package))


def _imports(source: str, module: str, is_package: bool) -> Iterator[tuple[str, bool]]:
    tree = ast.parse(source)
    lazy = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) or _only_for_types(node)
        for inner in ast.walk(node)
    }
    parents = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        at_load = id(node) not in lazy
        if isinstance(node, ast.Import):
            yield from ((alias.name, at_load) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parents[: len(parents) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((f"{name}.{alias.name}", at_load) for alias in node.names)
        elif isinstance(node, ast.Call) and _name(node.func) == "import_module":
            yield from ((str(name.value), at_load) for name in node.args[:1] if isinstance(name, ast.Constant))


def _name(function: ast.expr) -> str:
    """Return the name by which a function is called, without that of its module."""
    return getattr(function, "attr", "") or getattr(function, "id", "")


def _only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def violations(source: str, module: str, is_package: bool = False) -> list[str]:
    """Return the imports of a module that its layer forbids."""
    short = module.removeprefix("superdsm").removeprefix(".")
    never, not_at_load = RULES[layer(short)]

    def hits(name: str, forbidden: tuple[str, ...]) -> bool:
        return any(name == prefix or name.startswith(prefix + ".") for prefix in forbidden)

    return [
        f"{module} imports {name}" + (" when it is loaded" if at_load else "")
        for name, at_load in imports(source, module, is_package)
        if hits(name, never) or (at_load and hits(name, not_at_load))
    ]


def modules() -> dict[str, Path]:
    """Return all modules of the package by their dotted names."""
    result = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("superdsm", *path.relative_to(PACKAGE).with_suffix("").parts)
        result[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return result


MODULES = modules()


TESTING = {"pytest"}  # imported by superdsm.testing only, which is for tests
# Each imports from those before.
BATCH = ("components", "tasks", "storage", "planning", "results", "execution", "plan", "api")
Graph = Mapping[str, set[str]]


def module_graph() -> Graph:
    """Return which modules of the package each module imports, inside functions and for types included."""
    graph: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        names = imports(path.read_text(encoding="utf-8"), module, path.name == "__init__.py")
        graph[module] = {_known(name) for name, _ in names} - {module, ""}
    return graph


def _known(name: str) -> str:
    """Return the module that an imported name is, or is in; "" if it is none of the package."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name


def rooms(graph: Graph, room: Callable[[str], str]) -> Graph:
    """Return which rooms each room imports from. Entry points (``__main__``) are in no room: nothing imports them."""
    result: dict[str, set[str]] = {}
    for module, imported in graph.items():
        if not module.endswith("__main__"):
            result.setdefault(room(module), set()).update({room(name) for name in imported} - {room(module)})
    return result


def top_room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def circle(graph: Graph) -> list[str]:
    """Return nodes that import each other in a circle; empty if there are none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as exc:
        return list(exc.args[1])
    return []


def upward(graph: Graph, order: tuple[str, ...]) -> list[str]:
    """Return the imports among the rooms of `superdsm.batch` that do not lead to an earlier room."""
    numbered = {f"superdsm.batch.{name}": index for index, name in enumerate(order)}
    return [
        f"{room} imports {other}"
        for room, others in rooms(graph, lambda module: ".".join(module.split(".")[:3])).items()
        for other in others
        if room in numbered and numbered.get(other, -1) > numbered[room]
    ]


def test_no_circle_between_modules() -> None:
    assert circle(module_graph()) == []


def test_no_circle_between_rooms() -> None:
    assert circle(rooms(module_graph(), top_room)) == []


def test_batch_is_in_the_order_of_the_flow() -> None:
    assert {name.split(".")[2] for name in MODULES if name.startswith("superdsm.batch.")} == {*BATCH, "__main__"}
    assert upward(module_graph(), BATCH) == []


def test_circles_and_upward_imports_are_found() -> None:
    graph = {name: set(imported) for name, imported in module_graph().items()}
    graph["superdsm.batch.tasks.keys"].add("superdsm.batch.planning.decide")
    assert "superdsm.batch.tasks.keys" in circle(graph)
    assert upward(graph, BATCH) == ["superdsm.batch.tasks imports superdsm.batch.planning"]
    graph = {name: set(imported) for name, imported in module_graph().items()}
    graph["superdsm.errors"].add("superdsm.cli.messages")
    assert {"superdsm.errors", "superdsm.cli"} <= set(circle(rooms(graph, top_room)))


def test_contracts_of_import_linter() -> None:
    """The same and more, as a tool sees it that others know."""
    pytest.importorskip("importlinter", reason="import-linter is not installed")
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
    assert "4 kept, 0 broken" in result.stdout


def test_every_import_is_declared() -> None:
    """What is not declared is there by luck, as a dependency of something else."""
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {
        _canonical(re.split(r"[\s<>=!~;\[]", text)[0])
        for text in [*project["dependencies"], *project["optional-dependencies"]["tables"]]
    }
    provided = importlib.metadata.packages_distributions()
    imported = {
        name.partition(".")[0]
        for module, path in MODULES.items()
        for name, _ in imports(path.read_text(encoding="utf-8"), module, path.name == "__init__.py")
    }
    outside = imported - sys.stdlib_module_names - {"superdsm"} - TESTING
    assert {"numpy", "loky", "cloudpickle", "packaging", "lazy_loader"} <= outside
    needed = {name: {_canonical(dist) for dist in provided[name]} for name in outside}
    assert {name for name, dists in needed.items() if not dists & declared} == set()


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def test_every_module_belongs_to_a_layer() -> None:
    assert len(MODULES) > 30
    assert [name for name in MODULES if not layer(name.removeprefix("superdsm").removeprefix("."))] == []


@pytest.mark.parametrize("module", list(MODULES))
def test_no_module_imports_what_its_layer_forbids(module: str) -> None:
    path = MODULES[module]
    assert violations(path.read_text(encoding="utf-8"), module, path.name == "__init__.py") == []


def test_kernels_import_nothing_of_the_package_but_kernels() -> None:
    for path in PACKAGE.rglob("*.pyx"):
        source = path.read_text(encoding="utf-8")
        names = re.findall(r"^\s*(?:from|c?import)\s+(superdsm[\w.]*)", source, flags=re.MULTILINE)
        assert [name for name in names if not name.startswith("superdsm._ext")] == [], path.name


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        ("superdsm.batch.api", "def f():\n    from superdsm.core import model", True),
        ("superdsm.batch.api", "def f():\n    import superdsm._ext.watershed as w", True),
        ("superdsm.batch.api", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import superdsm.core.x", True),
        ("superdsm.batch.api", "from ..core import model", True),
        ("superdsm.batch.api", "from superdsm import core", True),
        ("superdsm.batch.api", "from importlib import import_module\nimport_module('superdsm.core.model')", True),
        ("superdsm.batch.api", "import numpy\nfrom superdsm.config import Config", False),
        ("superdsm.core.model", "from superdsm.config import Config", True),
        ("superdsm.core.model", "from . import regions\nimport numpy", False),
        ("superdsm.core.model", "def f():\n    from .. import stages", True),
        ("superdsm.core.cone_solver", "import cvxopt", True),
        ("superdsm.core.cone_solver", "def f():\n    import cvxopt", False),
        ("superdsm.fields", "import numpy", True),
        ("superdsm.fields", "class A:\n    import numpy", True),
        ("superdsm.fields", "if True:\n    import numpy.typing", True),
        ("superdsm.fields", "def f():\n    import numpy", False),
        ("superdsm.fields", "def f():\n    import scipy.ndimage", True),
        ("superdsm.cli.batch", "from rich.live import Live", True),
        ("superdsm.cli.batch", "def f():\n    from rich.live import Live", False),
        ("superdsm.metrics.overlaps", "from superdsm.io.render import overlay", True),
        ("superdsm.metrics.overlaps", "from superdsm.core import distance\nimport scipy", False),
        ("superdsm.cli.evaluate.pairs", "from superdsm.metrics import evaluate", True),
        ("superdsm.cli.evaluate.pairs", "def f():\n    from superdsm.metrics import evaluate", False),
        ("superdsm.stages.dsm", "from superdsm.io import read_image", True),
        ("superdsm.default_plugin", "def f():\n    from superdsm.stages.dsm import Dsm", False),
        ("superdsm.default_plugin", "from superdsm.stages.dsm import Dsm", True),
    ],
)
def test_the_walk_finds_what_it_is_meant_to_find(module: str, source: str, found: bool) -> None:
    assert bool(violations(source, module)) is found


@pytest.mark.parametrize(
    "modules",
    [tuple(f"superdsm.{name}" for name in SPINE), tuple(name for name in MODULES if name.startswith("superdsm.cli"))],
    ids=["spine", "cli"],
)
def test_loading_brings_in_nothing_numeric(modules: tuple[str, ...]) -> None:
    """What the walk says of each module is true of all that they import in turn."""
    code = f"import sys\nfor name in {modules!r}: __import__(name)\nprint(*sorted(set(sys.modules) & set({HEAVY!r})))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
