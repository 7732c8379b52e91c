"""The short way: an image in, its segmentation out."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from superdsm.config import PROFILE, Config
from superdsm.errors import ConfigError, PipelineError
from superdsm.evaluation import Run
from superdsm.fields import CORRECTIONS, FINAL_OBJECTS, ZOOM, image_shape
from superdsm.parallel import thread_map
from superdsm.pipeline import Pipeline
from superdsm.profiles import DEFAULT_PROFILE
from superdsm.records import Event

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from superdsm.core.objects import Object


def instruction_set() -> str:
    """Return the instruction set whose kernels are used, for instance "avx2" (see `superdsm._ext.instruction_set`).

    Raises
    ------
    KernelsError
        The kernels are not built, or the environment variable ``SUPERDSM_SIMD`` asks for some that there are not.
    """
    from superdsm._ext import instruction_set

    return instruction_set()


@dataclass(frozen=True, repr=False)
class Result(Run):
    """The segmentation of an image: the finished run of its pipeline, with the objects as a label image and a picture.

    Attributes
    ----------
    fields : dict
        All fields of the pipeline by name (see `superdsm.fields.FIELDS`).
    params : Config
        All hyperparameters as used, automatic ones filled in.
    timings : dict
        Seconds by stage.
    warnings : list of str
        What the user should know.
    log : list of dict
        Records of the stages, for instance of each fit.
    """

    @property
    def summary(self) -> dict[str, Any]:
        """What the stages say of the image as a whole: sizes, and what was left out and why."""
        from superdsm.summary import gathered

        return gathered(self.log)

    def __repr__(self) -> str:
        count = next((f"{len(self.fields[name])} objects, " for name in FINAL_OBJECTS if name in self.fields), "")
        return f"<Result: {count}{sum(self.timings.values()):.2f} s, fields {', '.join(self.fields)}>"

    @property
    def objects(self) -> "list[Object]":
        """The final objects (those of the cover if the pipeline ended before they were postprocessed)."""
        for name in FINAL_OBJECTS:
            if name in self.fields:
                return list(self.fields[name])
        raise PipelineError("there are no objects yet: the pipeline ended before global-energy-minimization")

    @functools.cached_property
    def labels(self) -> "npt.NDArray[np.integer[Any]]":
        """Label image of the final objects, uint16 (more than 65,535 objects: uint32).

        It has the shape of the image; of a pipeline that ended on the working grid, that of this grid.
        """
        from superdsm.core.labels import label_image

        shape = self.fields["g_work"].shape if self._on_working_grid else image_shape(self.fields)
        if shape is None:
            raise PipelineError("no field tells the shape of the image; run the pipeline with the image")
        return label_image(self.objects, shape)

    @property
    def _on_working_grid(self) -> bool:
        return self.fields.get(ZOOM) not in (None, 1)

    def overlay(self, border: int = 2, position: str = "inner", *, enhance: bool = True) -> "npt.NDArray[np.uint8]":
        """Return a picture of the image with the contours of the final objects.

        Parameters
        ----------
        border : int
            Width of the contours, in pixels.
        position : str, optional
            Where the contours lie: "inner", "center" or "outer" of the edges of the objects.
        enhance : bool, optional
            Whether dim intensities are shown brighter than they are.

        Returns
        -------
        ndarray of uint8, shape (rows, columns, 3)
        """
        from superdsm.io.render import overlay

        image = None if self._on_working_grid else self.fields.get("g_rgb")
        picture = self.fields["g_raw"] if image is None else image
        return overlay(picture, self.labels, border=border, position=position, enhance=enhance)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the overlay, the number of objects, and what the user should know."""
        import base64
        import html

        from superdsm.io.images import png_bytes
        from superdsm.summary import described

        if not any(name in self.fields for name in FINAL_OBJECTS):
            return f"<p>{html.escape(repr(self))}</p>"
        picture = base64.b64encode(png_bytes(self.overlay())).decode()
        seconds = f"{sum(self.timings.values()):.2f} s"
        facts = ", ".join([f"{len(self.objects)} objects", *described(self.summary), seconds])
        warnings = "".join(f"<br>warning: {html.escape(text)}" for text in self.warnings)
        return (
            f'<figure style="margin:0"><img src="data:image/png;base64,{picture}" style="max-width:100%" '
            f'alt="the image with the contours of the objects">'
            f"<figcaption>{html.escape(facts)}{warnings}</figcaption></figure>"
        )


