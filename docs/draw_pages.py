"""Draws docs/pages/*.jpg: the pages of `znachki serve` as a browser shows them, on the drawn sample.

    python docs/draw_pages.py        (or: make pages)

Nothing is arranged but what a collector would do: pins are owned and wished for, a lot is sent, a photo is put into a
wrong entry for the audit to find, and a model is trained for a few steps. That takes some minutes. Needs Chromium.
"""

from __future__ import annotations

import io
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import uvicorn
from PIL import Image
from playwright.sync_api import sync_playwright

from index.build import build
from recognizer.catalogue.imports import import_csv
from recognizer.catalogue.store import Catalogue
from recognizer.collecting.holdings import Collection
from recognizer.drawn import sample
from recognizer.vision.photos import encode_jpeg
from recognizer.web.app import create_app
from recognizer.web.settings import Settings

FOLDER: Final = Path(__file__).with_name("pages")
PINS: Final = 60
WIDE: Final = {"width": 1280, "height": 900}
PHONE: Final = {"width": 390, "height": 844}
SIDES: Final = {"wide": 900, "phone": 390}
"""Pixels that a picture is wide in the end."""

JARS: Final = {"Космос": range(0, 40, 3), "Гербы": range(1, 40, 4), "Флот": range(2, 30, 7)}


@contextmanager
def served(data: Path) -> Iterator[str]:
    """Serve a data folder for whoever sits at this machine; gives its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    settings = Settings(data, hosts=("127.0.0.1",), rate=0, open_here=True)
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(120)
        listening.close()


def prepared(folder: Path) -> Path:
    """The sample as a data folder, with a collection, and a photo of one pin in the entry of another one."""
    files = sample.write(folder / "sample", PINS, 0, 1, 0)
    data = folder / "data"
    with Catalogue.open(data, create=True) as catalogue:
        import_csv(catalogue, files.catalogue)
        ids = [entry.entry_id for entry in sample.entries(PINS)]
        mine = Collection(catalogue)
        for jar, pins in JARS.items():
            for at in pins:
                mine.gain(ids[at], 1 + at % 3, jar)
        for at in (5, 11, 17):
            mine.wish(ids[at])
        for at in (3, 9):
            mine.swap(ids[at], 1)
        catalogue.add_image(ids[7], encode_jpeg(sample.catalogue_view(0), 80), ".jpg")
    build(data)
    return data


class Camera:
    """Takes pictures of pages in a window of a size and language."""

    def __init__(self, browser: Any, address: str, size: str = "wide", language: str = "en-GB") -> None:
        self.address, self.size = address, size
        context = browser.new_context(viewport=WIDE if size == "wide" else PHONE, locale=language)
        self.page = context.new_page()
        self.page.set_default_timeout(600_000)

    def go(self, path: str) -> Any:
        """Open a page."""
        self.page.goto(self.address + path)
        return self.page

    def shoot(self, name: str) -> None:
        """Keep what the window shows."""
        self.page.wait_for_load_state("networkidle")
        image = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        wide = SIDES[self.size]
        image = image.resize((wide, round(image.height * wide / image.width)), Image.Resampling.LANCZOS)
        image.save(FOLDER / f"{name}.jpg", quality=78, optimize=True, progressive=True)


def waiting(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    while not true():
        time.sleep(0.3)


def walk(browser: Any, address: str, folder: Path) -> None:
    """Go through the pages as a collector, a curator and an owner."""
    camera = Camera(browser, address)
    page = camera.page
    waiting(lambda: page.request.get(f"{address}/api/v1/ready").status == 200)
    camera.go("/")
    (folder / "pin.jpg").write_bytes(encode_jpeg(sample.phone_view(12)))
    page.set_input_files("#photo", folder / "pin.jpg")
    page.wait_for_selector("section.answer")
    camera.shoot("answer")
    lots = [encode_jpeg(sample.lot_view(range(at, at + 14), shot=at, touching=False).image, 92) for at in (2, 20)]
    for at, lot in enumerate(lots):
        (folder / f"lot-{at}.jpg").write_bytes(lot)
    camera.go("/")
    page.check("[name=keep]")
    page.set_input_files("#photo", [folder / "lot-0.jpg", folder / "lot-1.jpg"])
    page.wait_for_url("**/lots/*")
    page.wait_for_selector("a[href$='report.html']")
    camera.shoot("lot")
    for path, name in (
        ("/catalogue", "catalogue"),
        (f"/entries/{sample.entries(PINS)[2].entry_id}", "entry"),
        ("/collection", "jars"),
        ("/collection/progress", "progress"),
        ("/collection/missing", "missing"),
        ("/curating/doubts", "doubts"),
    ):
        camera.go(path)
        camera.shoot(name)
    camera.go("/curating")
    page.click("form[action='/curating/audit/begin'] button")
    page.wait_for_url("**/curating/audit")
    camera.shoot("faults")
    camera.go("/curating")
    camera.shoot("curating")
    camera.go("/training")
    page.fill("[name=model]", "my-pins")
    page.fill("[name=steps]", "10")
    page.click("form[action='/training/begin'] button")
    page.wait_for_selector("form[action='/training/compare']")
    page.click("form[action='/training/compare'] button")
    page.wait_for_selector("table")
    camera.shoot("compared")
    phone = Camera(browser, address, "phone", "ru-RU")
    phone.go("/")
    (folder / "stall.jpg").write_bytes(encode_jpeg(sample.phone_view(18)))
    phone.page.set_input_files("#photo", folder / "stall.jpg")
    phone.page.wait_for_selector("section.answer")
    phone.page.evaluate("scrollTo(0, 0)")
    phone.shoot("phone-answer")
    phone.go("/collection/missing")
    phone.shoot("phone-missing")


def main() -> None:
    """Draw every picture, and say how large they are."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        Catalogue.open(folder / "empty", create=True).close()
        with served(folder / "empty") as address:
            camera = Camera(browser, address)
            camera.go("/")
            camera.shoot("welcome")
        with served(prepared(folder)) as address:
            walk(browser, address, folder)
        browser.close()
    sizes = {path.name: path.stat().st_size for path in sorted(FOLDER.glob("*.jpg"))}
    print("\n".join(f"{size:9,}  {name}" for name, size in sizes.items()), f"{sum(sizes.values()):9,}", sep="\n")


if __name__ == "__main__":
    main()
