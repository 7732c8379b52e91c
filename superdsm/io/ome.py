"""What OME-XML says of an image (Goldberg et al., Genome Biology 2005): channels, pixel sizes, files."""

import re
from dataclasses import dataclass

from superdsm import lengths

MICROMETRES = {  # of the units of OME and ImageJ
    **lengths.MICROMETRES,
    "m": 1e6,
    "dm": 1e5,
    "cm": 1e4,
    "centimeter": 1e4,
    "millimeter": 1e3,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "pm": 1e-6,
    "Å": 1e-4,
    "inch": 25_400.0,
    "in": 25_400.0,
}


@dataclass(frozen=True, slots=True)
class OmeDescription:
    """What is of use here of the first image that an OME-XML text describes.

    Attributes
    ----------
    channels : tuple of str
        Names of the channels; empty unless all have one.
    pixel_size : tuple of float, optional
        Height and width of a pixel, in micrometres.
    has_other_files : bool
        Whether planes of the image are in other files.
    """

    channels: tuple[str, ...] = ()
    pixel_size: tuple[float, float] | None = None
    has_other_files: bool = False


def describe_ome(text: str) -> OmeDescription:
    """Read an OME-XML text; what cannot be understood is left out.

    It is searched for what is needed, not parsed: files hold all kinds of almost correct XML.
    """
    image = text.partition("<Pixels")[2].partition("</Pixels")[0]
    pixels = image.partition(">")[0]
    channels = [_attribute(tag, "Name") or "" for tag in re.findall(r"<(?:\w+:)?Channel\b[^>]*>", image)]
    height, width = (_length(pixels, name) for name in ("PhysicalSizeY", "PhysicalSizeX"))
    files = set(re.findall(r'FileName="([^"]*)"', image))
    return OmeDescription(
        tuple(channels) if channels and all(channels) else (),
        (height, width) if height and width else None,
        len(files) > 1,
    )


def _attribute(tag: str, name: str) -> str | None:
    match = re.search(rf'\b{name}="([^"]*)"', tag)
    return match[1] if match else None


def _length(tag: str, name: str) -> float | None:
    value, unit = _attribute(tag, name), _attribute(tag, name + "Unit") or "µm"
    try:
        size = float(value or "") * MICROMETRES[unit]
    except (ValueError, KeyError):
        return None
    return size if 0 < size < float("inf") else None
