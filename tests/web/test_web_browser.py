"""The page in a real browser: Debian's Chromium, driven by Playwright, skipped where there is none.

Screenshots of every step are left in out/screenshots.
"""

from __future__ import annotations

import itertools
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from web_service import Served, board_of, serving_copy

from recognizer.catalogue.store import Catalogue
from recognizer.collecting.holdings import Collection, Kind
from recognizer.collecting.jobs import Job
from recognizer.collecting.listings import Listing
from recognizer.collecting.lot_marks import Marker
from recognizer.drawn import sample
from recognizer.reports import lot_report
from recognizer.types import CatalogueEntry
from recognizer.vision.photos import encode_jpeg

playwright_api = pytest.importorskip("playwright.sync_api", reason="no Playwright: pip install 'znachki[dev]'")
CHROMIUM = shutil.which("chromium")
SCREENSHOTS = Path(__file__).resolve().parents[2] / "out" / "screenshots"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: on Debian, apt-get install chromium"),
]


@pytest.fixture(scope="module")
def served(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving_copy(data, tmp_path_factory.mktemp("browsed")) as running:
        yield running


@pytest.fixture(scope="module")
def files(sample_files: Any, query: Callable[[int], tuple[Path, str | None]], tmp_path_factory: Any) -> dict[str, Path]:
    """A photo of a pin, and a picture of several."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "board.jpg").write_bytes(board_of((2, 5, 9, 12)))
    return {"pin": query(0)[0], "board": folder / "board.jpg"}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


Visits = Callable[..., Any]


@contextmanager
def visits(chromium: Any, served: Served, *expected: str) -> Iterator[Visits]:
    """Gives a new page of the service; fails the test where the page logs an error, but for those with one of the texts
    that are expected, or asks another machine."""
    contexts: list[Any] = []
    faults: list[str] = []

    def logged(line: Any) -> None:
        if line.type == "error" and not any(text in line.text for text in expected):
            faults.append(line.text)

    def new(path: str = "/", **options: Any) -> Any:
        context = chromium.new_context(**{"locale": "en-GB", "viewport": {"width": 1200, "height": 900}} | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", logged)
        page.on("pageerror", lambda error: faults.append(str(error)))
        elsewhere = re.compile(rf"^(?!{re.escape(served.address)}|data:|blob:)")
        page.on("request", lambda asked: faults.append(asked.url) if elsewhere.match(asked.url) else None)
        page.goto(served.address + path)
        return page

    yield new
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def visit(chromium: Any, served: Served) -> Iterator[Visits]:
    with visits(chromium, served, "status of 404") as new:  # a page that is not there is shown, too
        yield new


def shoot(page: Any, name: str) -> None:
    """Keep a screenshot, and see that nothing is wider than the window and that axe finds no serious fault."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} is too wide"
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    faults = [
        (fault["id"], [node["html"][:120] for node in fault["nodes"]][:3])
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
    assert faults == [], name


def sign_in(page: Any, served: Served) -> None:
    page.goto(f"{served.address}/sign-in")
    page.fill("#token", served.secret)
    page.click("main button")
    page.wait_for_url(f"{served.address}/")


def test_a_pin_is_uploaded_answered_and_corrected(visit: Visits, served: Served, files: dict[str, Path]) -> None:
    page = visit()
    shoot(page, "first")
    sign_in(page, served)
    page.check("[name=keep]")
    page.set_input_files("#photo", files["pin"])
    page.wait_for_selector("section.answer")
    assert page.evaluate("document.activeElement.tagName") == "H1"  # a screen reader goes on with the answer
    shoot(page, "answer")
    page.click(".points summary >> nth=0")
    shoot(page, "points")
    page.click(".judge button >> nth=0")
    page.wait_for_selector(".judge .done")
    page.click(".offered button >> nth=0")
    page.wait_for_selector(".offered .done")
    held = served.get("/api/v1/corrections", headers=served.writes).json()
    assert [one["said"] for one in held["corrections"][:2]] == ["corrected", "confirmed"]
    page.click("nav >> text=Kept photos")
    page.wait_for_selector(".card img")
    shoot(page, "kept")
    page.click(".card button")
    page.wait_for_selector(".card .done")
    assert served.get("/api/v1/uploads", headers=served.writes).json()["total"] == 0


def test_a_plain_match_fits_one_screen_of_a_phone(visit: Visits, served: Served, files: dict[str, Path]) -> None:
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True)
    sign_in(page, served)
    page.set_input_files("#photo", files["pin"])
    page.wait_for_selector("section.answer .badge.match")
    page.wait_for_load_state("networkidle")
    page.evaluate("scrollTo(0, 0)")
    shoot(page, "phone")
    boxes = [
        one.bounding_box() for one in page.locator("section.answer").first.locator("h1, figure .sent, figure img").all()
    ]
    boxes.append(page.locator(".judge button").first.bounding_box())
    assert len(boxes) == 4  # verdict with number and title, both pictures, the button "Right"
    for box in boxes:
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        assert box["y"] + box["height"] <= 844


def test_a_lot_is_answered_and_outlives_a_reload(visit: Visits, files: dict[str, Path]) -> None:
    page = visit()
    page.set_input_files("#photo", [files["board"], files["pin"]])
    page.wait_for_url(re.compile("/lots/"))
    shoot(page, "lot-begun")
    page.reload()
    page.wait_for_selector("a[href$='report.html']")
    shoot(page, "lot")
    pins = page.locator(".whole >> nth=0").locator("a")
    assert pins.count() >= 2
    pins.nth(1).focus()
    page.keyboard.press("Enter")
    assert re.search(r"#pin-1-2$", page.url)
    assert page.locator(".picked >> nth=0").inner_text().split()[0] == "2"
    assert page.locator(".picked img").count() == 2
    shoot(page, "lot-picked")
    page.click(".picked [data-do=close] >> nth=0")
    assert page.locator(".picked >> nth=0").is_hidden()
    page.click(".chips a >> nth=1")
    page.wait_for_url(re.compile("show=match"))
    with page.expect_download() as saved:
        page.click("a[href$='pins.csv']")
    assert saved.value.suggested_filename == "pins.csv"


@pytest.fixture(scope="module")
def many(served: Served) -> str:
    """The page of a lot of many pins, one of which is owned."""
    with Catalogue.open(served.data) as catalogue:
        Collection(catalogue).own(sample.entries(4)[3].entry_id, jar="Грибы")
    lot = sample.lot_view((0, 2, 3, 5, 7, 7, 12, 14, 18, 18, 21, 25, 30), touching=False)
    begun = served.post("/api/v1/lots", files={"photo": ("стол.jpg", encode_jpeg(lot.image, 92))})
    path = begun.headers["location"]
    ends = time.monotonic() + 120
    while served.get(path).json()["state"] != "done":
        assert time.monotonic() < ends
        time.sleep(0.2)
    page: str = served.get(path).json()["page"]
    return page


def test_a_lot_of_many_pins_is_put_right_and_added_to_a_jar_on_a_phone(
    visit: Visits, chromium: Any, served: Served, many: str
) -> None:
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True, locale="ru-RU", reduced_motion="reduce")
    sign_in(page, served)
    page.goto(served.address + many)
    groups = page.locator(".group h3 .badge").all_inner_texts()
    assert groups[0] == "Не хватает в моей коллекции"
    assert "Совпадение" in groups
    shoot(page, "many-phone")
    before = page.locator(".pins a").count()
    page.locator(".board").evaluate("board => board.scrollIntoView()")
    page.locator(".pins a >> nth=2").tap()
    number = page.locator(".picked .at").inner_text()
    page.locator(".picked [data-do=split] >> nth=0").tap()
    page.wait_for_selector("form.undo")
    assert f"разделение {number} →" in page.locator("form.undo").inner_text()
    assert page.locator(".pins a").count() == before + 1
    shoot(page, "many-phone-split")
    page.locator("form.undo button").tap()
    page.wait_for_selector("form.undo", state="detached")
    assert page.locator(".pins a").count() == before
    page.click(".askings summary")
    page.fill("[name=price]", "20")
    page.fill("[name=currency]", "EUR")
    page.click("form[action$='/price'] button")
    page.wait_for_selector("#totals >> text=за каждый недостающий")
    page.click(".askings summary")
    shoot(page, "many-phone-price")
    missing = int(page.locator(".chips .missing b").inner_text())
    page.fill("[name=jar]", "С барахолки")
    page.click("button[value=missing]")
    added = int(page.locator("h1").inner_text().split(": ")[1].split(",")[0])
    assert 0 < added <= missing
    page.click("main a")
    left = page.locator(".chips .missing b")
    assert (int(left.inner_text()) if left.count() else 0) == missing - added
    with page.expect_download() as saved:
        page.click("a[href$='report.html']")
    report = SCREENSHOTS / "many-report.html"
    saved.value.save_as(report)
    with chromium.new_context(viewport={"width": 390, "height": 844}) as context:  # saved, and opened as a file
        shown = context.new_page()
        shown.goto(report.as_uri())
        assert shown.locator("tr[data-verdict]").count() == before
        assert shown.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        wide = "[...document.querySelectorAll('table')].filter(one => one.getBoundingClientRect().right > innerWidth)"
        assert shown.evaluate(f"{wide}.length") == 0
        shown.screenshot(path=report.with_suffix(".png"))


