"""The plan as values: what is asked for, and for each image what has to be done and why."""

from dataclasses import dataclass, field
from enum import StrEnum

from superdsm.batch.planning.origins import Origins
from superdsm.batch.storage.digests import Fingerprint
from superdsm.batch.storage.journal import Journal
from superdsm.batch.tasks.corrections import NONE
from superdsm.batch.tasks.file_ids import FileId
from superdsm.batch.tasks.prepare import PreparedTask
from superdsm.corrections import Corrections


class Action(StrEnum):
    """What is planned for an image."""

    NOTHING = "nothing"  # it is complete
    RUN = "run"
    SKIP = "skip"  # it failed before
    FAIL = "fail"  # it cannot be read


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What is asked for besides the tasks.

    Attributes
    ----------
    force : bool
        Recompute everything, also what is complete.
    fresh : bool
        Do not use earlier results for what is not complete.
    oneshot : bool
        Write outputs, but store nothing.
    retry_failed : bool
        Try images again that failed before.
    only_outputs : bool
        Write the outputs, whatever was done before, and run no stage that they do not need; only with `oneshot`.
    """

    force: bool = False
    fresh: bool = False
    oneshot: bool = False
    retry_failed: bool = False
    only_outputs: bool = False


@dataclass(slots=True)
class ImagePlan:
    """What is to be done for an image.

    Attributes
    ----------
    id : int or str
        The file id.
    path : str
        The image.
    action : Action
        What is planned.
    reasons : tuple of str
        Why.
    compute, load : tuple of str
        Ids of the stages to run, and of those whose results are there.
    targets : tuple of str
        Ids of the stages whose results have to be there afterwards.
    exports : tuple of str
        Names of the outputs to write.
    image : str
        Key of the image.
    file : Fingerprint or None
        The file of the image as it was hashed.
    after : tuple of int
        Numbers of the images (in the whole plan) whose results are awaited.
    seconds : float or None
        How long that will take; None if it is not known.
    corrections : Corrections
        What was corrected by hand.
    """

    id: FileId
    path: str
    action: Action
    reasons: tuple[str, ...] = ()
    compute: tuple[str, ...] = ()
    load: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    image: str = ""
    file: Fingerprint | None = None
    after: tuple[int, ...] = ()
    seconds: float | None = None
    corrections: Corrections = NONE


@dataclass(slots=True)
class TaskPlan:
    """What is to be done for a task.

    Attributes
    ----------
    prepared : PreparedTask
        The task.
    journal : Journal
        What was done before.
    origins : Origins
        Tells which task has the results that are picked up.
    images : list of ImagePlan
        The images, in the order of the file ids.
    first : int
        Number of the first image in the whole plan.
    stamp : tuple of int
        The journal's stamp when the plan was made.
    """

    prepared: PreparedTask
    journal: Journal
    origins: Origins
    images: list[ImagePlan] = field(default_factory=list)
    first: int = 0
    stamp: tuple[int, int] = (0, 0)

    @property
    def name(self) -> str:
        """Name of the task."""
        return self.prepared.task.name

    def count(self, action: Action) -> int:
        """Return the number of images for which `action` is planned."""
        return sum(image.action == action for image in self.images)

    @property
    def corrected(self) -> int:
        """Number of images that were corrected by hand."""
        return sum(bool(image.corrections) for image in self.images)

    def first_computed_stage(self, image: ImagePlan) -> str:
        """Return the id of the first stage that is really worked on for an image, or "".

        Stages whose results are not kept are run again whenever a later one needs them; they count only where nothing
        is kept at all.
        """
        stages = self.prepared.recipe.stages
        if not any(stage_id in image.targets or stages[stage_id].stored for stage_id in image.compute):
            return ""
        return next((stage_id for stage_id in image.compute if stages[stage_id].stored), image.compute[0])

    def origin(self, image: ImagePlan) -> str:
        """Return the name of the task that has the results which an image picks up; "" if it picks up none."""
        if not image.load:
            return ""
        return self.origins.find(self.prepared.recipe.stages[image.load[-1]].digest, self.prepared.task)
