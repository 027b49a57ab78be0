"""Every route that writes, asked by somebody who may not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Mount
from web_service import Served, serving

from recognizer.catalogue.store import Catalogue
from recognizer.web.access.ranks import Rank
from recognizer.web.access.tokens import Tokens
from recognizer.web.app import create_app
from recognizer.web.settings import Settings

OPEN = {
    ("POST", "/api/v1/identify"),  # nothing is kept unless a token asks for it
    ("POST", "/api/v1/lots"),  # deleted a day after its end, and by whoever knows its id, which cannot be guessed
    ("POST", "/identify"),
    ("POST", "/sign-in"),
    ("POST", "/sign-out"),
    ("POST", "/start/sample/{name}/identify"),  # answers a photo that is there
}
"""Routes that are no reading and yet open to all; a new one must be thought about before it stands here."""

BY_ID = re.compile(r"^(/api/v1)?/(lots|uploads)/\{")
"""Whoever has the id of a lot or a kept photo may change it; whoever has none finds none."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("routes") / "data"
    Catalogue.open(folder, create=True).close()
    with serving(folder) as running:
        yield running


def writing(folder: Path) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()

    def take(routes: Iterable[Any]) -> None:
        for route in routes:
            if isinstance(route, APIRoute):
                found.update((method, route.path) for method in route.methods - {"GET", "HEAD", "OPTIONS"})
            elif hasattr(route, "original_router"):
                take(route.original_router.routes)
            else:
                assert isinstance(route, Mount) or route.methods <= {"GET", "HEAD"}, route

    take(create_app(Settings(folder)).routes)
    return found


def needed(path: str) -> Rank:
    """The rank that a route which writes asks for."""
    if path.startswith("/training/"):
        return Rank.OWNER
    collectors = ("/collection/", "/corrections", "/lots/", "/uploads/", "/api/v1/lots/", "/api/v1/uploads/")
    return Rank.COLLECTOR if path.startswith(collectors) or path == "/api/v1/corrections" else Rank.CURATOR


def test_every_write_without_the_right_token_is_refused(served: Served) -> None:
    routes = writing(served.data)
    assert len(routes) > 25
    assert set(routes) >= OPEN
    client = served.client
    shown: dict[Rank, list[dict[str, Any]]] = {}
    for rank in Rank:
        _, secret = Tokens(served.data / "web").add(rank.value, rank)
        cookie = client.post("/sign-in", data={"token": secret}).cookies["znachki_session"]
        client.cookies.clear()
        shown[rank] = [{"Authorization": f"Bearer {secret}"}, {"Cookie": f"znachki_session={cookie}"}]
    nobody: list[dict[str, Any]] = [
        {},
        {"Authorization": "Bearer znachki_wrong"},
        {"Cookie": "znachki_session=forged"},
    ]
    for method, path in sorted(routes):
        if (method, path) in OPEN:
            continue
        asking = nobody + [asked for rank in Rank if not rank.reaches(needed(path)) for asked in shown[rank]]
        asked = re.sub(r"\{(correction_id|edit)\}", "1", path)
        asked = re.sub(r"\{[^}]+\}", "aaaaaaaaaaaaaaaaaaaaaa", asked)
        refused = {401, 403} | ({404} if BY_ID.match(path) else set())
        for headers in asking:
            body: dict[str, Any] = {"json": {"said": "unknown", "sha256": "0" * 64}}
            if path.startswith("/api/v1/entries"):
                body = {"json": {"title": "x"} if method == "PATCH" else {"entry_id": "x"}}
            if path.endswith("/edits"):
                body = {"json": {"what": "delete", "pins": [1]}}
            if path.endswith("/photos"):
                body = {"files": {"photo": ("a.jpg", b"x")}}
            elif not path.startswith("/api"):
                body = {"data": {"proof": "x", "said": "unknown", "what": "delete", "pins": "1"}}
            status = client.request(method, asked, headers=headers, **body).status_code
            assert status in refused, (method, path, headers, status)
