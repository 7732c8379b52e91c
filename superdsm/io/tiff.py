"""TIFF files: planes, channels and pixel sizes, of plain files and those of ImageJ and OME.

A file is checked before anything is decoded: what it says of its pages has to fit into it, so that a damaged or hostile
file costs neither time nor memory.
"""

import contextlib
import logging
import math
import re
import struct
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.errors import ImageError, SuperDSMError
from superdsm.io.content import damaged, describe_shape, no_pixels
from superdsm.io.ome import MICROMETRES, OmeDescription, describe_ome
from superdsm.io.sources import ImageSource
from superdsm.io.tiff_parts import tiff_part

if TYPE_CHECKING:
    import numpy.typing as npt

MAX_PAGES = 1_000_000
WIDTH, LENGTH = 256, 257
UNSIGNED = {1: "B", 3: "H", 4: "I", 16: "Q"}  # types of numbers that cannot be negative
ALPHA = (1, 2)  # kinds of samples beside the colours
COLOURS = (2, 6)  # photometric interpretations: RGB and YCbCr, which is decoded to RGB
OTHER_COLOURS = {5: "CMYK", 8: "CIE L*a*b*", 9: "ICC L*a*b*", 10: "ITU L*a*b*"}
RESOLUTION_UNITS = {2: 25_400.0, 3: 10_000.0}  # inch and centimetre, in micrometres


def open_tiff(path: Path) -> ImageSource:
    """Open a TIFF file.

    Intensities are those that are stored. A palette that only says how they are shown (its brightness grows with the
    index) is left aside, as in ImageJ; other palettes are colours. Where small values are shown white they are
    inverted, except in files of ImageJ, whose look-up tables do not change intensities.

    Raises
    ------
    ImageError
        The file is damaged, or an image in a way that is not known.
    """
    offsets = page_offsets(path)
    with _reading(path) as tif:
        return _source(path, tif, offsets)


