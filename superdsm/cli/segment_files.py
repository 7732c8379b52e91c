"""The files of ``superdsm segment``: which are meant, which must not be written, and what no PNG can hold."""

import glob
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.errors import ImageError, SuperDSMError
from superdsm.places import Places
from superdsm.writing import remove_leftovers

if TYPE_CHECKING:
    import numpy.typing as npt

SCRIPTS = ".py"
MOST_IN_PNG = 65_535


def expanded(images: Iterable[Path]) -> list[Path]:
    """Return the images, with those that a pattern stands for in its place.

    The shells of Windows hand patterns over as they are. A file whose name looks like a pattern is that file.

    Raises
    ------
    ImageError
        There is no file of that name, and none that the pattern stands for.
    """
    found: list[Path] = []
    for path in images:
        text = str(path)
        if not glob.has_magic(text) or path.exists():
            found.append(path)
            continue
        matches = sorted(Path(match) for match in glob.iglob(text, recursive=True))  # noqa: PTH207 - as the user wrote it
        if not matches:
            raise ImageError(f"{path}: there is no such file, and none that the pattern stands for; check the path")
        found += matches
    return found


def inputs_of(images: Iterable[Path], config: Path | None, stages: Iterable[str]) -> Places[str]:
    """Return what is read: images, a file with hyperparameters, and the scripts among the stages of ``--use``."""
    places: Places[str] = Places()
    for image in images:
        places.add(str(image), "one of the images")
    if config is not None:
        places.add(str(config), "the file of --config")
    for name in stages:
        script = name.rpartition(":")[0]
        if script.endswith(SCRIPTS):
            places.add(str(Path(script).expanduser()), "a script of --use")
    return places


def check_outputs(outputs: Sequence[tuple[Path | None, ...]], inputs: Places[str]) -> None:
    """Check that every file to be written, all but the first of each, has a name of its own, and can be written.

    Raises
    ------
    SuperDSMError
        One has not, or is one that is read, whatever it is called.
    """
    made_from: Places[Path | None] = Places()
    directories: dict[Path, None] = {}
    for image, *paths in outputs:
        for path in filter(None, paths):
            if what := inputs.find(str(path)):
                raise SuperDSMError(f"{path}: is {what} and would be overwritten; choose another output")
            if (other := made_from.find(str(path))) is not None:
                raise SuperDSMError(
                    f"{path}: would be written twice, for {other} and for {image}; "
                    f"segment images of the same name separately, and give --overlay another path than -o"
                )
            if path.is_dir():
                raise SuperDSMError(f"{path}: is a directory; choose another name for the output")
            made_from.add(str(path), image)
            directories[path.resolve().parent] = None
    for directory in directories:
        _check_writable(directory)
        remove_leftovers(directory)


def _check_writable(directory: Path) -> None:
    import tempfile

    existing = next(path for path in (directory, *directory.parents) if path.exists())
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as exc:
        raise SuperDSMError(
            f"{directory}: the output cannot be written there ({existing}: {exc.strerror}); choose another directory"
        ) from exc


def write_label_image(
    path: Path, labels: "npt.NDArray[Any]", pixel_size: tuple[float, float] | None
) -> tuple[Path, tuple[str, ...]]:
    """Write a label image; if a PNG cannot hold so many objects, a TIFF file beside it that is new.

    Returns
    -------
    path : Path
        The file.
    warnings : tuple of str
        What the user has to know if it is another one than was asked for.
    """
    from superdsm.io import write_labels

    count = int(labels.max(initial=0))
    if path.suffix.lower() != ".png" or count <= MOST_IN_PNG:
        write_labels(path, labels, pixel_size)
        return path, ()
    names = itertools.chain([f"{path.stem}.labels.tif"], (f"{path.stem}.labels-{n}.tif" for n in itertools.count(2)))
    other = next(place for name in names if not (place := path.with_name(name)).exists())
    write_labels(other, labels, pixel_size)
    hint = "give -o a name that ends in .tif, or --format tif"
    return other, (f"the labels are in {other}, for PNG holds {MOST_IN_PNG:,} objects; {hint}",)
