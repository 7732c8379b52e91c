"""Errors against the ground truth, where there is one: pictures, and scores of images and tasks."""

from collections.abc import Container, Iterable
from pathlib import Path

from superdsm.batch.results.images import TaskResults
from superdsm.batch.tasks.file_ids import FileId
from superdsm.errors import ImageError, TaskError
from superdsm.metrics import Evaluation, evaluate, summarise
from superdsm.report.pictures import SUFFIX

SCORES = ("ap_50", "seg")  # of images, and pooled of tasks


class Truth:
    """The ground truth of the images of a task.

    Parameters
    ----------
    results : TaskResults
        The images.
    pattern : str
        Pattern of the paths of the true label images, as of ``img_pathpattern``.

    Raises
    ------
    TaskError
        The pattern does not go with the file ids.

    Attributes
    ----------
    evaluations : dict
        By file id, those of images for which there are label images of both kinds.
    """

    def __init__(self, results: TaskResults, pattern: str) -> None:
        self.results = results
        self.paths = results.prepared.truths(pattern)
        self.evaluations: dict[FileId, Evaluation] = {}

    def compare(self, file_ids: Iterable[FileId], drawn: Container[FileId], directory: Path) -> dict[FileId, Path]:
        """Compare the label images that were written with the true ones, where there are both.

        Parameters
        ----------
        file_ids : iterable
            The images.
        drawn : container
            Those of which the errors are drawn.
        directory : Path
            Where the pictures go.

        Returns
        -------
        dict
            By file id, the pictures.
        """
        from superdsm.io import read_image, write_rgb
        from superdsm.metrics.picture import error_picture

        pictures = {}
        for file_id in file_ids:
            path = self.paths[file_id]
            if not path.is_file() or "seg" not in self.results[file_id].outputs:
                continue
            try:
                labels, truth = self.results[file_id].labels(), read_image(path)
                result = self.evaluations[file_id] = evaluate(labels, truth)
            except ValueError as exc:
                raise TaskError(f"{path}: is no ground truth of image {file_id}: {exc}") from exc
            except ImageError as exc:
                raise TaskError(str(exc)) from exc
            if file_id in drawn:
                pictures[file_id] = directory / f"{file_id}{SUFFIX}"
                write_rgb(pictures[file_id], error_picture(labels, truth, result))
        return pictures

    def scores(self, file_id: FileId) -> dict[str, float | None]:
        """Return the scores of an image; none if it was not evaluated."""
        found = self.evaluations.get(file_id)
        return {} if found is None else {name: found.scores.get(name) for name in SCORES}

    def pooled(self) -> dict[str, float]:
        """Return the scores of all evaluated images together."""
        if not self.evaluations:
            return {}
        pooled = summarise(self.evaluations.values()).pooled
        return {name: value for name in SCORES if (value := pooled.get(name)) is not None}
