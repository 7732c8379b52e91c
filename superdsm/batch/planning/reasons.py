"""Why something has to be done: what differs between what was asked for and what is there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from superdsm.batch.planning.records import TaskPlan
from superdsm.batch.storage.journal import JournalEntry

Provenance = Sequence[Any]  # of [id or name, material, digest]


class Reasons:
    """Words how earlier work differs from what is asked for; images of a task mostly differ in the same way."""

    def __init__(self) -> None:
        self._of_stages: dict[tuple[str, str, str], tuple[str, ...]] = {}

    def of_stages(self, plan: TaskPlan, entry: JournalEntry) -> tuple[str, ...]:
        """Return how the stages differ from those that an image was processed with."""
        recipe = plan.prepared.recipe
        key = (plan.name, entry.recipe, recipe.digest)
        if key not in self._of_stages:
            before = plan.journal.provenance(entry.recipe)
            found = () if before is None else changes(before, recipe.provenance(), plan.prepared.toplevel)
            self._of_stages[key] = found or ("pipeline changed",)
        return self._of_stages[key]

    def of_output(self, plan: TaskPlan, entry: JournalEntry | None, name: str) -> tuple[str, ...]:
        """Return how the output of an exporter differs from what was written for an image."""
        before = None if entry is None else plan.journal.provenance(entry.exports)
        return () if before is None else export_changes(before, plan.prepared.exports_provenance(), name)


def changes(old: Provenance, new: Provenance, toplevel: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Describe how two recipes differ, in the order of the stages.

    Parameters
    ----------
    old, new : sequence
        What `Recipe.provenance` returned.
    toplevel : frozenset of str
        Hyperparameters that stand outside of the namespace of their stage, as "stage/name".
    """
    before = {name: material for name, material, _ in old}
    after = {name: material for name, material, _ in new}
    found: list[str] = []
    for name, material in after.items():
        if name not in before:
            found.append(f"stage {name} added")
        else:
            found += _code(f"stage {name}", before[name]["code"], material["code"])
            found += _settings(before[name]["settings"], material["settings"], name, toplevel)
    found += [f"stage {name} removed" for name in before if name not in after]
    if not found and [name for name, _, _ in old] != [name for name, _, _ in new]:
        found.append("order of the stages changed")
    return tuple(found)


def export_changes(old: Provenance, new: Provenance, name: str) -> tuple[str, ...]:
    """Describe how the recipes of the outputs of one exporter differ."""
    before = {name: material for name, material, _ in old}
    after = {name: material for name, material, _ in new}
    if name not in before:
        return (f"{name} wanted",)
    return (
        *_code(f"exporter {name}", before[name]["code"], after[name]["code"]),
        *_settings(before[name]["settings"], after[name]["settings"], "", frozenset()),
    )


def _code(what: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Iterator[str]:
    if old == new:
        return
    if old is None or new is None:
        yield f"{what} {'cannot be identified any more' if new is None else 'can be identified now'}"
        return
    if old.get("provider") != new.get("provider"):
        yield f"{what} from {old.get('provider') or 'a script'} -> {new.get('provider') or 'a script'}"
    if old.get("version") != new.get("version"):
        yield f"{what} version {_text(old.get('version'))} -> {_text(new.get('version'))}"
    elif old.get("provider") == new.get("provider"):
        yield f"{what}: code changed"


def _settings(
    old: Mapping[str, Any], new: Mapping[str, Any], namespace: str, toplevel: frozenset[str]
) -> Iterator[str]:
    for name in {**old, **new}:
        if old.get(name) == new.get(name) and (name in old) == (name in new):
            continue
        before, after = (_text(values[name]) if name in values else "unknown" for values in (old, new))
        path = f"{namespace}/{name}"
        if isinstance(old.get(name), dict) and isinstance(new.get(name), dict):
            path = f"{namespace}/AF_{name}"
            before, after = _text(old[name]["AF"]), _text(new[name]["AF"])
        yield f"{name if not namespace or path in toplevel else path} {before} -> {after}"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return f"automatic (AF {_text(value['AF'])})"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value)
