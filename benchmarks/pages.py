"""How long the pages take with a large catalogue: lists from the service, and what a browser shows first.

    python benchmarks/pages.py --data DATA [--entries 100000] [--json]

Works on a copy of DATA, which is indexed (that of `znachki demo`, say), and adds invented entries without photos until
there are so many. Words are searched in the catalogue itself, and a recognizer is opened; pages are asked on 127.0.0.1
of a service that this script starts and ends. Each several times, the first time left out. Printed are milliseconds: of
lists, the middling and the longest until the whole page is there; of pages
in Chromium, where Playwright finds one, until something is painted first; and of a photo, until its answer is painted.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from serve import Service

from recognizer.catalogue.store import Catalogue
from recognizer.drawn import sample
from recognizer.identify import Recognizer
from recognizer.types import CatalogueEntry
from recognizer.vision.photos import encode_jpeg

TIMES = 7
LISTS = (
    *(
        "/catalogue",
        "/catalogue?page=400",
        "/catalogue?sort=title",
        "/catalogue?theme=Тема+7&place=Город+7",
        "/catalogue?q=Значок+77",
    ),
    *("/catalogue?decade=1970&sort=year", "/catalogue?held=missing&photo=no", "/collection", "/collection/progress"),
)
WORDS = ("Значок 77", "Тема 7 Город 7", "латунь")
FIRST = ("/", "/catalogue", "/collection")
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="an indexed data folder; it is copied")
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as held:
        data = Path(held) / "data"
        shutil.copytree(asked.data, data)
        with Catalogue.open(data) as catalogue:
            entries = sum(1 for _ in catalogue.entries())
            catalogue.upsert([invented(at) for at in range(asked.entries - entries)])
        found: dict[str, Any] = {"entries": asked.entries, "library": library(data)}
        service = Service(data)
        try:
            found |= {"lists": lists(service), "browser": browser(service)}
        finally:
            service.process.terminate()
            service.process.wait(60)
    if asked.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
        return
    for kind in ("library", "lists", "browser"):
        for path, took in found[kind].items():
            print(f"{path}: {took['median']:.0f} ms, {took['most']:.0f} at most")


def invented(at: int) -> CatalogueEntry:
    """One of many entries, alike and yet each with its own number, theme, series, year and place."""
    return CatalogueEntry(
        f"made-{at}",
        f"М-{at}",
        f"Значок {at}",
        theme=(f"Тема {at % 40}", f"Раздел {at % 400}"),
        series=f"Серия {at % 900}",
        place=f"Город {at % 300}",
        material=("латунь", "алюминий", "томпак")[at % 3],
        year_from=1945 + at % 50,
        year_to=1945 + at % 50,
    )


def library(data: Path) -> dict[str, dict[str, float]]:
    """What `show --search` asks, and how long a recognizer takes to open."""

    def opened_and_closed() -> float:
        start = time.perf_counter()
        Recognizer.open(data).close()
        return time.perf_counter() - start

    with Catalogue.open(data) as catalogue:

        def searched(words: str) -> float:
            start = time.perf_counter()
            assert catalogue.search(words)
            return time.perf_counter() - start

        found = {f"search {words!r}": taken(lambda words=words: searched(words)) for words in WORDS}  # type: ignore[misc]
    return found | {"Recognizer.open": taken(opened_and_closed)}


def lists(service: Service) -> dict[str, dict[str, float]]:
    with service.client() as client:

        def whole(path: str) -> float:
            start = time.perf_counter()
            answer = client.get(path, headers={"Accept": "text/html"}, follow_redirects=True)
            assert answer.status_code == 200, f"{path}: {answer.status_code}"
            return time.perf_counter() - start

        return {path: taken(lambda path=path: whole(path)) for path in LISTS}  # type: ignore[misc]


def browser(service: Service) -> dict[str, dict[str, float]]:
    with opened() as page:
        if page is None:
            return {}
        address = f"http://127.0.0.1:{service.port}"

        def painted(path: str) -> float:
            page.goto(address + path)
            return float(page.wait_for_function(PAINTED).json_value()) / 1000

        photo = {"name": "pin.jpg", "mimeType": "image/jpeg", "buffer": encode_jpeg(sample.phone_view(4), 90)}

        def answered() -> float:
            page.goto(address)
            start = time.perf_counter()
            page.set_input_files("#photo", photo)
            page.wait_for_selector("section.answer .badge")
            return time.perf_counter() - start

        found = {f"first paint of {path}": taken(lambda path=path: painted(path)) for path in FIRST}  # type: ignore[misc]
        return found | {"a photo, until its answer": taken(answered)}


@contextmanager
def opened() -> Iterator[Any]:
    """A page of a browser, None where there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        yield None
        return
    path = next((found for name in ("chromium", "google-chrome") if (found := shutil.which(name))), None)
    if path is None:
        yield None
        return
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium.new_page(viewport={"width": 1280, "height": 900})
        chromium.close()


def taken(ask: Callable[[], float]) -> dict[str, float]:
    """The middling and the longest time of several, in milliseconds."""
    ask()
    times = [1000 * ask() for _ in range(TIMES)]
    return {"median": round(statistics.median(times), 1), "most": round(max(times), 1)}


if __name__ == "__main__":
    try:
        main()
    except httpx.TransportError as error:
        raise SystemExit(f"the service does not answer: {error}") from None
