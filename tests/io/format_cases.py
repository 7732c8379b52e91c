"""Kinds of image files, how each is written, and what has to be read from it: the table of docs/formats.md."""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from superdsm.io import Selection

RNG = np.random.default_rng(7)
ROWS, COLS = 23, 31
GREY = RNG.integers(0, 256, (ROWS, COLS), dtype=np.uint8)
DEEP = RNG.integers(0, 65_536, (ROWS, COLS), dtype=np.uint16)
RGB = RNG.integers(0, 256, (ROWS, COLS, 3), dtype=np.uint8)
CHANNELS = RNG.integers(0, 65_536, (3, ROWS, COLS), dtype=np.uint16)
STACK = RNG.integers(0, 65_536, (5, ROWS, COLS), dtype=np.uint16)
HYPER = RNG.integers(0, 65_536, (2, 4, 3, ROWS, COLS), dtype=np.uint16)  # T, Z, C
SMOOTH = np.add.outer(np.arange(64), np.arange(80)).astype(np.uint8)
CHOOSE = "say which plane to segment"


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes
    ----------
    name : str
        For people.
    file : str
        The name of the file.
    data : callable
        Makes its bytes.
    what : str
        What happens, for people.
    expected : ndarray or str
        The pixels that reach the pipeline, or a part of the error.
    select : Selection
        What is chosen.
    tolerance : int
        Of lossy formats.
    """

    name: str
    file: str
    data: Callable[[], bytes]
    what: str
    expected: Any
    select: Selection | None = None
    tolerance: int = 0


def tiff(array: Any, **options: Any) -> Callable[[], bytes]:
    def make() -> bytes:
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, array, **options)
        return buffer.getvalue()

    return make


def png(array: Any) -> Callable[[], bytes]:
    return lambda: bytes(imagecodecs.png_encode(array))


def pillow(array: Any, kind: str, mode: str | None = None, **options: Any) -> Callable[[], bytes]:
    def make() -> bytes:
        buffer = io.BytesIO()
        image = Image.fromarray(array)
        (image.convert(mode) if mode else image).save(buffer, kind, **options)
        return buffer.getvalue()

    return make


def with_alpha(array: Any, value: int) -> Any:
    return np.dstack([array, np.full(array.shape[:2], value, array.dtype)])


def pages(*arrays: Any, **options: Any) -> Callable[[], bytes]:
    def make() -> bytes:
        buffer = io.BytesIO()
        with tifffile.TiffWriter(buffer) as tif:
            for array, extra in arrays:
                tif.write(array, metadata=None, **options, **extra)
        return buffer.getvalue()

    return make


def patched(make: Callable[[], bytes], tag: int, kind: int, value: int) -> Callable[[], bytes]:
    """Change an entry of the first page of a little-endian TIFF file."""

    def change() -> bytes:
        data = bytearray(make())
        (start,) = struct.unpack_from("<I", data, 4)
        (count,) = struct.unpack_from("<H", data, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            if struct.unpack_from("<H", data, at)[0] == tag:
                struct.pack_into("<HHII", data, at, tag, kind, 1, value & 0xFFFFFFFF)
        return bytes(data)

    return change


def looped() -> bytes:
    """A TIFF file whose second page is followed by the first one."""
    data = bytearray(pages((GREY, {}), (GREY, {}))())
    (first,) = struct.unpack_from("<I", data, 4)
    at = first + 2 + 12 * struct.unpack_from("<H", data, first)[0]
    (second,) = struct.unpack_from("<I", data, at)
    struct.pack_into("<I", data, second + 2 + 12 * struct.unpack_from("<H", data, second)[0], first)
    return bytes(data)


def palette_png() -> bytes:
    image = Image.frombytes("P", (COLS, ROWS), (GREY % 4).tobytes())
    image.putpalette([10, 20, 30, 200, 0, 0, 0, 200, 0, 0, 0, 200])
    buffer = io.BytesIO()
    image.save(buffer, "png")
    return buffer.getvalue()


def part_of_a_set() -> bytes:
    """A file of one plane whose OME-XML describes five, in five files."""
    planes = "".join(
        f'<TiffData FirstZ="{z}" IFD="0"><UUID FileName="z{z}.ome.tif">urn:uuid:{z:032}</UUID></TiffData>'
        for z in range(5)
    )
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
        f' UUID="urn:uuid:{0:032}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16"'
        f' SizeX="{COLS}" SizeY="{ROWS}" SizeZ="5" SizeC="1" SizeT="1"><Channel ID="Channel:0:0"/>{planes}</Pixels>'
        "</Image></OME>"
    )
    return tiff(DEEP, description=xml, metadata=None)()


RAMP = np.stack([np.arange(256, dtype=np.uint16) * 257] * 3)
BLUE = np.stack([0 * RAMP[0], 0 * RAMP[0], RAMP[0]])
CATEGORIES = RNG.integers(0, 65_536, (3, 256), dtype=np.uint16)
OME = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP", "RFP"]}}
GREY_AS_FLOAT = (GREY / 255).astype(np.float32)

KINDS = [
    Kind("PNG, 8 bit", "a.png", png(GREY), "read", GREY),
    Kind("PNG, 16 bit", "a.png", png(DEEP), "read in full depth", DEEP),
    Kind("PNG, 1 bit", "a.png", pillow(GREY > 99, "png"), "read, 0 and 255", (GREY > 99) * np.uint8(255)),
    Kind("PNG, RGB", "a.png", png(RGB), "read in colour", RGB),
    Kind("PNG, RGB, one channel chosen", "a.png", png(RGB), "that channel", RGB[..., 2], Selection(channel="blue")),
    Kind("PNG, opaque alpha", "a.png", png(with_alpha(RGB, 255)), "read, alpha dropped", RGB),
    Kind("PNG, transparent", "a.png", png(with_alpha(RGB, 9)), "refused", "has transparent pixels"),
    Kind(
        "PNG, palette",
        "a.png",
        palette_png,
        "read as its colours",
        np.array([(10, 20, 30), (200, 0, 0), (0, 200, 0), (0, 0, 200)], np.uint8)[GREY % 4],
    ),
    Kind("PNG, named .tif", "a.tif", png(GREY), "read by its content", GREY),
    Kind("PNG, cut off", "a.png", lambda: png(GREY)()[:-60], "refused", "truncated"),
    Kind("JPEG, grey", "a.jpg", pillow(SMOOTH, "jpeg", quality=95), "read", SMOOTH, tolerance=3),
    Kind("JPEG, CMYK", "a.jpg", pillow(RGB, "jpeg", "CMYK"), "refused", "is in CMYK colours"),
    Kind("JPEG, cut off", "a.jpg", lambda: pillow(SMOOTH, "jpeg")()[:80], "refused", "truncated or damaged"),
    Kind("BMP", "a.bmp", pillow(GREY, "bmp"), "read", GREY),
    Kind("BMP, RGB", "a.bmp", pillow(RGB, "bmp"), "read in colour", RGB),
    Kind("GIF", "a.gif", lambda: b"GIF89a" + bytes(30), "refused", "is a GIF file; convert it"),
    Kind("Text", "a.png", lambda: b"not an image\n", "refused", "is a text file, not a PNG image"),
    Kind("TIFF, 8 bit", "a.tif", tiff(GREY), "read", GREY),
    Kind("TIFF, 16 bit", "a.tiff", tiff(DEEP), "read in full depth", DEEP),
    Kind("TIFF, 16 bit, big-endian", "a.tif", tiff(DEEP, byteorder=">"), "read", DEEP),
    Kind("TIFF, 32 bit", "a.tif", tiff(DEEP.astype(np.uint32) * 7), "read", DEEP.astype(np.uint32) * 7),
    Kind("TIFF, signed", "a.tif", tiff(DEEP.view(np.int16)), "read", DEEP.view(np.int16)),
    Kind("TIFF, float", "a.tif", tiff(GREY_AS_FLOAT), "read", GREY_AS_FLOAT),
    Kind("TIFF, half float", "a.tif", tiff(GREY_AS_FLOAT.astype(np.float16)), "read", GREY_AS_FLOAT.astype(np.float16)),
    Kind("TIFF, complex", "a.tif", tiff(GREY_AS_FLOAT.astype(np.complex64)), "refused", "values of type complex64"),
    Kind(
        "TIFF, NaN",
        "a.tif",
        tiff(np.where(GREY > 99, np.nan, GREY_AS_FLOAT)),
        "refused",
        "are NaN or infinite; replace",
    ),
    Kind("TIFF, LZW", "a.tif", tiff(DEEP, compression="lzw", predictor=True), "read", DEEP),
    Kind("TIFF, Deflate", "a.tif", tiff(DEEP, compression="zlib"), "read", DEEP),
    Kind("TIFF, Zstandard", "a.tif", tiff(DEEP, compression="zstd"), "read", DEEP),
    Kind("TIFF, PackBits", "a.tif", tiff(GREY, compression="packbits"), "read", GREY),
    Kind("TIFF, JPEG 2000", "a.tif", tiff(SMOOTH, compression="jpeg2000"), "read", SMOOTH, tolerance=2),
    Kind("TIFF, tiles", "a.tif", tiff(DEEP, tile=(16, 16)), "read", DEEP),
    Kind("BigTIFF", "a.btf", tiff(DEEP, bigtiff=True), "read", DEEP),
    Kind("MetaMorph name", "w1.stk", tiff(DEEP), "read by its content", DEEP),
    Kind("TIFF, small values white", "a.tif", tiff(GREY, photometric="miniswhite"), "inverted, and said", 255 - GREY),
    Kind("TIFF, 1 bit", "a.tif", tiff(GREY > 99, photometric="minisblack"), "read, false and true", GREY > 99),
    Kind("TIFF, fax", "a.tif", pillow(GREY > 99, "tiff", compression="group4"), "read, as it looks", GREY > 99),
    Kind("TIFF, RGB", "a.tif", tiff(RGB, photometric="rgb"), "read in colour", RGB),
    Kind(
        "TIFF, RGB in planes",
        "a.tif",
        tiff(RGB.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"),
        "read in colour",
        RGB,
    ),
    Kind("TIFF, CMYK", "a.tif", pillow(RGB, "tiff", "CMYK"), "refused", "is in CMYK colours"),
    Kind(
        "TIFF, grey palette", "a.tif", tiff(GREY, photometric="palette", colormap=RAMP), "stored values, and said", GREY
    ),
    Kind(
        "TIFF, blue look-up table",
        "a.tif",
        tiff(GREY, photometric="palette", colormap=BLUE),
        "stored values, and said",
        GREY,
    ),
    Kind(
        "TIFF, palette of colours",
        "a.tif",
        tiff(GREY, photometric="palette", colormap=CATEGORIES),
        "read as its colours",
        CATEGORIES.T[GREY],
    ),
    Kind("TIFF with thumbnail", "a.tif", pages((DEEP, {}), (DEEP[::4, ::4], {"subfiletype": 1})), "the image", DEEP),
    Kind(
        "TIFF, interleaved channels",
        "a.tif",
        tiff(CHANNELS.transpose(1, 2, 0), photometric="minisblack", planarconfig="contig"),
        "refused without a choice",
        "is a stack, 3 channels of 23 x 31 px; " + CHOOSE,
    ),
    Kind(
        "TIFF, interleaved channels, one chosen",
        "a.tif",
        tiff(CHANNELS.transpose(1, 2, 0), photometric="minisblack", planarconfig="contig"),
        "that channel",
        CHANNELS[1],
        Selection(channel=1),
    ),
    Kind("TIFF, several pages", "a.tif", tiff(STACK), "refused without a choice", "is a stack, 5 z planes of 23 x 31"),
    Kind("TIFF, several pages, one chosen", "a.tif", tiff(STACK), "that page", STACK[3], Selection(z=3)),
    Kind("TIFF, z, maximum projection", "a.tif", tiff(STACK), "the maximum", STACK.max(axis=0), Selection(z="max")),
    Kind("TIFF, z, mean projection", "a.tif", tiff(STACK), "the mean", STACK.mean(axis=0), Selection(z="mean")),
    Kind("TIFF, z, a range", "a.tif", tiff(STACK), "maximum of the range", STACK[1:4].max(axis=0), Selection(z="1-3")),
    Kind("TIFF, z beyond the last", "a.tif", tiff(STACK), "refused", "has no z 5; there are 5", Selection(z=5)),
    Kind("ImageJ TIFF", "a.tif", tiff(DEEP, imagej=True), "read, with its pixel size", DEEP),
    Kind(
        "ImageJ hyperstack",
        "a.tif",
        tiff(HYPER, imagej=True, metadata={"axes": "TZCYX"}),
        "refused without a choice",
        "2 time points x 4 z planes x 3 channels of 23 x 31 px; " + CHOOSE,
    ),
    Kind(
        "ImageJ hyperstack, a plane chosen",
        "a.tif",
        tiff(HYPER, imagej=True, metadata={"axes": "TZCYX"}),
        "that plane",
        HYPER[1, 2, 0],
        Selection(channel=0, z=2, t=1),
    ),
    Kind(
        "OME-TIFF, channels",
        "a.ome.tif",
        tiff(CHANNELS, ome=True, metadata=OME),
        "refused without a choice",
        "3 channels (DAPI, GFP, RFP) of 23 x 31 px",
    ),
    Kind(
        "OME-TIFF, channel by name",
        "a.ome.tif",
        tiff(CHANNELS, ome=True, metadata=OME),
        "that channel",
        CHANNELS[1],
        Selection(channel="gfp"),
    ),
    Kind(
        "OME-TIFF, unknown channel",
        "a.ome.tif",
        tiff(CHANNELS, ome=True, metadata=OME),
        "refused",
        "has no channel 'DAPPI' (did you mean 'DAPI'?)",
        Selection(channel="DAPPI"),
    ),
    Kind("OME-TIFF, a plane of a set of files", "z0.ome.tif", part_of_a_set, "its plane", DEEP),
    Kind("TIFF, cut off", "a.tif", lambda: tiff(DEEP)()[:-99], "refused", "99 bytes are missing"),
    Kind("TIFF, pages in a loop", "a.tif", looped, "refused", "its pages form a loop"),
    Kind(
        "TIFF, negative width",
        "a.tif",
        patched(tiff(GREY), 256, 8, -5),
        "refused",
        "width or height is no positive integer",
    ),
    Kind(
        "TIFF, missing tiles",
        "a.tif",
        patched(tiff(GREY, tile=(16, 16)), 257, 4, 192),
        "refused",
        "20 of its strips or tiles are missing",
    ),
    Kind("TIFF, no pixels", "a.tif", patched(tiff(GREY), 256, 4, 0), "refused", "has no pixels (23 x 0)"),
]


def table() -> str:
    """Return the table of docs/formats.md."""
    rows = [f"| {kind.name} | `{kind.file}` | {kind.what} |" for kind in KINDS]
    return "\n".join(["| kind of file | name | what happens |", "|---|---|---|", *rows])
