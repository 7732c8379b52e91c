"""Images in and out: every format and depth that is promised, and one clear line for everything else."""

import io
import logging
import struct
import warnings
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from superdsm.errors import ImageError
from superdsm.io import read_image, reader_for
from superdsm.records import Reader
from tests.examples import examples

RNG = np.random.default_rng(0)


def pixels(dtype: str, shape: tuple[int, ...] = (23, 31)) -> Any:
    if np.dtype(dtype).kind == "f":
        return RNG.random(shape).astype(dtype)
    return RNG.integers(0, int(np.iinfo(dtype).max) + 1, shape, dtype=dtype)


def png_bytes(array: Any) -> bytes:
    return bytes(imagecodecs.png_encode(array))


def tiff_bytes(array: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def pillow(path: Path, array: Any, mode: str | None = None, **options: Any) -> Path:
    image = Image.fromarray(array)
    (image if mode is None else image.convert(mode)).save(path, **options)
    return path


# --- what can be read ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("shape", [(23, 31), (23, 31, 3), (1, 1), (1, 50), (50, 1)])
def test_png_is_read_in_its_full_depth(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    array = pixels(dtype, shape)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(array))
    image = read_image(tmp_path / "a.png")
    assert image.dtype == dtype
    assert np.array_equal(image, array)


def test_png_with_a_palette_is_expanded_to_its_colours(tmp_path: Path) -> None:
    index = pixels("uint8") % 5
    palette = [(10, 20, 30), (200, 0, 0), (0, 200, 0), (0, 0, 200), (90, 90, 90)]
    image = Image.frombytes("P", index.shape[::-1], index.tobytes())
    image.putpalette([value for colour in palette for value in colour])
    image.save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), np.array(palette, dtype=np.uint8)[index])


def test_png_with_one_bit_per_pixel(tmp_path: Path) -> None:
    array = pixels("uint8") > 127
    pillow(tmp_path / "a.png", array)
    image = read_image(tmp_path / "a.png")
    assert image.shape == array.shape
    assert np.array_equal(image > 0, array)


def test_interlaced_png(tmp_path: Path) -> None:
    """Adam7, written by hand: no encoder at hand writes it."""
    array = pixels("uint8", (8, 8))
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    data = b"".join(b"\0" + bytes(row) for r, c, dr, dc in passes for row in array[r::dr, c::dc])

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 1)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    assert np.array_equal(read_image(tmp_path / "a.png"), array)


def test_png_with_odd_metadata_is_read_in_silence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    array = pixels("uint8")
    data = png_bytes(array)
    body = b"iCCPodd\0\0" + zlib.compress(b"no profile")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:] + b"junk after the end")
    assert np.array_equal(read_image(tmp_path / "a.png"), array)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits", "zstd"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "float32", "float64"])
def test_tiff_is_read_in_every_depth_and_compression(tmp_path: Path, compression: str | None, dtype: str) -> None:
    array = pixels(dtype)
    tifffile.imwrite(tmp_path / "a.tif", array, compression=compression)
    image = read_image(tmp_path / "a.tif")
    assert image.dtype == dtype
    assert np.array_equal(image, array)


def test_tiff_with_jpeg_compression(tmp_path: Path) -> None:
    array = np.add.outer(np.arange(64), np.arange(80)).astype(np.uint8)
    rgb = np.stack([array, array // 2, 255 - array], axis=-1)
    tifffile.imwrite(tmp_path / "grey.tif", array, compression="jpeg")
    tifffile.imwrite(tmp_path / "rgb.tif", rgb, compression="jpeg", photometric="rgb")
    assert np.abs(read_image(tmp_path / "grey.tif").astype(int) - array).max() <= 4
    assert np.abs(read_image(tmp_path / "rgb.tif").astype(int) - rgb).mean() <= 4


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_tiff_in_16_bit_colour(tmp_path: Path, planar: str, byteorder: str) -> None:
    array = pixels("uint16", (23, 31, 3))
    stored = array if planar == "contig" else array.transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / "a.tiff", stored, photometric="rgb", planarconfig=planar, byteorder=byteorder)
    image = read_image(tmp_path / "a.tiff")
    assert image.dtype == np.uint16 and image.dtype.isnative
    assert np.array_equal(image, array)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (3, 40)])
def test_tiff_of_extreme_shape(tmp_path: Path, shape: tuple[int, int]) -> None:
    array = pixels("uint16", shape)
    tifffile.imwrite(tmp_path / "a.tif", array)
    assert np.array_equal(read_image(tmp_path / "a.tif"), array)


def test_tiled_tiff_and_tiff_with_a_thumbnail(tmp_path: Path) -> None:
    array = pixels("uint16", (100, 120))
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(array, tile=(32, 32), compression="zlib", metadata=None)
        tif.write(array[::4, ::4], subfiletype=1, metadata=None)
    assert np.array_equal(read_image(tmp_path / "a.tif"), array)


