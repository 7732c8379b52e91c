"""``summary.csv``: a row for each image, with what stands out flagged."""

from collections.abc import Callable, Sequence
from typing import Any

from superdsm.batch.results.flags import Flag, flags
from superdsm.batch.storage.journal import JournalEntry
from superdsm.summary import cells

# The columns that every summary has: name, unit, meaning. Others follow from what the stages tell.
FIRST = (
    ("file_id", "", "File id of the image."),
    ("status", "", "`done` or `failed`."),
    ("objects", "", "Number of objects; empty: not known."),
    ("area_median", "px2", "Median area of the objects."),
    ("area_median_um2", "um2", "The same, where the size of a pixel is known."),
    ("radius", "px", "Radius of a typical nucleus, which the hyperparameters follow."),
    ("radius_um", "um", "The same, where the size of a pixel is known."),
    ("contrast", "", "Median intensity of the objects above that of the background, in its standard deviations."),
    (
        "edge_width",
        "px",
        "Width of the edges of the objects, as the standard deviation of a blur.",
    ),
    ("boundary_share", "", "Part of the objects that reach the border of the image."),
    ("discarded", "", "Number of objects that were discarded; `discarded_...`: by reason."),
    ("fallbacks", "", "Number of fits in which the solver gave up and a simpler model was taken."),
)
LAST = (
    ("pixel_size", "um", "Width of a pixel; empty: not known."),
    ("seconds", "s", "Time of all stages and outputs, when they were computed."),
    ("flags", "", "What stands out, by the names of the rules below."),
    ("flag_details", "", "The same with the numbers; what stands in the remarks is not repeated."),
    ("remarks", "", "Warnings, or why the image failed."),
)
IN_REMARKS = ("failed", "warning")  # flags whose texts are remarks
PLATE = "plate"  # where images have this column, they are compared with those of their plate


def figures_of(entry: JournalEntry) -> dict[str, Any]:
    """Return the figures of an image by the names of the columns."""
    told = entry.summary
    objects = entry.n_objects if entry.n_objects >= 0 else None
    size, area, radius = told.get("pixel_size"), told.get("area_median"), told.get("radius")
    return {
        **cells(told),
        "file_id": entry.id,
        "status": entry.status,
        "objects": objects,
        "area_median": area,
        "area_median_um2": area * size**2 if size and area is not None else None,
        "radius": radius,
        "radius_um": radius * size if size and radius is not None else None,
        "discarded": sum(told["discarded"].values()) if "discarded" in told else None,
        "pixel_size": size,
        "seconds": round(sum(entry.seconds.values()), 3) if entry.seconds else None,
        "remarks": "; ".join([*entry.warnings, *filter(None, [entry.message])]),
    }


def rows(
    entries: Sequence[JournalEntry],
    image_names: Sequence[str] = (),
    image_cells: Callable[[JournalEntry], Sequence[str]] = lambda entry: (),
) -> tuple[list[str], list[list[Any]]]:
    """Return the names of the columns and the rows of the summary of a task.

    Parameters
    ----------
    entries : sequence of JournalEntry
        The images.
    image_names : sequence of str, optional
        Columns that come from the paths of the images; they stand behind the file id.
    image_cells : callable, optional
        Their values for an image.
    """
    found = [figures_of(entry) for entry in entries]
    columns = [dict(zip(image_names, image_cells(entry), strict=False)) for entry in entries]
    flagged = flags(entries, [cells.get(PLATE, "") for cells in columns])
    first, last = [name for name, *_ in FIRST], [name for name, *_ in LAST]
    told = [name for name in dict.fromkeys(name for row in found for name in row) if name not in {*first, *last}]
    names = [first[0], *image_names, *first[1:], *told, *last]
    table = []
    for figures, own, marks in zip(found, columns, flagged, strict=True):
        row = figures | own | _flags(marks)
        table.append([row.get(name) for name in names])
    return names, table


def _flags(marks: Sequence[Flag]) -> dict[str, str]:
    return {
        "flags": " ".join(flag.rule for flag in marks),
        "flag_details": "; ".join(flag.text for flag in marks if flag.rule not in IN_REMARKS),
    }
