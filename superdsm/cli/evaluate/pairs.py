"""Which label image belongs to which ground truth, and the evaluation of such pairs."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.errors import ImageError, SuperDSMError

if TYPE_CHECKING:
    import numpy.typing as npt

    from superdsm.metrics import Evaluation

SHOWN = 5  # names that are listed
SEVERAL = 3  # pieces of a single label that make an image look like a mask


@dataclass(frozen=True, slots=True)
class Pair:
    """A label image, its ground truth, and what is needed for a picture of the errors.

    Attributes
    ----------
    name : str
        What it is called in tables.
    predicted, truth : Path
        The label images.
    image : Path or None
        The image to draw errors on.
    picture : Path or None
        Where to draw them.
    """

    name: str
    predicted: Path
    truth: Path
    image: Path | None = None
    picture: Path | None = None


@dataclass(slots=True)
class Evaluated:
    """Evaluated pairs.

    Attributes
    ----------
    results : dict
        By pair: its evaluation.
    failed : dict
        By name: why it could not be evaluated.
    without_prediction, without_truth : list of str
        What has no partner.
    """

    results: "dict[Pair, Evaluation]" = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    without_prediction: list[str] = field(default_factory=list)
    without_truth: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether all of the ground truth was evaluated."""
        return not self.failed and not self.without_prediction


def warn(text: str) -> None:
    """Write a warning."""
    sys.stderr.write(f"superdsm: warning: {text}\n")


def listed(names: Sequence[object]) -> str:
    """Return the first few names."""
    return ", ".join(map(str, names[:SHOWN])) + (f", ... ({len(names)} in all)" if len(names) > SHOWN else "")


def evaluate_pairs(args: argparse.Namespace) -> Evaluated:
    """Evaluate two label images, or those in two directories.

    Raises
    ------
    SuperDSMError
        Nothing can be evaluated.
    """
    evaluated = Evaluated()
    pairs = find_pairs(args, evaluated)
    check_pictures(pairs)
    if len(pairs) == 1 and not args.truth.is_dir():
        evaluated.results[pairs[0]] = evaluate_pair(pairs[0], args)
    else:
        evaluate_all(pairs, evaluated, args)
        if not evaluated.results:
            raise SuperDSMError(f"{args.predicted}: none of the {len(pairs)} label images could be evaluated")
    check_objects(evaluated.results.values(), str(args.truth))
    return evaluated


def evaluate_all(pairs: Sequence[Pair], evaluated: Evaluated, args: argparse.Namespace) -> None:
    """Evaluate pairs; what is wrong with one of them is told, and is no reason to stop."""
    for pair in pairs:
        try:
            evaluated.results[pair] = evaluate_pair(pair, args)
        except ImageError as exc:
            evaluated.failed[pair.name] = str(exc)
            sys.stderr.write(f"superdsm: error: {exc}\n")


def check_pictures(pairs: Iterable[Pair], files: Iterable[Path] = ()) -> None:
    """Raise if a picture would take the place of an image, of one of `files`, or of another picture."""
    drawn = [pair for pair in pairs if pair.picture is not None]
    taken = {path.resolve(): path for path in files}
    for pair in drawn:
        taken |= {path.resolve(): path for path in (pair.predicted, pair.truth, pair.image) if path is not None}
    for pair in drawn:
        assert pair.picture is not None
        if (found := taken.setdefault(pair.picture.resolve(), pair.picture)) is not pair.picture:
            raise ImageError(f"{found}: would be overwritten by a picture; give another directory for --overlay")


def check_objects(results: "Iterable[Evaluation]", where: str) -> None:
    """Raise if there is no object anywhere; say so if there is none in the ground truth."""
    tallies = [(result.tally, result.left_out) for result in results]
    if any(tally.n_true for tally, _ in tallies):
        return
    if any(left_out[0] for _, left_out in tallies):
        raise SuperDSMError(f"{where}: --ignore-border and --min-area leave out all true objects; use smaller bounds")
    if not any(tally.n_predicted for tally, _ in tallies):
        raise SuperDSMError(f"{where}: there are no labels, neither in the ground truth nor in the predicted images")
    warn(f"{where}: the ground truth holds no labels; every predicted object is spurious")


