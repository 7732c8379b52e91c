"""The catalog: everything that is available, by name and by provider."""

import os
import traceback
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any

from superdsm.errors import PluginError, suggest
from superdsm.plugins import loader
from superdsm.plugins.check import KIND_HOOKS
from superdsm.plugins.loader import LOG, PluginStatus, record_name
from superdsm.records import Command, Event, ExecutorEntry, Exporter, Reader, StageEntry
from superdsm.stage import Stage

KINDS = tuple(KIND_HOOKS)
BUILTIN = "superdsm"
DEFAULT_PLUGIN = "superdsm.default_plugin"  # named, not imported: what is built in comes through the same door
ALLOWED = "SUPERDSM_PLUGINS"
QUALIFIED = ("stages", "commands")  # kinds of which one can be asked for as provider:name
SINGULAR = {
    "stages": "stage",
    "readers": "reader",
    "exporters": "exporter",
    "executors": "executor",
    "commands": "command",
}


class Registry:
    """What is available: built-in, and offered by installed plugins.

    Built-in records of a kind are imported when that kind is first asked for, and plugins when something other than a
    built-in command is.

    Parameters
    ----------
    no_plugins : bool
        Block all plugins.
    block : iterable of str
        Names of plugins (or of their distributions) to block.
    allowed : iterable of str, optional
        Names of the only plugins that may be loaded; None: all.
    """

    def __init__(
        self, *, no_plugins: bool = False, block: Iterable[str] = (), allowed: Iterable[str] | None = None
    ) -> None:
        self._no_plugins = no_plugins
        self._block = frozenset(block)
        self._allowed = None if allowed is None else frozenset(allowed)
        self._pm = loader.manager()
        self._default_plugin = import_module(DEFAULT_PLUGIN)
        self._pm.register(self._default_plugin, name=BUILTIN)
        self._builtin: dict[str, dict[str, Any]] = {}
        self._offered: dict[str, dict[tuple[str, str], Any]] = {kind: {} for kind in KINDS}
        self._merged: dict[str, Mapping[str, Any]] = {}
        self._report: list[PluginStatus] | None = None
        self._observers: list[tuple[PluginStatus, Callable[..., Any], tuple[str, ...]]] = []

    @property
    def stages(self) -> Mapping[str, StageEntry]:
        """All stages by id: the built-in ones in the order of the method, then those of plugins."""
        return self._all("stages")

    @property
    def readers(self) -> Mapping[str, Reader]:
        """All readers by name."""
        return self._all("readers")

    @property
    def exporters(self) -> Mapping[str, Exporter]:
        """All exporters by name."""
        return self._all("exporters")

    @property
    def executors(self) -> Mapping[str, ExecutorEntry]:
        """All executors by name."""
        return self._all("executors")

    @property
    def commands(self) -> Mapping[str, Command]:
        """All subcommands by name."""
        return self._all("commands")

    @property
    def report(self) -> list[PluginStatus]:
        """The installed plugins, in the order of their distributions' names."""
        if self._report is None:
            self._load()
        assert self._report is not None
        return self._report

    def offered_stages(self) -> list[type[Stage]]:
        """Return the stage classes of all plugins, by provider and id."""
        _ = self.report
        return [self._offered["stages"][key].stage for key in sorted(self._offered["stages"])]

    def provider_of_class(self, cls: type) -> str:
        """Return the distribution that offers a stage class, or an empty string."""
        if any(entry.stage is cls for entry in self.builtin("stages").values()):
            return BUILTIN
        _ = self.report
        return next((key[0] for key, entry in self._offered["stages"].items() if entry.stage is cls), "")

    def builtin(self, kind: str) -> Mapping[str, Any]:
        """Return the built-in records of a kind by name; no plugin is loaded."""
        if kind not in self._builtin:
            records = loader.collect(self._pm, self._default_plugin, kind, builtin=True)
            self._builtin[kind] = {record_name(kind, record): record for record in records}
        return self._builtin[kind]

    def provider(self, kind: str, name: str) -> str:
        """Return the distribution that a record comes from ("superdsm" for built-in ones).

        Raises
        ------
        PluginError
            There is no such record.
        """
        self.lookup(kind, name)
        return self._locate(kind, name)[0]

    def lookup(self, kind: str, name: str) -> Any:
        """Return a record by name or by ``provider:name``.

        Parameters
        ----------
        kind : str
            "stages", "readers", "exporters", "executors" or "commands".
        name : str
            The name. A built-in record wins over one of a plugin with the same name.

        Raises
        ------
        PluginError
            There is none, or two plugins offer one of that name; says what to do.
        """
        provider, bare = self._locate(kind, name)
        if provider == BUILTIN:
            return self.builtin(kind)[bare]
        record = self._offered[kind].get((provider, bare))
        if record is None:
            raise PluginError(self._absent(kind, name))
        return record

    def _locate(self, kind: str, name: str) -> tuple[str, str]:
        """Return provider and bare name; the provider is empty if there is no such record."""
        wanted, _, bare = name.rpartition(":")
        if wanted in ("", BUILTIN) and bare in self.builtin(kind):
            return BUILTIN, bare
        _ = self.report
        providers = [p for p, n in self._offered[kind] if n == bare and _canonical(wanted) in ("", _canonical(p))]
        if len(providers) > 1:
            raise PluginError(self._ambiguous(kind, bare, providers))
        return (providers[0] if providers else ""), bare

    def _absent(self, kind: str, name: str) -> str:
        known = [*self.builtin(kind), *(bare for _, bare in self._offered[kind])]
        provider, _, bare = name.rpartition(":")
        mine = [p for p in self.report if provider and _canonical(provider) in (_canonical(p.provider), p.name)]
        message = f"there is no {SINGULAR[kind]} {name!r}{suggest(bare, known)}"
        if provider and not mine:
            return f"{message}; {provider} is not installed"
        unusable = [p for p in mine or self.report if p.status in ("broken", "blocked")]
        if not unusable:
            return f"{message}; superdsm {'stages' if kind == 'stages' else 'plugins'} lists what is installed"
        return f"{message}; {_reasons(unusable)}"

    def explain(self, kind: str, name: str) -> tuple[str, bool]:
        """Return why there may be no record of a name, and whether it is known to be so.

        Parameters
        ----------
        kind : str
            See `lookup`.
        name : str
            A name that is not among the records.

        Returns
        -------
        text : str
            What is wrong with plugins that offer or may offer it; empty if nothing is.
        certain : bool
            Whether the record is known to come from one of them: the plugin says so, or the name begins with its name.
        """
        providers = [provider for provider, other in self._offered[kind] if other == name]
        if len(providers) > 1:
            return self._ambiguous(kind, name, providers), True
        unusable = [status for status in self.report if status.status in ("broken", "blocked")]
        culprits = [
            status
            for status in unusable
            if name in status.lost.get(kind, ()) or name.replace("_", "-").startswith(status.name)
        ]
        return _reasons(culprits or unusable), bool(culprits)

    def _ambiguous(self, kind: str, name: str, providers: list[str]) -> str:
        way = f"say which one, for instance {providers[0]}:{name}"
        if kind not in QUALIFIED:
            way = f"block one of them, for instance with --block {providers[0]}"
        return f"the {SINGULAR[kind]} {name!r} is offered by {' and by '.join(providers)}; {way}"

    def notify(self, event: Event) -> None:
        """Tell all observers; one that raises is reported once and no longer told."""
        if self._report is None:
            self._load()
        for observer in tuple(self._observers):
            status, function, names = observer
            try:
                function(*(event,)[: len(names)])
            except Exception as exc:  # noqa: BLE001 - an observer is anybody's code, and must not end a batch
                self._observers.remove(observer)
                status.fail(f"superdsm_on_event raises {type(exc).__name__}: {exc}", traceback.format_exc())
                _warn(status)

    def _all(self, kind: str) -> Mapping[str, Any]:
        if kind not in self._merged:
            _ = self.report
            merged = dict(self.builtin(kind))
            names = [name for _, name in self._offered[kind]]
            for (_, name), record in self._offered[kind].items():
                if name not in merged and names.count(name) == 1:
                    merged[name] = record
            self._merged[kind] = MappingProxyType(merged)
        return self._merged[kind]

    def _load(self) -> None:
        """Load every plugin that is not blocked."""
        self._report = []
        for entry, dist in loader.entry_points():
            status = PluginStatus(entry.name, dist.name, dist.version)
            self._report.append(status)
            reason = self._blocked(status)
            if reason:
                status.status, status.message = "blocked", reason
                continue
            self._add(status, loader.load(self._pm, status, entry, dist))
        self._find_conflicts()
        self._merged.clear()  # a plugin may have asked for something while it was loaded
        names = {name for status in self._report for name in _names(status)}
        for name in sorted(self._block - names):
            LOG.warning("--block %s: there is no such plugin%s", name, suggest(name, sorted(names)))
        for name in sorted((self._allowed or frozenset()) - names):
            LOG.warning("%s=%s: there is no such plugin%s", ALLOWED, name, suggest(name, sorted(names)))
        for status in self._report:
            if status.status in ("broken", "conflict"):
                _warn(status)

    def _add(self, status: PluginStatus, offers: Mapping[str, list[Any]]) -> None:
        """Add what a plugin offers."""
        named = {(kind, record_name(kind, record)): record for kind, records in offers.items() for record in records}
        for kind, name in named:
            if (status.provider, name) in self._offered[kind]:
                status.fail(f"another plugin of this distribution offers the {SINGULAR[kind]} {name!r}")
                return
        for (kind, name), record in named.items():
            self._offered[kind][status.provider, name] = record
        if status.status == "active":
            plugin = self._pm.get_plugin(f"{status.provider}:{status.name}")
            for impl in loader.implementations(self._pm, plugin, "superdsm_on_event"):
                self._observers.append((status, impl.function, tuple(impl.argnames)))

    def _blocked(self, status: PluginStatus) -> str:
        names = _names(status)
        if self._no_plugins:
            return "by --no-plugins"
        if names & self._block:
            return "by --block"
        if self._allowed is not None and not names & self._allowed:
            return f"the environment variable {ALLOWED} does not list it"
        return ""

    def _find_conflicts(self) -> None:
        """Mark the plugins that offer something under a name that is taken."""
        for status in self.report:
            for kind, names in status.offers.items():
                for name in names:
                    rivals = [p for p, n in self._offered[kind] if n == name and p != status.provider]
                    rivals += [BUILTIN] if name in self.builtin(kind) else []
                    if rivals and status.status == "active":
                        status.status = "conflict"
                        way = f"to use it, write {status.provider}:{name}"
                        if kind not in QUALIFIED:
                            way = "that one is used" if BUILTIN in rivals else "neither is used: block one of them"
                        status.message = f"the {SINGULAR[kind]} {name!r} is also offered by {', '.join(rivals)}; {way}"


