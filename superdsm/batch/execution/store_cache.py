"""The store of results as the cache of an evaluation."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from superdsm.batch.execution.job import Job, TaskBundle
from superdsm.batch.storage.store import DamagedError, Entry, Store
from superdsm.errors import StageError, SuperDSMError
from superdsm.evaluation import LostError, StageRun, summarise
from superdsm.fields import ZOOM
from superdsm.jsonable import plain
from superdsm.stage import Stage


class OutputError(SuperDSMError):
    """Something cannot be written."""


class ChangedError(SuperDSMError):
    """The image is not the one that was planned."""


class StoreCache:
    """The earlier results of an image that may be used, and where new ones are kept.

    Parameters
    ----------
    job : Job
        The image, and which results were planned to be used.
    bundle : TaskBundle
        Its task.

    Attributes
    ----------
    loaded : list of str
        Ids of the stages of which a field was loaded.
    damaged : list of str
        What to tell of entries that cannot be used.
    """

    def __init__(self, job: Job, bundle: TaskBundle) -> None:
        self.loaded: list[str] = []
        self.damaged: list[str] = []
        self._store = Store(bundle.store)
        self._bundle = bundle
        self._stages = {stage.id: stage for stage in bundle.stages}
        stages = bundle.recipe.stages
        self._keys = {name: key for name, key in job.keys(bundle.recipe).items() if stages[name].stored}
        # Without --fresh anything that is there may be used: also what an image whose worker died has left.
        self._usable = {stage_id for stage_id in self._keys if stage_id in job.load or not bundle.fresh}

    def get(self, stage_id: str) -> StageRun | None:
        """Return the stored result of a stage, if there is one that may be used; its fields are loaded when needed."""
        if stage_id not in self._usable:
            return None
        try:
            entry = self._store.entry(self._keys[stage_id])
        except DamagedError as exc:
            self._drop(stage_id, exc)
            return None
        if entry is None:
            return None
        stage = self._stages[stage_id]
        there = [name for name in stage.outputs if name in entry.fields]  # an earlier version may have had fewer
        told = {name: entry.fields[name]["value"] for name in there if stage.field(name).summary}
        summary = {name: value for name, value in told.items() if value is not None}
        for name, value in summary.items():
            if not isinstance(value, int if stage.field(name).summary == "number" else dict):
                self.reject(stage_id, f"the field {name!r} is no {stage.field(name).kind}")
                return None
        return StageRun(stage_id, _Stored(self, entry), entry.seconds, tuple(entry.warnings), tuple(entry.log), summary)

    def put(self, run: StageRun) -> StageRun:
        """Store the result of a stage; return it as it will be when it is loaded.

        Raises
        ------
        StageError
            An output cannot be stored.
        OutputError
            The store cannot be written.
        """
        from superdsm.io.codecs import kind_of

        if run.stage not in self._keys:
            return run
        stage = self._stages[run.stage]
        kinds = {name: stage.field(name).kind for name in run.outputs}
        entry = Entry(self._keys[run.stage], run.stage, {}, run.seconds, list(run.warnings), list(map(dict, run.log)))
        try:
            outputs = {
                name: plain(value) if kind_of(value, kinds[name]) == "json" else value
                for name, value in run.outputs.items()
            }
            if self._bundle.keep:
                self._store.put(entry, outputs, kinds, self._grids(stage))
        except TypeError as exc:
            raise StageError(run.stage, str(exc)) from exc
        except OSError as exc:
            raise OutputError(f"the result cannot be stored in {self._bundle.store}: {exc.strerror}") from exc
        return replace(run, outputs=outputs, summary=summarise(stage, outputs))

    def reject(self, stage_id: str, problem: str) -> None:
        """Do not use an entry that holds something else than the stage may provide."""
        self._drop(stage_id, f"the stored result of {stage_id} is of no use: {problem}")

    def _grids(self, stage: Stage) -> dict[str, str]:
        """Return the grids of the fields that a stage provides, if there is more than one grid."""
        if not any(ZOOM in other.outputs for other in self._stages.values()):
            return {}
        return {name: grid for name in stage.outputs if (grid := stage.field(name).grid)}

    def load(self, entry: Entry, name: str) -> Any:
        """Load a field of an entry.

        Raises
        ------
        LostError
            The entry is damaged, or was made when the stage had no such output.
        """
        if name not in entry.fields:
            self._usable.discard(entry.stage)
            raise LostError(f"the stored result of {entry.stage} has no {name}")
        try:
            value = self._store.values(entry, [name])[name]
        except DamagedError as exc:
            self._drop(entry.stage, exc)
            raise LostError(str(exc)) from exc
        if entry.stage not in self.loaded:
            self.loaded.append(entry.stage)
        return value

    def _drop(self, stage_id: str, problem: object) -> None:
        self._usable.discard(stage_id)
        self.damaged.append(f"{problem}; computed anew")


class _Stored(Mapping[str, Any]):
    """The fields of an entry, each loaded when it is asked for."""

    def __init__(self, cache: StoreCache, entry: Entry) -> None:
        self._cache = cache
        self._entry = entry
        self._values: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            self._values[name] = self._cache.load(self._entry, name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entry.fields)

    def __len__(self) -> int:
        return len(self._entry.fields)
