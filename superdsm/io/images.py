"""Images in and out: readers by suffix, label images and pictures to PNG, TIFF and JPEG.

Whatever is wrong with a file ends in one `ImageError` line that says which file, what is wrong, and what to do.
"""

import contextlib
import stat
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm import writing
from superdsm.errors import ImageError, SuperDSMError
from superdsm.io.content import DAMAGED, content, describe_shape, format_of, one_line
from superdsm.io.readers import READERS
from superdsm.io.sources import ImageSource, Selection
from superdsm.jsonable import digest_bytes
from superdsm.records import Reader, reader_by_suffix

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = [
    "READERS",
    "check_suffix",
    "open_image",
    "read_image",
    "read_plane",
    "reader_for",
    "replacing",
    "save_labels",
    "save_rgb",
    "write_labels",
    "write_rgb",
]

OME_SUFFIXES = (".ome.tif", ".ome.tiff")
LABEL_SUFFIXES = (".png", ".tif", ".tiff")
PICTURE_SUFFIXES = (*LABEL_SUFFIXES, ".jpg", ".jpeg")
MAX_UINT16 = 65_535
MICROMETRE = "\\u00B5m"  # as ImageJ escapes it


def read_image(path: str | Path, reader: Reader | None = None, select: Selection | None = None) -> "npt.NDArray[Any]":
    """Read an image.

    Parameters
    ----------
    path : str or Path
        The file.
    reader : Reader, optional
        What reads it; by default the reader of its suffix.
    select : Selection, optional
        Which plane of a stack, and which channel, to read.

    Returns
    -------
    ndarray, shape (rows, columns) or (rows, columns, 3)
        Intensities in the type in which they are stored. An opaque alpha channel is dropped.

    Raises
    ------
    ImageError
        The file is missing, damaged, of an unknown format, not a plain 2-D image of finite intensities, or a stack of
        which no plane is chosen (the error lists what there is).
    """
    return read_plane(open_image(path, reader), select)


def read_builtin(path: str) -> "npt.NDArray[Any]":
    """Read an image with a built-in reader; those of plugins are known in the parent process only."""
    return read_image(path, reader_for(Path(path), READERS))


def open_image(path: str | Path, reader: Reader | None = None) -> ImageSource:
    """Open an image file, to see what it holds and to read a plane of it with `read_plane`.

    Parameters
    ----------
    path : str or Path
        The file.
    reader : Reader, optional
        What reads it; by default the reader of its suffix.

    Raises
    ------
    ImageError
        The file is missing, damaged, or of an unknown format.
    """
    import numpy as np

    path = Path(path)
    reader = reader or reader_for(path)
    with _one_error(path, reader.name):
        if reader.open:
            source: ImageSource = reader.open(path)
            return source
        image = np.asarray(reader.read(path))
        sizes = dict(zip("YX", image.shape, strict=False))
        return ImageSource(path, reader.name, sizes, str(image.dtype), lambda indices: image, is_colour=image.ndim > 2)


def read_plane(source: ImageSource, select: Selection | None = None) -> "npt.NDArray[Any]":
    """Read a plane of an opened file; see `read_image`."""
    import numpy as np

    with _one_error(source.path, source.format):
        image = np.asarray(source.read(select))
    return _plain_image(source.path, image)


@contextlib.contextmanager
def _one_error(path: Path, reader: str) -> Iterator[None]:
    """Whatever a reader raises becomes an `ImageError`."""
    try:
        yield
    except SuperDSMError:
        raise
    except MemoryError as exc:
        raise ImageError(f"{path}: does not fit into memory; cut it into smaller images") from exc
    except OSError as exc:
        raise ImageError(f"{path}: cannot be read ({one_line(exc)}); {DAMAGED}, or check its permissions") from exc
    except Exception as exc:
        raise ImageError(f"{path}: the reader {reader!r} failed ({one_line(exc)}); {DAMAGED}") from exc


