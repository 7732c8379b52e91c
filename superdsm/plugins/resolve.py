"""From ``use`` and ``without`` to a pipeline."""

from collections.abc import Iterable
from pathlib import Path

from superdsm import profiles
from superdsm.errors import PluginError
from superdsm.pipeline import Pipeline
from superdsm.plugins.catalog import registry
from superdsm.plugins.scripts import load_class
from superdsm.stage import Stage


def default_pipeline(profile: str | None = None) -> Pipeline:
    """Return the pipeline of a profile.

    Parameters
    ----------
    profile : str, optional
        "published" or "adaptive", see `superdsm.profiles`; by default `superdsm.profiles.UNNAMED_PROFILE`.

    Raises
    ------
    ConfigError
        There is no such profile.
    """
    chosen = profiles.get(profile)
    builtin = registry().builtin("stages")
    stages = [builtin[name].stage(**chosen.defaults.get(name, {})) for name in chosen.stages]
    stages = [stage.with_floors(**chosen.floors[stage.id]) if stage.id in chosen.floors else stage for stage in stages]
    return Pipeline(stages, profile=chosen.name, places=chosen.places, offers=_offers)


def _offers(field: str) -> list[str]:
    """Name the stages that provide a field, among all that can be used."""
    return sorted(id_ for id_, entry in registry().stages.items() if field in entry.stage.outputs)


def resolve_stage(name: str, base_dir: str | Path | None = None) -> type[Stage]:
    """Return the stage class that an item of ``use`` names.

    Parameters
    ----------
    name : str
        Id of an installed stage, ``provider:id``, or ``path/to/file.py:Class``.
    base_dir : path, optional
        What the path of a file is relative to; by default the working directory.

    Raises
    ------
    PluginError
        There is no such stage, or its file cannot be imported; says what to do.
    """
    place, separator, cls = name.rpartition(":")
    if separator and (place.endswith(".py") or "/" in place or "\\" in place):
        try:
            path = Path(place).expanduser()
        except RuntimeError as exc:
            raise PluginError(f"{name}: there is no such home directory; correct the path") from exc
        return load_class(Path(base_dir or ".") / path, cls)
    if name.endswith(".py"):
        raise PluginError(f"{name}: which class of the file? write {name}:CLASS")
    entry = registry().lookup("stages", name)
    stage: type[Stage] = entry.stage
    return stage


def resolve_pipeline(
    use: Iterable[str] | str = (),
    without: Iterable[str] | str = (),
    base_dir: str | Path | None = None,
    profile: str | None = None,
) -> Pipeline:
    """Return the pipeline of a profile with the stages of `use`, and then without those of `without`.

    Parameters
    ----------
    use : iterable of str, or str
        Stages, see `resolve_stage`; they enter one after the other, each where its class declares.
    without : iterable of str, or str
        Ids of stages to leave out.
    base_dir : path, optional
        What paths in `use` are relative to.
    profile : str, optional
        See `default_pipeline`.

    Returns
    -------
    Pipeline

    Raises
    ------
    ConfigError
        There is no such profile.
    PluginError
        A stage is not available.
    PipelineError
        The stages do not fit together.
    """
    pipeline = default_pipeline(profile)
    without = (without,) if isinstance(without, str) else tuple(without)
    for name in (use,) if isinstance(use, str) else use:
        pipeline = pipeline.using(resolve_stage(name, base_dir))
    return pipeline.without(*without) if without else pipeline
