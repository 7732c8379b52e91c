"""Which package of bioio reads which files."""

from typing import NamedTuple


class Format(NamedTuple):
    """A kind of files.

    Attributes
    ----------
    name : str
        Name, and that of the extra of this package which installs what is needed.
    suffixes : tuple of str
        Lower-case suffixes.
    module : str
        The module of bioio that reads it.
    doc : str
        What it is.
    """

    name: str
    suffixes: tuple[str, ...]
    module: str
    doc: str


FORMATS = (
    Format("czi", (".czi",), "bioio_czi", "Zeiss ZEN"),
    Format("nd2", (".nd2",), "bioio_nd2", "Nikon NIS-Elements"),
    Format("lif", (".lif",), "bioio_lif", "Leica LAS"),
    Format("dv", (".dv", ".r3d"), "bioio_dv", "DeltaVision"),
    Format("sldy", (".sldy",), "bioio_sldy", "3i SlideBook"),
    Format("imagexpress", (".htd",), "bioio_imagexpress", "Molecular Devices ImageXpress"),
    Format(
        "bioformats",
        (".oib", ".oif", ".vsi", ".ims", ".lei", ".mvd2", ".flex", ".zvi", ".scn", ".ndpi", ".svs"),
        "bioio_bioformats",
        "others, with Java",
    ),
)
