"""What a report says, taken from journals, the store and pictures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from superdsm.batch.api import Batch
from superdsm.batch.results.flags import Flag, flags
from superdsm.batch.results.images import ImageRecord, TaskResults
from superdsm.batch.results.summary import PLATE, figures_of
from superdsm.batch.storage.journal import DONE
from superdsm.batch.storage.layout import journals_directory
from superdsm.batch.storage.store import DamagedError
from superdsm.batch.tasks.file_ids import FileId
from superdsm.batch.tasks.tree import Task
from superdsm.config import Config
from superdsm.errors import TaskError
from superdsm.fields import FINAL_OBJECTS
from superdsm.host import versions
from superdsm.report.measure import LABELS, measured
from superdsm.report.pictures import Pictures, embedded, linker, thumbnail
from superdsm.report.records import Column, ImageReport, Report, TaskReport
from superdsm.report.truth import Truth

COLUMNS = (
    Column("objects", "objects", 6),
    Column("radius", "radius (px)"),
    Column("radius_spread", "spread of radius", 2),
    Column("contrast", "contrast"),
    Column("edge_width", "edge width (px)"),
    Column("boundary_share", "on the border", 2),
    Column("discarded", "left out", 6),
    Column("corrected", "corrected by hand", 6),
    Column("seconds", "seconds", 2),
    Column("ap_50", "AP50"),
    Column("seg", "SEG"),
)
WELL = "well"  # the column with the place on the plate
MOST_EMBEDDED = 300  # images: above, thumbnails are files beside the page
MOST_MEASURED = 200  # images whose objects are measured for the distributions
MOST_VIEWED = 300  # images: above, only those that are flagged have large pictures, unless all are asked for


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """How a report is made.

    Attributes
    ----------
    page : Path
        The page to write; pictures go beside it, into a directory of its name with "_files".
    single_file : bool
        Whether everything is in the page; large pictures are left out then.
    views : str
        Which images have large pictures: "all", "flagged", "none", or "auto" (all, if they are at most 300).
    truth : str
        Pattern of the paths of true label images; "": there is no ground truth.
    """

    page: Path
    single_file: bool = False
    views: str = "auto"
    truth: str = ""

    @property
    def files(self) -> Path:
        """The directory of the pictures."""
        return self.page.with_name(f"{self.page.stem}_files")


def gather(batch: Batch, pictures: Pictures, options: ReportOptions) -> Report:
    """Return what a report says of all tasks with results.

    Parameters
    ----------
    batch : Batch
        The tasks.
    pictures : Pictures
        Makes the pictures.
    options : ReportOptions
        How the report is made.

    Raises
    ------
    TaskError
        Something is wrong with the tasks, or none was run.
    """
    results = {task.name: batch.results(task.name) for task in batch.tasks()}
    results = {name: found for name, found in results.items() if found}
    if not results:
        raise TaskError(
            f"{batch.root}: no image was processed yet ({journals_directory(batch.root)}); "
            f"run the tasks first: superdsm batch {batch.root} --run"
        )
    total = sum(len(found.prepared.file_ids) for found in results.values())
    by_name = {task.name: task for task in batch.tree.tasks}
    tasks = [
        _Gatherer(found, by_name[name], pictures, options, total, set(results)).report()
        for name, found in results.items()
    ]
    shown = [column for column in COLUMNS if any(_has(image, column) for task in tasks for image in task.images)]
    return Report(batch.root.name, versions()["superdsm"] or "", tasks, shown)


def _has(image: ImageReport, column: Column) -> bool:
    return image.values.get(column.name) is not None


class _Gatherer:
    """Gathers what is said of a task."""

    def __init__(
        self,
        results: TaskResults,
        task: Task,
        pictures: Pictures,
        options: ReportOptions,
        total: int,
        reported: set[str],
    ) -> None:
        self.results = results
        self.task = task
        self.pictures = pictures
        self.options = options
        self.total = total
        self.reported = reported
        self.truth = Truth(results, options.truth) if options.truth else None

    def report(self) -> TaskReport:
        """Return what is said of the task."""
        entries = [record.entry for record in self.results.values()]
        found = dict(zip(self.results, flags(entries, [self._place(item)[0] for item in self.results]), strict=True))
        viewed = set() if self.options.single_file else self._viewed(found)
        errors = (
            {}
            if self.truth is None
            else self.truth.compare(self._done(), viewed, self.options.files / self.task.name / "errors")
        )
        thumbnails, views = self._pictures(viewed, errors)
        images = [
            self._image(file_id, found.get(file_id, []), thumbnails.get(file_id, ""), views.get(file_id, {}))
            for file_id in self.results.prepared.file_ids
        ]
        parent = self._parent()
        changed = () if parent is None else _changed(parent.config, self.task.config)
        return TaskReport(
            self.task.name,
            images,
            self._measurements(),
            {path: _text(value) for path, value in _paths(self.task.config.as_dict())},
            changed,
            "" if parent is None else parent.name,
            {} if self.truth is None else self.truth.pooled(),
            self._note(),
        )

    def _image(
        self, file_id: FileId, found: Sequence[Flag], thumbnail_url: str, views: Mapping[str, str]
    ) -> ImageReport:
        source = self.results.prepared.image_path(file_id)
        if file_id not in self.results:
            return ImageReport(str(file_id), "open", remark="not processed yet", source=source)
        entry = self.results[file_id].entry
        remark = "; ".join([*entry.warnings, *filter(None, [entry.message])])
        discarded = dict(entry.summary.get("discarded", {}))
        plate, well = self._place(file_id)
        return ImageReport(
            str(file_id),
            entry.status,
            found,
            figures_of(entry) | ({} if self.truth is None else self.truth.scores(file_id)),
            remark,
            discarded,
            source,
            well,
            plate,
            thumbnail_url,
            views,
        )

    def _place(self, file_id: FileId) -> tuple[str, str]:
        """Return plate and well of an image; "" where they are not known."""
        columns = self.results.prepared.image_columns
        cells = columns.values(self.results.prepared.image_path(file_id))
        known = dict(zip(columns.names, cells or (), strict=False))
        return known.get(PLATE, ""), known.get(WELL, "")

    def _pictures(
        self, viewed: set[FileId], errors: Mapping[FileId, Path]
    ) -> tuple[dict[FileId, str], dict[FileId, dict[str, str]]]:
        """Make the pictures; return thumbnails and views by image, as URLs."""
        done = self._done()
        readable = [file_id for file_id, record in self.results.items() if record.entry.image]
        overlays = self.pictures.make(self.task.name, "overlay", done)
        others = [file_id for file_id in readable if file_id not in overlays]
        large = {"overlay": overlays, "image": self.pictures.make(self.task.name, "image", others)}
        thumbnails = {
            file_id: self._thumbnail(path, file_id) for each in large.values() for file_id, path in each.items()
        }
        if self.options.single_file:
            return thumbnails, {}
        large["image"] |= self.pictures.make(self.task.name, "image", [item for item in readable if item in viewed])
        large["graph"] = self.pictures.make(self.task.name, "graph", [item for item in done if item in viewed])
        url = linker(self.options.page)
        views: dict[FileId, dict[str, str]] = {}
        for view, paths in {**large, "errors": errors}.items():
            for file_id, path in paths.items():
                views.setdefault(file_id, {})[view] = url(path)
        return thumbnails, views

    def _done(self) -> list[FileId]:
        return [file_id for file_id, record in self.results.items() if record.entry.status == DONE]

    def _viewed(self, found: Mapping[FileId, Sequence[Flag]]) -> set[FileId]:
        """Return the images that have all views."""
        which = self.options.views
        if which == "auto":
            which = "all" if self.total <= MOST_VIEWED else "flagged"
        return {file_id for file_id in self.results if which == "all" or (which == "flagged" and found.get(file_id))}

    def _thumbnail(self, path: Path, file_id: FileId) -> str:
        data = thumbnail(path)
        if self.options.single_file or self.total <= MOST_EMBEDDED:
            return embedded(data)
        small = self.options.files / self.task.name / "thumbnails" / f"{file_id}{path.suffix}"
        small.parent.mkdir(parents=True, exist_ok=True)
        if not small.is_file() or small.read_bytes() != data:
            small.write_bytes(data)
        return linker(self.options.page)(small)

    def _measurements(self) -> dict[str, list[float]]:
        """Return the measurements of the objects, of a part of the images where there are many."""
        done = [self.results[file_id] for file_id in self._done()]
        values: dict[str, list[float]] = {label: [] for label in LABELS}
        for record in done[:: max(1, -(-len(done) // MOST_MEASURED))]:
            for label, more in measured(_objects(record)).items():
                values[label] += more
        return values

    def _note(self) -> str:
        notes = []
        done = len(self._done())
        if done > MOST_MEASURED:
            step = -(-done // MOST_MEASURED)
            notes.append(f"The distributions are of every {step}th image.")
        if lost := self.pictures.lost.get(self.task.name):
            notes.append(
                f"{lost} pictures are not shown, since results are not in the store any more; superdsm batch --run "
                "computes them again."
            )
        return " ".join(notes)

    def _parent(self) -> Task | None:
        """Return the nearest task above that is reported, too."""
        above = self.task.parent
        while above is not None and above.name not in self.reported:
            above = above.parent
        return above


def _objects(record: ImageRecord) -> list[Any]:
    """Return the final objects of an image; none where they are not stored any more."""
    for name in FINAL_OBJECTS:
        try:
            return list(record.field(name))
        except (TaskError, DamagedError):
            continue
    return []


def _changed(there: Config, here: Config) -> list[tuple[str, str, str]]:
    """Return the hyperparameters that differ: path, and both values."""
    before, now = dict(_paths(there.as_dict())), dict(_paths(here.as_dict()))
    return [
        (path, _text(before[path]) if path in before else "default", _text(now[path]) if path in now else "default")
        for path in sorted(before.keys() | now.keys())
        if before.get(path, ...) != now.get(path, ...)
    ]


def _paths(config: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in sorted(config.items()):
        if isinstance(value, Mapping):
            yield from _paths(value, f"{above}{name}/")
        else:
            yield f"{above}{name}", value


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
