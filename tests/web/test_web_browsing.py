"""The catalogue by filters and in an order, and an entry that is changed on its page."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from web_service import Served, serving

from recognizer.catalogue.store import Catalogue
from recognizer.errors import CatalogueError
from recognizer.types import CatalogueEntry, CatalogueImage, Role
from recognizer.web.answering.shelf import Shelf, Sort
from recognizer.web.browsing.asked import Asked, asked_of
from recognizer.web.browsing.changing import cells_of, changed
from recognizer.web.browsing.pages import differing

HTML = {"Accept": "text/html"}
ENTRIES = (
    CatalogueEntry(
        "a", "12-10", "Ёлка", year_from=1970, material="латунь", place="Рига", family="f", languages=("ru", "lv")
    ),
    CatalogueEntry(
        "b", "12-9", "Якорь", year_from=1961, material="алюминий", place="Рига", series="Флот", languages=("lv",)
    ),
    CatalogueEntry("c", "3", "Еж", material="латунь", place="Тарту", series="Флот", family="f"),
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Served]:
    with Catalogue.open(tmp_path / "data", create=True) as catalogue:
        catalogue.upsert(ENTRIES)
    with serving(tmp_path / "data", open_here=True) as served:
        yield served


def listed(home: Served, query: str) -> list[str]:
    return re.findall(r'class="card entry" href="/entries/(\w+)"', home.get(f"/catalogue?{query}", headers=HTML).text)


def post(home: Served, path: str, **fields: str) -> httpx.Response:
    proof = re.search(r'name="proof" value="([\w-]+)"', home.get("/start", headers=HTML).text)
    assert proof is not None
    return home.post(path, data={"proof": proof[1]} | fields, headers=HTML)


def test_filters_and_orders_go_together(home: Served) -> None:
    assert listed(home, "material=латунь") == ["a", "c"]
    assert listed(home, "material=латунь&place=Рига") == ["a"]
    assert listed(home, "series=Флот&sort=number") == ["c", "b"]
    assert listed(home, "language=lv") == ["a", "b"]
    assert listed(home, "language=lv&material=латунь") == ["a"]
    assert listed(home, "photo=yes") == []
    assert listed(home, "photo=no&sort=newest") == ["c", "b", "a"]
    post(home, "/collection/say", entry_id="b", do="add")
    assert listed(home, "held=own") == ["b"]
    assert listed(home, "held=missing&q=Рига") == ["a"]
    assert listed(home, "sort=nonsense&photo=maybe&decade=x") == ["a", "b", "c"]


def test_languages_of_inscriptions_are_named_in_that_of_the_page(home: Served) -> None:
    offered = home.get("/catalogue", headers=HTML | {"Accept-Language": "ru"}).text
    assert re.search(r'<option value="lv">латышский \(2\)</option>', offered)
    assert '<a href="/catalogue?language=lv">Latvian</a>' in home.get("/entries/a", headers=HTML).text


def test_a_kept_answer_shows_another_photo_of_an_entry_whose_nearest_one_has_gone() -> None:
    photo = CatalogueImage(7, "a", Role.FACE, "0" * 64, "a.jpg")
    shelf = Shelf(1, {one.entry_id: one for one in ENTRIES}, {7: photo}, {"a": [photo]})
    offered: Any = {"entry_id": "a", "image_id": "7"}
    assert shelf.photo_of(offered) == 7
    assert shelf.photo_of(offered | {"image_id": "3"}) == 7
    assert shelf.photo_of(offered | {"image_id": "3", "entry_id": "b"}) is None


def test_orders_read_numbers_and_titles_as_people_do() -> None:
    shelf = Shelf(0, {entry.entry_id: entry for entry in ENTRIES}, {}, {}, ["a", "b", "c"])
    assert shelf.ordered(shelf.active, Sort.NUMBER) == ["c", "b", "a"]  # 3, 12-9, 12-10
    assert shelf.ordered(shelf.active, Sort.TITLE) == ["c", "a", "b"]  # ё is е
    assert shelf.ordered(shelf.active, Sort.YEAR) == ["b", "a", "c"]  # what has no year last


def test_addresses_keep_what_is_asked() -> None:
    asked = asked_of(q="x", theme=["А", "Б"], material="латунь", sort="year")
    assert asked.link(page=2) == (
        "/catalogue?q=x&theme=%D0%90&theme=%D0%91&material=%D0%BB%D0%B0%D1%82%D1%83%D0%BD%D1%8C&sort=year&page=2"
    )
    assert asked.filters == 1
    assert Asked().values == {}


def test_a_list_of_many_entries_is_chosen_quickly() -> None:
    """The bound is for the slowest machine; it takes .03 s here once an order was made."""
    count = 100_000
    entries = {
        f"e{n}": CatalogueEntry(f"e{n}", f"{n % 97}-{n}", f"Знак {n % 1009}", year_from=n % 90) for n in range(count)
    }
    photos: dict[str, list[CatalogueImage]] = {
        f"e{n}": [CatalogueImage(n + 1, f"e{n}", Role.FACE, "", "")] for n in range(0, count, 2)
    }
    shelf = Shelf(0, entries, {}, photos, list(entries))
    first = shelf.ordered(shelf.active, Sort.NUMBER)
    start = time.perf_counter()
    assert shelf.ordered([one for one in shelf.chosen() if shelf.photos.get(one)], Sort.NUMBER)[0] == "e0"
    assert time.perf_counter() - start < 1
    assert first[:2] == ["e0", "e97"]


def test_an_entry_is_changed_where_it_stands(home: Served) -> None:
    page = home.get("/entries/b", headers=HTML).text
    fields = dict(re.findall(r'<input type="hidden" name="(was-\w+)" value="([^"]*)"', page))
    given = {"title": "Якорь и цепь", "years": "1961-1963", "theme": "Флот / Символика", "series": ""}
    answer = post(home, "/edit/b", **fields, **given)
    assert (answer.status_code, answer.headers["location"]) == (303, "/entries/b")
    now = home.get("/api/v1/entries/b").json()
    assert (now["title"], now["year_to"], now["theme"], now["series"]) == (
        *("Якорь и цепь", 1963, ["Флот", "Символика"]),
        "",
    )
    assert now["material"] == "алюминий"
    again = post(home, "/edit/b", **fields, title="Другое")
    assert again.status_code == 409  # it was changed since this form was made
    assert "changed by somebody else" in again.text


def test_what_a_form_left_alone_stays_as_others_made_it() -> None:
    was = cells_of(ENTRIES[0])
    elsewhere = CatalogueEntry("a", "12-10", "Ёлка", material="бронза")
    assert changed(elsewhere, was, was | {"title": "Ель"}) == CatalogueEntry("a", "12-10", "Ель", material="бронза")
    with pytest.raises(CatalogueError, match="not like system:number"):
        changed(ENTRIES[0], was, {"identifiers": "avers 7"})
    with pytest.raises(CatalogueError, match="control characters"):
        changed(ENTRIES[0], was, {"title": "a\x01"})


def test_variants_stand_side_by_side_with_what_differs(home: Served) -> None:
    told = dict(differing([ENTRIES[0], ENTRIES[2]]))
    assert told == {"Series": ["", "Флот"], "Year": ["1970", ""], "Place": ["Рига", "Тарту"]}
    page = home.get("/entries/a", headers=HTML).text
    assert '<table class="beside">' in page
    assert "12-10" in page
    assert '<table class="beside">' not in home.get("/entries/b", headers=HTML).text
