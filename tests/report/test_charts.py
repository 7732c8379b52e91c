"""Charts: what is drawn, in valid SVG, whatever the values and names are."""

import math
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm.report.charts import BARS, histogram, plate, scatter, well_place

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</title><script>alert("1")</script>'


def parsed(markup: str) -> Any:
    """Return the figure as a tree; fails if it is not well-formed."""
    return ET.fromstring(str(markup).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" '))


def bars(markup: str) -> list[float]:
    return [float(bar.attrib["height"]) for bar in parsed(markup).iter(f"{SVG}rect")]


def test_a_histogram_has_bars_as_high_as_values_are_many() -> None:
    heights = bars(histogram([0.0] * 10 + [30.0] * 5, "area"))
    assert len(heights) == BARS
    assert heights[0] == pytest.approx(2 * heights[-1], abs=0.11) and not any(heights[1:-1])
    assert "area: 15 values, median 0" in histogram([0.0] * 10 + [30.0] * 5, "area")


def test_values_that_are_not_known_are_counted_and_those_far_away_do_not_flatten_the_rest() -> None:
    text = histogram([1.0, 2.0, math.nan, math.inf], "x")
    assert "2 values" in text and "2 not known" in text
    heights = bars(histogram([*range(1000), 1e9], "x"))
    assert sum(height > 0 for height in heights) > 5
    assert histogram([], "x") == histogram([math.nan], "x") == ""


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=40), st.text(max_size=20))
def test_any_values_and_words_give_well_formed_figures(values: list[float], words: str) -> None:
    words = re.sub(r"[\x00-\x1f\ud800-\udfff\ufffe\uffff]", "", words)
    for figure in (
        histogram(values, words),
        scatter([(value, value, words) for value in values], words, words),
        plate(dict(zip(("A1", "B12", words), values, strict=False)), words),
    ):
        if figure:
            assert "nan" not in re.sub(r">[^<]*<|aria-label=\"[^\"]*\"", "", figure)
            parsed(figure)


def test_hostile_names_are_text() -> None:
    for figure in (histogram([1, 2], HOSTILE), scatter([(1, 2, HOSTILE)], HOSTILE, HOSTILE), plate({"A1": 1}, HOSTILE)):
        assert "<script" not in figure
        assert HOSTILE in "".join(parsed(figure).itertext())


def test_a_plate_is_as_large_as_common_ones_and_light_where_much_is() -> None:
    figure = parsed(plate({"A1": 0.0, "H12": 10.0, "C3": None}, "objects"))
    names = [text.text for text in figure.iter(f"{SVG}text")]
    assert names == [*"ABCDEFGH", *map(str, range(1, 13))]
    by_name = {rect[0].text.partition(":")[0]: rect.attrib for rect in figure.iter(f"{SVG}rect")}
    assert int(by_name["H12"]["fill"][1:3], 16) > int(by_name["A1"]["fill"][1:3], 16)
    assert "fill" not in by_name["C3"]
    assert plate({"field 1": 2.0}, "objects") == ""


@pytest.mark.parametrize(
    ("name", "place"),
    [("A1", (0, 0)), ("b03", (1, 2)), ("P24", (15, 23)), ("AF48", (31, 47)), ("A0", None), ("A100", None), ("", None)],
)
def test_wells(name: str, place: tuple[int, int] | None) -> None:
    assert well_place(name) == place
