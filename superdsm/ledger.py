"""What was looked at: the content of each field of an image is checked once, and against what it has to fit to."""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from superdsm.content import Content, ContentError, Part, Shape, examine, misfit
from superdsm.errors import PipelineError, StageError
from superdsm.fields import FIELDS, IMAGE, SOURCE, WORK, ZOOM, Field, resampled_shape
from superdsm.stage import Stage

OUTSIDE = ""  # stands for the stage that provides what is given from outside


class Ledger:
    """The contents of the fields of an image, by the stage that they are from.

    Parameters
    ----------
    stages : mapping
        The stages by id, in their order.
    wires : mapping
        By stage the fields that it depends on, each with the id of the stage that it is from.
    given : mapping
        What was given from outside.
    """

    def __init__(
        self, stages: Mapping[str, Stage], wires: Mapping[str, Mapping[str, str]], given: Mapping[str, Any]
    ) -> None:
        self._stages = stages
        self._wires = wires
        self._given = given
        self._resampled = any(ZOOM in stage.outputs for stage in stages.values())
        self._places = {stage_id: place for place, stage_id in enumerate((OUTSIDE, *stages))}
        self._contents: dict[tuple[str, str], Content] = {}

    def enter_given(self, name: str, value: Any) -> None:
        """Check what is given from outside; the image itself is checked by the stage that takes it.

        Raises
        ------
        PipelineError
            It is not what the field may hold.
        """
        if name == SOURCE:
            return
        try:
            self.enter(OUTSIDE, name, value)
        except ContentError as exc:
            raise PipelineError(f"the given field {name!r} {exc}") from exc

    def enter(self, provider: str, name: str, value: Any) -> None:
        """Check what a stage has made, unless that was done.

        Raises
        ------
        ContentError
            It is not what the field may hold.
        """
        if (provider, name) not in self._contents:
            self._contents[provider, name] = examine(self._declared(name, provider), value, None)

    def forget(self, provider: str) -> None:
        """Forget what a stage has made."""
        for name in self._stages[provider].outputs:
            self._contents.pop((provider, name), None)

    def enter_outputs(
        self,
        stage: Stage,
        outputs: Any,
        shape: Shape | None,
        zoom_of: Callable[[Stage, Mapping[str, Any]], float | None],
    ) -> dict[str, Any]:
        """Check what a stage has returned; return it with arrays that are contiguous and read-only.

        Parameters
        ----------
        stage : Stage
            The stage.
        outputs : object
            What it has returned.
        shape : tuple of int or None
            Rows and columns of the image, if known.
        zoom_of : callable
            ``zoom_of(stage, outputs)`` is the zoom of the grid that the stage leaves behind; None if there is only one.

        Raises
        ------
        StageError
            It is not what the stage declares, or does not fit to what the stage was given.
        """
        if not isinstance(outputs, Mapping):
            raise StageError(stage.id, f"process() returned {type(outputs).__name__}, not a dict of fields")
        if set(outputs) != set(stage.outputs):
            returned = sorted(map(str, outputs))
            raise StageError(stage.id, f"process() returned {returned}, but the outputs are {sorted(stage.outputs)}")
        fields = {name: stage.field(name) for name in stage.outputs}
        values = {name: _frozen(fields[name], outputs[name]) for name in outputs}
        shapes: dict[str, Shape | None] = {"image": shape}
        parts = []
        for name in sorted(values, key=lambda name: name != ZOOM):  # the others depend on it
            grid = fields[name].grid or "image"
            if grid not in shapes:
                zoom = None if shape is None else zoom_of(stage, values)
                shapes[grid] = shape if shape is None or zoom is None else resampled_shape(shape, zoom)
            try:
                content = examine(fields[name], values[name], shapes[grid])
            except ContentError as exc:
                raise StageError(stage.id, f"the field {name!r} {exc}") from exc
            self._contents[stage.id, name] = content
            parts.append(Part(fields[name], content))
        wires = {name: id_ for name, id_ in self._wires[stage.id].items() if name not in values}
        found = self.misfit(wires, parts)
        if found is not None:
            raise StageError(stage.id, f"the field {found[0]!r} {found[1]}")
        return values

    def is_sized(self, stage: Stage) -> bool:
        """Return whether the shape of the image says what a stage may provide, and no input tells it."""
        outputs = [stage.field(name) for name in stage.outputs]
        if any(isinstance(axis, str) for field in outputs for axis in field.shape):
            return True
        placed = any(field.kind == "objects" or field.holds == "points" for field in outputs)
        wires = self._wires[stage.id].items()
        return placed and not any(self._declared(name, id_).shape[:2] == IMAGE for name, id_ in wires)

    def misfit(self, wires: Mapping[str, str], more: Iterable[Part] = ()) -> tuple[str, str] | None:
        """Return which of some fields does not fit to the others, and why; they and `more` in the order of stages."""
        # Where a pipeline begins in the middle, g_raw may be that of either grid.
        resampled = self._resampled or WORK in self._given or self._given.get(ZOOM) not in (None, 1)
        parts = [
            Part(self._declared(name, provider), self._contents[provider, name])
            for name, provider in sorted(wires.items(), key=lambda wire: self._places[wire[1]])
            if (provider, name) in self._contents and not (resampled and (provider, name) == (OUTSIDE, "g_raw"))
        ]
        return misfit([*parts, *more], one_grid=not resampled)

    def _declared(self, name: str, provider: str) -> Field:
        if provider != OUTSIDE:
            return self._stages[provider].field(name)
        return FIELDS.get(name) or Field(name, "json", "")


def _frozen(field: Field, value: Any) -> Any:
    """Return an array as the kernels take it, and read-only; other values as they are."""
    if not hasattr(value, "setflags"):
        return value
    if field.kind == "array" and value.ndim and not (type(value).__module__ == "numpy" and value.flags.c_contiguous):
        import numpy as np

        value = np.ascontiguousarray(value)
    with contextlib.suppress(ValueError):  # a view that is not ours to freeze
        value.setflags(write=False)
    return value
