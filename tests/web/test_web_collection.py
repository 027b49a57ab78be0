"""The collection over HTTP: said by buttons, shown by jars, what is missing in grey, and seen by nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from web_service import Served, serving

from recognizer.catalogue.store import Catalogue
from recognizer.types import CatalogueEntry, Role
from recognizer.vision.photos import encode_jpeg

HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def catalogue_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue of five entries, three of a series, one with a photo; without an index, which nothing here asks."""
    import numpy as np

    folder = tmp_path_factory.mktemp("collected") / "data"
    with Catalogue.open(folder, create=True) as catalogue:
        themes = [("Города",), ("Города", "Гербы"), ("Города",), ("Юбилеи", "Города"), ()]
        series = ["Гербы", "Гербы", "Гербы", "", "Космос"]
        catalogue.upsert(
            CatalogueEntry(f"g/{at}", f"12-{at}", f"Знак {at}", theme=themes[at], series=series[at]) for at in range(5)
        )
        catalogue.add_image("g/0", encode_jpeg(np.full((40, 40, 3), 90, np.uint8)), ".jpg", Role.FACE)
    return folder


@pytest.fixture(scope="module")
def home(catalogue_folder: Path) -> Iterator[Served]:
    with serving(catalogue_folder, open_here=True) as served:
        yield served


@pytest.fixture(autouse=True)
def _nothing_is_held(catalogue_folder: Path) -> None:
    from recognizer.collecting.holdings import Collection

    with Catalogue.open(catalogue_folder) as catalogue, catalogue.transaction():
        mine = Collection(catalogue)
        for held in mine.holdings().values():
            mine._drop(held, "emptied")


def say(home: Served, do: str, entry_id: str = "g/0", *, quiet: bool = True, **fields: str) -> httpx.Response:
    proof = re.search(r'name="proof" value="([\w-]+)"', home.get("/collection", headers=HTML).text)
    assert proof is not None
    headers = {"X-Quiet": "1"} if quiet else HTML
    return home.post(
        "/collection/say", data={"proof": proof[1], "entry_id": entry_id, "do": do} | fields, headers=headers
    )


def text(home: Served, path: str) -> str:
    answer = home.get(path, headers=HTML)
    assert answer.status_code == 200, (path, answer.text)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def test_one_tap_adds_and_says_what_is_there_now(home: Served) -> None:
    assert "You lack this one" in text(home, "/entries/g%2F0")
    said = [say(home, "add").text, say(home, "add").text, say(home, "own", count="3", jar="Space").text]
    assert said == ["You have 1", "You have 2", "You have 3, in jar Space"]
    assert say(home, "add").text == "You have 4, in jar Space"  # to those that lie there
    assert say(home, "add", jar="Box").text == "You have 5, in jar Space (4), Box (1)"
    assert say(home, "add").text == "You have 6, in jar Space (5), Box (1)"
    assert "You have 6" in text(home, "/entries/g%2F0")


