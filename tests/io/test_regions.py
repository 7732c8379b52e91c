"""Parts of images: the same pixels as in the whole, and of tiles and strips only those that are needed."""

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from superdsm.errors import ImageError
from superdsm.io import Selection, open_image, tiff_parts

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 60_000, (70, 90), dtype=np.uint16)
COLOUR = RNG.integers(0, 255, (70, 90, 3), dtype=np.uint8)
STACK = RNG.integers(0, 255, (2, 3, 70, 90), dtype=np.uint8)
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "tiles": (GREY, {"tile": (32, 16), "compression": "zlib"}),
    "tiles with predictor": (GREY, {"tile": (16, 32), "compression": "zlib", "predictor": True}),
    "strips": (GREY, {"rowsperstrip": 9}),
    "one strip": (GREY, {"rowsperstrip": 70}),
    "big-endian": (GREY, {"tile": (32, 32), "byteorder": ">"}),
    "colour": (COLOUR, {"tile": (32, 32), "photometric": "rgb", "compression": "lzw"}),
    "colour in planes": (np.moveaxis(COLOUR, 2, 0), {"photometric": "rgb", "planarconfig": "separate"}),
    "JPEG": (COLOUR, {"tile": (32, 32), "photometric": "rgb", "compression": "jpeg"}),
    "small values white": (GREY, {"tile": (32, 32), "photometric": "miniswhite"}),
    "signed, small values white": ((GREY // 4).astype(np.int16), {"photometric": "miniswhite"}),
    "palette": (
        (GREY % 256).astype(np.uint8),
        {"photometric": "palette", "colormap": RNG.integers(0, 2**16, (3, 256), dtype=np.uint16)},
    ),
    "1 bit": (GREY > 30_000, {"rowsperstrip": 8}),
    "BigTIFF": (GREY, {"tile": (32, 32), "bigtiff": True}),
    "stack": (STACK, {"tile": (32, 32), "metadata": {"axes": "CZYX"}, "ome": True}),
}


def written(path: Path, kind: str) -> Any:
    pixels, options = KINDS[kind]
    tifffile.imwrite(path, pixels, **{"photometric": "minisblack", **options})
    return open_image(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_is_that_of_the_whole(tmp_path: Path, kind: str) -> None:
    source = written(tmp_path / "a.tif", kind)
    choices = [Selection()]
    if kind == "stack":
        choices = [Selection(channel=1, z=2), Selection(channel=0, z="max"), Selection(channel=1, z="best-focus")]
    for choice in choices:
        whole = source.read(choice)
        for _ in range(25):
            top, left = (int(RNG.integers(0, size)) for size in (70, 90))
            height, width = (int(RNG.integers(1, size)) for size in (70, 90))  # may reach beyond the border
            region = (slice(top, top + height), slice(left, left + width))
            np.testing.assert_array_equal(source.read(choice, region), whole[region])


def test_only_the_tiles_that_are_needed_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = written(tmp_path / "a.tif", "tiles")
    placed: list[Any] = []
    monkeypatch.setattr(tiff_parts, "_place", lambda part, piece, offset: placed.append(offset))
    source.read(region=(slice(0, 20), slice(0, 20)))
    assert placed == [(0, 0), (0, 16)], "of 18 tiles of 32 x 16 pixels"


def test_other_formats_and_what_lies_outside(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(GREY))
    source = open_image(tmp_path / "a.png")
    np.testing.assert_array_equal(source.read(region=(slice(5, 9), slice(80, 200))), GREY[5:9, 80:])
    with pytest.raises(ImageError, match="the region holds no pixel of the image, which is 70 x 90 px"):
        source.read(region=(slice(70, 80), slice(0, 5)))


def test_a_damaged_tile_is_one_error(tmp_path: Path) -> None:
    source = written(tmp_path / "a.tif", "tiles")
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        offset = tif.pages.first.dataoffsets[0]
    data = bytearray((tmp_path / "a.tif").read_bytes())
    data[offset : offset + 8] = b"\xff" * 8
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(ImageError, match=r"a\.tif"):
        source.read(region=(slice(0, 5), slice(0, 5)))
