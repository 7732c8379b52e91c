"""The columns of the table: names, units, meaning."""

from typing import NamedTuple


class Column(NamedTuple):
    """A column of the table of measurements.

    Attributes
    ----------
    name : str
        Name.
    unit : str
        Unit; empty for numbers without one.
    doc : str
        Meaning.
    dtype : str
        NumPy dtype.
    """

    name: str
    unit: str
    doc: str
    dtype: str = "float64"


COLUMNS = (
    Column("label", "", "Label of the object in the label image.", "int64"),
    Column("centroid_row", "px", "Row of the centre of mass; the centre of the first pixel is 0."),
    Column("centroid_column", "px", "Column of the centre of mass; the centre of the first pixel is 0."),
    Column("area", "px^2", "Number of pixels of the mask.", "int64"),
    Column("perimeter", "px", "Length of the contour through the centres of the border pixels, 4-connected."),
    Column("eccentricity", "", "Of the ellipse with the same second moments; 0: circle, 1: line."),
    Column("solidity", "", "Area divided by the area of the convex hull."),
    Column("major_axis", "px", "Length of the long axis of the ellipse with the same second moments."),
    Column("minor_axis", "px", "Length of the short axis of that ellipse."),
    Column("orientation", "degree", "Of the long axis, from the row axis, counter-clockwise; -90 to 90."),
    Column("intensity_mean", "grey level", "Mean intensity of the image as it was read, within the mask."),
    Column("intensity_std", "grey level", "Standard deviation of the intensity within the mask."),
    Column("intensity_min", "grey level", "Least intensity within the mask."),
    Column("intensity_max", "grey level", "Greatest intensity within the mask."),
    Column("intensity_sum", "grey level", "Integrated intensity: the sum over the mask."),
    Column("background", "grey level", "Median intensity of a ring around the object, without other objects."),
    Column("contrast", "", "Mean intensity divided by the local background."),
    Column("energy_per_pixel", "", "Energy of the model divided by the size of the region it was fitted to."),
    Column("margin", "", "By how much the energy rises at least if the object is not there; not known: empty."),
    Column("confidence", "", "The same from 0 (unsure) to 1 (sure)."),
    Column("neighbour_distance", "px", "Distance between the centre of mass and the nearest one of another object."),
    Column("touches_border", "", "Whether the mask reaches the border of the image.", "bool"),
)

TYPES = {"int64": "integer", "float64": "number", "bool": "flag"}


def column_type(name: str) -> str:
    """Return the type of a column, for tables of whole tasks."""
    return next((TYPES[column.dtype] for column in COLUMNS if column.name == name), "text")
