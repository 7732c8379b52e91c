"""Keys: the identity of a result is a hash of what made it.

The key of a stage's result is the hash of the stage's code (provider, id, version or source), its hyperparameters
before the scale enters, and the key of each input field. The key of a field is the hash of that and of its name; the
key of the image is the hash of its file and of its reader.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from superdsm.config import PIXEL_SIZE, Config
from superdsm.errors import PipelineError
from superdsm.evaluation import wiring
from superdsm.fields import CORRECTIONS, SCALE, SOURCE, ZOOM
from superdsm.io.sources import Selection
from superdsm.jsonable import canonical_json, digest, digest_bytes
from superdsm.ledger import OUTSIDE
from superdsm.pipeline import Pipeline
from superdsm.records import Exporter, Reader
from superdsm.stage import Stage

FROM_FILE = "as in the file"  # stands for a size of a pixel
CHANNELS = "measure_channels"
IMAGE = OUTSIDE  # stands for the stage that provides the image
Identity = Callable[[Stage], Mapping[str, Any] | None]
Settings = Callable[[Stage, Config, bool], Mapping[str, Any]]


def _hash(*parts: str) -> str:
    return digest_bytes("\0".join(parts).encode())


def image_key(content: str, reader: Reader, provider: str, selection: Selection | None = None) -> str:
    """Return the key of the field ``image``.

    Parameters
    ----------
    content : str
        Digest of the bytes of the file.
    reader : Reader
        What reads the file.
    provider : str
        Where the reader comes from.
    selection : Selection, optional
        Which plane is read. Without a choice the key is that of versions that knew no choice.
    """
    chosen = [canonical_json(asdict(selection))] if selection else []
    return _hash("image", content, provider, reader.name, reader.version, *chosen)


@dataclass(frozen=True, slots=True)
class StageRecipe:
    """What identifies the results of a stage, up to the image.

    Attributes
    ----------
    id : str
        Id of the stage.
    material : mapping
        Identity of the code ("code") and hyperparameters ("settings"), as JSON values.
    text : str
        The same as canonical JSON.
    inputs : tuple of (str, str)
        The fields it depends on, each with the id of the stage that provides it.
    outputs : tuple of str
        The fields it provides.
    stored : bool
        Whether its results are kept.
    keyed : bool
        Whether its results can be identified at all.
    digest : str
        Hash of the material, and of those of all stages it depends on.
    corrected : bool
        Whether it takes the corrections of an image, where there are some.
    """

    id: str
    material: Mapping[str, Any]
    text: str
    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[str, ...]
    stored: bool
    keyed: bool
    digest: str
    corrected: bool = False


@dataclass(frozen=True, slots=True)
class Recipe:
    """What identifies the results of a pipeline, up to the image; see `make_recipe`.

    Attributes
    ----------
    stages : mapping
        The stages by their ids, in order.
    digest : str
        Hash of all of it.
    """

    stages: Mapping[str, StageRecipe]
    digest: str

    def keys(self, image: str, corrections: str = "") -> dict[str, str]:
        """Return the key of each stage's result for an image, by the id of the stage; "" where it has none.

        Parameters
        ----------
        image : str
            Key of the image.
        corrections : str, optional
            Digest of the corrections of the image; "" if there are none.
        """
        keys: dict[str, str] = {}
        known = {IMAGE: image}
        for stage in self.stages.values():
            inputs = [name + field_key(known[provider], name) for name, provider in stage.inputs]
            if stage.corrected and corrections:
                inputs.append(CORRECTIONS + field_key(corrections, CORRECTIONS))
            known[stage.id] = keys[stage.id] = _hash("stage", stage.text, *inputs) if stage.keyed else ""
        return keys

    def in_order(self, ids: Collection[str]) -> tuple[str, ...]:
        """Return ids of stages in the order of the stages."""
        return tuple(stage_id for stage_id in self.stages if stage_id in ids)

    def terminal_stages(self) -> tuple[str, ...]:
        """Return the ids of the stages whose outputs no later stage takes."""
        taken = {provider for stage in self.stages.values() for _, provider in stage.inputs}
        return self.in_order(self.stages.keys() - taken)

    def stages_providing_the_scale(self) -> tuple[str, ...]:
        """Return the ids of the stages from which others have the scale or the zoom."""
        inputs = [item for stage in self.stages.values() for item in stage.inputs]
        return self.in_order({provider for name, provider in inputs if name in (SCALE, ZOOM)})

    def stage_providing(self, name: str) -> str | None:
        """Return the id of the last stage that provides a field (`IMAGE`: it is the image), or None."""
        found = [stage.id for stage in self.stages.values() if name in stage.outputs]
        return found[-1] if found else (IMAGE if name == SOURCE else None)

    def provenance(self) -> list[Any]:
        """Return what the keys are made of, for comparison with later recipes."""
        return [[stage.id, stage.material, stage.digest] for stage in self.stages.values()]


def field_key(stage_key: str, name: str) -> str:
    """Return the key of a field, given that of the result of the stage that provides it."""
    return _hash("field", stage_key, name)


def make_recipe(
    pipeline: Pipeline,
    config: Config,
    identity: Identity,
    last: str | None = None,
    settings: Settings = lambda stage, config, image: stage.identity_params(config, image),
) -> Recipe:
    """Return what identifies the results of a pipeline.

    Parameters
    ----------
    pipeline : Pipeline
        The stages.
    config : Config
        Hyperparameters.
    identity : callable
        Returns what identifies the code of a stage; None: unknown, so that results cannot be kept.
    last : str, optional
        Id of the last stage.
    settings : callable, optional
        Returns the hyperparameters of a stage that identify its result in a configuration.

    Raises
    ------
    ConfigError
        A value of the configuration is illegal.
    """
    wires = wiring(pipeline)
    stages: dict[str, StageRecipe] = {}
    for stage in pipeline:
        inputs = tuple(wires[stage.id].items())
        code = identity(stage)
        keyed = code is not None and all(provider == IMAGE or stages[provider].keyed for _, provider in inputs)
        material = {"code": code, "settings": settings(stage, config, ZOOM in wires[stage.id])}
        text = canonical_json(material)
        above = [f"{name} {'' if provider == IMAGE else stages[provider].digest}" for name, provider in inputs]
        stages[stage.id] = StageRecipe(
            stage.id,
            material,
            text,
            inputs,
            stage.outputs,
            stage.stored and keyed,
            keyed,
            _hash("recipe", text, *above) if keyed else "",
            CORRECTIONS in stage.optional,
        )
        if stage.id == last:
            break
    return Recipe(stages, _digest(list(stages.values())))


def _digest(stages: Sequence[StageRecipe]) -> str:
    """Return the digest of a recipe, for which stages are counted: so it stands in all journals."""
    number = {stage.id: index for index, stage in enumerate(stages)} | {IMAGE: -1}
    parts = [
        [stage.id, stage.digest or stage.text, [[name, number[provider]] for name, provider in stage.inputs]]
        for stage in stages
    ]
    return digest(parts)


@dataclass(frozen=True, slots=True)
class ExportRecipe:
    """What identifies a kind of output file, up to the image; see `make_export`.

    Attributes
    ----------
    name : str
        Name of the exporter.
    pattern : str
        Absolute path pattern.
    options : mapping
        Values of the options of the exporter.
    inputs : tuple of (str, str)
        The fields it needs, each with the id of the stage that provides it.
    everything : bool
        Whether it depends on all stages, as exporters without inputs do.
    material : mapping
        Code and options, as JSON values; with them, for exporters that depend on it, the size of a pixel and the
        channels that are measured.
    text : str
        The same as canonical JSON.
    part : bool
        Whether the files are only written to be gathered to a table of the task.
    """

    name: str
    pattern: str
    options: Mapping[str, Any]
    inputs: tuple[tuple[str, str], ...]
    everything: bool
    material: Mapping[str, Any]
    text: str
    part: bool = False

    @property
    def sized(self) -> bool:
        """Whether the size of a pixel is needed."""
        return PIXEL_SIZE in self.material["settings"]

    @property
    def channels(self) -> Sequence[int | str]:
        """Further channels that are measured."""
        found: Sequence[int | str] = self.material["settings"].get(CHANNELS, ())
        return found

    def key(self, image: str, stage_keys: Mapping[str, str]) -> str:
        """Return the key of the output for an image; "" if it cannot be identified."""
        wanted = [("", stage_id) for stage_id in stage_keys] if self.everything else self.inputs
        found = [image if provider == IMAGE else stage_keys[provider] for _, provider in wanted]
        if not all(found):
            return ""
        names = [name + field_key(key, name) for (name, _), key in zip(wanted, found, strict=True)]
        return _hash("export", self.text, *names)


class MissingInputError(PipelineError):
    """A pipeline does not provide a field that an exporter needs.

    Parameters
    ----------
    wanted : str
        The field, or the alternatives.
    """

    def __init__(self, wanted: str) -> None:
        super().__init__(f"the pipeline does not provide the field {wanted}")


def make_export(
    exporter: Exporter,
    provider: str,
    pattern: str,
    options: Mapping[str, Any],
    recipe: Recipe,
    *,
    pixel_size: float | None = None,
    channels: Sequence[int | str] = (),
    part: bool = False,
) -> ExportRecipe:
    """Return what identifies the files of an exporter.

    Parameters
    ----------
    exporter : Exporter
        The exporter.
    provider : str
        Where it comes from.
    pattern : str
        Absolute path pattern.
    options : mapping
        Values of all its options.
    recipe : Recipe
        The pipeline.
    pixel_size : float, optional
        The size of a pixel in micrometres; None: that of the file.
    channels : sequence of int or str, optional
        Further channels that are measured.
    part : bool, optional
        Whether the files are only written to be gathered.

    Raises
    ------
    MissingInputError
        The pipeline does not provide what the exporter needs.
    """
    inputs = []
    for names in exporter.alternatives:
        found = [(name, stage_id) for name in names if (stage_id := recipe.stage_providing(name)) is not None]
        if not found:
            raise MissingInputError(" or ".join(names))
        inputs.append(found[0])
    suffix = pattern.rpartition("/")[2].rpartition(".")[2]
    code = {"provider": provider, "name": exporter.name, "version": exporter.version, "suffix": suffix}
    neutral = {spec.name: spec.neutral for spec in exporter.options}
    settings = {name: value for name, value in options.items() if value != neutral.get(name, ...)}
    if f".{suffix.lower()}" in exporter.pixel_size_in and options.get(exporter.pixel_size_option, True):
        settings[PIXEL_SIZE] = FROM_FILE if pixel_size is None else pixel_size
    if exporter.measures_channels and channels:
        settings[CHANNELS] = list(channels)
    material = {"code": code, "settings": settings}
    everything = not exporter.inputs
    return ExportRecipe(
        exporter.name, pattern, dict(options), tuple(inputs), everything, material, canonical_json(material), part
    )