def _reasons(statuses: list[PluginStatus]) -> str:
    return "; ".join(f"the plugin {p.name!r} ({p.provider}) is {p.status}: {p.message}" for p in statuses)


def _names(status: PluginStatus) -> set[str]:
    """Return the names by which a plugin can be blocked and allowed."""
    return {status.name, status.provider, _canonical(status.provider)}


def _canonical(name: str) -> str:
    """Return the normalised form of a distribution's name."""
    return name.lower().replace("_", "-").replace(".", "-")


def _warn(status: PluginStatus) -> None:
    LOG.warning("plugin %s (%s) is %s: %s", status.name, status.provider, status.status, status.message)


_options: dict[str, Any] = {}


def configure(*, no_plugins: bool = False, block: Iterable[str] = ()) -> None:
    """Say which plugins are not to be loaded; forgets what is loaded already.

    Parameters
    ----------
    no_plugins : bool
        Load none.
    block : iterable of str
        Names of plugins, or of their distributions.
    """
    _options.update(no_plugins=no_plugins, block=tuple(block))
    reset()


@cache
def registry() -> Registry:
    """Return the registry of this process. It honours `configure` and the variable ``SUPERDSM_PLUGINS``.

    The variable lists the plugins that may be loaded, with commas between them; set and empty, it allows none.
    """
    text = os.environ.get(ALLOWED)
    allowed = None if text is None else [name.strip() for name in text.split(",") if name.strip()]
    return Registry(allowed=allowed, **_options)


def reset() -> None:
    """Forget what is loaded: the next `registry` looks for plugins again."""
    registry.cache_clear()
