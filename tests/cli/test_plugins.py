"""The frame of the command line, ``superdsm plugins`` and ``superdsm stages``."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import superdsm
from superdsm.cli import main
from superdsm.plugins import configure, registry
from superdsm.records import Command
from tests.plugins_fixtures import stage_module

HEAVY = "import time\ntime.sleep(5)\n"
HELLO = """
from superdsm import *
def run(args):
    print("hello", args.name)
    return 3
@hookimpl
def superdsm_register_commands():
    return [Command("hello", "Say hello.", lambda parser: parser.add_argument("name"), run)]
"""


@pytest.fixture(autouse=True)
def options_of_one_test():
    yield
    configure()


def superdsm_process(*args, path=None, **kwargs):
    env = {**os.environ, "PYTHONPATH": str(path or "")}
    return subprocess.run(
        [sys.executable, "-m", "superdsm", *args], capture_output=True, text=True, env=env, check=False, **kwargs
    )


def cpu_seconds(*args, path):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert superdsm_process(*args, path=path).returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_takes_less_than_300_ms_with_ten_plugins(install, site):
    for index in range(10):
        install(f"superdsm-number-{index}", HEAVY + stage_module(f"stage-{index}"), entry=f"number-{index}")
    assert min(cpu_seconds("--help", path=site) for _ in range(5)) < 0.3
    output = superdsm_process("--help", path=site).stdout
    assert "Installed plugins: number-0, number-1" in output
    assert "  batch " in output and "  stages " in output


def test_help_imports_nothing_numeric():
    code = (
        "import sys; from superdsm.cli import main; main(['--help'])\n"
        "print([name for name in ('numpy', 'scipy', 'skimage', 'rich', 'loky', 'imageio') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_package_imports_nothing_numeric_and_keeps_its_names():
    code = (
        "import sys, superdsm; assert 'numpy' not in sys.modules\n"
        "import superdsm.api; from superdsm.api import Result\n"
        "assert callable(superdsm.segment), superdsm.segment\n"
        "for name in superdsm.__all__: getattr(superdsm, name)\n"
        "assert set(superdsm.__all__) <= set(dir(superdsm))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="attribute '?nothing"):
        _ = superdsm.nothing


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"superdsm {superdsm.__version__}\n"


def test_no_command_shows_the_help_and_fails(capsys):
    assert main([]) == 2
    assert "commands:" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["batsch"], ["--no-plugins", "batsch"], ["batsch", "--help"]])
def test_unknown_command(argv, capsys):
    assert main(argv) == 2
    assert "superdsm: error: there is no command 'batsch' (did you mean 'batch'?)" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["--blok", "x", "stages"], ["stages", "--jsn"], ["stages", "a", "b"], ["--block"]])
def test_wrong_options_are_one_line(argv, capsys):
    assert main(argv) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("superdsm: error: ") and "--help" in line


def fake_command(monkeypatch, run):
    command = Command("fake", "Fails.", lambda parser: None, run)
    monkeypatch.setattr("superdsm.plugins.catalog.Registry.builtin", lambda self, kind: {"fake": command})


def raising(exc):
    def run(args):
        raise exc

    return run


@pytest.mark.parametrize("debug", [[], ["--debug"]])
@pytest.mark.parametrize("before", [True, False])
def test_error_is_one_line_and_exit_code_2(monkeypatch, capsys, debug, before):
    fake_command(monkeypatch, raising(superdsm.ConfigError("dsm/alpha is wrong")))
    assert main([*debug, "fake"] if before else ["fake", *debug]) == 2
    err = capsys.readouterr().err
    assert err.splitlines()[-1] == "superdsm: error: dsm/alpha is wrong"
    assert ("Traceback" in err) == bool(debug)
    assert len(err.splitlines()) == 1 or debug


def test_file_errors_are_one_line(monkeypatch, capsys):
    fake_command(monkeypatch, lambda args: Path("/does/not/exist").read_text())
    assert main(["fake"]) == 2
    assert capsys.readouterr().err == "superdsm: error: /does/not/exist: No such file or directory\n"


def test_own_mistakes_are_not_hidden(monkeypatch):
    fake_command(monkeypatch, raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        main(["fake"])


def test_interrupt(monkeypatch, capsys):
    fake_command(monkeypatch, raising(KeyboardInterrupt()))
    assert main(["fake"]) == 130
    assert capsys.readouterr().err == "superdsm: interrupted\n"


def test_exit_code_of_the_command(monkeypatch):
    fake_command(monkeypatch, lambda args: 1)
    assert main(["fake"]) == 1


def test_closed_pipe():
    code = "import sys; from superdsm.cli import main; sys.exit(main(['stages', '--json']))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (141, b"")


def test_commands_of_plugins(install, capsys):
    install("superdsm-hello", HELLO)
    assert main(["hello", "you"]) == 3
    assert capsys.readouterr().out == "hello you\n"
    assert main(["superdsm-hello:hello", "you"]) == 3
    capsys.readouterr()
    assert main(["hello", "--help"]) == 0
    assert "Say hello." in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv",
    [
        ["--no-plugins", "hello", "you"],
        ["hello", "you", "--no-plugins"],
        ["--block", "hello", "hello", "you"],
        ["--block=superdsm-hello", "hello", "you"],
        ["hello", "you", "--block", "hello"],
        ["hello", "you", "--block=hello"],
    ],
)
def test_blocked_plugins_offer_no_commands(install, capsys, argv):
    install("superdsm-hello", HELLO, entry="hello")
    assert main(argv) == 2
    err = capsys.readouterr().err
    assert "there is no command 'hello'; the plugin 'hello' (superdsm-hello) is blocked: by --" in err


def test_allow_list_of_the_environment(install, capsys, monkeypatch):
    install("superdsm-hello", HELLO, entry="hello")
    monkeypatch.setenv("SUPERDSM_PLUGINS", "other,another")
    assert main(["hello", "you"]) == 2
    assert "the environment variable SUPERDSM_PLUGINS does not list it" in capsys.readouterr().err
    monkeypatch.setenv("SUPERDSM_PLUGINS", "other, hello")
    assert main(["hello", "you"]) == 3


def test_plugins_as_table_and_json(install, capsys):
    assert main(["plugins"]) == 0
    assert capsys.readouterr().out == "no plugins are installed\n"
    install("bad", "import does_not_exist_anywhere\n")
    install("good", stage_module())
    assert main(["plugins"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0].split() == ["plugin", "provider", "version", "status", "offers"]
    assert lines[1].split()[:4] == ["bad", "bad", "2.0", "broken"] and "ModuleNotFoundError" in lines[1]
    assert lines[2].split() == ["good", "good", "2.0", "active", "stages", "constant"]
    (warning,) = captured.err.splitlines()
    assert warning.startswith("superdsm: warning: plugin bad (bad) is broken: importing bad_plugin raises")
    assert main(["plugins", "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert [(r["name"], r["status"], r["offers"]) for r in records] == [
        ("bad", "broken", {}),
        ("good", "active", {"stages": ["constant"]}),
    ]


def test_plugins_check(install, capsys):
    install("good", stage_module())
    assert main(["plugins", "--check"]) == 0
    install("rival", stage_module())
    assert main(["plugins", "--check"]) == 1
    assert main(["plugins", "--check", "--block", "rival"]) == 0
    assert main(["plugins"]) == 0
    assert "    the stage 'constant' is also offered by rival" in capsys.readouterr().out


def test_plugins_traceback(install, capsys):
    install("bad", "def f():\n    1 / 0\nf()\n")
    install("good", stage_module())
    assert main(["plugins", "--traceback", "bad"]) == 0
    out = capsys.readouterr().out
    assert "Traceback" in out and "line 2, in f" in out and "ZeroDivisionError" in out
    assert main(["plugins", "--traceback", "good"]) == 0
    assert "good is active; there is no traceback" in capsys.readouterr().out
    assert main(["plugins", "--traceback", "bat"]) == 2
    assert "there is no plugin 'bat' (did you mean 'bad'?)" in capsys.readouterr().err


def test_stages_as_table_and_json(install, capsys):
    install("superdsm-constant", stage_module())
    assert main(["stages", "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    ids = [record["id"] for record in records]
    assert ids == [*superdsm.default_pipeline().ids, "constant"]
    assert [record["default"] for record in records] == [True] * 7 + [False]
    assert records[-1] == {
        "id": "constant",
        "provider": "superdsm-constant",
        "version": "1",
        "default": False,
        "inputs": ["g_raw"],
        "outputs": ["y"],
        "stored": True,
        "place": "replaces preprocess",
    }
    assert main(["stages"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["stage", *ids]
    assert lines[-1].split() == ["constant", "g_raw", "y", "superdsm-constant", "1", "replaces", "preprocess"]


@pytest.mark.parametrize("stage_id", superdsm.default_pipeline().ids)
def test_stage_in_detail_shows_every_hyperparameter(stage_id, capsys):
    stage = registry().stages[stage_id].stage()
    assert main(["stages", stage_id, "--json"]) == 0
    text = capsys.readouterr().out
    record = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert main(["stages", stage_id]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert [spec["path"] for spec in record["hyperparameters"]] == [stage.path(name) for name in stage.declared]
    for name, spec in stage.declared.items():
        assert f"{stage.path(name)} = " in shown
        assert spec.expectation() in shown
        assert " ".join(spec.doc.split()) in shown
        if spec.auto:
            assert f"automatic: {spec.auto[0]} times {stage.id}/AF_{name} = {spec.auto[1]}" in shown


def test_stage_of_a_file_in_detail(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(stage_module(version=None))
    assert main(["stages", f"{tmp_path}/mine.py:Constant"]) == 0
    out = capsys.readouterr().out
    assert "constant (provider none, version by source)" in out
    assert "constant/value = 0.1\n      number from 0 to 1\n      The constant." in out


def test_unknown_stage(capsys):
    assert main(["stages", "preproces"]) == 2
    assert "there is no stage 'preproces' (did you mean 'preprocess'?)" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Not Kebab", "preprocess", "1st", "superdsm-"])
def test_new_plugin_with_a_bad_name(name, tmp_path, capsys):
    assert main(["plugins", "new", name, "--directory", str(tmp_path)]) == 2
    assert "superdsm: error: " in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_new_plugin_needs_a_name_and_an_absent_directory(tmp_path, capsys):
    assert main(["plugins", "new"]) == 2
    assert "superdsm plugins new needs a name" in capsys.readouterr().err
    (tmp_path / "superdsm-mine").mkdir()
    assert main(["plugins", "new", "mine", "--directory", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["stages", "plugins"])
def test_a_name_in_the_environment_that_is_no_plugin_is_told(command):
    env = {**os.environ, "SUPERDSM_PLUGINS": "nope"}
    process = subprocess.run(
        [sys.executable, "-m", "superdsm", command], capture_output=True, text=True, env=env, check=True
    )
    assert process.stderr.startswith("superdsm: warning: SUPERDSM_PLUGINS=nope: there is no such plugin")
    assert process.stderr.count("\n") == 1
