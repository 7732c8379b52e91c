"""Whatever is wrong with a plugin costs one line and nothing else."""

import dataclasses
import logging

import pluggy
import pytest

from superdsm import default_plugin
from superdsm.errors import PluginError
from superdsm.plugins import KINDS, configure, loader, registry, resolve_pipeline
from superdsm.plugins.check import KIND_HOOKS, RECORDS
from superdsm.records import RunStarted
from tests.plugins_fixtures import stage_module

HOOK = "from superdsm import *\n@hookimpl\n"


def only_status(caplog=None):
    (status,) = registry().report
    assert "\n" not in status.message
    return status


def test_working_plugin_is_active_and_silent(install, caplog):
    install("works", stage_module())
    status = only_status()
    assert (status.status, status.name, status.provider, status.version) == ("active", "works", "works", "2.0")
    assert status.offers == {"stages": ["constant"]}
    assert registry().provider("stages", "constant") == "works"
    assert caplog.messages == []


BROKEN = {
    "import error": ("import does_not_exist_anywhere\n", "importing .* raises ModuleNotFoundError"),
    "syntax error": ("def :\n", "importing .* raises SyntaxError"),
    "exits on import": ("raise SystemExit(3)\n", "importing .* raises SystemExit: 3"),
    "wrong signature": (
        HOOK + "def superdsm_register_stages(context): return []\n",
        r"superdsm_register_stages\(context\) does not fit: the signature is superdsm_register_stages\(\)",
    ),
    "wrong event signature": (
        HOOK + "def superdsm_on_event(what): pass\n",
        r"does not fit: the signature is superdsm_on_event\(event\)",
    ),
    "star arguments": (HOOK + "def superdsm_on_event(*args): pass\n", "does not fit"),
    "misspelt hook": (
        HOOK + "def superdsm_register_stage(): return []\n",
        "there is no hook 'superdsm_register_stage' .did you mean 'superdsm_register_stages'",
    ),
    "hook without prefix": (
        HOOK + "def register_exporters(): return []\n",
        "there is no hook 'register_exporters' .did you mean 'superdsm_register_exporters'",
    ),
    "misspelt specname": (
        "from superdsm import *\n@hookimpl(specname='superdsm_on_events')\ndef anything(event): pass\n",
        "did you mean 'superdsm_on_event'",
    ),
    "marker forgotten": ("def superdsm_register_stages(): return []\n", "not marked as a hook; put @superdsm.hookimpl"),
    "marker forgotten and misspelt": ("def superdsm_register_reader(): return []\n", "not marked as a hook"),
    "no hook at all": ("x = 1\n", "implements no hook; there are: superdsm_register_stages"),
    "hook that raises": (
        HOOK + "def superdsm_register_stages(): raise ZeroDivisionError('oops\\n  again')\n",
        "registering .* raises ZeroDivisionError: oops again",
    ),
    "hook that exits": (HOOK + "def superdsm_register_stages(): raise SystemExit(0)\n", "raises SystemExit"),
    "returns nothing": (HOOK + "def superdsm_register_stages(): pass\n", r"returned NoneType; it returns a list"),
    "returns a string": (HOOK + "def superdsm_register_stages(): return 'abc'\n", r"returned str"),
    "a class instead of a record": (
        HOOK + "def superdsm_register_stages(): return [Stage]\n",
        "returned the class Stage where a StageEntry is expected",
    ),
    "another record": (
        HOOK + "def superdsm_register_stages(): return [Reader('a', ('.a',), print)]\n",
        "returned Reader where a StageEntry is expected",
    ),
    "no stage class": (HOOK + "def superdsm_register_stages(): return [StageEntry(int)]\n", "not a class derived from"),
    "stage without id": (HOOK + "def superdsm_register_stages(): return [StageEntry(Stage)]\n", "has no id"),
    "wants to be a default": (
        stage_module().replace("StageEntry(Constant)", "StageEntry(Constant, default=True)"),
        "only built-in stages are part of the default pipeline",
    ),
    "bad declaration": (stage_module().replace('"constant"', '"Not Kebab"'), "is not in kebab-case"),
    "suffix without dot": (
        HOOK + "def superdsm_register_readers(): return [Reader('a', ('png',), print)]\n",
        "give a tuple of lower-case suffixes with the dot",
    ),
    "suffixes as a string": (
        HOOK + "def superdsm_register_readers(): return [Reader('a', '.png', print)]\n",
        "give a tuple of lower-case suffixes",
    ),
    "reader that cannot be called": (
        HOOK + "def superdsm_register_readers(): return [Reader('a', ('.a',), None)]\n",
        "read is NoneType, not a function",
    ),
    "name of an exporter": (
        HOOK + "def superdsm_register_exporters(): return [Exporter('A B', (), print)]\n",
        "with the name 'A B'; use lower-case",
    ),
    "inputs of an exporter": (
        HOOK + "def superdsm_register_exporters(): return [Exporter('a', 'scale', print)]\n",
        "inputs are 'scale', not a tuple of strings",
    ),
    "options of an exporter": (
        HOOK + "def superdsm_register_exporters(): return [Exporter('a', (), print, options=({},))]\n",
        "options are not Params",
    ),
    "executor that cannot be made": (
        HOOK + "def superdsm_register_executors(): return [ExecutorEntry('a', make=3)]\n",
        "make is int, not a function",
    ),
    "command without help": (
        HOOK + "def superdsm_register_commands(): return [Command('a', None, print, print)]\n",
        "help is NoneType, not a string",
    ),
    "the same name twice": (
        HOOK + "def superdsm_register_commands(): return 2 * [Command('a', '', print, print)]\n",
        "offers 'a' twice",
    ),
    "wrapper": (
        "from superdsm import *\n@hookimpl(wrapper=True)\ndef superdsm_register_stages(): return (yield)\n",
        "declared as a wrapper",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_plugin_is_reported_in_one_line(install, caplog, case):
    source, message = BROKEN[case]
    install("bad-one", source)
    install("good-one", stage_module("good"))
    bad, good = registry().report
    assert bad.status == "broken" and good.status == "active"
    import re

    assert re.search(message, bad.message), bad.message
    assert "\n" not in bad.message
    assert bad.traceback
    assert bad.offers == {}
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "bad-one is broken" not in record.getMessage() or "\n" not in record.getMessage()
    assert "good" in registry().stages
    assert [plugin for plugin, _ in registry()._pm.list_name_plugin() if "bad" in plugin] == []


def test_pluggy_alone_would_let_these_pass():
    """The reasons for checks of our own; if pluggy changes, the loader can be simpler."""
    pm = loader.manager()

    class Misspelt:
        @staticmethod
        @loader.hookspecs.hookimpl
        def superdsm_register_stage():
            return []

    class Raises:
        @staticmethod
        @loader.hookspecs.hookimpl
        def superdsm_register_stages():
            raise ZeroDivisionError

    pm.register(Misspelt())
    pm.register(Raises())
    with pytest.raises(ZeroDivisionError):
        pm.hook.superdsm_register_stages()
    with pytest.raises(pluggy.PluginValidationError):
        pm.check_pending()


def test_plugin_stays_out_although_pluggy_keeps_it_after_a_failed_validation(install, monkeypatch):
    install("late", stage_module())
    original = pluggy.PluginManager.register

    def register(self, plugin, name=None):
        original(self, plugin, name=name)
        if "late" in str(name):
            raise pluggy.PluginValidationError(plugin, "as pluggy 1.6 does")
        return name

    monkeypatch.setattr(pluggy.PluginManager, "register", register)
    status = only_status()
    assert status.status == "broken" and "as pluggy 1.6 does" in status.message
    assert "constant" not in registry().stages
    assert "late:late" not in dict(registry()._pm.list_name_plugin())


def test_optional_hook_of_a_newer_version_is_no_mistake(install):
    install("eager", stage_module() + "\n@hookimpl(optionalhook=True)\ndef superdsm_of_the_future(): pass\n")
    assert only_status().status == "active"


@pytest.mark.parametrize(
    ("requirement", "status"),
    [
        ("superdsm>=999", "broken"),
        ("SuperDSM >= 999", "broken"),
        ("superdsm==999", "broken"),
        ("superdsm>=0.1", "active"),
        ("superdsm", "active"),
        ("superdsm-other>=999", "active"),
        ("superdsm>=999; extra == 'later'", "active"),
        ("superdsm>=999; python_version < '3'", "active"),
    ],
)
def test_plugin_that_needs_a_newer_superdsm(install, requirement, status):
    module = install("future", stage_module(), requires=(requirement,))
    assert only_status().status == status
    if status == "broken":
        assert "needs a newer superdsm: it requires" in only_status().message
        import sys

        assert module not in sys.modules


def test_plugin_that_needs_an_older_superdsm(install):
    install("past", stage_module(), requires=("superdsm<0.1",))
    assert only_status().status == "broken"
    assert "needs another superdsm" in only_status().message


def test_damaged_metadata_of_a_stranger(install, site):
    info = site / "damaged-1.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_bytes(b"[superdsm\n\xff\xfe = = =\n")
    install("works", stage_module())
    assert [status.name for status in registry().report] == ["works"]


def test_two_providers_of_one_id(install, caplog):
    install("one", stage_module())
    install("two", stage_module())
    assert [status.status for status in registry().report] == ["conflict", "conflict"]
    assert "'constant' is also offered by two; to use it, write one:constant" in registry().report[0].message
    assert len(caplog.records) == 2
    assert "constant" not in registry().stages
    with pytest.raises(PluginError, match="offered by one and by two; say which one, for instance one:constant"):
        resolve_pipeline(["constant"])
    pipeline = resolve_pipeline(["two:constant"])
    assert type(pipeline["constant"]).__module__ == "two_plugin"


def test_provider_of_a_built_in_id(install):
    install("rival", stage_module("preprocess"))
    assert only_status().status == "conflict"
    assert registry().provider("stages", "preprocess") == "superdsm"
    assert type(resolve_pipeline(["preprocess"])["preprocess"]).__name__ == "Preprocess"
    assert type(resolve_pipeline(["rival:preprocess"])["preprocess"]).__name__ == "Constant"
    assert type(resolve_pipeline(["superdsm:preprocess"])["preprocess"]).__name__ == "Preprocess"


def test_two_plugins_of_one_distribution(install, site):
    install("pair", stage_module())
    (site / "other.py").write_text(stage_module("another"))
    (site / "pair-2.0.dist-info" / "entry_points.txt").write_text("[superdsm]\na = pair_plugin\nb = other\nc = other\n")
    assert [(status.name, status.status) for status in registry().report] == [
        ("a", "active"),
        ("b", "active"),
        ("c", "broken"),
    ]
    assert set(registry().stages) >= {"constant", "another"}


def test_one_distribution_found_twice(install, site, tmp_path, monkeypatch):
    install("twice", stage_module(), version="2.0")
    older = tmp_path / "older"
    older.mkdir()
    (older / "twice-1.0.dist-info").mkdir()
    (older / "twice-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: twice\nVersion: 1.0\n")
    (older / "twice-1.0.dist-info" / "entry_points.txt").write_text("[superdsm]\nold = does_not_exist\n")
    monkeypatch.setattr("sys.path", [*__import__("sys").path, str(older)])
    assert [(status.name, status.version) for status in registry().report] == [("twice", "2.0")]


def test_blocking(install, monkeypatch, caplog):
    install("one", stage_module("first"), entry="uno")
    install("two", "import does_not_exist_anywhere\n")
    for options, expected in [
        ({}, ["active", "broken"]),
        ({"no_plugins": True}, ["blocked", "blocked"]),
        ({"block": ["uno"]}, ["blocked", "broken"]),
        ({"block": ["one", "two"]}, ["blocked", "blocked"]),
    ]:
        configure(**options)
        try:
            assert [status.status for status in registry().report] == expected
            assert ("first" in registry().stages) == (expected[0] == "active")
        finally:
            configure()
    for value, expected in [
        ("uno", ["active", "blocked"]),
        ("", ["blocked", "blocked"]),
        ("two, one", ["active", "broken"]),
    ]:
        monkeypatch.setenv("SUPERDSM_PLUGINS", value)
        configure()
        assert [status.status for status in registry().report] == expected
    monkeypatch.delenv("SUPERDSM_PLUGINS")
    configure()


def test_blocked_plugin_is_not_imported(install):
    module = install("one", stage_module())
    configure(no_plugins=True)
    try:
        assert only_status().message == "by --no-plugins"
        import sys

        assert module not in sys.modules
    finally:
        configure()


def test_what_is_needed_and_missing_is_fatal_and_says_why(install):
    install("superdsm-thing", "import does_not_exist_anywhere\n", entry="thing")
    message = r"there is no stage 'thing'; the plugin 'thing' \(superdsm-thing\) is broken: .*ModuleNotFoundError"
    with pytest.raises(PluginError, match=message):
        resolve_pipeline(["thing"])
    with pytest.raises(PluginError, match="is broken"):
        resolve_pipeline(["superdsm-thing:thing"])
    with pytest.raises(PluginError, match=r"did you mean 'preprocess'"):
        resolve_pipeline(["preproces"])
    with pytest.raises(PluginError, match="elsewhere is not installed"):
        resolve_pipeline(["elsewhere:thing"])
    assert resolve_pipeline().ids == resolve_pipeline(["preprocess"]).ids


OBSERVER = HOOK + "def superdsm_on_event(event):\n    seen.append(event)\n    {}\nseen = []\n"


def test_observers_are_told_and_one_that_raises_is_told_no_more(install, caplog):
    import sys

    good = install("good-observer", OBSERVER.format(""))
    bad = install("bad-observer", OBSERVER.format("1 / 0"))
    empty = install("count", HOOK + "def superdsm_on_event():\n    seen.append(1)\nseen = []\n")
    event = RunStarted("", "", 3)
    for _ in range(3):
        registry().notify(event)
    assert sys.modules[good].seen == [event] * 3
    assert sys.modules[bad].seen == [event]
    assert sys.modules[empty].seen == [1] * 3
    assert len(caplog.records) == 1 and "superdsm_on_event raises ZeroDivisionError" in caplog.text
    assert [status.status for status in registry().report] == ["broken", "active", "active"]


def test_plugins_may_be_objects_with_methods(install):
    source = (
        "from superdsm import *\nclass Plugin:\n    @hookimpl\n    def superdsm_register_commands(self):\n"
        "        return [Command('hello', 'Say hello.', lambda parser: None, lambda args: 0)]\nplugin = Plugin()\n"
    )
    install("an-object", source)
    from pathlib import Path

    info = next(Path(p) for p in __import__("sys").path if (Path(p) / "an_object-2.0.dist-info").is_dir())
    (info / "an_object-2.0.dist-info" / "entry_points.txt").write_text("[superdsm]\nobj = an_object_plugin:plugin\n")
    assert only_status().offers == {"commands": ["hello"]}
    assert registry().lookup("commands", "hello").help == "Say hello."


def test_plugin_that_asks_for_stages_while_it_is_loaded_hides_nobody(install):
    install("a-first", "import superdsm.plugins\nsuperdsm.plugins.registry().stages\n" + stage_module("early"))
    install("b-second", stage_module("late"))
    assert {"early", "late"} <= set(registry().stages)


def test_blocking_a_plugin_that_is_not_there_is_mentioned(install, caplog):
    install("superdsm-thing", stage_module(), entry="thing")
    configure(block=["thin"])
    try:
        assert only_status().status == "active"
        assert caplog.messages == ["--block thin: there is no such plugin (did you mean 'thing'?)"]
    finally:
        configure()


def test_built_in_records_come_through_the_hooks():
    for kind in KINDS:
        hook = KIND_HOOKS[kind]
        (impl,) = loader.implementations(registry()._pm, default_plugin, hook)
        assert list(impl.function()) == list(registry().builtin(kind).values()) != []
        for name in registry().builtin(kind):
            assert registry().provider(kind, name) == "superdsm"


def test_records_are_frozen_typed_and_documented():
    for kind, record in RECORDS.items():
        for field in dataclasses.fields(record):
            assert field.type and field.name in record.__doc__
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(next(iter(registry().builtin(kind).values())), field.name, "other")