def page_offsets(path: Path) -> list[int]:
    """Follow the chain of pages.

    Returns
    -------
    list of int
        The offset of each page.

    Raises
    ------
    ImageError
        The chain returns to a page, leaves the file, or a page has no positive size.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(16)
        order = "<" if head[:2] == b"II" else ">"
        big = head[2:4] in (b"+\0", b"\0+")
        if len(head) < (16 if big else 8):
            raise damaged(path, "the header is cut off")
        (offset,) = struct.unpack_from(order + ("Q" if big else "I"), head, 8 if big else 4)
        offsets: dict[int, None] = {}
        while offset:
            if offset in offsets:
                raise damaged(path, "its pages form a loop")
            if len(offsets) == MAX_PAGES:
                raise damaged(path, f"it has more than {MAX_PAGES:,} pages")
            offsets[offset] = None
            offset = _next_page(path, file, offset, size, order, big)
    if not offsets:
        raise damaged(path, "it has no page")
    return list(offsets)


def _next_page(path: Path, file: Any, offset: int, size: int, order: str, big: bool) -> int:
    """Check the size that a page states; return the offset of the next page, 0 after the last."""
    count_format, entry_size, next_format = ("Q", 20, "Q") if big else ("H", 12, "I")
    file.seek(offset)
    data = file.read(struct.calcsize(order + count_format))
    if len(data) < struct.calcsize(order + count_format):
        raise damaged(path, "a page lies beyond its end")
    (count,) = struct.unpack(order + count_format, data)
    if count * entry_size > size - offset:
        raise damaged(path, "a page lies beyond its end")
    entries = file.read(count * entry_size)
    for position in range(0, len(entries) - entry_size + 1, entry_size):
        tag, kind = struct.unpack_from(order + "HH", entries, position)
        if tag in (WIDTH, LENGTH):
            value = position + (12 if big else 8)
            if kind not in UNSIGNED:
                raise damaged(path, "its width or height is no positive integer")
            struct.unpack_from(order + UNSIGNED[kind], entries, value)
    data = file.read(struct.calcsize(order + next_format))
    # Writers that were stopped leave the last link out.
    return int(struct.unpack(order + next_format, data)[0]) if len(data) == struct.calcsize(order + next_format) else 0


def _source(path: Path, tif: Any, offsets: list[int]) -> ImageSource:
    ome = describe_ome(tif.ome_metadata or "") if tif.is_ome else OmeDescription()
    first = tif.pages.first
    if not first.imagelength or not first.imagewidth:
        raise no_pixels(path, (first.imagelength, first.imagewidth))
    layout = _Layout.of(path, tif, ome, len(offsets))
    notes = []
    if first.photometric == 0 and not tif.is_imagej:
        notes.append("small values are shown white there: inverted")
    if _is_display_palette(first) or (first.colormap is not None and tif.is_imagej):
        notes.append("its palette only says how intensities are shown: left aside")

    def read_plane(indices: Mapping[str, int]) -> "npt.NDArray[Any]":
        with _reading(path) as again:
            return layout.read(path, again, indices)

    def read_part(indices: Mapping[str, int], rows: slice, columns: slice) -> "npt.NDArray[Any]":
        with _reading(path) as again:
            return layout.read(path, again, indices, (rows, columns))

    kind = "OME-TIFF" if tif.is_ome else "ImageJ TIFF" if tif.is_imagej else "BigTIFF" if tif.is_bigtiff else "TIFF"
    return ImageSource(
        path,
        kind,
        layout.sizes,
        str(first.dtype),
        read_plane,
        is_colour=layout.is_colour,
        channels=ome.channels if len(ome.channels) == layout.sizes.get("C", 1) else (),
        pixel_size=ome.pixel_size or _pixel_size(tif),
        notes=tuple(notes),
        read_part=read_part,
    )


class _Layout:
    """How planes lie in a file: a page for each, or several in a page.

    Attributes
    ----------
    sizes : dict of str to int
        As in `ImageSource`.
    is_colour : bool
        Whether planes are RGB.
    """

    def __init__(self, sizes: dict[str, int], is_colour: bool, plain: bool, paged: bool) -> None:
        self.sizes, self.is_colour = sizes, is_colour
        self._plain, self._paged = plain, paged

    @classmethod
    def of(cls, path: Path, tif: Any, ome: OmeDescription, n_pages: int) -> "_Layout":
        page = tif.pages.first
        whole = [page] if ome.has_other_files else [series for series in tif.series if not _is_extra(series)]
        if ome.has_other_files and n_pages > 1:
            raise ImageError(
                f"{path}: holds {n_pages} planes of an image that is spread over several files; save them in one file, "
                "or one plane in each"
            )
        if page.photometric in OTHER_COLOURS:
            raise ImageError(f"{path}: is in {OTHER_COLOURS[page.photometric]} colours; convert it to grey or RGB")
        series = whole[0]
        axes, shape = _axes(series.axes, page), tuple(series.shape)
        samples, alpha = page.samplesperpixel, sum(int(kind) in ALPHA for kind in page.extrasamples)
        is_colour = page.photometric in COLOURS and samples in (3, 4)
        plain = is_colour or samples == 1 + alpha  # alpha belongs to the plane, for the caller to look at
        sizes: dict[str, int] = {}
        if len(whole) > 1:
            sizes["S"] = len(whole)
        for axis, size in zip(axes, shape, strict=True):
            if axis == "s" and plain:
                continue
            name = "C" if axis == "s" else axis
            if name not in "TCZYX" or (name in sizes and name != "C"):
                raise ImageError(
                    f"{path}: is a stack ({describe_shape(shape)}, axes {series.axes}); save each plane as an image"
                )
            sizes[name] = sizes.get(name, 1) * size
        return cls(sizes, is_colour, plain, len(whole) > 1 or series.axes != page.axes)

    def read(
        self, path: Path, tif: Any, indices: Mapping[str, int], part: tuple[slice, slice] | None = None
    ) -> "npt.NDArray[Any]":
        """Read a plane, or a part of it: shape (rows, columns), or (rows, columns, samples) in colour."""
        if not self._paged:
            page, inner = tif.pages.first, dict(indices)
        else:
            series = [one for one in tif.series if not _is_extra(one)][indices.get("S", 0)]
            page, inner = self._page(series, indices)
        _check_page(path, page)
        axes = page.axes
        pieces = part is not None and axes in ("YX", "YXS") and not _needs_all(page)
        image = tiff_part(page, *part) if pieces and part is not None else page.asarray(maxworkers=1)
        if "S" in axes and not self._plain:
            image, axes = image.take(inner.get("C", 0), axes.index("S")), axes.replace("S", "")
        for axis in axes:
            if axis not in "YXS":
                image = image[inner.get("Z" if axis in "DZ" else axis, 0)]
        if axes == "SYX":
            image = image.transpose(1, 2, 0)
        image = _intensities(page, image, tif.is_imagej)
        return image if part is None or pieces else image[part]

    def _page(self, series: Any, indices: Mapping[str, int]) -> tuple[Any, dict[str, int]]:
        """Return the page that holds a plane."""
        page = series.pages[0]
        outer = len(series.axes) - len(page.axes)
        index = 0
        for axis, size in zip(_axes(series.axes, page)[:outer], series.shape[:outer], strict=True):
            index = index * size + indices.get(axis, 0)
        found = series.pages[index]
        return found.aspage() if hasattr(found, "aspage") else found, dict(indices)


def _needs_all(page: Any) -> bool:
    """Whether intensities depend on pixels elsewhere in a page: of palettes, and of signed numbers from white down."""
    return page.colormap is not None or bool(page.photometric == 0 and page.dtype.kind != "u")


def _axes(axes: str, page: Any) -> str:
    """Rename the axes of tifffile: unknown ones are z; samples are "s", which are channels if they are no colour."""
    names = {"Q": "Z", "I": "Z", "D": "Z", "S": "s", "A": "T", "P": "Z", "R": "T", "H": "C"}
    return "".join(names.get(axis, axis) for axis in axes)


def _is_extra(series: Any) -> bool:
    """Whether a series is a thumbnail, a level of a pyramid or a label, not an image."""
    page = series.pages[0]
    return bool(page is not None and page.is_reduced)


def _check_page(path: Path, page: Any) -> None:
    """Check that what a page says of its strips or tiles is there, before memory is taken for it."""
    size = path.stat().st_size
    if len(page.dataoffsets) < math.prod(page.chunked):
        raise damaged(path, f"{math.prod(page.chunked) - len(page.dataoffsets)} of its strips or tiles are missing")
    for offset, length in zip(page.dataoffsets, page.databytecounts, strict=True):
        if length == 0 or offset + length > size:
            raise damaged(path, f"{offset + length - size} bytes are missing" if length else "pixels are missing")


def _intensities(page: Any, image: "npt.NDArray[Any]", is_imagej: bool) -> "npt.NDArray[Any]":
    import numpy as np

    palette = page.colormap
    if palette is not None and not is_imagej and not _is_display_palette(page):
        index = image.astype(np.uint8) if image.dtype == bool else image
        if image.ndim == 2 and index.max(initial=0) < palette.shape[1]:
            return np.asarray(palette.T[index])
    if page.photometric == 0 and not is_imagej:
        return ~image if image.dtype == bool else _inverted(image, page.bitspersample)
    return image


def _inverted(image: "npt.NDArray[Any]", bits: int) -> "npt.NDArray[Any]":
    import numpy as np

    largest = (1 << bits) - 1 if image.dtype.kind == "u" else image.max(initial=0)
    return np.asarray(largest - image, image.dtype)


def _is_display_palette(page: Any) -> bool:
    """Whether a palette orders its colours by brightness, as look-up tables for the display do."""
    import numpy as np

    if page.colormap is None:
        return False
    brightness = np.array([0.2126, 0.7152, 0.0722]) @ page.colormap.astype(np.float64)
    return bool((np.diff(brightness) >= 0).all())


def _pixel_size(tif: Any) -> tuple[float, float] | None:
    """Height and width of a pixel in micrometres, by what ImageJ writes or by the resolution tags."""
    tags, imagej = tif.pages.first.tags, tif.imagej_metadata or {}
    unit = MICROMETRES.get(str(imagej.get("unit", "")).strip().replace("\\u00B5", "µ"))
    if unit is None and not tif.is_imagej:
        unit = RESOLUTION_UNITS.get(int(tags.valueof(296, 0) or 0))
    if unit is None:
        return None
    sizes = []
    for tag in (283, 282):
        numerator, denominator = tags.valueof(tag, (0, 1)) or (0, 1)
        sizes.append(unit * denominator / numerator if numerator > 0 and denominator > 0 else 0.0)
    # 72 or 96 per inch is what programs write that know nothing of a resolution.
    screen = unit == RESOLUTION_UNITS[2] and any(abs(size - 25_400 / dpi) < 1 for size in sizes for dpi in (72, 96))
    return (sizes[0], sizes[1]) if min(sizes) > 0 and not screen and sizes[0] < 1e4 else None


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[Any]:
    """Open a file; whatever tifffile raises, or logs that concerns pixels, is one error."""
    import tifffile

    with _tifffile_messages() as messages:
        try:
            with tifffile.TiffFile(path) as tif:
                tif.pages.useframes = False
                yield tif
        except (SuperDSMError, MemoryError):
            raise
        except Exception as exc:
            raise damaged(path, exc) from exc
    if messages:
        raise damaged(path, messages[0])


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
