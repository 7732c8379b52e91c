"""Parts of TIFF pages: only the tiles or strips are decoded in which they lie."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def tiff_part(page: Any, rows: slice, columns: slice) -> "npt.NDArray[np.generic[Any]]":
    """Read a part of a page.

    Parameters
    ----------
    page : tifffile.TiffPage
        With the axes YX or YXS.
    rows, columns : slice
        With a start and a stop within the page.

    Returns
    -------
    ndarray, shape (rows, columns) or (rows, columns, samples)
    """
    import numpy as np

    height = page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength)
    width = page.tilewidth if page.is_tiled else page.imagewidth
    across = -(-page.imagewidth // width)
    part = np.zeros((rows.stop - rows.start, columns.stop - columns.start, page.samplesperpixel), page.dtype)
    file = page.parent.filehandle
    tables = {"jpegtables": page.jpegtables} if page.jpegtables is not None else {}
    for down in range(rows.start // height, -(-rows.stop // height)):
        for along in range(columns.start // width, -(-columns.stop // width)):
            index = down * across + along
            file.seek(page.dataoffsets[index])
            data = file.read(page.databytecounts[index])
            piece = page.decode(data, index, **tables)[0]
            if piece is None:
                raise ValueError(f"the tile or strip {index} holds no pixels")
            _place(part, piece[0], (down * height - rows.start, along * width - columns.start))
    return part if "S" in page.axes else part[..., 0]


def _place(part: Any, piece: Any, offset: tuple[int, int]) -> None:
    """Copy what of a piece lies in a part, given where the piece begins therein."""
    inside, outside = [], []
    for begin, length, size in zip(offset, piece.shape, part.shape, strict=False):
        first, last = max(0, begin), min(size, begin + length)
        inside.append(slice(first, last))
        outside.append(slice(first - begin, last - begin))
    part[tuple(inside)] = piece[tuple(outside)]
