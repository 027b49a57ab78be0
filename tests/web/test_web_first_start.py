"""A collector who never opens a terminal, in a real browser: from an empty folder to a pin that is known and owned.

Screenshots of every step are left in out/screenshots.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_web_browser import chromium, pytestmark, shoot, visits  # noqa: F401 -- a fixture, and the marks of its module
from web_service import Served, serving

from recognizer.catalogue.store import Catalogue
from recognizer.drawn import sample
from recognizer.vision.photos import encode_jpeg

SIZES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
PINS = (0, 5, 9, 12)

sync_api = pytest.importorskip("playwright.sync_api", reason="no Playwright: pip install 'znachki[dev]'")


def seen(page: Any, selector: str) -> None:
    """Wait until an element is on the page."""
    sync_api.expect(page.locator(selector).first).to_be_visible(timeout=60_000)


@pytest.fixture
def empty(tmp_path: Path, _base_read_once: None) -> Iterator[Served]:
    Catalogue.open(tmp_path / "data", create=True).close()
    with serving(tmp_path / "data", open_here=True) as served:
        yield served


@pytest.fixture
def visit(chromium: Any, empty: Served) -> Iterator[Callable[..., Any]]:  # noqa: F811
    with visits(chromium, empty) as new:
        yield new


@pytest.fixture
def brought(tmp_path: Path) -> Path:
    """A ZIP archive with a Russian table of pins, two rows of it broken, and their pictures."""
    rows = [["№ по каталогу", "Название", "Год", "Серия", "Фото"]]
    titles = [entry.title for entry in sample.entries(13)]
    with zipfile.ZipFile(tmp_path / "значки.zip", "w") as archive:
        for at in PINS:
            rows.append([f"12-{at}", titles[at], "1961", "Гербы", f"фото/{at}.jpg"])
            archive.writestr(f"фото/{at}.jpg", encode_jpeg(sample.catalogue_view(at)))
        rows[2:2] = [["12-77", "Без снимка", "1961", "Гербы", "фото/нет.jpg"]]
        rows.append(["", "Без номера", "1961", "Гербы", ""])
        table = io.StringIO(newline="")
        csv.writer(table, delimiter=";").writerows(rows)
        archive.writestr("список.csv", table.getvalue().encode())
    return tmp_path / "значки.zip"


@pytest.mark.parametrize("language", ["en-GB", "ru-RU"])
@pytest.mark.parametrize("size", SIZES)
def test_from_an_empty_folder_to_a_pin_that_is_known_and_owned(
    visit: Callable[..., Any], brought: Path, tmp_path: Path, size: str, language: str
) -> None:
    page = visit("/", viewport=SIZES[size], locale=language, has_touch=size == "phone")
    name = f"start-{size}-{language[:2]}"
    page.wait_for_url("**/start")
    shoot(page, f"{name}-1-welcome")
    page.set_input_files("#file", brought)
    page.click("form[action='/start/sources'] button")
    page.wait_for_url("**/start/sources/*")
    shoot(page, f"{name}-2-columns")
    page.click("form[action$='/look'] button")
    seen(page, "table.errors")
    line = "line" if language == "en-GB" else "строка"
    assert page.locator("table.errors tbody th").all_inner_texts() == [f"{line} 3", f"{line} 7"]
    shoot(page, f"{name}-3-broken")
    page.click("form[action$='/leave-out'] button")
    seen(page, "form[action$='/import']")
    shoot(page, f"{name}-4-look")
    page.click("form[action$='/import'] button")
    seen(page, "main a[href='/']")
    shoot(page, f"{name}-5-done")
    page.click("main a[href='/']")
    (tmp_path / "pin.jpg").write_bytes(encode_jpeg(sample.phone_view(9)))
    page.set_input_files("#photo", tmp_path / "pin.jpg")
    seen(page, "section.answer .badge.match")
    assert "12-9" in page.inner_text("section.answer h1")
    seen(page, ".stall .lack")
    page.click(".stall button >> nth=0")
    seen(page, ".stall .have")
    shoot(page, f"{name}-6-owned")
    page.click("section.answer h1 a")
    page.click("#mine summary")
    page.fill("#mine [name=jar] >> nth=0", "Космос")
    page.click("#mine .row button >> nth=0")
    seen(page, "#mine .have")
    assert "Космос" in page.inner_text("#mine .have")
    shoot(page, f"{name}-7-entry")
    page.click("nav a[href='/collection']")
    shoot(page, f"{name}-8-jars")
    page.click(".jars a")
    shoot(page, f"{name}-9-jar")
    page.goto(page.url.split("/collection")[0] + "/collection/progress")
    shoot(page, f"{name}-10-progress")
    page.click(".progress a >> nth=0")
    seen(page, ".lacking")
    missing = page.locator(".lacking b").all_inner_texts()
    assert missing == [f"12-{at}" for at in PINS if at != 9]
    filtered = page.locator(".lacking img").first.evaluate("image => getComputedStyle(image).filter")
    assert "grayscale" in filtered
    shoot(page, f"{name}-11-missing")
    page.click("a[href^='/collection/sheet.html']")
    assert page.locator("ul.cards > li").count() == len(missing)


def test_without_a_script_a_catalogue_is_brought_and_a_pin_said_to_be_owned(
    visit: Callable[..., Any], empty: Served
) -> None:
    page = visit("/start", java_script_enabled=False, viewport=SIZES["phone"])
    table = {"name": "t.csv", "mimeType": "text/csv", "buffer": "entry_id,title\n7,Маяк\n".encode()}
    page.set_input_files("#file", table)
    page.click("form[action='/start/sources'] button")
    page.click("form[action$='/look'] button")
    seen(page, "form[action$='/import']")  # the page of the work asks for itself again
    page.click("form[action$='/import'] button")
    seen(page, "main a[href='/']")
    page.goto(f"{empty.address}/entries/7")
    page.click("#mine form[action='/collection/say'] button >> nth=0")
    seen(page, "#mine .have")
    assert re.search("You have 1", page.inner_text("#mine"))
    page.click("details.edit summary >> nth=0")
    page.fill("[name=title]", "Маяк Северный")
    page.click("form[action='/edit/7'] button")
    assert "Маяк Северный" in page.inner_text("h1")
