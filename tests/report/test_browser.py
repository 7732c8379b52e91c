"""The page in a browser: sorting, filters, views, the keyboard alone, dark and light, and nothing from a network."""

import re
import shutil
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from superdsm.report.records import ImageReport, Report, TaskReport
from superdsm.report.render import render
from tests.report.test_render import COLUMNS, HOSTILE, report

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install --group browser")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium, as of Debian's package"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


MISSING = re.compile(r"Failed to load resource: net::ERR_(FILE_NOT_FOUND|INVALID)")  # pictures that tests name


class Shown:
    """A page that is shown, and all that it complained of or asked for."""

    def __init__(self, browser: Any, path: Path, said: Report, scheme: str = "light") -> None:
        path.write_text(render(said), encoding="utf-8")
        self.page = browser.new_page(viewport={"width": 1200, "height": 800}, color_scheme=scheme)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.goto(path.as_uri())

    def rows(self) -> list[str]:
        found: list[str] = self.page.locator("#images tbody tr td:first-child").all_text_contents()
        return found


@pytest.fixture
def shown(browser: Any, tmp_path: Path) -> Iterator[Any]:
    pages: list[Shown] = []

    def show(said: Report, scheme: str = "light") -> Shown:
        pages.append(Shown(browser, tmp_path / f"{len(pages)}.html", said, scheme))
        return pages[-1]

    yield show
    for page in pages:
        allowed = re.compile(
            r"Failed to load resource: net::ERR_(FILE_NOT_FOUND|INVALID)"
        )  # the pictures of these tests
        assert [text for text in page.complaints if not allowed.search(text)] == []
        assert all(url.startswith(("file:", "data:")) for url in page.requests)
        page.page.close()


def numbered(count: int) -> Report:
    images = [ImageReport(f"i{number}", "done", (), {"objects": number % 7}) for number in range(count)]
    return Report("many", "1.0", [TaskReport(".", images)], COLUMNS[:1])


def test_the_table_sorts_by_every_column_and_back(shown: Any) -> None:
    page = shown(numbered(30))
    assert page.rows() == [f"i{number}" for number in range(30)]
    page.page.click('[data-sort="objects"]')
    down = page.page.locator("#images tbody td.number").all_text_contents()
    assert down == sorted(down, reverse=True)
    page.page.click('[data-sort="objects"]')
    assert page.page.locator("#images tbody td.number").all_text_contents() == sorted(down)
    assert page.page.get_attribute("th:nth-child(2)", "aria-sort") == "ascending"
    page.page.click('[data-sort="id"]')
    assert page.rows()[:3] == ["i0", "i1", "i2"], "numbers in names count as numbers"


def test_filters_and_pages(shown: Any) -> None:
    page = shown(numbered(450))
    assert len(page.rows()) == 200
    page.page.click("#pages button:nth-child(3)")
    assert len(page.rows()) == 50
    page.page.fill("#find", "i44")
    assert page.rows() == ["i44", *(f"i44{digit}" for digit in range(10))]
    assert page.page.text_content("#shown") == "11 of 450 images"
    flagged = shown(report(5))
    assert flagged.rows() == ["a1", "a3", "a0", "a2", "a4"], "the worst first"
    flagged.page.select_option("#rule", "few")
    assert flagged.rows() == ["a1", "a3"]
    flagged.page.click("#as-gallery")
    assert flagged.page.locator(".tile b").all_text_contents() == ["a1", "a3"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_keyboard_alone_is_enough(shown: Any, scheme: str) -> None:
    page = shown(report(4), scheme).page
    for key in ("j", "j", "k", "Enter"):
        page.keyboard.press(key)
    assert page.text_content("#view-title") == "a1"
    page.keyboard.press("ArrowRight")
    assert page.text_content("#view-title") == "a3"
    page.keyboard.press("Escape")
    assert not page.is_visible("#view")
    page.keyboard.press("/")
    page.keyboard.type("a2")
    assert page.locator("#images tbody tr").count() == 1
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", dark)[:3])) < 200) == (scheme == "dark")


def test_a_view_zooms_and_fits(shown: Any) -> None:
    import base64
    import io

    from PIL import Image

    data = io.BytesIO()
    Image.new("RGB", (100, 50), "red").save(data, "PNG")
    url = f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"
    image = ImageReport("i", "done", (), {}, thumbnail=url, views={"overlay": url, "image": url})
    page = shown(Report("one", "1.0", [TaskReport(".", [image])], COLUMNS)).page
    page.click("#images tbody tr")
    page.wait_for_function("document.getElementById('picture').width > 100")
    fit = page.evaluate("document.getElementById('picture').width")
    page.keyboard.press("+")
    assert page.evaluate("document.getElementById('picture').width") == pytest.approx(1.25 * fit, abs=1)
    page.keyboard.press("0")
    assert page.evaluate("document.getElementById('picture').width") == pytest.approx(fit, abs=20)
    page.keyboard.press("2")
    assert page.get_attribute("#view-modes button:nth-child(2)", "aria-pressed") == "true"


@pytest.mark.parametrize("tasks", [1, 2])
def test_hostile_texts_are_shown_as_they_are(shown: Any, tasks: int) -> None:
    page = shown(report(3, HOSTILE, tasks))
    assert page.page.text_content("h1") == HOSTILE
    assert page.rows()[0] == f"{HOSTILE}1"
    page.page.click("#images tbody tr")
    assert HOSTILE in page.page.text_content("#facts")
    assert page.page.locator("script").count() == 2


@pytest.mark.speed
def test_thousands_of_images_are_shown_at_once(browser: Any, tmp_path: Path) -> None:
    seconds, sizes = [], []
    for turn in range(3):
        page = Shown(browser, tmp_path / f"{turn}.html", numbered(5000)).page
        page.wait_for_selector("#images tbody tr")
        paints = page.evaluate("performance.getEntriesByType('paint').map((paint) => paint.startTime)")
        seconds.append(max(paints) / 1000)
        sizes.append(page.evaluate("performance.memory.usedJSHeapSize") / 1e6)
        page.close()
    assert statistics.median(seconds) < 1 and max(sizes) < 300
