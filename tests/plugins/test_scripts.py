"""Stages from files, from ``__main__``, and what identifies their code."""

import subprocess
import sys
import textwrap

import cloudpickle
import pytest

from superdsm.errors import PipelineError, PluginError
from superdsm.plugins import identity, provider_of, registry, resolve_pipeline, resolve_stage
from tests.plugins_fixtures import stage_module

SCRIPT = '''
"""Research code."""
from superdsm import Stage, param

FACTOR = 2
UNRELATED = 5

def double(x):
    return FACTOR * x

def unrelated():
    return UNRELATED

class Denoise(Stage):
    """Twice the intensities."""
    id = "denoise"
    inputs = ("g_raw",)
    outputs = ("y",)
    replaces = "preprocess"
    offset = param(0.1, "An offset.", min=0)
    def process(self, ctx, *, g_raw):
        return {"y": double(g_raw) - ctx.params.offset}

class Other(Stage):
    """Another one."""
    id = "other"
    inputs = ("y",)
    outputs = ("y",)
    after = "denoise"
    def process(self, ctx, *, y):
        return {"y": y + 1}
'''


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "mystages.py"
    path.write_text(SCRIPT)
    return path


def test_stage_of_a_file_relative_to_the_base(script, tmp_path, monkeypatch):
    pipeline = resolve_pipeline(["./mystages.py:Denoise", "mystages.py:Other"], base_dir=tmp_path)
    assert pipeline.ids[2:4] == ["denoise", "other"]
    assert resolve_stage(f"{script}:Denoise") is type(pipeline["denoise"])
    monkeypatch.chdir(tmp_path)
    assert resolve_stage("./mystages.py:Denoise") is type(pipeline["denoise"])
    assert provider_of(pipeline["denoise"]) == ""
    assert resolve_pipeline(["mystages.py:Denoise"], ["dsm"][:0], tmp_path).ids[2] == "denoise"


@pytest.mark.parametrize(
    ("source", "name", "message"),
    [
        (None, "Denoise", "cannot be read: No such file"),
        (b"\xff\xfe\x00", "Denoise", "is not a UTF-8 text file"),
        ("x = (\n", "Denoise", r"mystages.py, line 1: SyntaxError"),
        ("\n\n1 / 0\n", "Denoise", r"mystages.py, line 3: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(4)\n", "Denoise", r"line 2: SystemExit: 4"),
        ("import not_a_module_at_all\n", "Denoise", r"line 1: ModuleNotFoundError"),
        (SCRIPT, "Denoize", r"there is no stage 'Denoize' \(did you mean 'Denoise'\?\); it has: Denoise, Other"),
        ("x = 1\n", "Denoise", "it has no stages"),
        (SCRIPT, "double", "double is not a class derived from superdsm.Stage"),
        ("from superdsm import Stage\nclass A(Stage): pass\n", "A", "has no id"),
        (SCRIPT.replace('"denoise"', '"De Noise"', 1), "Denoise", "kebab-case"),
    ],
)
def test_mistakes_in_a_file(script, source, name, message):
    if source is None:
        script.unlink()
    else:
        script.write_bytes(source if isinstance(source, bytes) else source.encode())
    with pytest.raises(PluginError, match=message) as info:
        resolve_stage(f"{script}:{name}")
    assert str(script) in str(info.value) and "\n" not in str(info.value)


def test_stage_without_a_place(script):
    script.write_text(SCRIPT.replace('    replaces = "preprocess"\n', ""))
    with pytest.raises(PipelineError, match="give its class one of replaces, before and after"):
        resolve_pipeline([f"{script}:Denoise"])