def test_a_lot_of_sixty_pins_is_sorted_by_what_is_missing_and_added_to_a_jar(visit: Visits, served: Served) -> None:
    owned = [entry.entry_id for entry in sample.entries(40)[::4]]
    with Catalogue.open(served.data) as catalogue:
        for entry_id in owned:
            Collection(catalogue).own(entry_id, jar="Box")
        owned = list(Collection(catalogue).holdings(Kind.OWN))  # those that other walks added too
    lacked = 40 - len(owned)
    page = visit(viewport={"width": 1280, "height": 900}, locale="en-GB")
    sign_in(page, served)
    (served.data / "sixty.jpg").write_bytes(encode_jpeg(sample.lot_view(range(60), touching=False).image, 92))
    page.set_input_files("#photo", served.data / "sixty.jpg")
    page.wait_for_url("**/lots/*")
    page.wait_for_selector("a[href$='report.html']", timeout=240_000)
    pins = int(page.locator("h1").inner_text().split(": ")[1].split(",")[0])
    assert 57 <= pins <= 63
    groups = page.locator(".group h3 .badge").all_inner_texts()
    assert groups[0] == "Missing from my collection"
    assert "Match" in groups
    shoot(page, "sixty")
    for size, language in itertools.product(
        ({"width": 1280, "height": 900}, {"width": 390, "height": 844}), ("en", "ru")
    ):
        again = visit(page.url.removeprefix(served.address), viewport=size, locale=language)
        assert again.locator(".pins a").count() == pins
        shoot(again, f"sixty-{size['width']}-{language}")
    missing = int(page.locator(".chips .missing b").inner_text())
    assert missing >= lacked / 2
    page.click(".askings summary")
    page.fill("[name=jar]", "Fair")
    page.click("button[value=missing]")
    added = int(page.locator("h1").inner_text().split(": ")[1].split(",")[0])
    with Catalogue.open(served.data) as catalogue:
        holdings = Collection(catalogue).holdings(Kind.OWN)
    jar = [one for several in holdings.values() for one in several if one.jar == "Fair"]
    assert lacked / 2 <= sum(one.count for one in jar) == added <= missing
    assert not {one.entry_id for one in jar} & set(owned)