def segment(
    image: Any,
    config: Mapping[str, Any] | None = None,
    *,
    profile: str | None = None,
    pipeline: Pipeline | None = None,
    use: Sequence[str] = (),
    without: Sequence[str] = (),
    fields: Mapping[str, Any] | None = None,
    corrections: Any = None,
    first: str | None = None,
    last: str | None = None,
    jobs: int = 1,
    name: str = "",
    observe: Callable[[Event], None] | None = None,
) -> Result:
    """Segment the cell nuclei of an image.

    Parameters
    ----------
    image : ndarray, shape (rows, columns) or (rows, columns, channels)
        The image. None if the pipeline starts at `first` with `fields` of an earlier run.
    config : mapping, optional
        Hyperparameters, for instance ``{"AF_scale": 40, "dsm": {"alpha": 0.5}}``.
    profile : str, optional
        "adaptive" or "published", see `superdsm.profiles`; wins over the ``profile`` of the configuration.
    pipeline : Pipeline, optional
        Another pipeline than that of a profile.
    use, without : sequence of str, optional
        Stages of plugins to use, and stages to leave out.
    fields : mapping, optional
        Fields of an earlier run.
    corrections : Corrections, path or sequence, optional
        What a person says of the objects, see `superdsm.corrections`: a file, or a list like
        ``[{"action": "merge", "points": [[12, 30], [14, 52]]}]``. Also for another run with the `fields` of an earlier
        one: then only what `first` says is done again.
    first, last : str, optional
        Ids of the first and the last stage to run.
    jobs : int, optional
        Number of threads. The result does not depend on it.
    name : str, optional
        Name of the image, for messages.
    observe : callable, optional
        Is told what happens.

    Returns
    -------
    Result

    Raises
    ------
    CorrectionsError
        The corrections are not legal, or no stage takes any.
    ConfigError
        A hyperparameter is unknown or illegal, or `jobs` is not a positive integer.
    ImageError
        The image cannot be segmented.
    StageError
        A stage failed.

    Examples
    --------
    >>> result = superdsm.segment(image, {"AF_scale": 40})
    >>> result = superdsm.segment(image, {"nucleus_radius": "5 um", "pixel_size": 0.65}, profile="adaptive")
    >>> result.labels.max(), result.timings["postprocess"]
    """
    from superdsm.io.images import read_builtin
    from superdsm.plugins import resolve_pipeline

    if not isinstance(jobs, int) or jobs < 1:  # type: ignore[redundant-expr]  # not all check types
        raise ConfigError(f"jobs = {jobs!r}: give the number of threads to use, an integer of at least 1")
    config = Config(config)
    if profile is not None:
        config = config.with_value(PROFILE, profile)
    if pipeline is None:
        pipeline = resolve_pipeline(use, without, profile=config.get(PROFILE, DEFAULT_PROFILE))
    if corrections is not None:
        fields = with_corrections(fields or {}, pipeline, corrections)
    with _linear_algebra().limit(limits=1), thread_map(jobs) as mapper:
        return Result.of(
            pipeline.evaluation(
                image,
                config,
                fields=fields,
                first=first,
                last=last,
                mapper=mapper,
                name=name,
                observe=observe,
                read_image=read_builtin,
            )
        )


def with_corrections(fields: Mapping[str, Any], pipeline: Pipeline, corrections: Any) -> dict[str, Any]:
    """Return fields with corrections by hand; without, if there are none."""
    from superdsm.corrections import Corrections, CorrectionsError

    found = Corrections.of(corrections)
    rest = {name: value for name, value in fields.items() if name != CORRECTIONS}
    if not found:
        return rest
    if not pipeline.takes(CORRECTIONS):
        raise CorrectionsError(f"{found.source}: no stage of the pipeline takes corrections: {pipeline}")
    return {**rest, CORRECTIONS: found.field()}


@functools.cache
def _linear_algebra() -> Any:
    """Find the libraries of linear algebra, whose threads would only compete with those of `thread_map`."""
    import numpy as np  # noqa: F401 - loads them
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
