from .images import (
    check_suffix,
    open_image,
    read_image,
    read_plane,
    reader_for,
    replacing,
    save_labels,
    save_rgb,
    write_labels,
    write_rgb,
)
from .readers import READERS
from .sources import ImageSource, Selection

__all__ = [
    "READERS",
    "ImageSource",
    "Selection",
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
