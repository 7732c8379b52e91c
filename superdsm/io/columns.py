"""The columns of the tables of objects: names, types, units, meanings, and the names that pycytominer expects."""

from collections.abc import Sequence
from typing import NamedTuple

INTEGER, NUMBER, TEXT, FLAG = "integer", "number", "text", "flag"
IMAGE = "file_id"
OWN_CHANNEL = "DNA"  # what is segmented, in the names of CellProfiler


class Column(NamedTuple):
    """A column of a table.

    Attributes
    ----------
    name : str
        Name.
    type : str
        "integer", "number", "text" or "flag".
    unit : str
        Unit; empty for what has none. Lengths (px) and areas (px2) have a second column in micrometres where the size
        of a pixel is known.
    doc : str
        Meaning.
    cytominer : str
        Name for pycytominer, without the compartment; empty: no feature.
    """

    name: str
    type: str
    unit: str
    doc: str
    cytominer: str = ""


ID = Column(IMAGE, TEXT, "", "File id of the image (of `superdsm segment`: its name).", "Metadata_FileID")
LABEL = Column("label", INTEGER, "", "Value of the object in the label image.", "Metadata_ObjectNumber")
SHAPE = (
    Column("centroid_row", NUMBER, "px", "Row of the centre; the centre of the first pixel is 0.", "Location_Center_Y"),
    Column("centroid_column", NUMBER, "px", "Column of the centre.", "Location_Center_X"),
    Column("area", INTEGER, "px2", "Number of pixels.", "AreaShape_Area"),
    Column("perimeter", NUMBER, "px", "Length of the line through the outermost pixels.", "AreaShape_Perimeter"),
    Column(
        "major_axis", NUMBER, "px", "Long axis of the ellipse of equal second moments.", "AreaShape_MajorAxisLength"
    ),
    Column("minor_axis", NUMBER, "px", "Short axis of that ellipse.", "AreaShape_MinorAxisLength"),
    Column("eccentricity", NUMBER, "", "Of that ellipse; 0: circle, 1: line.", "AreaShape_Eccentricity"),
    Column("orientation", NUMBER, "degree", "Of the long axis, from the row axis, -90 to 90.", "AreaShape_Orientation"),
    Column("solidity", NUMBER, "", "Area divided by the area of the convex hull.", "AreaShape_Solidity"),
    Column(
        "neighbour_distance",
        NUMBER,
        "px",
        "Distance of the centre to the nearest other one.",
        "Neighbors_FirstClosestDistance",
    ),
    Column("touches_border", FLAG, "", "Whether it reaches the border of the image.", "AreaShape_TouchesBorder"),
)
INTENSITY = (
    Column("intensity_mean", NUMBER, "grey level", "Mean intensity as stored in the file.", "Intensity_MeanIntensity"),
    Column("intensity_median", NUMBER, "grey level", "Median intensity.", "Intensity_MedianIntensity"),
    Column("intensity_integrated", NUMBER, "grey level", "Sum of the intensities.", "Intensity_IntegratedIntensity"),
    Column("intensity_std", NUMBER, "grey level", "Standard deviation of the intensities.", "Intensity_StdIntensity"),
    Column("intensity_min", NUMBER, "grey level", "Least intensity.", "Intensity_MinIntensity"),
    Column("intensity_max", NUMBER, "grey level", "Greatest intensity.", "Intensity_MaxIntensity"),
    Column(
        "background",
        NUMBER,
        "grey level",
        "Median intensity of a ring around the object, without other objects; empty: no pixel is left.",
        "Intensity_BackgroundMedian",
    ),
    Column(
        "intensity_above_background",
        NUMBER,
        "grey level",
        "Mean intensity minus the background.",
        "Intensity_MeanAboveBackground",
    ),
    Column("contrast", NUMBER, "", "Mean intensity divided by the background.", "Intensity_Contrast"),
)
MODEL = (
    Column("energy_per_pixel", NUMBER, "", "Energy of the model per pixel of its region.", "Model_EnergyPerPixel"),
    Column("margin", NUMBER, "", "By how much the energy rises at least without the object.", "Model_Margin"),
    Column("confidence", NUMBER, "", "The same from 0 (unsure) to 1 (sure).", "Model_Confidence"),
)
OBJECTS = (ID, LABEL, *SHAPE, *INTENSITY, *MODEL)
DISCARDED = (
    ID,
    Column("reason", TEXT, "", "Why the object was discarded.", "Metadata_Reason"),
    Column("value", NUMBER, "", "What was measured of it for this criterion.", "Discarded_Value"),
    Column("threshold", NUMBER, "", "The limit that this misses.", "Discarded_Threshold"),
    *SHAPE[:3],
    Column("energy_per_pixel", NUMBER, "", "Energy of the model per pixel of its region.", "Model_EnergyPerPixel"),
    Column("atoms", TEXT, "", "Labels of its atoms.", "Metadata_Atoms"),
)
KNOWN = {column.name: column for column in (*DISCARDED, *OBJECTS)}
UNITS = {"px": "um", "px2": "um2"}


def channel_name(channel: int | str) -> str:
    """Return how a channel is called in the names of columns."""
    return f"channel{channel}" if isinstance(channel, int) or channel.isdecimal() else channel


def with_micrometres(columns: Sequence[Column], known: bool) -> list[str]:
    """Return the names of columns, lengths and areas in micrometres included if the size of a pixel is known."""
    names = []
    for column in columns:
        names.append(column.name)
        if known and column.unit in UNITS:
            names.append(f"{column.name}_{UNITS[column.unit]}")
    return names


def _parts(name: str) -> tuple[Column | None, str]:
    """Return the column that a name is derived from, and what is added to it: a unit, or a channel."""
    if name in KNOWN:
        return KNOWN[name], ""
    for column in sorted(KNOWN.values(), key=lambda column: -len(column.name)):
        if name.startswith(column.name + "_"):
            added = name.removeprefix(column.name + "_")
            if column in INTENSITY or added == UNITS.get(column.unit):
                return column, added
    return None, ""


def column_type(name: str) -> str:
    """Return the type of a column; see `superdsm.records.Exporter`."""
    column, added = _parts(name)
    if column is None:
        return TEXT
    return NUMBER if added else column.type


def cytominer_name(name: str, channel: str | None = None) -> str:
    """Return the name of a column for pycytominer and CytoTable, as in "Nuclei_AreaShape_Area".

    Parameters
    ----------
    name : str
        The name of the column; of image-level columns any name.
    channel : str, optional
        The channel that was segmented.
    """
    column, added = _parts(name)
    if column is None or column.cytominer.startswith("Metadata_"):
        found = column.cytominer if column else ""
        return found or "Metadata_" + "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    if column in INTENSITY:
        added = added or channel or OWN_CHANNEL
    return "_".join(filter(None, ["Nuclei", column.cytominer, added]))
