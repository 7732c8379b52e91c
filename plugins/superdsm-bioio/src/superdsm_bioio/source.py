"""From a file that bioio reads to an image source of superdsm."""

import contextlib
import importlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from superdsm import ImageError
from superdsm.io import ImageSource
from superdsm_bioio.formats import Format

AXES = "TCZ"  # in the order of bioio; samples of a colour are "S" there, and scenes are no axis


def open_image(path: Path, file_format: Format) -> ImageSource:
    """Open a file: only what describes it is read.

    Parameters
    ----------
    path : Path
        The file.
    file_format : Format
        What it is.

    Raises
    ------
    ImageError
        The package that reads it is not installed, or the file cannot be read.
    """
    with _quiet(path, file_format):
        image = _opened(path, file_format)
        scenes = len(image.scenes)
        shapes = []
        for scene in range(scenes):
            image.set_scene(scene)
            shapes.append({axis: int(getattr(image.dims, axis, 1)) for axis in (*AXES, "Y", "X")})
        image.set_scene(0)
        samples = int(getattr(image.dims, "S", 1)) if "S" in image.dims.order else 1
        # Scenes may differ: axes are as long as in the largest one; what a scene has not is an error when it is read
        longest = {axis: max(shape[axis] for shape in shapes) for axis in AXES}
        sizes = {"S": scenes} if scenes > 1 else {}
        sizes |= {axis: size for axis, size in longest.items() if size > 1}
        names = tuple(str(name) for name in image.channel_names or ())
        return ImageSource(
            path,
            f"{file_format.name.upper()} ({file_format.doc})",
            {**sizes, "Y": shapes[0]["Y"], "X": shapes[0]["X"]},
            str(image.dtype),
            partial(read_plane, path, file_format),
            is_colour=samples >= 3,
            channels=names if len(names) == sizes.get("C", 1) else (),
            pixel_size=_pixel_size(image),
            notes=_notes(shapes),
        )


def read_plane(path: Path, file_format: Format, indices: Mapping[str, int]) -> Any:
    """Read a plane, and nothing else of the file: shape (rows, columns), or (rows, columns, samples) in colour.

    Raises
    ------
    ImageError
        There is no such plane, or it cannot be read.
    """
    with _quiet(path, file_format):
        image = _opened(path, file_format)
        image.set_scene(indices.get("S", 0))
        chosen = {axis: indices.get(axis, 0) for axis in AXES}
        for axis, index in chosen.items():
            if index >= getattr(image.dims, axis, 1):
                raise ImageError(
                    f"{path}: scene {indices.get('S', 0)} has only {getattr(image.dims, axis)} {axis} planes"
                )
        order = "YXS" if "S" in image.dims.order else "YX"
        plane = image.get_image_dask_data(order, **chosen).compute(scheduler="synchronous")
        return plane[..., 0] if order == "YXS" and plane.shape[2] == 1 else plane


def read_only_plane(path: Path, file_format: Format) -> Any:
    """Read the only plane of a file."""
    return open_image(path, file_format).read()


def _opened(path: Path, file_format: Format) -> Any:
    try:
        reader = importlib.import_module(file_format.module).Reader
        from bioio import BioImage
    except ImportError as exc:
        raise ImageError(
            f"{path}: {file_format.name.upper()} files need the package {file_format.module.replace('_', '-')}; "
            f"install it: pip install 'superdsm-bioio[{file_format.name}]' ({exc})"
        ) from exc
    return BioImage(str(path), reader=reader)


def _pixel_size(image: Any) -> tuple[float, float] | None:
    """Return height and width of a pixel in micrometres, where the file tells them."""
    try:
        sizes = image.physical_pixel_sizes
    except Exception:  # noqa: BLE001 - whatever metadata a reader stumbles over, the pixels can be read
        return None
    height, width = sizes.Y, sizes.X
    return (float(height), float(width)) if height and width and height > 0 and width > 0 else None


def _notes(shapes: list[dict[str, int]]) -> tuple[str, ...]:
    if all(shape == shapes[0] for shape in shapes):
        return ()
    return (f"its {len(shapes)} scenes have different sizes; the first has {shapes[0]['Y']} x {shapes[0]['X']} px",)


@contextlib.contextmanager
def _quiet(path: Path, file_format: Format) -> Iterator[None]:
    """Whatever a reader raises is one error; what it warns of or logs concerns metadata, and is not shown."""
    logging.getLogger(file_format.module).addHandler(logging.NullHandler())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except (ImageError, MemoryError):
            raise
        except Exception as exc:
            detail = " ".join(str(exc).split())[:200] or type(exc).__name__
            raise ImageError(
                f"{path}: cannot be read as {file_format.name.upper()} ({detail}); copy it from its source once more, "
                "or export it as OME-TIFF"
            ) from exc
