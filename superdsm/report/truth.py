"""Errors against the ground truth, where there is one: pictures, and scores of images and tasks."""

from collections.abc import Collection
from pathlib import Path

from superdsm.batch.results.images import TaskResults
from superdsm.batch.tasks.file_ids import FileId, PatternError, check_pattern, expand
from superdsm.errors import ImageError, TaskError
from superdsm.metrics import Evaluation, evaluate, summarise

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
        self.pattern = results.prepared.task.expand(pattern)
        try:
            check_pattern(self.pattern, results.prepared.file_ids)
        except PatternError as exc:
            raise TaskError(f"--gt {pattern}: does not go with the file ids: {exc}") from exc
        self.evaluations: dict[FileId, Evaluation] = {}

    def evaluate(self, file_ids: Collection[FileId]) -> None:
        """Compare the label images that were written with the true ones, where there are both."""
        from superdsm.io import read_image

        for file_id in file_ids:
            path = Path(expand(self.pattern, file_id))
            if path.is_file() and "seg" in self.results[file_id].outputs:
                try:
                    self.evaluations[file_id] = evaluate(self.results[file_id].labels(), read_image(path))
                except ValueError as exc:
                    raise TaskError(f"{path}: is no ground truth of image {file_id}: {exc}") from exc
                except ImageError as exc:
                    raise TaskError(str(exc)) from exc

    def draw(self, file_ids: Collection[FileId], directory: Path, suffix: str) -> dict[FileId, Path]:
        """Draw the errors of images that were evaluated; return the pictures by file id.

        Parameters
        ----------
        file_ids : collection
            The images.
        directory : Path
            Where the pictures go.
        suffix : str
            Of their names.
        """
        from superdsm.io import read_image, write_rgb
        from superdsm.metrics.picture import error_picture

        pictures = {}
        for file_id in file_ids:
            if file_id in self.evaluations:
                truth = read_image(Path(expand(self.pattern, file_id)))
                labels = self.results[file_id].labels()
                pictures[file_id] = directory / f"{file_id}{suffix}"
                write_rgb(pictures[file_id], error_picture(labels, truth, self.evaluations[file_id]))
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