@pytest.mark.parametrize("words", ["both", "en", "ru"])
def test_the_report_of_many_lots_is_no_wider_than_a_phone(chromium: Any, tmp_path: Path, words: str) -> None:
    best = {
        "entry_id": "drawn-1",
        "number": "К-1961/12-0001-а",
        "title": "Спутник " * 12,
        "title_en": "",
        "image_id": 1,
    }
    pin = {"box": [0, 0, 9, 9], "outline": None, "score": 1.0, "checks": [], "members": [], "verdict": "match"}
    pin |= {"matches": [best | {"probability": 0.9, "numbers": {"Аверс": "8-12/1234567890"}}]}
    listings = []
    for number in range(5):
        (tmp_path / f"{number}.jpg").write_bytes(b"")
        title = f"Лот {number}: {'очень-длинное-слово-без-пробелов' * 2}"
        listings.append(Listing(str(number), (tmp_path / f"{number}.jpg",), title, Decimal("1234567.89"), "RUB"))
    job = Job.open(tmp_path / "job", listings, "drawn")
    for task in job.tasks:
        job.keep(task, {"photo": "a.jpg", "recognitions": [dict(pin), dict(pin)], "width": 9, "height": 9})
    with Catalogue.open(tmp_path / "data", create=True) as catalogue:
        catalogue.upsert([CatalogueEntry("drawn-1"), CatalogueEntry("drawn-2")])
        Collection(catalogue).own("drawn-2")
        lot_report.write(job, Marker(Collection(catalogue)))
    with chromium.new_context(viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.goto((job.folder / "report.html").as_uri())
        page.evaluate(f"document.documentElement.dataset.words = '{words}'")
        page.screenshot(path=SCREENSHOTS / f"lots-report-{words}.png", full_page=True)
        assert page.locator("table").count() == 6
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        wide = "[...document.querySelectorAll('table, td')].filter(o => o.getBoundingClientRect().right > innerWidth)"
        assert page.evaluate(f"{wide}.length") == 0


def test_pins_of_a_lot_are_joined_cut_and_drawn_by_keyboard_and_mouse(visit: Visits, served: Served, many: str) -> None:
    page = visit(many)
    pins = page.locator(".pins a")
    before = pins.count()

    def pick(at: int) -> None:
        pins.nth(at).focus()
        page.keyboard.press("Enter")
        page.wait_for_selector(".picked:not([hidden])")

    pick(0)
    page.focus(".picked [data-do=cut]")
    page.keyboard.press("Enter")
    assert "Arrow keys" in page.locator(".by-hand").inner_text()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    shoot(page, "many-cut")
    page.keyboard.press("Enter")
    page.wait_for_selector("form.undo")
    assert pins.count() == before + 1
    page.click(".picked [data-do=join]")
    pins.nth(1).click()
    page.click(".by-hand [data-ok]")
    page.wait_for_selector("form.undo >> text=join")
    assert pins.count() == before
    pick(0)
    page.click(".picked [data-do=delete]")
    page.wait_for_selector("form.undo >> text=delete")
    assert pins.count() == before - 1
    frame = page.locator(".frame").bounding_box()
    page.click(".tools [data-do=draw]")
    page.mouse.move(frame["x"] + 5, frame["y"] + 5)
    page.mouse.down()
    page.mouse.move(frame["x"] + 120, frame["y"] + 110, steps=4)
    page.mouse.up()
    shoot(page, "many-draw")
    page.click(".by-hand [data-ok]")
    page.wait_for_selector("form.undo >> text=draw")
    assert pins.count() == before
    for kind in ("delete", "join", "split", ""):
        page.click("form.undo button")
        if kind:
            page.wait_for_selector(f"form.undo >> text={kind}")
    page.wait_for_selector("form.undo", state="detached")
    assert pins.count() == before


def test_a_change_of_a_lot_whose_answer_is_lost_on_the_way_is_made_once(
    chromium: Any, served: Served, many: str
) -> None:
    asked = []

    def lose_the_first(route: Any) -> None:
        asked.append(route.request.headers["x-once"])
        answer = route.fetch()
        if len(asked) == 1:
            route.abort("connectionreset")
        else:
            route.fulfill(response=answer)

    with visits(chromium, served, "ERR_CONNECTION_RESET") as visit:
        page = visit(many)
        pins = page.locator(".pins a")
        before = pins.count()
        page.route("**/pictures/*/pins", lose_the_first)
        pins.nth(0).focus()
        page.keyboard.press("Enter")
        page.click(".picked [data-do=delete]")
        page.wait_for_selector("form.undo >> text=delete")
        assert len(asked) == 2
        assert asked[0] == asked[1]
        assert pins.count() == before - 1
        page.click("form.undo button")
        page.wait_for_selector("form.undo", state="detached")
        assert pins.count() == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_small_dark_and_russian_screens_are_whole(
    visit: Visits, served: Served, files: dict[str, Path], scheme: str
) -> None:
    page = visit(viewport={"width": 360, "height": 740}, color_scheme=scheme, locale="ru-RU", has_touch=True)
    assert page.locator("html").get_attribute("lang") == "ru"
    shoot(page, f"ru-{scheme}-first")
    page.set_input_files("#photo", files["pin"])
    page.wait_for_selector("section.answer")
    shoot(page, f"ru-{scheme}-answer")
    entry_id = sample.entries(3)[2].entry_id
    for path, name in (
        ("/catalogue", "catalogue"),
        (f"/entries/{entry_id}", "entry"),
        ("/sign-in", "sign-in"),
        ("/api", "api"),
        ("/nowhere", "error"),
    ):
        page.goto(served.address + path)
        shoot(page, f"ru-{scheme}-{name}")
    page.click("header a[hreflang=en]")
    assert page.locator("html").get_attribute("lang") == "en"


def test_the_keyboard_is_enough(visit: Visits) -> None:
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "photo"
    outline = page.evaluate("getComputedStyle(document.querySelector('label[for=photo]')).outlineStyle")
    assert outline == "solid"  # the button that stands for the hidden input shows the focus


def test_a_photo_is_dropped_and_pasted(visit: Visits, files: dict[str, Path]) -> None:
    import base64

    page = visit()
    data = base64.b64encode(files["pin"].read_bytes()).decode()
    transfer = page.evaluate_handle(
        """data => {
            const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], 'pin.jpg', {type: 'image/jpeg'}));
            return transfer;
        }""",
        data,
    )
    page.dispatch_event("#upload", "drop", {"dataTransfer": transfer})
    page.wait_for_selector("section.answer")
    page.evaluate("data => document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data}))", transfer)
    page.wait_for_selector("#busy:not([hidden])")
    page.wait_for_selector("section.answer")


def test_a_want_list_is_given_to_a_program_of_the_phone_or_downloaded(visit: Visits, served: Served) -> None:
    with Catalogue.open(served.data) as catalogue:
        Collection(catalogue).wish(sample.entries(8)[6].entry_id)
    gives = """navigator.canShare = () => true;
        navigator.share = async data => { window.given = [data.files[0].name, await data.files[0].text()];
            document.body.dataset.given = "yes"; };"""
    for script in (gives, "navigator.canShare = undefined;"):
        page = visit(viewport={"width": 390, "height": 844}, locale="ru-RU", has_touch=True)
        page.add_init_script(script)
        sign_in(page, served)
        page.goto(f"{served.address}/collection/wishes")
        if script == gives:
            page.click("[data-share]")
            page.wait_for_selector("body[data-given]")
            name, sheet = page.evaluate("window.given")
        else:
            with page.expect_download() as saved:
                page.click("[data-share]")
            name, sheet = saved.value.suggested_filename, Path(saved.value.path()).read_text(encoding="utf-8")
        assert name == "Список желаемых.html"
        assert sample.entries(8)[6].number in sheet


def test_without_javascript_a_photo_is_answered(visit: Visits, files: dict[str, Path]) -> None:
    page = visit(java_script_enabled=False)
    page.set_input_files("#photo", files["pin"])
    page.click(".go")
    page.wait_for_selector("section.answer")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Another site: its address, and the folder that it shows."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", tmp_path
        server.shutdown()
        thread.join()


def test_a_site_that_was_named_searches_by_photo_and_others_may_not(
    chromium: Any, data: Path, site: tuple[str, Path], files: dict[str, Path], tmp_path_factory: Any
) -> None:
    address, folder = site
    snippet = re.search(r"(?s)```html\n(.+?)```", (SCREENSHOTS.parents[1] / "README.md").read_text(encoding="utf-8"))
    assert snippet is not None
    with serving_copy(data, tmp_path_factory.mktemp("embedded"), origins=(address,)) as service:
        page_of_site = snippet[1].replace("https://pins.your.site", service.address)
        (folder / "index.html").write_text(f'<html lang="ru"><meta charset="utf-8">{page_of_site}', encoding="utf-8")
        context = chromium.new_context()
        page = context.new_page()
        page.goto(address)
        page.set_input_files("input[type=file]", files["pin"])
        page.click("#pin-search button")
        page.wait_for_selector("#pin-found a")
        assert page.inner_text("#pin-found li >> nth=0") == "Это он:"
        assert "https://your.site/pin/" in page.get_attribute("#pin-found a >> nth=0", "href")
        page.wait_for_function("[...document.images].every(image => image.naturalWidth > 0)")
        page.goto(address.replace("127.0.0.1", "localhost"))
        page.set_input_files("input[type=file]", files["pin"])
        page.click("#pin-search button")
        page.wait_for_function("document.getElementById('pin-found').textContent.length > 1")
        assert page.locator("#pin-found a").count() == 0
        context.close()