def reader_for(path: Path, readers: Iterable[Reader] | None = None) -> Reader:
    """Return the reader for the suffix of an existing file.

    Parameters
    ----------
    path : Path
        The file.
    readers : iterable of Reader, optional
        The readers to choose from; by default the built-in ones and those of plugins.

    Raises
    ------
    ImageError
        The file does not exist, or no reader knows its suffix.
    """
    if readers is None:
        from superdsm.plugins import registry

        readers = registry().readers.values()
    readers = tuple(readers)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as exc:
        raise ImageError(f"{path}: there is no such file; check the path") from exc
    except (OSError, ValueError) as exc:
        raise ImageError(f"{path}: cannot be read ({one_line(exc)}); check the path and its permissions") from exc
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ImageError(f"{path}: is no regular file (a pipe, a device or a socket); copy its content to a file")
    found = reader_by_suffix(path.name, readers)
    if path.is_dir() and (found is None or found in READERS):
        raise ImageError(f"{path}: is a directory; give image files, for instance {path}/*.png")
    if found is None:
        format_ = format_of(path)
        found = next((reader for reader in READERS if reader.name.upper() == format_), None)
    if found is None:
        what = content(path)
        raise ImageError(
            f"{path}: is {what or 'of an unknown format'}; convert it to one of the formats that can be read: "
            + ", ".join(sorted({suffix for reader in readers for suffix in reader.suffixes}))
        )
    return found


def write_labels(path: str | Path, labels: "npt.NDArray[Any]", pixel_size: tuple[float, float] | None = None) -> None:
    """Write a label image; equal labels give equal bytes.

    Parameters
    ----------
    path : str or Path
        PNG (16 bit) or TIFF (16 bit, or 32 bit for more than 65,535 objects; Deflate), by suffix; ``.ome.tif``:
        OME-TIFF.
    labels : ndarray of int, shape (rows, columns)
        The labels; 0 is the background.
    pixel_size : tuple of float, optional
        Height and width of a pixel, in micrometres; TIFF files keep it, as Fiji, QuPath and napari read it.

    Raises
    ------
    ImageError
        The file cannot be written, or its format cannot hold so many objects.
    """
    with replacing(Path(path)) as temporary:
        save_labels(temporary, labels, pixel_size)


def write_rgb(path: str | Path, rgb: "npt.NDArray[np.uint8]") -> None:
    """Write a picture as PNG, TIFF or JPEG by suffix; equal pictures give equal bytes.

    Parameters
    ----------
    path : str or Path
        The file.
    rgb : ndarray of uint8, shape (rows, columns, 3)
        The picture.

    Raises
    ------
    ImageError
        The file cannot be written.
    """
    with replacing(Path(path)) as temporary:
        save_rgb(temporary, rgb)


def save_labels(path: Path, labels: "npt.NDArray[Any]", pixel_size: tuple[float, float] | None = None) -> None:
    """Write a label image right to `path`, for callers that use `replacing` themselves; see `write_labels`."""
    import numpy as np

    check_suffix(path, LABEL_SUFFIXES, "label images")
    if path.name.lower().endswith(OME_SUFFIXES):
        save_ome(path, labels, pixel_size)
        return
    largest = int(labels.max(initial=0))
    if path.suffix.lower() == ".png" and largest > MAX_UINT16:
        raise ImageError(f"{path}: PNG holds at most 65,535 objects, but there are {largest:,}; write a .tif file")
    pixels = np.ascontiguousarray(labels, dtype=np.uint16 if largest <= MAX_UINT16 else np.uint32)
    _encode(path, pixels, pixel_size)


def save_ome(path: Path, labels: "npt.NDArray[Any]", pixel_size: tuple[float, float] | None = None) -> None:
    """Write a label image as OME-TIFF right to `path`; see `write_labels`."""
    import numpy as np
    import tifffile

    largest = int(labels.max(initial=0))
    pixels = np.ascontiguousarray(labels, dtype=np.uint16 if largest <= MAX_UINT16 else np.uint32)
    size: dict[str, Any] = {}
    if pixel_size:
        size = {"PhysicalSizeY": pixel_size[0], "PhysicalSizeX": pixel_size[1]}
        size |= {"PhysicalSizeYUnit": "µm", "PhysicalSizeXUnit": "µm"}
    # The identifier follows from the pixels, so that equal labels give equal bytes.
    identifier = str(uuid.UUID(digest_bytes(pixels.data)[:32]))
    metadata = {"axes": "YX", "UUID": identifier, "Creator": "superdsm", "Channel": {"Name": ["labels"]}, **size}
    tifffile.imwrite(path, pixels, ome=True, photometric="minisblack", compression="zlib", metadata=metadata)


def save_rgb(path: Path, rgb: "npt.NDArray[np.uint8]") -> None:
    """Write a picture right to `path`, for callers that use `replacing` themselves; see `write_rgb`."""
    import numpy as np

    check_suffix(path, PICTURE_SUFFIXES, "pictures")
    _encode(path, np.ascontiguousarray(rgb, dtype=np.uint8))