def test_tiff_with_a_palette_is_expanded_but_not_the_display_colours_of_imagej(tmp_path: Path) -> None:
    array = pixels("uint8")
    colours = pixels("uint16", (3, 256))
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="palette", colormap=colours)
    assert np.array_equal(read_image(tmp_path / "a.tif"), colours.T[array])
    tifffile.imwrite(tmp_path / "b.tif", array, imagej=True, colormap=None)
    with tifffile.TiffFile(tmp_path / "b.tif") as tif:
        assert tif.is_imagej
    assert np.array_equal(read_image(tmp_path / "b.tif"), array)


def test_jpeg_and_bmp(tmp_path: Path) -> None:
    array = np.add.outer(np.arange(64), np.arange(80)).astype(np.uint8)
    pillow(tmp_path / "a.jpg", array, quality=95)
    pillow(tmp_path / "a.BMP", array)
    pillow(tmp_path / "rgb.bmp", np.stack([array, array, 255 - array], axis=-1))
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - array).max() <= 3
    assert np.array_equal(read_image(tmp_path / "a.BMP"), array)
    assert np.array_equal(read_image(tmp_path / "rgb.bmp")[..., 2], 255 - array)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_an_opaque_alpha_channel_is_dropped(tmp_path: Path, dtype: str, channels: int, suffix: str) -> None:
    array = pixels(dtype, (23, 31, channels))
    array[..., -1] = np.iinfo(dtype).max
    path = tmp_path / f"a{suffix}"
    if suffix == ".png":
        path.write_bytes(imagecodecs.png_encode(array))
    else:
        photometric = "rgb" if channels == 4 else "minisblack"
        tifffile.imwrite(path, array, photometric=photometric, planarconfig="contig", extrasamples=["unassalpha"])
    assert np.array_equal(read_image(path), array[..., 0] if channels == 2 else array[..., :3])