def test_a_form_without_a_script_leads_back_to_the_entry(home: Served) -> None:
    answer = say(home, "add", quiet=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/entries/g%2F0")
    elsewhere = say(home, "add", quiet=False, back="//evil.example")
    assert elsewhere.headers["location"] == "/entries/g%2F0"


def test_pins_are_put_into_another_jar_graded_swapped_and_sold(home: Served) -> None:
    say(home, "own", count="3", jar="Space")
    assert say(home, "own", count="3", was="Space", jar="Box", condition="good").text == "You have 3, in jar Box"
    assert 'value="good" selected' in home.get("/entries/g%2F0", headers=HTML).text
    assert say(home, "swap", count="2").text.endswith("to swap: 2")
    assert say(home, "swap", count="9").status_code == 409
    assert say(home, "sold", count="2", price="100").text == "You have 1, in jar Box · to swap: 1"
    assert say(home, "own", count="0", was="Box", jar="Box").status_code == 409  # one of them is to swap
    say(home, "swap", count="0")
    assert say(home, "own", count="0", was="Box", jar="Box").text == "You lack this one"
    assert say(home, "own", count="x").status_code == 422
    assert say(home, "steal").status_code == 422
    assert say(home, "add", entry_id="nobody").status_code == 404


def test_lists_show_wishes_and_swaps_and_can_be_printed_and_brought_back(home: Served) -> None:
    assert say(home, "wish", "g/1").text == "You lack this one · on my wish list"
    assert "12-1" in text(home, "/collection/wishes")
    sheet = home.get("/collection/sheet.html?kind=wish", headers=HTML)
    assert "12-1" in sheet.text
    assert "script-src" not in sheet.headers["content-security-policy"]
    table = home.get("/collection/table.csv?kind=wish").text
    assert "g/1" in table
    say(home, "add", "g/1")  # whoever has it wishes for it no more
    assert "12-1" not in text(home, "/collection/wishes")
    proof = re.search(r'name="proof" value="([\w-]+)"', home.get("/collection", headers=HTML).text)
    assert proof is not None
    form = {"proof": proof[1], "kind": "own", "jar": "Box"}
    broken = home.post("/collection/table", data=form, files={"file": ("t.csv", b"number\n12-2\n77-7\n")}, headers=HTML)
    assert broken.status_code == 422
    assert "line 3" in broken.text
    assert "12-2" not in text(home, "/collection/jar?name=Box")
    home.post("/collection/table", data=form, files={"file": ("t.csv", b"number;count\n12-2;4\n")}, headers=HTML)
    assert "× 4" in text(home, "/collection/jar?name=Box")
    saved = home.get("/collection/catalogue.db")
    assert saved.content.startswith(b"SQLite format 3")


def test_what_of_a_series_or_theme_is_missing_is_shown_in_grey(home: Served) -> None:
    say(home, "own", "g/1", count="2", jar="Space")
    assert "2 pins · 1 entry · 1 jar" in text(home, "/collection")
    assert re.search(r"Гербы \s*1 / 3 · 33 %", text(home, "/collection/progress"))
    assert re.search(r"Города \s*1 / 3 · 33 %", text(home, "/collection/progress?by=theme"))
    page = home.get("/collection/missing", params={"series": "Гербы"}, headers=HTML).text
    assert re.findall(r'class="card entry lacking" href="/entries/([^"]+)"', page) == ["g/0", "g/2"]
    assert "missing: 2" in page
    of_theme = home.get("/collection/missing", params={"theme": "Города", "show": "missing"}, headers=HTML).text
    assert re.findall(r'class="card entry[^"]*" href="/entries/([^"]+)"', of_theme) == ["g/0", "g/2"]
    table = home.get("/collection/table.csv", params={"kind": "missing", "series": "Гербы"}).text
    assert [line.split(",")[2] for line in table.splitlines()[1:]] == ["g/0", "g/2"]
    assert home.get("/collection/missing?series=Nowhere", headers=HTML).status_code == 404


def test_a_collection_is_seen_by_nobody_else(home: Served) -> None:
    say(home, "own", count="2", jar="Secret")
    far = HTML | {"X-Real-IP": "203.0.113.7"}
    assert "My collection" not in home.get("/entries/g%2F0", headers=far).text
    assert "I have it" not in home.get("/catalogue?held=own", headers=far).text
    for path in ("", "/jar?name=Secret", "/wishes", "/swaps", "/progress", "/missing", "/table.csv", "/catalogue.db"):
        assert home.get(f"/collection{path}", headers=far).status_code == 401, path


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_page_of_the_collection_speaks_both_languages(home: Served, language: str) -> None:
    say(home, "own", count="2", jar="Box", condition="mint")
    say(home, "swap", count="1")
    say(home, "wish", "g/1")
    headers = HTML | {"Accept-Language": language}
    pages = ["/collection", "/collection/jar?name=Box", "/collection/wishes", "/collection/swaps", "/entries/g%2F0"]
    pages += [f"/collection/progress?by={by}" for by in ("series", "theme")]
    pages += ["/collection/missing?series=Гербы", "/collection/sheet.html?kind=swap", "/start", "/start/progress"]
    for path in pages:
        page = home.get(path, headers=headers)
        assert page.status_code == 200, path
        assert f'<html lang="{language}">' in page.text
    assert ("2 значка" if language == "ru" else "2 pins") in home.get("/collection", headers=headers).text