def check_suffix(path: Path, suffixes: Sequence[str], what: str) -> None:
    """Raise an `ImageError` unless `path` has one of the `suffixes` (none: anything goes)."""
    if suffixes and not path.name.lower().endswith(tuple(suffixes)):
        given = repr(path.suffix) if path.suffix else "no suffix"
        known = ", ".join(suffixes[:-1]) + " or " * (len(suffixes) > 1) + suffixes[-1]
        raise ImageError(f"{path}: {what} are written as {known}, not {given}; change the file name")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` with its suffix, which takes the place of `path` if no error occurs.

    Raises
    ------
    ImageError
        The file cannot be written. Nothing is left behind, and an earlier file is untouched.
    """
    temporary = path
    try:
        with writing.replacing(path) as temporary:
            yield temporary
    except SuperDSMError as exc:
        raise ImageError(str(exc).replace(str(temporary), str(path))) from exc
    except OSError as exc:
        raise ImageError(f"{path}: cannot be written ({one_line(exc)}); check the path and the disk") from exc


def png_bytes(pixels: "npt.NDArray[Any]") -> bytes:
    """Return a picture or label image as PNG; equal pixels give equal bytes."""
    import imagecodecs

    # Contours and labels are flat: without a filter, files are smaller and written six times as fast.
    return bytes(imagecodecs.png_encode(pixels, level=2, filter=imagecodecs.PNG.FILTER.NONE))


def _encode(path: Path, pixels: "npt.NDArray[Any]", pixel_size: tuple[float, float] | None = None) -> None:
    suffix = path.suffix.lower()
    if suffix == ".png":
        path.write_bytes(png_bytes(pixels))
    elif suffix in (".tif", ".tiff"):
        import tifffile

        photometric = "rgb" if pixels.ndim == 3 else "minisblack"
        size: dict[str, Any] = {}
        if pixel_size:
            # As ImageJ writes it: pixels per unit, and the unit in the description.
            description = f"ImageJ=1.54f\nimages=1\nunit={MICROMETRE}\n"
            resolution = (1 / pixel_size[1], 1 / pixel_size[0])
            size = {"resolution": resolution, "resolutionunit": "NONE", "description": description}
        # Neither a date nor a program: the bytes depend on the pixels and their size alone.
        tifffile.imwrite(
            path, pixels, photometric=photometric, compression="zlib", software=False, metadata=None, **size
        )
    else:
        import imageio.v3 as iio

        iio.imwrite(path, pixels, extension=".jpg", plugin="pillow", quality=92)


def _plain_image(path: Path, image: "npt.NDArray[Any]") -> "npt.NDArray[Any]":
    """Check that an array is a 2-D image, grey or in colour; drop an opaque alpha channel."""
    import numpy as np

    if image.dtype.kind not in "buif":
        raise ImageError(f"{path}: holds values of type {image.dtype}; convert it to integers or floats")
    if image.ndim not in (2, 3):
        raise ImageError(f"{path}: has {image.ndim} axes; give a 2-D image")
    if image.size == 0:
        raise ImageError(f"{path}: has no pixels ({describe_shape(image.shape)}); remove it from the images")
    if image.ndim == 3:
        image = _without_alpha(path, image)
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        count = image.size - int(np.isfinite(image).sum())
        raise ImageError(f"{path}: {count} of its values are NaN or infinite; replace them by finite intensities")
    return image.astype(image.dtype.newbyteorder("="), copy=False)


def _without_alpha(path: Path, image: "npt.NDArray[Any]") -> "npt.NDArray[Any]":
    channels = image.shape[2]
    if channels in (2, 4):
        opaque = {"b": True, "f": 1.0}.get(image.dtype.kind) or _largest(image.dtype)
        if not (image[..., -1] == opaque).all():
            raise ImageError(f"{path}: has transparent pixels (an alpha channel); flatten it to grey or RGB")
        image, channels = image[..., :-1], channels - 1
    if channels == 1:
        return image[..., 0]
    if channels != 3:
        raise ImageError(
            f"{path}: is 3-D ({describe_shape(image.shape)}): neither grey nor RGB; save each plane as an image"
        )
    return image


def _largest(dtype: "np.dtype[Any]") -> int:
    import numpy as np

    return int(np.iinfo(dtype).max)
