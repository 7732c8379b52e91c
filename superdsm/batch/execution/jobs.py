"""From plans to what the workers are given."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from superdsm.batch.execution.job import Job, TaskBundle, pack
from superdsm.batch.planning.planner import Planner
from superdsm.batch.planning.records import Action, ImagePlan, TaskPlan
from superdsm.batch.tasks.file_ids import expand
from superdsm.batch.tasks.overwriting import read_besides_images
from superdsm.errors import StageError


class Jobs(Mapping[int, Job]):
    """The jobs of images by their number in the whole plan, each made when it is asked for.

    A job whose stages cannot be sent to a worker cannot be made: asking for it raises `StageError`.

    Parameters
    ----------
    planner : Planner
        Has made the plans.
    images : mapping
        By number: the plan of the task, and that of the image.
    threads : int
        Number of threads to work with inside an image.
    progress : Path
        Where the workers tell what they are doing.
    """

    def __init__(
        self, planner: Planner, images: Mapping[int, tuple[TaskPlan, ImagePlan]], *, threads: int, progress: Path
    ) -> None:
        self._planner = planner
        self._images = images
        self._threads = threads
        self._progress = progress
        self._packed: dict[str, tuple[TaskBundle, tuple[bytes, str]] | StageError] = {}

    def __iter__(self) -> Iterator[int]:
        return iter(self._images)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, number: int) -> Job:
        plan, image = self._images[number]
        assert image.file is not None
        reader = self._planner.components.reader_for(image.path)
        assert reader is not None
        data, digest = self._pack(plan)
        exports = tuple((name, expand(plan.prepared.exports[name].pattern, image.id)) for name in image.exports)
        return Job(
            number=number,
            id=image.id,
            bundle=data,
            digest=digest,
            path=image.path,
            stat=(image.file.size, image.file.mtime_ns),
            reader=reader.name,
            image=image.image,
            content=image.file.digest,
            targets=image.targets,
            load=image.load,
            exports=exports,
            progress=self._progress,
            threads=self._threads,
            corrections=image.corrections,
        )

    def _pack(self, plan: TaskPlan) -> tuple[bytes, str]:
        """Return what all images of a task have in common as bytes; if that fails, it does so for each of them."""
        if plan.name not in self._packed:
            bundle = self._bundle(plan)
            try:
                self._packed[plan.name] = bundle, pack(bundle)
            except StageError as exc:
                self._packed[plan.name] = exc
        packed = self._packed[plan.name]
        if isinstance(packed, StageError):
            raise packed
        return packed[1]

    def forget(self, task: str) -> None:
        """Free what is kept for the images of a task: there may be thousands of tasks."""
        self._packed.pop(task, None)

    def _bundle(self, plan: TaskPlan) -> TaskBundle:
        """Return what all images of a task have in common."""
        prepared, options = plan.prepared, self._planner.options
        paths = {image.path for image in plan.images if image.action == Action.RUN}
        readers = {reader.name: reader for path in paths if (reader := self._planner.components.reader_for(path))}
        return TaskBundle(
            stages=prepared.pipeline.stages[: len(prepared.recipe.stages)],
            config=prepared.task.config,
            recipe=prepared.recipe,
            readers=readers,
            selection=prepared.task.selection,
            exporters=prepared.exporters,
            exports=prepared.exports,
            store=self._planner.store.directory,
            keep=not options.oneshot,
            fresh=options.fresh or options.force,
            inputs=tuple(dict.fromkeys(path for path, _ in read_besides_images(prepared.task))),
        )
