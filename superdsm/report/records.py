"""What a report says, as values: made by `superdsm.report.gather`, shown by `superdsm.report.render`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from superdsm.batch.results.flags import Flag

Number = int | float | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table of images.

    Attributes
    ----------
    name : str
        Name, as in ``summary.csv``.
    label : str
        What stands above it.
    digits : int
        Significant digits that are shown.
    """

    name: str
    label: str
    digits: int = 3


@dataclass(frozen=True, slots=True)
class ImageReport:
    """What is said of an image.

    Attributes
    ----------
    id : str
        The file id.
    status : str
        "done", "failed", or "open" (not processed yet).
    flags : sequence of Flag
        What is remarkable, the worst first.
    values : mapping
        By name of the column: a number, or None.
    remark : str
        Warnings, and why it failed.
    discarded : mapping
        How many objects were left out, by reason.
    source : str
        Path of the image.
    well : str
        Where it is on its plate, as in "B03"; "" if that is not known.
    plate : str
        The plate.
    thumbnail : str
        URL of a small picture with contours; "" if there is none.
    views : mapping
        By what they show ("overlay", "image", "graph", "errors"): URLs of pictures.
    """

    id: str
    status: str
    flags: Sequence[Flag] = ()
    values: Mapping[str, Number] = field(default_factory=dict)
    remark: str = ""
    discarded: Mapping[str, int] = field(default_factory=dict)
    source: str = ""
    well: str = ""
    plate: str = ""
    thumbnail: str = ""
    views: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskReport:
    """What is said of a task.

    Attributes
    ----------
    name : str
        Its directory, relative to the root.
    images : sequence of ImageReport
        Its images, in the order of the file ids.
    measurements : mapping
        By label: the values of all objects, for histograms.
    config : mapping
        The hyperparameters that it sets, by path.
    changed : sequence of (str, object, object)
        Hyperparameters that differ from the parent task: path, there, here.
    parent : str
        Name of the parent task; "" if it has none.
    scores : mapping
        Scores against ground truth, by name.
    note : str
        Something that has to be said of it.
    """

    name: str
    images: Sequence[ImageReport]
    measurements: Mapping[str, Sequence[float]] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    changed: Sequence[tuple[str, Any, Any]] = ()
    parent: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What the page says.

    Attributes
    ----------
    title : str
        Name of the root.
    version : str
        Of the program.
    tasks : sequence of TaskReport
        The tasks.
    columns : sequence of Column
        Those of the table of images.
    """

    title: str
    version: str
    tasks: Sequence[TaskReport]
    columns: Sequence[Column]
