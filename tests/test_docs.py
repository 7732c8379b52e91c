"""Every hook is documented with its exact signature, and every code block of the documentation runs.

In a Markdown page, blocks of Python run one after the other in a module of their own, and lines that begin with
``superdsm`` or ``pip install ./`` run as commands. A block with a file name behind its language is saved under that
name. The commands of transcripts (``console``) run on a small tree of tasks that is called ``screen``; their last lines
are compared.
"""

import ast
import doctest
import importlib.util
import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import imageio.v3 as iio
import pytest

import superdsm
from superdsm import hookspecs
from superdsm.plugins.loader import hook_names
from superdsm.testing import synthetic_image

DOCS = Path(__file__).resolve().parents[1] / "docs"
EXAMPLES = DOCS.parent / "examples"
PAGES = sorted(DOCS.rglob("*.md"))
HOOK_PAGES = {name: DOCS / "hooks" / f"{name.removeprefix('superdsm_')}.md" for name in hook_names()}
BLOCK = re.compile(r"^```(?P<language>\w*)(?: (?P<file>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LANGUAGES = ("", "sh", "console", "python", "json", "toml", "text")
# Runs the blocks of a page as the cells of a notebook: in __main__, with their sources known to linecache.
DRIVER = """
import json, linecache, sys, types
main = sys.modules["__main__"] = types.ModuleType("__main__")
for index, text in enumerate(json.load(sys.stdin)):
    name = f"<block {index + 1}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    exec(compile(text, name, "exec"), vars(main))
"""


def blocks(page):
    return [(m["language"], m["file"], m["text"]) for m in BLOCK.finditer(page.read_text(encoding="utf-8"))]


def signature(name):
    (node,) = ast.parse(inspect.getsource(getattr(hookspecs, name))).body
    return f"{name}({ast.unparse(node.args)}) -> {ast.unparse(node.returns)}"


def test_there_are_pages():
    assert len(PAGES) >= 8 and len(HOOK_PAGES) == 6
    assert sum(len(blocks(page)) for page in PAGES) > 20


@pytest.mark.parametrize("name", HOOK_PAGES)
def test_hook_is_documented_with_its_exact_signature(name):
    text = HOOK_PAGES[name].read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n\n`{signature(name)}`\n")
    assert "It returns" in text
    assert f"def {name}(" in "".join(code for _, _, code in blocks(HOOK_PAGES[name]))


@pytest.mark.parametrize("name", HOOK_PAGES)
def test_hook_has_a_docstring_with_a_runnable_example(name):
    function = getattr(hookspecs, name)
    doc = inspect.getdoc(function)
    assert "Returns\n-------\n" in doc and "Examples\n--------\n" in doc
    test = doctest.DocTestParser().get_doctest(doc, {}, name, None, None)
    space = {}
    for example in test.examples:
        exec(compile(example.source, name, "exec"), space)
    assert list(inspect.signature(space[name]).parameters) == list(inspect.signature(function).parameters)


def test_every_hook_and_page_is_linked_from_the_index():
    text = (DOCS / "plugins.md").read_text(encoding="utf-8")
    for page in [*HOOK_PAGES.values(), DOCS / "tutorial-stage.md"]:
        assert f"({page.relative_to(DOCS)})" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_files_that_contributors_are_sent_to_exist():
    """With NAME for any; in the tree and the way of an image of the page on the architecture, as well."""
    text = (DOCS.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:superdsm|tests|tools|benchmarks|docs)/[\w./-]*)`", text)
    assert len(paths) > 30
    assert [path for path in paths if not any(DOCS.parent.glob(path.replace("NAME", "*")))] == []
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    modules = re.findall(r"`(?!superdsm\.)([a-z_]+(?:\.(?!json|csv|pyx?\b)[a-z_0-9]+)+)`", page)
    assert len(modules) > 8
    roots = (DOCS.parent / "superdsm", DOCS.parent / "superdsm" / "batch")
    files = re.findall(r"`((?:\w+/)*\w+\.pyx?)`", page)
    assert len(files) > 8
    assert [path for path in files if not any((DOCS.parent / "superdsm").glob(path.replace("NAME", "*")))] == []
    places = {name: [root / name.replace(".", "/") for root in roots] for name in modules}
    assert [name for name, paths in places.items() if not any(map(is_module, paths))] == []


def is_module(path):
    return path.is_dir() or path.with_suffix(".py").is_file()


@pytest.mark.parametrize("name", HOOK_PAGES)
def test_example_on_the_page_of_a_hook_is_a_working_plugin(name, superdsm_plugin, tmp_path):
    ((_, _, text),) = [block for block in blocks(HOOK_PAGES[name]) if block[1] == "plugin.py"]
    path = tmp_path / f"plugin_of_{name}.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    status = superdsm_plugin(module)
    kind = name.removeprefix("superdsm_register_")
    assert list(status.offers) == ([] if name == "superdsm_on_event" else [kind])


def make_screen(root):
    """Make the tree of tasks that transcripts are about."""
    (root / "plate1" / "strict").mkdir(parents=True)
    iio.imwrite(root / "1.png", synthetic_image(1, (40, 50), n_nuclei=2, radius=7.0)[0])
    task = {"img_pathpattern": "{ROOTDIR}/%d.png", "file_ids": [1], "seg_pathpattern": "%d.png"}
    for path in (root / "plate1", root / "plate1" / "strict"):
        (path / "task.json").write_text(json.dumps({**task, "runnable": True}), encoding="utf-8")


def copy_examples(directory):
    """Copy the example images, and the tasks for them; results of earlier runs stay behind."""
    for name in ("images", "true_labels"):
        shutil.copytree(EXAMPLES / name, directory / name)
    for name in ("task.json", "large-nuclei/task.json", "config.json"):
        (directory / name).parent.mkdir(exist_ok=True)
        shutil.copy(EXAMPLES / name, directory / name)


class Page:
    """Runs the blocks of a page in a directory."""

    def __init__(self, directory):
        self.directory = directory
        self.site = directory / "site-of-the-test"
        self.cells = []

    def run(self, language, file, text):
        assert language in LANGUAGES, f"blocks of {language!r} are not checked"
        if file:
            (self.directory / file).parent.mkdir(parents=True, exist_ok=True)
            (self.directory / file).write_text(text, encoding="utf-8")
        if language == "python":
            self.cells.append(text)
            if not file:
                self._execute([sys.executable, "-c", DRIVER], json.dumps(self.cells))
        elif language == "json":
            json.loads(text)
        elif language == "toml":
            tomllib.loads(text)
        elif language in ("", "sh"):
            for line in text.splitlines():
                self._command(line)
        elif language == "console":
            make_screen(self.directory / "screen")
            command, *expected = text.removeprefix("$ ").splitlines()
            assert "\n$ " not in text, "a transcript is of one command"
            assert self._command(command).splitlines()[-1] == expected[-1]

    def _command(self, line):
        words = shlex.split(line, comments=True)
        if words[:1] == ["superdsm"]:
            return self._execute([sys.executable, "-m", *(name for word in words for name in self._expanded(word))])
        elif words[:2] == ["pip", "install"] and words[-1].startswith("./"):
            options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
            path = words[-1].partition("[")[0]
            return self._execute([sys.executable, "-m", "pip", "install", *options, "--target", str(self.site), path])
        return pytest.fail(f"this line is not checked: {line}")

    def _expanded(self, word):
        """Expand a wildcard, as a shell does."""
        found = sorted(self.directory.glob(word)) if "*" in word else []
        return [str(path.relative_to(self.directory)) for path in found] or [word]

    def _execute(self, command, text=""):
        env = {**os.environ, "PYTHONPATH": str(self.site), "COLUMNS": "120"}
        result = subprocess.run(
            command, cwd=self.directory, input=text, env=env, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
        return result.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_code_blocks_run(page, tmp_path):
    runner = Page(tmp_path)
    if "examples/" in page.read_text(encoding="utf-8"):
        copy_examples(tmp_path / "examples")
    for block in blocks(page):
        runner.run(*block)
    if runner.cells:  # those with a file name were not run before
        runner._execute([sys.executable, "-c", DRIVER], json.dumps(runner.cells))


def test_public_names_are_documented():
    undocumented = [
        name for name in superdsm.__all__ if not name.startswith("__") and not getattr(superdsm, name).__doc__
    ]
    assert undocumented == []
