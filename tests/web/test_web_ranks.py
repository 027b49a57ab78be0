"""Ranks of tokens: what each may do on the page, that everybody has a collection of their own, and tokens of before."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from web_service import Served, serving

from recognizer.catalogue.store import Catalogue
from recognizer.cli import main
from recognizer.collecting.holdings import Collection
from recognizer.commands.serving import RANKS
from recognizer.types import CatalogueEntry
from recognizer.web.access.ranks import Rank
from recognizer.web.access.tokens import Tokens

HTML = {"Accept": "text/html"}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Catalogue.open(tmp_path / "data", create=True) as catalogue:
        catalogue.upsert([CatalogueEntry("1", title="Маяк"), CatalogueEntry("2", title="Якорь")])
    with serving(tmp_path / "data") as running:
        yield running


@pytest.fixture
def enter(served: Served) -> Iterator[Callable[..., httpx.Client]]:
    """Signs somebody of a rank in, in a browser of his own."""
    browsers: list[httpx.Client] = []

    def signed_in(name: str, rank: Rank, **options: Any) -> httpx.Client:
        _, secret = Tokens(served.data / "web").add(name, rank, **options)
        browser = httpx.Client(base_url=served.address, headers=HTML, timeout=60)
        browsers.append(browser)
        assert browser.post("/sign-in", data={"token": secret}).status_code == 303
        return browser

    yield signed_in
    for browser in browsers:
        browser.close()


def proof(browser: httpx.Client, path: str = "/catalogue") -> str:
    found = re.search(r'name="proof" value="([^"]+)"', browser.get(path).text)
    assert found is not None
    return found[1]


def test_the_ranks_of_the_command_are_those_that_there_are() -> None:
    assert tuple(Rank) == RANKS
    assert Rank.OWNER.reaches(Rank.CURATOR)
    assert not Rank.COLLECTOR.reaches(Rank.CURATOR)


def test_each_rank_sees_what_it_may_do(enter: Callable[..., httpx.Client]) -> None:
    seen = {}
    for rank in Rank:
        browser = enter(rank.value, rank)
        page = browser.get("/entries/1").text
        seen[rank] = ["/collection" in page, "/edit/1" in page, 'href="/start"' in page]
        assert browser.get("/collection").status_code == (200 if rank is not Rank.READER else 403)
    assert seen[Rank.READER] == [False, False, False]
    assert seen[Rank.COLLECTOR] == [True, False, False]
    assert seen[Rank.CURATOR] == seen[Rank.OWNER] == [True, True, True]


def test_a_collector_is_told_what_a_curator_may(enter: Callable[..., httpx.Client]) -> None:
    browser = enter("Anna", Rank.COLLECTOR)
    body = {"proof": proof(browser), "title": "Другой", "was-title": "Маяк"}
    refused = browser.post("/edit/1", data=body)
    assert refused.status_code == 403
    assert "needs the token of a curator" in refused.text
    assert browser.get("/start/progress").status_code == 403


def test_everybody_has_a_collection_of_their_own(served: Served, enter: Callable[..., httpx.Client]) -> None:
    with Catalogue.open(served.data) as catalogue:
        Collection(catalogue).own("2", 3)
    people = {name: enter(name, Rank.COLLECTOR) for name in ("Anna", "Boris")}
    people["Anna's phone"] = enter("phone", Rank.CURATOR, collector="Anna")
    people["owner"] = enter("owner", Rank.OWNER)
    anna = people["Anna"]
    body = {"proof": proof(anna), "entry_id": "1", "do": "add", "count": "2", "jar": "Флот"}
    assert anna.post("/collection/say", data=body).status_code == 303
    held = {name: browser.get("/entries/1").text for name, browser in people.items()}
    assert {name for name, page in held.items() if "You have 2, in jar Флот" in page} == {"Anna", "Anna's phone"}
    assert "You have 3" in people["owner"].get("/entries/2").text
    assert "You lack this one" in anna.get("/entries/2").text
    assert "Флот" not in people["Boris"].get("/collection").text
    assert "Флот" in people["Anna's phone"].get("/collection/table.csv").text


def test_tokens_of_before_go_on_with_all_that_they_might(served: Served) -> None:
    path = served.data / "web" / "tokens.json"
    held = [{k: v for k, v in row.items() if k not in ("rank", "collector")} for row in json.loads(path.read_text())]
    path.write_text(json.dumps([held[0] | {"writes": True}]))
    (token,) = Tokens(served.data / "web").all()
    assert (token.rank, token.collector) == (Rank.OWNER, "")
    path.write_text(json.dumps([held[0] | {"writes": False}]))
    (token,) = Tokens(served.data / "web").all()
    assert token.rank is Rank.READER


def test_the_command_makes_a_token_of_a_rank(served: Served) -> None:
    data = ["--data", str(served.data)]
    made = CliRunner().invoke(main, ["token", "add", "Анна", "--rank", "collector", *data])
    assert made.exit_code == 0, made.output
    listed = json.loads(CliRunner().invoke(main, ["token", "list", "--json", *data]).stdout)
    assert [(one["name"], one["rank"], one["collector"], one["writes"]) for one in listed[1:]] == [
        ("Анна", "collector", "Анна", True)
    ]