def test_changed_file_is_read_again_and_the_earlier_class_keeps_its_source(script):
    def current():
        return resolve_stage(f"{script}:Denoise")

    first = current()
    assert current() is first
    key = identity(first())
    script.write_text(SCRIPT.replace("FACTOR = 2", "FACTOR = 3"))
    assert current() is not first
    assert identity(first()) == key != identity(current()())


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("FACTOR = 2", "FACTOR = 3", {"Denoise"}),
        ("return FACTOR * x", "return x + x", {"Denoise"}),
        ("- ctx.params.offset", "+ ctx.params.offset", {"Denoise"}),
        ("y + 1", "y + 2", {"Other"}),
        ("UNRELATED = 5", "UNRELATED = 6", set()),
        ("Research code", "Code for research", set()),
    ],
)
def test_source_counts_where_there_is_no_version(script, old, new, changes):
    names = ("Denoise", "Other")
    before = {name: identity(resolve_stage(f"{script}:{name}")()) for name in names}
    assert SCRIPT.count(old) == 1
    script.write_text(SCRIPT.replace(old, new))
    after = {name: identity(resolve_stage(f"{script}:{name}")()) for name in names}
    assert {name for name in names if before[name] != after[name]} == changes
    assert set(before["Denoise"]) == {"provider", "id", "version", "class", "source"}


def test_file_may_move(script, tmp_path):
    moved = tmp_path / "elsewhere" / "mystages.py"
    moved.parent.mkdir()
    moved.write_text(SCRIPT)
    assert identity(resolve_stage(f"{script}:Denoise")()) == identity(resolve_stage(f"{moved}:Denoise")())


def test_version_counts_where_there_is_one(script):
    script.write_text(SCRIPT.replace('id = "denoise"', 'id = "denoise"\n    version = "1"'))
    before = identity(resolve_stage(f"{script}:Denoise")())
    assert before == {"provider": "", "id": "denoise", "version": "1", "class": "mystages.py:Denoise"}
    script.write_text(script.read_text().replace("FACTOR = 2", "FACTOR = 3"))
    assert identity(resolve_stage(f"{script}:Denoise")()) == before


def test_base_classes_count(script):
    script.write_text(SCRIPT + "\nclass Derived(Denoise):\n    '''Same.'''\n    id = 'derived'\n")
    before = identity(resolve_stage(f"{script}:Derived")())
    script.write_text(script.read_text().replace("return FACTOR * x", "return x + x"))
    assert identity(resolve_stage(f"{script}:Derived")()) != before


def test_inherited_version_does_not_count(script):
    source = "from superdsm.stages.preprocess import Preprocess\nclass Mine(Preprocess):\n    '''Mine.'''\n"
    body = "    def process(self, ctx, *, g_raw):\n        return {'y': g_raw - 0.5}\n"
    script.write_text(source + body)
    before = identity(resolve_stage(f"{script}:Mine")())
    assert (before["provider"], before["id"], before["version"]) == ("", "preprocess", None)
    script.write_text(source + body.replace("0.5", "0.6"))
    assert identity(resolve_stage(f"{script}:Mine")()) != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("FACTOR = {'a': np.ones(3)}", "FACTOR = {'a': np.ones(4)}"),
        ("FACTOR = np.arange(3)", "FACTOR = np.arange(3.0)"),
        ("FACTOR: list = [np.float64(1)]", "FACTOR: list = [np.float64(2)]"),
        ("FACTOR: object = object()", "FACTOR: object = Ellipsis"),
        ("@functools.cache\ndef FACTOR(): return 1", "@functools.cache\ndef FACTOR(): return 2"),
        ("def f(x): return x\nFACTOR = functools.partial(f)", "def f(x): return -x\nFACTOR = functools.partial(f)"),
    ],
)
def test_unusual_constants_and_wrapped_functions_count(script, old, new):
    head = "import functools\nimport numpy as np\n"
    script.write_text(head + SCRIPT.replace("FACTOR = 2", old))
    before = identity(resolve_stage(f"{script}:Denoise")())
    assert before == identity(resolve_stage(f"{script}:Denoise")())
    script.write_text(head + SCRIPT.replace("FACTOR = 2", new))
    assert identity(resolve_stage(f"{script}:Denoise")()) != before


def test_state_of_an_instance_counts(script):
    process = "    def process(self, ctx, *, g_raw)"
    init = "    def __init__(self, k):\n        super().__init__()\n        self.k = k\n"
    source = SCRIPT.replace(process, init + process)
    script.write_text(source)
    cls = resolve_stage(f"{script}:Denoise")
    assert identity(cls(1))["state"] == {"k": 1}
    assert identity(cls(1)) == identity(cls(1)) != identity(cls(2))
    assert identity(cls(object())) is None