def test_reading_is_silent_and_a_damaged_description_does_not_matter(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    array = pixels("uint8")
    data = bytearray(tiff_bytes(array, metadata=None, software="odd"))
    entry = data.index(struct.pack("<HH", 305, 2))
    data[entry + 2] = 99  # a type that does not exist
    (tmp_path / "a.tif").write_bytes(data)
    tifffile.imwrite(tmp_path / "b.ome.tif", array, ome=True)
    damaged = (tmp_path / "b.ome.tif").read_bytes().replace(b"<OME", b"<OMX", 1)
    (tmp_path / "c.ome.tif").write_bytes(damaged)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path in tmp_path.iterdir():
            assert np.array_equal(read_image(path), array)
    assert capfd.readouterr() == ("", "")
    assert not logging.getLogger("tifffile").handlers


# --- what cannot be read ---------------------------------------------------------------------------------------------


def zero_png() -> bytes:
    data = bytearray(png_bytes(pixels("uint8")))
    data[16:20] = b"\0\0\0\0"
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    return bytes(data)


NAN = pixels("float32")
NAN[3, 4] = np.nan
INF = pixels("float64")
INF[0, 0] = -np.inf
HALF = pixels("uint8", (23, 31, 4))
LONG_LINE = "neither an image nor short " * 50

BAD = {
    "text with a known suffix": ("a.png", b"not an image\n", "a text file"),
    "text with another suffix": ("a.txt", LONG_LINE.encode(), "a text file"),
    "umlauts cut in the middle": ("a.txt", ("x" * 511 + "ä").encode(), "a text file"),
    "unsupported": ("a.gif", b"GIF89a" + bytes(20), "a GIF file"),
    "unknown bytes": ("a.dat", bytes(range(256)), "unknown format"),
    "empty file": ("a.tif", b"", "an empty file"),
    "truncated PNG": ("a.png", png_bytes(pixels("uint8"))[:-40], "truncated"),
    "PNG header only": ("a.png", png_bytes(pixels("uint8"))[:20], "truncated"),
    "damaged PNG": ("a.png", png_bytes(pixels("uint8")).replace(b"IDAT", b"IDAT\x55", 1), "damaged"),
    "zero-size PNG": ("a.png", zero_png(), "has no pixels (23 x 0)"),
    "truncated TIFF": ("a.tif", tiff_bytes(pixels("uint16"))[:-60], "truncated"),
    "truncated TIFF, LZW": ("a.tif", tiff_bytes(pixels("uint16"), compression="lzw")[:-60], "truncated"),
    "truncated TIFF, many strips": ("a.tif", tiff_bytes(pixels("u1", (200, 99)), rowsperstrip=9)[:-9999], "truncated"),
    "TIFF header only": ("a.tif", tiff_bytes(pixels("uint16"))[:9], "truncated"),
    "truncated JPEG": ("a.jpg", b"\xff\xd8\xff\xe0" + bytes(30), "truncated"),
    "stack": ("a.tif", tiff_bytes(pixels("uint8", (5, 23, 31))), "is a stack, 5 z planes of 23 x 31 px; say which"),
    "volume": ("a.tif", tiff_bytes(pixels("uint8", (16, 32, 32)), volumetric=True, tile=(16, 16, 16)), "is a stack"),
    "channels": (
        "a.tif",
        tiff_bytes(pixels("uint8", (23, 31, 5)), planarconfig="contig"),
        "is a stack, 5 channels of 23 x 31 px; say which",
    ),
    "ImageJ hyperstack": ("a.tif", tiff_bytes(pixels("uint8", (2, 3, 23, 31)), imagej=True), "is a stack"),
    "transparent PNG": ("a.png", png_bytes(HALF), "transparent"),
    "transparent TIFF": ("a.tif", tiff_bytes(HALF, photometric="rgb", extrasamples=["unassalpha"]), "transparent"),
    "NaN": ("a.tif", tiff_bytes(NAN), "1 of its values are NaN or infinite"),
    "infinite": ("a.tif", tiff_bytes(INF), "1 of its values are NaN or infinite"),
    "complex": ("a.tif", tiff_bytes(pixels("float32").astype(np.complex64)), "of type complex64"),
    "no suffix": ("image", b"x", "a text file"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_a_bad_file_gives_one_line_that_names_it(tmp_path: Path, case: str, capfd: pytest.CaptureFixture[str]) -> None:
    name, data, part = BAD[case]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ImageError) as caught:
        read_image(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert part in line
    assert "; " in line, "it does not say what to do"
    assert "\n" not in line and len(line) < 400 + len(str(path))
    assert capfd.readouterr() == ("", "")


def test_missing_file_and_directory(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"no such file; check the path"):
        read_image(tmp_path / "none.png")
    with pytest.raises(ImageError, match=r"is a directory; give image files"):
        read_image(tmp_path)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ImageError, match=r"is a directory"):
        read_image(tmp_path / "folder.png")
    with pytest.raises(ImageError, match=r"check the path"):
        read_image(tmp_path / ("x" * 300 + ".png"))
    with pytest.raises(ImageError, match=r"check the path"):
        read_image("a\0b.png")


def test_readers_of_others_are_isolated(tmp_path: Path) -> None:
    path = tmp_path / "a.xyz"
    path.write_bytes(b"")

    def fail(path: Path) -> Any:
        raise ZeroDivisionError("two\nlines")

    with pytest.raises(ImageError, match=r"the reader 'xyz' failed \(two lines\)"):
        read_image(path, Reader("xyz", (".xyz",), fail))
    with pytest.raises(ImageError, match=r"has 4 axes"):
        read_image(path, Reader("xyz", (".xyz",), lambda path: np.zeros((2, 3, 4, 5))))
    with pytest.raises(ImageError, match=r"has no pixels \(0 x 5\)"):
        read_image(path, Reader("xyz", (".xyz",), lambda path: np.zeros((0, 5))))
    with pytest.raises(ImageError, match=r"does not fit into memory"):
        read_image(path, Reader("xyz", (".xyz",), lambda path: np.zeros((1 << 30, 1 << 25))))


@settings(deadline=None, max_examples=examples(60))
@given(
    st.sampled_from(["png", "tif", "lzw.tif", "strips.tif", "bmp"]),
    st.floats(0, 1),
    st.binary(min_size=0, max_size=6),
)
def test_damaged_bytes_never_give_anything_but_an_image_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, kind: str, where: float, junk: bytes
) -> None:
    array = np.arange(23 * 31, dtype=np.uint8).reshape(23, 31)
    options: dict[str, Any] = {"lzw.tif": {"compression": "lzw"}, "strips.tif": {"rowsperstrip": 4}}.get(kind, {})
    if kind == "png":
        data = png_bytes(array)
    elif kind == "bmp":
        buffer = io.BytesIO()
        Image.fromarray(array).save(buffer, "bmp")
        data = buffer.getvalue()
    else:
        data = tiff_bytes(array, **options)
    position = int(where * len(data))
    path = tmp_path_factory.mktemp("damaged") / f"a.{kind}"
    path.write_bytes(data[:position] + junk + (data[position + len(junk) :] if junk else b""))
    try:
        image = read_image(path)
    except ImageError as exc:
        assert "\n" not in str(exc)
    else:
        assert image.ndim in (2, 3)


def test_the_longest_suffix_decides_and_built_in_readers_keep_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from superdsm import plugins

    mine = Reader("mine", (".mine.tif", ".tif"), lambda path: np.ones((2, 2)))
    known = SimpleNamespace(readers={**plugins.registry().readers, "mine": mine})
    monkeypatch.setattr(plugins, "registry", lambda: known)
    for name in ("a.tif", "a.mine.tif"):
        tifffile.imwrite(tmp_path / name, pixels("uint8"))
    assert reader_for(tmp_path / "a.tif").name == "tiff"
    assert reader_for(tmp_path / "a.mine.tif") is mine
    assert read_image(tmp_path / "a.mine.tif").shape == (2, 2)
