"""What batch processing takes from plugins: one small seam, so that it can be tried with other records."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from superdsm.pipeline import Pipeline
from superdsm.records import Event, ExecutorEntry, Exporter, Reader, reader_by_suffix
from superdsm.stage import Stage


def _ignore(event: Event) -> None:
    """Tell nobody."""


def _version(stage: Stage) -> Mapping[str, Any] | None:
    return None if stage.version is None else {"provider": "superdsm", "id": stage.id, "version": stage.version}


@dataclass(frozen=True, slots=True)
class Components:
    """Stages, readers, exporters and executors to work with.

    Attributes
    ----------
    resolve : callable
        ``resolve(use, without) -> Pipeline``; paths of scripts are absolute.
    readers, exporters, executors : mapping
        The records by name.
    known : sequence of type of Stage
        Stages whose hyperparameters may be set although they are not part of a pipeline.
    provider : callable
        ``provider(kind, name)``: the distribution that a record came from; kind is "readers" or "exporters".
    identity : callable
        What identifies the code of a stage in keys, as a JSON value; None: unknown, so that results cannot be kept.
    notify : callable
        Tells the observers of an event.
    explain : callable
        ``explain(kind, name)``: which plugins that cannot be used may be why there is no such record, and whether they
        certainly are.
    versions : mapping
        Versions of the distributions that take part.
    """

    resolve: Callable[[Sequence[str], Sequence[str]], Pipeline]
    readers: Mapping[str, Reader]
    exporters: Mapping[str, Exporter]
    executors: Mapping[str, ExecutorEntry]
    known: Sequence[type[Stage]] = ()
    provider: Callable[[str, str], str] = lambda kind, name: "superdsm"
    identity: Callable[[Stage], Mapping[str, Any] | None] = _version
    notify: Callable[[Event], None] = _ignore
    explain: Callable[[str, str], tuple[str, bool]] = lambda kind, name: ("", False)
    versions: Mapping[str, str] = field(default_factory=dict)

    def reader_for(self, path: str) -> Reader | None:
        """Return the reader with the longest suffix that `path` ends in; of equal ones the first that was offered."""
        return reader_by_suffix(Path(path).name, self.readers.values())


def installed() -> Components:
    """Return everything that is built in, installed and allowed."""
    from superdsm.plugins import identity, registry, resolve_pipeline

    known = registry()
    return Components(
        resolve=resolve_pipeline,
        readers=known.readers,
        exporters=known.exporters,
        executors=known.executors,
        known=[entry.stage for entry in known.stages.values()],
        provider=known.provider,
        identity=identity,
        notify=known.notify,
        explain=known.explain,
        versions={status.name: status.version for status in known.report},
    )
