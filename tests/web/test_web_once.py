"""What is sent a second time over a bad line is done a single time, and the page can be kept on a phone."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.types import Message, Receive, Scope, Send
from web_service import Served, serving

from recognizer.catalogue.store import Catalogue
from recognizer.collecting.holdings import Collection
from recognizer.types import CatalogueEntry
from recognizer.web.access.once import Once

HTML = {"Accept": "text/html"}
NAME = "0123456789abcdef"


class Counting:
    """An app that answers the number of times that it was asked, each a moment later."""

    def __init__(self) -> None:
        self.asked = 0
        self.status = 200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        body = str(self.asked).encode()
        await asyncio.sleep(0.01)
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": body})


async def ask(app: Once, name: str = NAME, cookie: str = "", path: str = "/a", method: str = "POST") -> str:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"x-once", name.encode()), (b"cookie", cookie.encode())]
    await app({"type": "http", "method": method, "path": path, "headers": headers}, receive, send)
    return b"".join(message.get("body", b"") for message in sent).decode()


def test_the_same_name_is_answered_as_it_was_and_another_one_anew() -> None:
    async def asked() -> list[str]:
        app = Once(Counting())
        one = [await ask(app), await ask(app)]
        both = await asyncio.gather(ask(app, "f" * 16), ask(app, "f" * 16))
        others = [
            await ask(app, cookie="a"),
            await ask(app, path="/b"),
            await ask(app, "short"),
            await ask(app, "short"),
        ]
        return [*one, *both, *others, await ask(app, method="GET")]

    assert asyncio.run(asked()) == ["1", "1", "2", "2", "3", "4", "5", "6", "7"]


def test_what_went_wrong_is_done_again() -> None:
    async def asked() -> list[str]:
        counting = Counting()
        app = Once(counting)
        counting.status = 503
        first = [await ask(app), *await asyncio.gather(ask(app), ask(app))]
        counting.status = 200
        return [*first, await ask(app), await ask(app)]

    assert asyncio.run(asked()) == ["1", "2", "3", "4", "4"]


def test_no_more_is_kept_than_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recognizer.web.access.once._MOST_BYTES", 2)

    async def asked() -> int:
        app = Once(Counting())
        for at in range(5):
            await ask(app, f"{at}" * 16)
        return len(app._held)

    assert asyncio.run(asked()) == 2


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Catalogue.open(tmp_path / "data", create=True) as catalogue:
        catalogue.upsert([CatalogueEntry("1", title="Маяк")])
    with serving(tmp_path / "data", open_here=True) as running:
        yield running


def test_a_pin_that_is_sent_twice_is_counted_once(served: Served) -> None:
    found = re.search(r'name="proof" value="([\w-]+)"', served.get("/collection", headers=HTML).text)
    assert found is not None
    body = {"proof": found[1], "entry_id": "1", "do": "add"}
    said: list[Any] = [
        served.post("/collection/say", data=body, headers={"X-Once": name, "X-Quiet": "1"})
        for name in (NAME, NAME, "b" * 16)
    ]
    assert [answer.text for answer in said] == ["You have 1", "You have 1", "You have 2"]
    with Catalogue.open(served.data) as catalogue:
        assert Collection(catalogue).owned() == {"1": 2}


def test_a_phone_finds_what_it_needs_to_keep_the_page(served: Served) -> None:
    page = served.get("/catalogue", headers=HTML).text
    assert '<link rel="manifest" href="/manifest.webmanifest">' in page
    answer = served.get("/manifest.webmanifest", headers={"Accept-Language": "ru"})
    assert answer.headers["content-type"].startswith("application/manifest+json")
    about = answer.json()
    assert (about["display"], about["lang"], about["description"]) == ("standalone", "ru", "Что это за значок?")
    assert {(icon["sizes"], icon["purpose"]) for icon in about["icons"]} >= {
        ("192x192", "any"),
        ("512x512", "maskable"),
    }
    for icon in about["icons"]:
        image = Image.open(io.BytesIO(served.get(icon["src"]).content))
        assert f"{image.width}x{image.height}" == icon["sizes"]