def find_pairs(args: argparse.Namespace, evaluated: Evaluated) -> list[Pair]:
    """Return the pairs; what has no partner is told, and noted in `evaluated`."""
    for path in (args.predicted, args.truth, args.images):
        if path is not None and not path.exists():
            raise ImageError(f"{path}: there is no such file or directory; check the path")
    if args.predicted.is_dir() != args.truth.is_dir():
        directory, file = sorted((args.predicted, args.truth), key=Path.is_file)
        raise ImageError(f"{directory}: is a directory, but {file} is a file; give two files or two directories")
    if not args.truth.is_dir():
        image = args.images
        if image is not None and image.is_dir():
            image = _images(image, [args.predicted.stem]).get(args.predicted.stem)
        name = args.predicted.stem
        return [Pair(name, args.predicted, args.truth, image, picture_path(args.overlay, name))]
    predicted, truth = _by_stem(args.predicted), _by_stem(args.truth)
    evaluated.without_prediction = sorted(truth.keys() - predicted.keys())
    evaluated.without_truth = sorted(predicted.keys() - truth.keys())
    common = sorted(truth.keys() & predicted.keys())
    if not common:
        raise ImageError(
            f"{args.predicted}: no label image in it is called like one in {args.truth}; the names without suffixes "
            f"have to be equal ({listed(sorted(predicted)) or 'none'}, but {listed(sorted(truth)) or 'none'})"
        )
    for names, here, there in (
        (evaluated.without_prediction, args.truth, args.predicted),
        (evaluated.without_truth, args.predicted, args.truth),
    ):
        if names:
            warn(f"{here}: {len(names)} without a partner in {there}, not evaluated: {listed(names)}")
    images = {} if args.images is None else _images(args.images, common)
    return [
        Pair(name, predicted[name], truth[name], images.get(name), picture_path(args.overlay, name)) for name in common
    ]


def _images(directory: Path, names: Sequence[str]) -> dict[str, Path]:
    """Return the images in a directory; say which are missing."""
    found = _by_stem(directory)
    if missing := [name for name in names if name not in found]:
        warn(f"{directory}: has no image for {listed(missing)}; what is wrong there is drawn on black")
    return found


def _by_stem(directory: Path) -> dict[str, Path]:
    """Return the image files in a directory by their names without suffixes."""
    from superdsm.plugins import registry

    if not directory.is_dir():
        raise ImageError(f"{directory}: is a file; give a directory, as the label images are in directories")
    suffixes = tuple(suffix for reader in registry().readers.values() for suffix in reader.suffixes)
    found: dict[str, Path] = {}
    for path in sorted(directory.iterdir()):
        if path.name.startswith(".") or not path.name.lower().endswith(suffixes):
            continue
        if path.stem in found:
            raise ImageError(f"{path}: has the same name as {found[path.stem].name}; remove or rename one of them")
        found[path.stem] = path
    return found


def evaluate_pair(pair: Pair, args: argparse.Namespace) -> "Evaluation":
    """Evaluate a label image, and write its picture.

    Raises
    ------
    ImageError
        Says which file is wrong.
    """
    from superdsm.metrics import evaluate

    predicted, truth = read_labels(pair.predicted), read_labels(pair.truth)
    try:
        result = evaluate(
            predicted, truth, partial=args.partial, ignore_border=args.ignore_border, min_area=args.min_area
        )
    except ImageError as exc:
        raise ImageError(f"{pair.predicted}: {exc} ({pair.truth})") from exc
    if pair.picture is not None:
        write_picture(pair.picture, pair.image, predicted, truth, result)
    return result


def read_labels(path: Path) -> "npt.NDArray[Any]":
    """Read a label image; warn if it looks like a mask.

    Raises
    ------
    ImageError
        It cannot be read, or is no label image.
    """
    from superdsm.io import read_image
    from superdsm.metrics.overlaps import check_labels

    labels = check_labels(read_image(path), str(path))
    if labels.size and labels.max() > 0 and labels.min() == 0:
        values = labels[labels > 0]
        if (values == values[0]).all():
            from scipy import ndimage

            pieces = int(ndimage.label(labels)[1])
            if pieces >= SEVERAL:
                warn(f"{path}: has one label in {pieces} separate pieces: is it a mask? an object has its own label")
    return labels


def picture_path(directory: Path | None, name: str) -> Path | None:
    """Return where the errors are drawn; None: they are not."""
    return None if directory is None else directory / f"{name}.png"


def write_picture(path: Path, image_path: Path | None, predicted: Any, truth: Any, result: "Evaluation") -> None:
    """Write the picture of the errors."""
    import numpy as np

    from superdsm.io import read_image, write_rgb
    from superdsm.io.render import overlay
    from superdsm.metrics.picture import error_picture

    background = None
    if image_path is not None:
        image = read_image(image_path)
        if image.shape[:2] != truth.shape:
            raise ImageError(f"{image_path}: has not the same size as its label images; give the image they belong to")
        if image.ndim == 3 and image.dtype != np.uint8:
            image = image.mean(axis=2)
        background = overlay(image, np.zeros(truth.shape, np.uint8))  # without objects: the image as it is shown
    write_rgb(path, error_picture(predicted, truth, result, background))