def test_installed_stage_is_identified_by_provider_and_version(install):
    install("superdsm-constant", stage_module())
    (stage,) = [stage for stage in resolve_pipeline(["constant"]) if stage.id == "constant"]
    assert identity(stage) == {"provider": "superdsm-constant", "id": "constant", "version": "1"}
    assert provider_of(stage) == "superdsm-constant"
    assert identity(resolve_pipeline()["preprocess"]) == {"provider": "superdsm", "id": "preprocess", "version": "1"}


def test_installed_stage_without_version_is_identified_by_source(install):
    install("superdsm-constant", stage_module(version=None))
    result = identity(registry().stages["constant"].stage())
    assert result["provider"] == "superdsm-constant" and len(result["source"]) == 40


def test_class_without_source_is_not_stored():
    space = {}
    exec(stage_module(version=None), space)
    assert identity(space["Constant"]()) is None


def test_stage_of_a_file_travels_by_value(script):
    stage = resolve_stage(f"{script}:Denoise")(offset=0.25)
    code = "import sys, pickle, numpy; s = pickle.load(sys.stdin.buffer); from superdsm.config import Config\n" + (
        "from superdsm.stage import StageContext\n"
        "print(s.process(StageContext(s.resolve(Config(), None)[0]), g_raw=numpy.ones(1))['y'][0], s.id, s.inputs)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], input=cloudpickle.dumps(stage), capture_output=True, check=False
    )
    assert result.stdout.decode().strip() == "1.75 denoise ('g_raw',)", result.stderr.decode()


MAIN = '''
import numpy as np
from superdsm import Stage, param
from superdsm.plugins import identity
from superdsm.stage import StageContext

HEIGHT = 3

class Mine(Stage):
    """A class of a script or a notebook."""
    id = "mine"
    inputs = ("g_raw",)
    outputs = ("y",)
    replaces = "preprocess"
    offset = param(0.5, "An offset.")
    def process(self, ctx, *, g_raw):
        return {"y": g_raw * HEIGHT - ctx.params.offset}

def work(stage):
    from superdsm.config import Config
    return float(stage.process(StageContext(stage.resolve(Config(), None)[0]), g_raw=np.ones(1))["y"][0])

if __name__ == "__main__":
    import loky
    print(identity(Mine())["class"], len(identity(Mine())["source"]))
    executor = loky.get_reusable_executor(1)
    print(executor.submit(work, Mine(offset=1)).result())
    executor.shutdown(wait=True)
'''


def test_class_of_main_travels_to_loky_workers(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(MAIN)
    result = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.stdout.split() == ["__main__:Mine", "40", "2.0"], result.stderr


def test_class_of_a_notebook_cell_has_a_source():
    """IPython compiles cells under file names that only linecache knows, in a ``__main__`` without a file."""
    code = f"""
        import linecache, sys, types
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        source = {MAIN.split("def work")[0]!r} + "print(len(identity(Mine())['source']))"
        for name, text in (("<ipython-input-1>", source), ("<ipython-input-2>", source.replace("HEIGHT", "DEPTH"))):
            linecache.cache[name] = (len(text), None, text.splitlines(True), name)
            exec(compile(text, name, "exec"), vars(main))
    """
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert result.stdout.split() == ["40", "40"], result.stderr


def test_a_file_with_an_error_of_syntax_is_named_with_the_line(tmp_path):
    (tmp_path / "bad.py").write_text("x = 1\nclass S(\n")
    with pytest.raises(PluginError) as info:
        resolve_stage("./bad.py:S", tmp_path)
    assert str(info.value) == f"{(tmp_path / 'bad.py').resolve()}, line 2: SyntaxError: '(' was never closed"


def test_a_file_without_a_class_asks_for_the_class(script, tmp_path):
    with pytest.raises(PluginError, match=r"which class of the file\? write ./mystages.py:CLASS"):
        resolve_stage("./mystages.py", tmp_path)
