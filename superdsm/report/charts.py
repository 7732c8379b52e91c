"""Charts as inline SVG: histograms, scatter plots, and heat maps of plates.

Equal values give equal text. Colours are classes, so that the style sheet gives them for light and dark pages; those of
heat maps are from a scale that is told apart with any kind of colour vision.
"""

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

WIDTH, HEIGHT = 300, 150
LEFT, RIGHT, TOP, BOTTOM = 42, 8, 6, 34
BARS = 30
MOST_POINTS = 2000
LARGEST = 1e100  # numbers beyond are taken for not known
# From little to much, dark to light (after Crameri's batlow).
SCALE = ((1, 25, 89), (20, 76, 97), (72, 113, 83), (148, 131, 52), (225, 147, 89), (253, 180, 192))


def histogram(values: Sequence[float], label: str) -> Markup:
    """Return the histogram of values.

    Parameters
    ----------
    values : sequence of float
        Those that are not finite, or huge, are left out; the label then says how many.
    label : str
        What they are, with the unit.
    """
    known = np.asarray(values, dtype=float)
    finite = known[np.abs(known) < LARGEST]
    if not finite.size:
        return Markup("")
    low, high = _range(finite)
    counts, edges = np.histogram(np.clip(finite, low, high), bins=BARS, range=(low, high))
    top = int(counts.max())
    step = (WIDTH - LEFT - RIGHT) / BARS
    parts = []
    for index, count in enumerate(counts.tolist()):
        height = (HEIGHT - TOP - BOTTOM) * count / top
        told = f"{count} from {edges[index]:.3g} to {edges[index + 1]:.3g}"
        box = _box(LEFT + index * step + 0.5, HEIGHT - BOTTOM - height, step - 1, height)
        parts.append(Markup('<rect class="bar" {}><title>{}</title></rect>').format(box, told))
    left_out = len(values) - finite.size
    words = f"{label}: {finite.size} values, median {np.median(finite):.3g}"
    words += f", {left_out} not known" if left_out else ""
    return _figure(Markup("").join(parts), _axes((low, high), (0, top), label), words)


def scatter(points: Sequence[tuple[float, float, str]], x_label: str, y_label: str) -> Markup:
    """Return a scatter plot.

    Parameters
    ----------
    points : sequence of (float, float, str)
        The coordinates of each point, and what it is. Of more than 2,000 every n-th is drawn.
    x_label, y_label : str
        What the axes are, with units.
    """
    finite = [point for point in points if abs(point[0]) < LARGEST and abs(point[1]) < LARGEST]
    if not finite:
        return Markup("")
    x_range, y_range = (_range(np.array([point[axis] for point in finite])) for axis in (0, 1))
    parts = []
    for x, y, name in finite[:: math.ceil(len(finite) / MOST_POINTS)]:
        column = LEFT + (WIDTH - LEFT - RIGHT) * _fraction(x, x_range)
        row = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * _fraction(y, y_range)
        parts.append(
            Markup('<circle class="point" cx="{:.1f}" cy="{:.1f}" r="2.5"><title>{}</title></circle>').format(
                column, row, f"{name}: {x:.3g}, {y:.3g}"
            )
        )
    return _figure(Markup("").join(parts), _axes(x_range, y_range, x_label), f"{y_label} against {x_label}")


def plate(values: Mapping[str, float | None], label: str) -> Markup:
    """Return the heat map of a plate.

    Parameters
    ----------
    values : mapping
        By well, as in "B03": a number; None: not known.
    label : str
        What they are, with the unit.
    """
    wells = {place: (name, value) for name, value in values.items() if (place := well_place(name)) is not None}
    if not wells:
        return Markup("")
    rows, columns = _plate_shape(wells)
    known = [value for _, value in wells.values() if value is not None and abs(value) < LARGEST]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    size = min(24.0, (2 * WIDTH) / (columns + 1))
    parts = []
    for (row, column), (name, value) in sorted(wells.items()):
        shown = value is not None and abs(value) < LARGEST
        colour = _colour(_fraction(value, (low, high))) if shown and value is not None else ""
        fill = Markup(' fill="{}"').format(colour) if colour else Markup(' class="unknown"')
        box = _box((column + 1) * size, (row + 1) * size, size - 2, size - 2)
        told = f"{name}: {value:.4g}" if shown else f"{name}: not known"
        parts.append(Markup('<rect {} rx="2"{}><title>{}</title></rect>').format(box, fill, told))
    for row in range(rows):
        parts.append(_text(size / 2, (row + 1.65) * size, _row_name(row)))
    for column in range(columns):
        parts.append(_text((column + 1.45) * size, size * 0.7, str(column + 1)))
    words = f"{label}: {low:.3g} (dark) to {high:.3g} (light)"
    return _svg(Markup("").join(parts), (columns + 1) * size, (rows + 1) * size, words)


