"""The page: everything in one file, hostile texts included, and the same bytes each time."""

import base64
import hashlib
import html
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from superdsm.batch.results.flags import RULES, Flag
from superdsm.cli.export import MODES
from superdsm.report.records import Column, ImageReport, Report, TaskReport
from superdsm.report.render import MOST_WORST, render
from superdsm.report.write import multiqc

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u2028&amp;'\""
COLUMNS = (Column("objects", "objects"), Column("radius", "radius (px)"))


def report(n_images: int = 3, text: str = "a", tasks: int = 1) -> Report:
    images = [
        ImageReport(
            f"{text}{number}",
            "done",
            [Flag("few", f"few objects {text}", 60)] if number % 2 else [],
            {"objects": number, "radius": math.inf if number == 0 else 9.5},
            text,
            {text: 2},
            f"/images/{text}.png",
            "B03",
            text,
            "data:image/jpeg;base64,AAAA",
            {"overlay": "report_files/1.jpg"},
        )
        for number in range(n_images)
    ]
    named = [
        TaskReport(
            f"{text}{index}", images, {text: [1.0, 2.0]}, {text: text}, [(text, text, text)], text, {text: 0.5}, text
        )
        for index in range(tasks)
    ]
    return Report(text, "1.0", named, COLUMNS)


def data(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


class Tags(HTMLParser):
    """Collects elements and their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_same_report_gives_the_same_bytes() -> None:
    assert render(report()) == render(report())


@pytest.mark.parametrize("tasks", [1, 2])
def test_hostile_texts_add_no_element_and_reach_the_script_unharmed(tasks: int) -> None:
    harmless, hostile = Tags(render(report(4, "a", tasks))), Tags(render(report(4, HOSTILE, tasks)))
    assert [tag for tag, _ in harmless.found] == [tag for tag, _ in hostile.found]
    assert not any(name.startswith("on") for _, attributes in hostile.found for name in attributes)
    assert data(render(report(4, HOSTILE, tasks)))["images"][1]["id"] == f"{HOSTILE}1"


def test_the_policy_allows_this_style_and_this_script_only() -> None:
    page = render(report())
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1])  # type: ignore[index]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    for tag in ("style", "script"):
        content = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert len(content) == 1
        digest = base64.b64encode(hashlib.sha256(content[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not any("style" in attributes for _, attributes in Tags(page).found)


def test_the_worst_images_come_first_and_without_a_script() -> None:
    page = render(report(2 * MOST_WORST + 8))
    cards = re.findall(r'<li class="card" data-image="(\d+)"', page)
    assert cards == [str(number) for number in range(1, 2 * MOST_WORST, 2)]
    assert "4 more images are flagged" in page
    assert "Nothing remarkable was found" in render(report(1))


def test_numbers_that_are_none_are_null() -> None:
    assert data(render(report()))["images"][0]["values"] == {"objects": 0, "radius": None}


def test_tasks_are_shown_side_by_side_only_where_there_are_several() -> None:
    assert "side by side" not in render(report())
    page = render(report(3, "a", 2))
    assert "side by side" in page and page.count("0.5000") == 2


def test_multiqc_reads_a_table() -> None:
    text = multiqc(report(2, "a\tb\n")).decode()
    head = [line for line in text.splitlines() if line.startswith("#")]
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    assert head[0] == "# id: superdsm" and "# plot_type: 'table'" in head
    assert rows[0] == ["Sample", "status", "objects", "radius (px)", "flags"]
    assert rows[1:] == [["a b 0", "done", "0", "inf", ""], ["a b 1", "done", "1", "9.5", "few"]]


def test_the_documentation_has_every_rule_and_every_mode_of_export() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
    for name, (_, _, doc) in RULES.items():
        assert f"| {name} | {doc} |" in page
    for mode, (_, doc) in MODES.items():
        assert f"| `{mode}` | {doc} |" in page
