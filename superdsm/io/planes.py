"""Further channels of an image, for those who measure them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from superdsm.errors import ImageError


class Planes(Mapping[str, Any]):
    """Channels of an image by name, each read when it is asked for; `superdsm.records.ExportContext` has them.

    Parameters
    ----------
    path : Path
        The image, for errors.
    read : callable
        ``read(channel) -> ndarray``, with the index or the name of a channel.
    channels : sequence of int or str
        The channels.
    """

    def __init__(self, path: Path, read: Callable[[int | str], Any], channels: Sequence[int | str]) -> None:
        self._path = path
        self._read = read
        self._channels = {str(channel): channel for channel in channels}

    def __getitem__(self, name: str) -> Any:
        image = self._read(self._channels[name])
        if image.ndim != 2:
            raise ImageError(f"{self._path}: channel {name!r} is in colour; choose one of its colours")
        return image

    def __iter__(self) -> Iterator[str]:
        return iter(self._channels)

    def __len__(self) -> int:
        return len(self._channels)