def well_place(name: str) -> tuple[int, int] | None:
    """Return row and column of a well such as "B03" or "AA12", from 0; None: the text is no well."""
    match = re.fullmatch(r"([A-Za-z]{1,2})0*([1-9]\d?)", name)
    if match is None:
        return None
    row = 0
    for letter in match[1].upper():
        row = row * 26 + ord(letter) - ord("A") + 1
    return row - 1, int(match[2]) - 1


def _plate_shape(wells: Mapping[tuple[int, int], object]) -> tuple[int, int]:
    """Return rows and columns of the smallest common plate that has all wells."""
    rows, columns = (1 + max(place[axis] for place in wells) for axis in (0, 1))
    common = ((2, 3), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48))
    return next((shape for shape in common if rows <= shape[0] and columns <= shape[1]), (rows, columns))


def _row_name(row: int) -> str:
    letters = ""
    row += 1
    while row:
        row, letter = divmod(row - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def _range(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> tuple[float, float]:
    """Return the range to draw: all, unless a few values are far from the others."""
    low, high = float(values.min()), float(values.max())
    inner = np.percentile(values, (1, 99))
    margin = 2 * float(inner[1] - inner[0])
    if margin > 0:
        low, high = max(low, float(inner[0]) - margin), min(high, float(inner[1]) + margin)
    least = 1e-6 * max(1.0, abs(low), abs(high))  # what is closer together is one value
    return (low, high) if high - low > least else (low - least, high + least)


def _fraction(value: float, limits: tuple[float, float]) -> float:
    low, high = limits
    return min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.5


def _colour(fraction: float) -> str:
    places = np.linspace(0, 1, len(SCALE))
    red, green, blue = (round(float(np.interp(fraction, places, channel))) for channel in zip(*SCALE, strict=True))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _axes(x_range: tuple[float, float], y_range: tuple[float, float], label: str) -> Markup:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    return Markup("").join(
        [
            Markup('<path class="axis" d="M{0} {1}V{2}H{3}"/>').format(LEFT, TOP, bottom, right),
            _text(LEFT, bottom + 13, f"{x_range[0]:.3g}"),
            _text(right, bottom + 13, f"{x_range[1]:.3g}", "end"),
            _text((LEFT + right) / 2, bottom + 27, label),
            _text(LEFT - 4, bottom, f"{y_range[0]:.3g}", "end"),
            _text(LEFT - 4, TOP + 9, f"{y_range[1]:.3g}", "end"),
        ]
    )


def _text(column: float, row: float, text: str, anchor: str = "middle") -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(column, row, anchor, text)


def _box(column: float, row: float, width: float, height: float) -> Markup:
    return Markup('x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"').format(column, row, width, height)


def _figure(marks: Markup, axes: Markup, words: str) -> Markup:
    return _svg(axes + marks, WIDTH, HEIGHT, words)


def _svg(content: Markup, width: float, height: float, words: str) -> Markup:
    """Return a figure whose words stand below, and are read by those who do not see it."""
    return Markup(
        '<figure class="chart"><svg viewBox="0 0 {0:.0f} {1:.0f}" width="{0:.0f}" height="{1:.0f}" role="img" '
        'aria-label="{2}">{3}</svg><figcaption>{2}</figcaption></figure>'
    ).format(width, height, words, content)
