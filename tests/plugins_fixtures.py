"""Distributions that exist only for a test: modules and metadata in a temporary directory on the path."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from superdsm.plugins import reset

STAGE = '''
from superdsm import Stage, StageEntry, hookimpl, param

class {cls}(Stage):
    """Subtract a constant."""
    id = "{id}"
    version = {version!r}
    inputs = ("g_raw",)
    outputs = ("y",)
    replaces = "preprocess"
    value = param(0.1, "The constant.", min=0, max=1)
    def process(self, ctx, *, g_raw):
        return {{"y": g_raw - ctx.params.value}}

@hookimpl
def superdsm_register_stages():
    return [StageEntry({cls})]
'''


def stage_module(id_: str = "constant", cls: str = "Constant", version: str | None = "1") -> str:
    return STAGE.format(id=id_, cls=cls, version=version)


Install = Callable[..., str]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty directory on the module path."""
    path = tmp_path / "site"
    path.mkdir()
    monkeypatch.syspath_prepend(path)
    monkeypatch.delenv("SUPERDSM_PLUGINS", raising=False)
    before = set(sys.modules)
    reset()
    yield path
    for name in set(sys.modules) - before:
        if str(path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    reset()


@pytest.fixture
def install(site: Path) -> Install:
    """Install a distribution with one plugin: its module ``<name>_plugin``, and its metadata."""

    def install(
        name: str, source: str, *, requires: tuple[str, ...] = (), entry: str = "", version: str = "2.0"
    ) -> str:
        module = f"{name.replace('-', '_')}_plugin"
        (site / f"{module}.py").write_text(source, encoding="utf-8")
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {text}" for text in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[superdsm]\n{entry or name} = {module}\n", encoding="utf-8")
        importlib.invalidate_caches()
        reset()
        return module

    return install
