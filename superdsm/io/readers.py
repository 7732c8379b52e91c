"""Built-in readers of image files; each reads by content, whatever the suffix is."""

import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from superdsm.errors import ImageError
from superdsm.io.content import damaged, format_of, no_pixels, not_an_image
from superdsm.io.sources import ImageSource
from superdsm.records import Reader

CMYK_CHANNELS = 4


def open_file(path: Path, expected: str) -> ImageSource:
    """Open an image file by its content.

    Parameters
    ----------
    path : Path
        The file.
    expected : str
        The format that its suffix stands for, for the error.

    Raises
    ------
    ImageError
        The file is of no known format, or is damaged.
    """
    name = format_of(path)
    if name == "TIFF":
        from superdsm.io.tiff import open_tiff

        return open_tiff(path)
    if name not in DECODERS:
        raise not_an_image(path, expected)
    image = DECODERS[name](path)
    samples = image.shape[2] if image.ndim == 3 else 1
    sizes = {"Y": image.shape[0], "X": image.shape[1]}
    return ImageSource(path, name, sizes, str(image.dtype), lambda indices: image, is_colour=samples > 2)


def read_file(path: Path, expected: str) -> Any:
    """Read the only plane of an image file by its content; see `open_file`."""
    return open_file(path, expected).read()


def read_png(path: Path) -> Any:
    """Read a PNG image in its full depth; palettes are expanded to RGB."""
    import imagecodecs

    try:
        return imagecodecs.png_decode(_pixel_chunks(path, path.read_bytes()))
    except (RuntimeError, ValueError) as exc:
        raise damaged(path, exc) from exc


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
                raise no_pixels(path, (height, width))
        if name in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            chunks.append(data[position:end])
        position = end
    return b"".join([*chunks, data[position:]])


def read_with_imageio(path: Path, name: str) -> Any:
    """Read an image in the format `name` (JPEG or BMP)."""
    import warnings

    import imageio.v3 as iio

    data = path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the size of large images, and of odd metadata
            image = iio.imread(data, plugin="pillow", extension=f".{name.lower()}")
    except Exception as exc:
        if not _is_refused_for_its_size(exc):
            raise damaged(path, exc) from exc
        if name != "JPEG":
            raise ImageError(f"{path}: is too large for a {name} file; convert it to TIFF") from exc
        image = _large_jpeg(path, data)
    if name == "JPEG" and image.ndim == 3 and image.shape[2] == CMYK_CHANNELS:
        raise ImageError(f"{path}: is in CMYK colours; convert it to grey or RGB")
    return image


def _is_refused_for_its_size(exc: BaseException | None) -> bool:
    from PIL.Image import DecompressionBombError

    while exc is not None and not isinstance(exc, DecompressionBombError):
        exc = exc.__cause__ or exc.__context__
    return exc is not None


def _large_jpeg(path: Path, data: bytes) -> Any:
    """Read a JPEG image of more pixels than Pillow is willing to (scanned slides, mosaics)."""
    import imagecodecs

    try:
        return imagecodecs.jpeg_decode(data)
    except (RuntimeError, ValueError) as exc:
        raise damaged(path, exc) from exc


DECODERS: dict[str, Callable[[Path], Any]] = {
    "PNG": read_png,
    "JPEG": partial(read_with_imageio, name="JPEG"),
    "BMP": partial(read_with_imageio, name="BMP"),
}


def _reader(name: str, expected: str, suffixes: tuple[str, ...], version: str = "1") -> Reader:
    read, opened = partial(read_file, expected=expected), partial(open_file, expected=expected)
    return Reader(name, suffixes, read, version, opened)


READERS: tuple[Reader, ...] = (
    _reader("png", "PNG", (".png",)),
    # 2: palettes for the display are left aside, small values that are shown white are inverted
    _reader("tiff", "TIFF", (".tif", ".tiff", ".btf", ".tf8", ".stk", ".lsm"), "2"),
    _reader("jpeg", "JPEG", (".jpg", ".jpeg")),
    _reader("bmp", "BMP", (".bmp",)),
)
