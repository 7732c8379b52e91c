"""Making plans: files are found and hashed, and what one image will store the next ones count on."""

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from superdsm.batch.components import Components
from superdsm.batch.planning.decide import Available, Question, decide
from superdsm.batch.planning.estimate import Estimator
from superdsm.batch.planning.origins import Origins
from superdsm.batch.planning.reasons import Reasons
from superdsm.batch.planning.records import Action, ImagePlan, PlanOptions, TaskPlan
from superdsm.batch.storage.digests import DigestCache
from superdsm.batch.storage.journal import Journals
from superdsm.batch.storage.layout import digests_file, results_directory
from superdsm.batch.storage.store import Store
from superdsm.batch.tasks.file_ids import FileId
from superdsm.batch.tasks.keys import image_key
from superdsm.batch.tasks.prepare import PreparedTask, corrections_of
from superdsm.batch.tasks.tree import TaskTree
from superdsm.corrections import CorrectionsError
from superdsm.records import Reader


class Planner:
    """Makes plans for tasks, one after the other; later tasks count on the results of earlier ones.

    Parameters
    ----------
    tree : TaskTree
        All tasks.
    components : Components
        Readers.
    options : PlanOptions
        What is asked for.
    """

    def __init__(self, tree: TaskTree, components: Components, options: PlanOptions) -> None:
        self.tree = tree
        self.components = components
        self.options = options
        self.store = Store(results_directory(tree.root))
        self.digests = DigestCache(digests_file(tree.root))
        self.digests.trust = not (options.force or options.fresh)  # who asks for that may doubt what is known
        self.journals = Journals(tree.root)
        self.number = 0
        self._estimator = Estimator(self.journals, tree.tasks)
        self._reasons = Reasons()
        self._origins = Origins(self.journals, tree.tasks)
        self._promised: dict[str, int] = {}
        self._available = Available(self.store, self._promised)
        self._reader_for = lru_cache(maxsize=1024)(components.reader_for)
        self._provider = lru_cache(maxsize=64)(components.provider)
        self._shared: dict[object, tuple[object, ...]] = {}

    def plan(self, prepared: PreparedTask) -> TaskPlan:
        """Make the plan of a task."""
        journal = self.journals[prepared.task.name]
        plan = TaskPlan(prepared, journal, self._origins, first=self.number, stamp=journal.stamp())
        paths = [os.path.abspath(prepared.image_path(file_id)) for file_id in prepared.file_ids]  # noqa: PTH100 - not resolved
        self.digests.warm(paths)
        for file_id, path in zip(prepared.file_ids, paths, strict=True):
            image = self._image(plan, file_id, path)
            if image.action == Action.RUN:
                image.seconds = self._estimator.seconds(prepared, image)
            plan.images.append(image)
            self.number += 1
        return plan

    def _image(self, plan: TaskPlan, file_id: FileId, path: str) -> ImagePlan:
        reader = self._reader_for(os.path.basename(path))  # noqa: PTH119 - a string is enough
        if reader is None:
            reason = f"no reader for {Path(path).suffix or 'files without a suffix'!r}"
            return ImagePlan(file_id, path, Action.FAIL, (reason,))
        try:
            file = self.digests.get(path)
        except OSError as exc:
            missing = isinstance(exc, FileNotFoundError)
            reason = "image missing: there is no such file" if missing else f"image cannot be read ({exc.strerror})"
            return ImagePlan(file_id, path, Action.FAIL, (reason,))
        try:
            corrections = corrections_of(plan.prepared, file_id)
        except CorrectionsError as exc:
            return ImagePlan(file_id, path, Action.FAIL, (str(exc),), file=file)
        key = self._image_key(file.digest, reader, plan)
        image = ImagePlan(file_id, path, Action.RUN, image=key, file=file, corrections=corrections)
        keys = plan.prepared.recipe.keys(image.image, corrections.digest)
        entry = None if self.options.only_outputs else plan.journal.get(file_id)
        question = Question(plan, image, self.number, entry, keys, self._available, self.options)
        image = self._shared_parts(decide(question, self._reasons))
        if image.action == Action.RUN and not self.options.oneshot:
            self._promise(plan, image, keys)
        return image

    def _image_key(self, content: str, reader: Reader, plan: TaskPlan) -> str:
        return image_key(content, reader, self._provider("readers", reader.name), plan.prepared.task.selection)

    def _promise(self, plan: TaskPlan, image: ImagePlan, keys: Mapping[str, str]) -> None:
        """Keep in mind which results will be there once an image is done."""
        for stage_id in image.compute:
            stage = plan.prepared.recipe.stages[stage_id]
            if stage.stored:
                self._promised[keys[stage_id]] = self.number
                self._origins.promise(stage.digest, plan.name)

    def _shared_parts(self, image: ImagePlan) -> ImagePlan:
        """Let an image have equal tuples in common with others: there may be a hundred thousand."""
        for name in ("reasons", "compute", "load", "targets", "exports"):
            value: tuple[object, ...] = getattr(image, name)
            setattr(image, name, self._shared.setdefault(value, value))
        return image
