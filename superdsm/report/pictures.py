"""The pictures of a report: made of what is stored, and only where they are not there already."""

import base64
import io
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from superdsm.batch.api import Batch
from superdsm.batch.execution.listener import Listener
from superdsm.batch.plan import Plan
from superdsm.batch.planning.records import Action, ImagePlan
from superdsm.batch.storage.atomic import write_atomic
from superdsm.batch.tasks.file_ids import FileId, expand
from superdsm.batch.tasks.keys import ExportRecipe, Recipe
from superdsm.config import read_json
from superdsm.errors import ConfigError

VIEWS: Mapping[str, str] = {"overlay": "overlay", "image": "image", "graph": "adj"}  # by view: the exporter
SUFFIX = ".jpg"
THUMBNAIL = 160  # pixels, of the longer side
KEYS = "keys.json"


@dataclass(slots=True)
class Pictures:
    """Makes pictures of the images of a batch, in a directory.

    Attributes
    ----------
    batch : Batch
        The tasks.
    directory : Path
        Where the pictures go. What is there and still holds is not made again.
    listener : Listener
        Is told of what happens.
    jobs : int or None
        Number of workers.
    lost : dict
        By task: how many images have no pictures since results of theirs are not stored any more.
    """

    batch: Batch
    directory: Path
    listener: Listener
    jobs: int | None = None
    lost: dict[str, int] = field(default_factory=dict)
    _keys: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            known = read_json(self.directory / KEYS)
        except (ConfigError, OSError):  # a cache: without it, all pictures are made anew
            known = {}
        self._keys = dict(known) if isinstance(known, dict) else {}

    def make(self, task: str, view: str, file_ids: Collection[FileId]) -> dict[FileId, Path]:
        """Make a view of images of a task; return the pictures that there are.

        Parameters
        ----------
        task : str
            The task.
        view : str
            What the pictures show, a key of `VIEWS`.
        file_ids : collection
            The images.
        """
        if not file_ids:
            return {}
        place = self.directory / task / view
        plan = self.batch.plan_export(task, VIEWS[view], place, file_ids, suffix=SUFFIX)
        paths = self._without_those_there(plan, task)
        if plan.has_work:
            plan.run(jobs=self.jobs, listener=self.listener)
        self._remember(plan)
        return {file_id: path for file_id, path in paths.items() if path.is_file()}

    def _without_those_there(self, plan: Plan, task: str) -> dict[FileId, Path]:
        """Take the pictures out of a plan that are there, or would take long; return where all of them are."""
        (planned,) = plan.tasks
        recipe, (export,) = planned.prepared.recipe, planned.prepared.exports.values()
        paths = {}
        for image in planned.images:
            path = paths[image.id] = Path(expand(export.pattern, image.id))
            key = _key(export, recipe, image) if image.image else ""
            if image.action != Action.RUN:
                image.action = Action.NOTHING
            elif any(recipe.stages[stage_id].stored for stage_id in image.compute):
                image.action = Action.NOTHING
                self.lost[task] = self.lost.get(task, 0) + 1
                path.unlink(missing_ok=True)
            elif key and self._keys.get(self._name(path)) == key and path.is_file():
                image.action = Action.NOTHING
            else:
                self._keys.pop(self._name(path), None)
        return paths

    def _remember(self, plan: Plan) -> None:
        (planned,) = plan.tasks
        recipe, (export,) = planned.prepared.recipe, planned.prepared.exports.values()
        for image in planned.images:
            path = Path(expand(export.pattern, image.id))
            if image.action == Action.RUN and path.is_file():
                self._keys[self._name(path)] = _key(export, recipe, image)
        text = json.dumps(self._keys, sort_keys=True, indent=0)
        write_atomic(self.directory / KEYS, text.encode())

    def _name(self, path: Path) -> str:
        return path.relative_to(self.directory).as_posix()


def _key(export: ExportRecipe, recipe: Recipe, image: ImagePlan) -> str:
    return export.key(image.image, recipe.keys(image.image, image.corrections.digest))


def thumbnail(path: Path) -> bytes:
    """Return a small picture as JPEG; equal pictures give equal bytes.

    Parameters
    ----------
    path : Path
        The large one.
    """
    from PIL import Image

    with Image.open(path) as picture:
        picture.draft("RGB", (2 * THUMBNAIL, 2 * THUMBNAIL))
        small = picture.convert("RGB")
        small.thumbnail((THUMBNAIL, THUMBNAIL))
    data = io.BytesIO()
    small.save(data, "JPEG", quality=70)
    return data.getvalue()


def embedded(data: bytes) -> str:
    """Return a URL that is the picture itself."""
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def linked(path: Path, page: Path) -> str:
    """Return the URL of a file relative to a page."""
    return quote(path.relative_to(page.parent).as_posix())


def linker(page: Path) -> Callable[[Path], str]:
    """Return `linked` for a page."""
    return lambda path: linked(path, page)
