"""The file of an image in a worker: the plane that is segmented, the size of its pixels, and further channels."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.batch.execution.store_cache import ChangedError
from superdsm.batch.storage.digests import file_digest
from superdsm.errors import ImageError
from superdsm.io.planes import Planes
from superdsm.io.sources import Selection
from superdsm.records import Reader

if TYPE_CHECKING:
    from superdsm.io import ImageSource

PLAIN = ("PNG", "JPEG", "BMP")


class PlaneSource:
    """The file of an image, which is opened when something of it is needed, and once.

    Parameters
    ----------
    path : Path
        The file.
    reader : Reader
        What reads it.
    selection : Selection
        Which plane is segmented.
    planned : tuple of (int, int, str)
        Size, time of modification, and digest of the file when it was planned.
    size : float, optional
        Width of a pixel in micrometres, if that is not to be read from the file.
    """

    def __init__(
        self, path: Path, reader: Reader, selection: Selection, planned: tuple[int, int, str], size: float | None
    ) -> None:
        self._path = path
        self._reader = reader
        self._selection = selection
        self._planned = planned
        self._size = size

    @functools.cached_property
    def _source(self) -> "ImageSource":
        from superdsm.io import open_image

        return open_image(self._path, self._reader)

    def image(self, channel: int | str | None = None) -> Any:
        """Read the plane that is segmented, or that of another channel.

        Raises
        ------
        ImageError
            It cannot be read.
        ChangedError
            The file is not the one that was planned any more.
        """
        from superdsm.io import read_plane

        same = self._same_content  # else its results would be kept under the key of another image
        image = read_plane(
            self._source, self._selection if channel is None else replace(self._selection, channel=channel)
        )
        stat = self._path.stat()
        if not same or (stat.st_size, stat.st_mtime_ns) != self._planned[:2]:
            raise ChangedError(f"{self._path}: was changed since it was planned; run the batch again")
        return image

    @functools.cached_property
    def _same_content(self) -> bool:
        """Whether the bytes are those that were planned; size and time may be the same of others, too."""
        return file_digest(self._path) == self._planned[2]

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """Height and width of a pixel in micrometres; None: not known."""
        return self._source.pixel_size if self._size is None else (self._size, self._size)

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the file is read otherwise than a viewer might show it."""
        from superdsm.io.content import format_of

        try:
            # Formats that say nothing of the kind are not decoded for it
            opened = "_source" in vars(self) or format_of(self._path) not in PLAIN
            return self._source.notes if opened else ()
        except (ImageError, OSError):
            return ()

    def planes(self, channels: Sequence[int | str]) -> Planes:
        """Return channels of the image by name, each read when it is asked for."""
        return Planes(self._path, self.image, channels)
