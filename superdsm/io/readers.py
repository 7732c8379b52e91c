"""Built-in readers of image files, and what the first bytes of a file say about it."""

import contextlib
import logging
import re
import struct
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from superdsm.errors import ImageError, SuperDSMError
from superdsm.records import Reader

DAMAGED = "copy it from its source once more"
SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"BM", "BMP"),
    (b"GIF8", "GIF"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x1f\x8b", "gzip"),
)


def describe_shape(shape: tuple[int, ...]) -> str:
    """Return a shape as in "512 x 512"."""
    return " x ".join(map(str, shape))


def one_line(exc: BaseException) -> str:
    """Describe an exception of a library in one line."""
    text = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
    return " ".join(text.split())[:200] or type(exc).__name__


def content(path: Path) -> str:
    """Say what a file holds, judging by its first bytes; "" if that is unknown."""
    with path.open("rb") as file:
        head = file.read(512)
    for signature, name in SIGNATURES:
        if head.startswith(signature):
            return f"a {name} file"
    if not head:
        return "an empty file"
    text = head.decode("utf-8", errors="replace").rstrip("\ufffd")
    return "a text file" if all(char.isprintable() or char.isspace() for char in text) else ""


def _check_signature(path: Path, data: bytes, name: str) -> None:
    if any(data.startswith(signature) for signature, known in SIGNATURES if known == name):
        return
    what = content(path)
    if what in ("a PNG file", "a TIFF file", "a JPEG file", "a BMP file"):
        raise ImageError(f"{path}: is {what} in spite of its suffix {path.suffix!r}; rename it")
    raise ImageError(f"{path}: is {what or 'something else'}, not a {name} image; {DAMAGED}, or convert it")


def _damaged(path: Path, detail: object) -> ImageError:
    return ImageError(f"{path}: is truncated or damaged ({' '.join(str(detail).split())[:200]}); {DAMAGED}")


def read_png(path: Path) -> Any:
    """Read a PNG image in its full depth; palettes are expanded to RGB."""
    import imagecodecs

    data = path.read_bytes()
    _check_signature(path, data, "PNG")
    try:
        return imagecodecs.png_decode(_pixel_chunks(path, data))
    except (RuntimeError, ValueError) as exc:
        raise _damaged(path, exc) from exc


def _pixel_chunks(path: Path, data: bytes) -> bytes:
    """Return a PNG file without the chunks that do not matter here, about which libpng would print warnings.

    Everything is kept from the first chunk on that is not whole, for the decoder to complain.
    """
    chunks, position = [data[:8]], 8
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            break
        if name == b"IHDR" and length == 13:
            width, height = struct.unpack_from(">II", data, position + 8)
            if not width or not height:
                raise _no_pixels(path, (height, width))
        if name in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            chunks.append(data[position:end])
        position = end
    return b"".join([*chunks, data[position:]])


def _no_pixels(path: Path, shape: tuple[int, ...]) -> ImageError:
    return ImageError(f"{path}: has no pixels ({describe_shape(shape)}); remove it from the images")


def read_with_imageio(path: Path, name: str) -> Any:
    """Read an image in the format `name` (JPEG or BMP)."""
    import warnings

    import imageio.v3 as iio

    data = path.read_bytes()
    _check_signature(path, data, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the size of large images, and of odd metadata
            image = iio.imread(data, plugin="pillow", extension=path.suffix.lower())
    except Exception as exc:
        raise _damaged(path, exc) from exc
    if name == "JPEG" and image.ndim == 3 and image.shape[2] == 4:
        raise ImageError(f"{path}: is in CMYK colours; convert it to grey or RGB")
    return image


def read_tiff(path: Path) -> Any:
    """Read a TIFF file with one 2-D image.

    Palettes are expanded to RGB, except in files from ImageJ, where a palette only says how intensities are shown.
    Intensities stay as they are stored, also where a file says that small values are bright (as in ImageJ).
    """
    import tifffile

    with path.open("rb") as file:
        _check_signature(path, file.read(8), "TIFF")
    with _tifffile_messages() as messages:
        try:
            with tifffile.TiffFile(path) as tif:
                page = _single_page(path, tif)
                image = page.asarray(maxworkers=1)
                palette = None if tif.is_imagej else page.colormap
                axes = page.axes
        except SuperDSMError:
            raise
        except MemoryError:
            raise
        except Exception as exc:
            raise _damaged(path, exc) from exc
    if messages:
        raise _damaged(path, messages[0])
    if axes == "SYX":
        image = image.transpose(1, 2, 0)
    if palette is not None and image.ndim == 2 and image.max(initial=0) < palette.shape[1]:
        image = palette.T[image]
    return image


def _single_page(path: Path, tif: Any) -> Any:
    """Return the only page of a TIFF file, thumbnails and pyramid levels aside."""
    tif.pages.useframes = False
    page = tif.pages.first
    if not page.imagelength or not page.imagewidth:
        raise _no_pixels(path, (page.imagelength, page.imagewidth))
    count = sum(not other.is_reduced for other in tif.pages)
    shape = tif.series[0].shape if tif.series else page.shape
    if page.axes not in ("YX", "YXS", "SYX") or count > 1 or tif.series[0].size > page.size:
        what = f"{count} pages of {describe_shape(page.shape)}" if count > 1 else describe_shape(shape)
        raise ImageError(f"{path}: is a stack ({what}), not a 2-D image; save each plane or channel as an image")
    size = path.stat().st_size
    for offset, length in zip(page.dataoffsets, page.databytecounts, strict=True):
        if length == 0 or offset + length > size:
            raise _damaged(path, f"{offset + length - size} bytes are missing" if length else "pixels are missing")
    return page


# Size, bits, compression, colours, orientation, strips, samples, layout, predictor, tiles, alpha, sample format
STRUCTURAL_TAGS = {256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 284, 317, 322, 323, 324, 325, 338, 339}


def _is_harmless(message: str) -> bool:
    """Whether a message of tifffile concerns only what describes the image, not its pixels."""
    tag = re.search(r"TiffTag (\d+)", message)
    return int(tag[1]) not in STRUCTURAL_TAGS if tag else " series " in message


class _Collector(logging.Handler):
    """Collects what tifffile logs, in this thread, where it does not raise although pixels may be wrong."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []
        self.thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.levelno >= logging.ERROR and record.thread == self.thread and not _is_harmless(message):
            self.messages.append(message)


@contextlib.contextmanager
def _tifffile_messages() -> Iterator[list[str]]:
    logger, collector = logging.getLogger("tifffile"), _Collector()
    logger.addHandler(collector)
    try:
        yield collector.messages
    finally:
        logger.removeHandler(collector)


READERS: tuple[Reader, ...] = (
    Reader("png", (".png",), read_png),
    Reader("tiff", (".tif", ".tiff"), read_tiff),
    Reader("jpeg", (".jpg", ".jpeg"), partial(read_with_imageio, name="JPEG")),
    Reader("bmp", (".bmp",), partial(read_with_imageio, name="BMP")),
)
