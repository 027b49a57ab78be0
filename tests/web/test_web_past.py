"""The past of an entry on its page: who changed what, who confirmed it, and changes taken back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from web_service import Served, serving

from recognizer.catalogue import corrections
from recognizer.catalogue.corrections import Query, Said
from recognizer.catalogue.store import Catalogue
from recognizer.collecting.holdings import Collection
from recognizer.types import CatalogueEntry
from recognizer.web.access.ranks import Rank
from recognizer.web.access.tokens import Tokens

HTML = {"Accept": "text/html"}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Catalogue.open(tmp_path / "data", create=True) as catalogue:
        catalogue.upsert(
            [CatalogueEntry("1", title="Маяк", year_from=1961, years_text="1961"), CatalogueEntry("2", title="Якорь")]
        )
        Collection(catalogue, "Anna").own("1", 2, "Флот")
        corrections.add(catalogue, Query("a" * 64), Said.CONFIRMED, "1", who="Борис", offered="1")
        corrections.add(catalogue, Query("b" * 64), Said.CORRECTED, "1", who="Вера", offered="2")
        corrections.add(catalogue, Query("c" * 64), Said.CORRECTED, "2", who="Глеб", offered="1")
    with serving(tmp_path / "data", open_here=True) as running:
        yield running


def send(served: Served, path: str, **fields: Any) -> Any:
    found = re.search(r'name="proof" value="([\w-]+)"', served.get("/collection", headers=HTML).text)
    assert found is not None
    return served.post(path, data={"proof": found[1]} | fields, headers=HTML)


def past(served: Served, entry_id: str = "1") -> list[str]:
    """The changes that stand on the page of an entry, without tags."""
    page = served.get(f"/entries/{entry_id}", headers=HTML).text
    listed = re.search(r'<ol class="past".*?</ol>', page, re.S)
    assert listed is not None, page
    return [" ".join(re.sub("<[^>]+>", " ", one).split()) for one in re.findall(r"<li>.*?</li>", listed[0], re.S)]


def test_a_change_is_told_by_what_it_changed_and_taken_back(served: Served) -> None:
    edited = send(
        served, "/edit/1", **{"title": "Маяк Северный", "was-title": "Маяк", "years": "1965", "was-years": "1961"}
    )
    assert edited.status_code == 303, edited.text
    newest = past(served)[0]
    assert "Title Маяк → Маяк Северный" in newest
    assert "1961 → 1965" in newest
    change = re.search(r'action="/history/(\d+)/undo"', served.get("/entries/1", headers=HTML).text)
    assert change is not None
    answer = send(served, f"/history/{change[1]}/undo", back="/entries/1#history")
    assert (answer.status_code, answer.headers["location"]) == (303, "/entries/1#history")
    assert served.get("/api/v1/entries/1").json()["title"] == "Маяк"
    told = past(served)
    assert f"undo of {change[1]}" in told[0]
    assert "taken back" in told[1]
    assert send(served, f"/history/{change[1]}/undo").status_code == 409


def test_what_others_own_is_neither_told_nor_taken_back(served: Served) -> None:
    assert not any("own" in one or "Флот" in one for one in past(served))
    with Catalogue.open(served.data) as catalogue:
        owned = next(one.change_id for one in catalogue.history("1") if one.what.startswith("own"))
    refused = send(served, f"/history/{owned}/undo")
    assert refused.status_code == 409
    assert "somebody else owns" in refused.text
    with Catalogue.open(served.data) as catalogue:
        assert Collection(catalogue, "Anna").owned() == {"1": 2}


def test_who_confirmed_an_entry_stands_on_its_page_for_those_who_are_signed_in(served: Served) -> None:
    page = served.get("/entries/1", headers=HTML).text
    confirmed = re.search(r"Confirmed by \(2\).*?</details>", page, re.S)
    assert confirmed is not None
    assert confirmed[0].index("Вера") < confirmed[0].index("Борис")
    assert "another entry was offered" in confirmed[0]
    assert "Глеб" not in page


def test_a_collector_sees_the_past_and_cannot_change_it(served: Served) -> None:
    _, secret = Tokens(served.data / "web").add("Anna", Rank.COLLECTOR)
    served.post("/sign-in", data={"token": secret})
    assert past(served)
    page = served.get("/entries/1", headers=HTML).text
    assert "/undo" not in page
    assert "You have 2, in jar Флот" in page
