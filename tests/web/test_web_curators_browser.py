"""A curator and an owner in a real browser: queues by keyboard, the past of an entry, a model trained and used.

Screenshots of every step are left in out/screenshots.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_web_browser import chromium, pytestmark, shoot, visits  # noqa: F401 -- a fixture, and the marks of its module
from test_web_training import command  # noqa: F401 -- a fixture: a command that trains nothing
from web_service import Served, board_of, serving_copy

from recognizer.catalogue.store import Catalogue
from recognizer.drawn import brought, sample
from recognizer.types import Role
from recognizer.vision.photos import encode_jpeg

sync_api = pytest.importorskip("playwright.sync_api", reason="no Playwright: pip install 'znachki[dev]'")

SIZES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
CONFLICT = "409 (Conflict)"  # which a test asks for, and a browser takes for a fault
IDS = [entry.entry_id for entry in sample.entries(8)]


@pytest.fixture
def served(data: Path, tmp_path: Path, command: tuple[str, ...]) -> Iterator[Served]:  # noqa: F811
    """A service with a photo in a wrong entry, an unknown pin that was seen twice, and a kept lot."""
    with serving_copy(data, tmp_path, open_here=True) as running:
        photo = {"photo": ("a.jpg", encode_jpeg(sample.catalogue_view(0), 80))}
        assert running.post(f"/api/v1/entries/{IDS[7]}/photos", files=photo, headers=running.writes).status_code == 201
        unknown = [encode_jpeg(sample.phone_view(140, shot=shot), 92) for shot in range(2)]
        files = [("photo", (f"{at}.jpg", one)) for at, one in enumerate([*unknown, board_of((0, 4, 7, 9))])]
        body = {"files": files, "data": {"keep": "true"}, "headers": running.writes}
        lot = running.post("/api/v1/lots", **body).headers["location"]
        ends = time.monotonic() + 120
        while running.get(lot).json()["state"] != "done":
            assert time.monotonic() < ends
            time.sleep(0.1)
        yield running


@pytest.fixture
def visit(chromium: Any, served: Served) -> Iterator[Callable[..., Any]]:  # noqa: F811
    with visits(chromium, served, CONFLICT) as new:
        yield new


def seen(page: Any, selector: str) -> None:
    sync_api.expect(page.locator(selector).first).to_be_visible(timeout=120_000)


@pytest.mark.parametrize(("size", "language"), [("wide", "en-GB"), ("phone", "ru-RU")])
def test_a_curator_settles_every_queue_and_an_owner_trains(
    visit: Callable[..., Any], served: Served, size: str, language: str
) -> None:
    page = visit("/curating", viewport=SIZES[size], locale=language)
    name = f"curating-{size}"
    page.click("form[action='/curating/audit/begin'] button")
    page.wait_for_url("**/curating/audit")
    seen(page, ".item")
    shoot(page, f"{name}-1-audit")
    page.keyboard.press("j")
    page.keyboard.press("1")
    seen(page, ".item.settled")
    with Catalogue.open(served.data) as catalogue:
        assert [len(catalogue.images(Role.FACE, IDS[at])) for at in (0, 7)] == [1, 1]
    page.goto(f"{served.address}/curating/doubts")
    waiting = page.locator(".item").count()
    shoot(page, f"{name}-2-doubts")
    page.keyboard.press("j")
    page.keyboard.press("u")
    seen(page, ".item.settled")
    assert page.evaluate("[...document.querySelectorAll('.item')].indexOf(document.activeElement)") == 1
    page.keyboard.press("1")
    sync_api.expect(page.locator(".item.settled")).to_have_count(2)
    page.reload()
    assert page.locator(".item").count() == waiting - 2
    page.goto(f"{served.address}/curating/corrections")
    assert page.locator(".item").count() == 2
    shoot(page, f"{name}-3-corrections")
    page.keyboard.press("j")
    page.keyboard.press("1")
    seen(page, ".item.settled")
    page.goto(f"{served.address}/curating")
    shoot(page, f"{name}-4-overview")
    page.click("form[action='/curating/unknown/begin'] button")
    page.wait_for_url("**/curating/unknown")
    shoot(page, f"{name}-5-unknown")
    page.fill(".item [name=number]", "Н-1")
    page.fill(".item [name=title]", "Новый значок")
    page.click(".item form[action$='/accept'] button")
    seen(page, ".item.settled")
    page.goto(f"{served.address}/entries/%D0%9D-1")
    page.click("#history summary")
    seen(page, "#history form")
    shoot(page, f"{name}-6-entry")
    page.goto(f"{served.address}/training")
    shoot(page, f"{name}-7-training")
    page.fill("[name=model]", "pins")
    page.fill("[name=steps]", "10")
    page.click("form[action='/training/begin'] button")
    seen(page, "form[action='/training/compare']")
    page.click("form[action='/training/compare'] button")
    seen(page, "table")
    shoot(page, f"{name}-8-trained")


def test_every_page_is_whole_in_both_sizes_and_languages(chromium: Any, served: Served, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "pin.jpg").write_bytes(encode_jpeg(sample.phone_view(3)))
    with visits(chromium, served, CONFLICT, "status of 404") as visit:
        page = visit("/curating")
        for begin in ("audit", "unknown"):
            page.goto(f"{served.address}/curating")
            page.click(f"form[action='/curating/{begin}/begin'] button")
            page.wait_for_url(f"**/curating/{begin}")
        lot = served.get("/kept", headers={"Accept": "text/html"}).text.split('href="/lots/')[1].split('"')[0]
        pin = served.get(f"/lots/{lot}", headers={"Accept": "text/html"}).text.split(f'href="/lots/{lot}/pins/')[1]
        paths = {
            **{
                name: f"/{name}"
                for name in ("", "catalogue", "collection", "kept", "start", "training", "api", "sign-in")
            },
            **{name: f"/collection/{name}" for name in ("progress", "missing", "wishes", "swaps")},
            **{name: f"/curating/{name}" for name in ("audit", "unknown", "corrections", "doubts")},
            "found": "/catalogue?q=%D0%B3%D1%80%D0%B8%D0%B1",
            "entry": f"/entries/{IDS[3]}",
            "lot": f"/lots/{lot}",
            "lot-missing": f"/lots/{lot}/missing",
            "lot-pin": f"/lots/{lot}/pins/{pin.split(chr(34))[0]}",
            "nowhere": "/nowhere",
        }
        for size, language in itertools.product(SIZES, ("en-GB", "ru-RU")):
            page = visit("/", viewport=SIZES[size], locale=language, has_touch=size == "phone")
            for name, path in paths.items():
                page.goto(served.address + path)
                assert page.locator("html").get_attribute("lang") == language[:2]
                shoot(page, f"every-{size}-{language[:2]}-{name or 'home'}")
            page.goto(served.address)
            page.set_input_files("#photo", tmp_path / "pin.jpg")
            seen(page, "section.answer")
            page.click(".ways summary >> nth=0")
            shoot(page, f"every-{size}-{language[:2]}-answer")


@pytest.mark.parametrize("language", ["en-GB", "ru-RU"])
@pytest.mark.parametrize("size", SIZES)
def test_two_curators_at_once_are_told_what_the_other_changed(
    visit: Callable[..., Any], served: Served, size: str, language: str
) -> None:
    first, second = (visit(f"/entries/{IDS[2]}", viewport=SIZES[size], locale=language) for _ in range(2))
    for page, column, text in ((first, "title", "Первый"), (second, "maker", "Второй завод")):
        page.click("details.edit summary >> nth=0")
        page.fill(f"form[action^='/edit/'] [name={column}]", text)
    second.fill("form[action^='/edit/'] [name=title]", "Второй")
    first.click("form[action^='/edit/'] button")
    seen(first, "main h1")
    with second.expect_response(lambda answer: "/edit/" in answer.url) as told:
        second.click("form[action^='/edit/'] button")
    assert told.value.status == 409
    seen(second, "main h1")
    said = "changed by somebody else" if language == "en-GB" else "кто-то тем временем изменил"
    assert said in second.inner_text("main")
    shoot(second, f"two-curators-{size}-{language[:2]}")
    with Catalogue.open(served.data) as catalogue:
        entry = catalogue.entry(IDS[2])
    assert entry.title == "Первый"
    assert entry.maker != "Второй завод"  # nothing of what the second sent was taken


def test_without_a_script_a_queue_is_settled_by_its_buttons(visit: Callable[..., Any], served: Served) -> None:
    page = visit("/curating/doubts", java_script_enabled=False, viewport=SIZES["phone"])
    waiting = page.locator(".item").count()
    page.click(".item [data-key='u'] >> nth=0")
    page.wait_for_url("**/curating/doubts")
    assert page.locator(".item").count() == waiting - 1


def test_the_reverse_that_a_picture_has_beside_the_face_is_shown(visit: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "pair.jpg").write_bytes(encode_jpeg(brought.glued(3), 92))
    page = visit("/", viewport=SIZES["phone"])
    page.set_input_files("#photo", tmp_path / "pair.jpg")
    seen(page, ".back-of")
    shoot(page, "answer-reverse")


def test_over_a_bad_line_a_lot_is_sent_again_and_made_once(chromium: Any, served: Served, tmp_path: Path) -> None:  # noqa: F811
    sent: list[str] = []

    def lose(route: Any) -> None:
        """The service gets what is sent, and its first answer is lost on the way."""
        sent.append(route.request.headers["x-once"])
        answer = route.fetch(max_redirects=0)
        if len(sent) == 1:
            route.abort("connectionreset")
        else:
            route.fulfill(response=answer)

    lots = len(list((served.data / "web" / "lots").iterdir()))
    for at in range(2):
        (tmp_path / f"{at}.jpg").write_bytes(board_of((at, 3)))
    with chromium.new_context(viewport=SIZES["phone"]) as context:
        page = context.new_page()
        page.goto(served.address)
        page.route("**/identify", lose)
        page.set_input_files("#photo", [tmp_path / "0.jpg", tmp_path / "1.jpg"])
        sync_api.expect(page.locator("#said")).to_have_text("The line broke; sending it again …")
        page.wait_for_url("**/lots/*", timeout=60_000)
    assert len(sent) == 2
    assert len(set(sent)) == 1
    assert len(list((served.data / "web" / "lots").iterdir())) == lots + 1


def test_a_model_is_trained_compared_used_and_the_one_before_taken_again(
    chromium: Any,  # noqa: F811
    data: Path,
    tmp_path: Path,
) -> None:
    """The commands themselves; what was trained for one step may be worse, and is used although it is."""

    def current() -> str:
        return str(json.loads((served.data / "index" / "index.json").read_text())["model"])

    def press(page: Any, errand: str) -> None:
        with page.expect_navigation():
            page.click(f"form[action='/training/{errand}'] button")
        ends = time.monotonic() + 1200
        while not served.get("/training/state").json()["ended"]:
            assert time.monotonic() < ends
            time.sleep(0.5)
        page.goto(f"{served.address}/training")
        assert page.locator("[role=alert]").count() == 0, page.inner_text("main")

    with serving_copy(data, tmp_path, open_here=True) as served, visits(chromium, served) as visit:
        wide = visit("/training", viewport=SIZES["wide"], locale="en-GB")
        wide.fill("[name=model]", "real")
        wide.fill("[name=steps]", "1")
        press(wide, "begin")
        assert wide.locator("polyline").count() > 0  # of one step, which is a line without a length
        press(wide, "compare")
        seen(wide, "table caption")
        assert current() == "base"
        shoot(wide, "model-compared")
        if wide.locator("[name=force]").count():
            wide.check("[name=force]")
        press(wide, "promote")
        assert current() == "real"
        phone = visit("/training", viewport=SIZES["phone"], locale="ru-RU")
        assert phone.locator("section.choice:has-text('real') .badge").inner_text() == "текущая"
        shoot(phone, "model-used")
        press(phone, "rollback")
        assert current() == "base"
        assert "base → real" in phone.inner_text("main")
        assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
