"""The pins of a lot changed by people: split, joined, deleted, drawn, undone; its price; what of it is owned."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from web_service import Served, board_of, serving_copy

from recognizer.catalogue.store import Catalogue
from recognizer.collecting.holdings import Collection
from recognizer.drawn import sample
from recognizer.vision.photos import encode_jpeg, open_photo
from recognizer.web.access.ranks import Rank
from recognizer.web.access.tokens import Tokens

HTML = {"Accept": "text/html"}
SHOWN = (2, 5, 9, 12)


@pytest.fixture(scope="module")
def served(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving_copy(data, tmp_path_factory.mktemp("changed")) as running:
        with Catalogue.open(running.data) as catalogue:
            Collection(catalogue).own(sample.entries(3)[2].entry_id, jar="Космос")
        yield running


@pytest.fixture(scope="module")
def path(served: Served) -> str:
    """The API's path of a lot that has ended; tests leave its pins as they were."""
    return begun(served, ("board.jpg", board_of(SHOWN)))


def begun(served: Served, *files: tuple[str, bytes]) -> str:
    answer = served.post("/api/v1/lots", files=[("photo", one) for one in files])
    assert answer.status_code == 202, answer.text
    found: str = answer.headers["location"]
    ends = time.monotonic() + 60
    while served.get(found).json()["state"] != "done":
        assert time.monotonic() < ends
        time.sleep(0.1)
    return found


def picture(served: Served, path: str) -> dict[str, Any]:
    found: dict[str, Any] = served.get(f"{path}/result").json()["lots"][0]["pictures"][0]
    return found


def numbers(served: Served, path: str) -> list[int]:
    return [pin["pin"] for pin in picture(served, path)["recognitions"]]


def edit(served: Served, path: str, **fields: Any) -> httpx.Response:
    return served.post(f"{path}/pictures/{picture(served, path)['key']}/edits", json=fields)


def undo(served: Served, path: str, number: int) -> httpx.Response:
    return served.client.delete(f"{path}/pictures/{picture(served, path)['key']}/edits/{number}")


def test_pins_are_joined_split_again_and_named_as_before(served: Served, path: str) -> None:
    before = picture(served, path)["recognitions"]
    assert [pin["pin"] for pin in before] == [1, 2, 3, 4]
    joined = edit(served, path, what="join", pins=[1, 2]).json()
    assert (joined["gone"], joined["made"]) == ([1, 2], [5])
    split = edit(served, path, what="split", pins=[5], parts=2).json()
    after = picture(served, path)["recognitions"]
    assert [pin["pin"] for pin in after] == [*split["made"], 3, 4] == [6, 7, 3, 4]
    named = [[pin["matches"][0]["entry_id"] for pin in pins] for pins in (before, after)]
    assert named[0] == named[1]
    assert served.get(f"/lots/{path.split('/')[-1]}/pictures/{picture(served, path)['key']}-6.jpg").status_code == 200
    assert undo(served, path, joined["edit"]).status_code == 409  # what it made was split since
    for one in (split, joined):
        assert undo(served, path, one["edit"]).status_code == 200
    assert picture(served, path)["recognitions"] == before


def test_what_was_changed_goes_into_page_table_buy_list_and_report(served: Served, path: str) -> None:
    page = f"/lots/{path.split('/')[-1]}"
    gone = picture(served, path)["recognitions"][3]
    deleted = edit(served, path, what="delete", pins=[gone["pin"]]).json()
    missing = gone["matches"][0]["entry_id"]
    shown = served.get(page, headers=HTML).text
    assert shown.count("<polygon") == 3
    assert f'name="edit" value="{deleted["edit"]}"' in shown
    table = list(csv.DictReader(io.StringIO(served.get(f"{page}/pins.csv").text.removeprefix("\ufeff"))))
    assert [row["pin"] for row in table] == ["1", "2", "3"]
    assert {row["mark"] for row in table} == {"owned", "missing"}
    assert [row["own"] for row in table] == ["1" if row["verdict"] == "match" else "" for row in table]
    assert missing not in served.get(f"{page}/missing.csv").text
    report = served.get(f"{page}/report.html").text
    assert report.count("<tr data-verdict") == 3
    assert "pictures/" not in re.sub(r"data:[^\"]+", "", report)
    (now,) = re.findall(r'class="whole" src="data:image/jpeg;base64,([^"]+)"', report)
    undo(served, path, deleted["edit"])
    again = served.get(f"{page}/report.html").text
    assert now not in again  # with the outline of the pin that came again
    assert missing in served.get(f"{page}/missing.csv").text
    assert served.get(f"{page}/report.html").text.count("<tr data-verdict") == 4


def test_a_box_drawn_around_a_deleted_pin_finds_and_names_it(served: Served, path: str) -> None:
    pin = picture(served, path)["recognitions"][1]
    left, top, right, bottom = pin["box"]
    edits = [edit(served, path, what="delete", pins=[2]).json()]
    points = [[left - 8, top - 8], [right + 8, bottom + 8]]
    edits.append(edit(served, path, what="draw", points=points, box=True).json())
    drawn = next(one for one in picture(served, path)["recognitions"] if one["pin"] == edits[-1]["made"][0])
    assert drawn["matches"][0]["entry_id"] == pin["matches"][0]["entry_id"]
    assert drawn["verdict"] == pin["verdict"]
    assert len(drawn["outline"]) > 4
    for one in edits[::-1]:
        undo(served, path, one["edit"])


def test_plain_forms_change_pins_and_lead_back_to_the_page(served: Served, path: str) -> None:
    page = f"/lots/{path.split('/')[-1]}"
    key = picture(served, path)["key"]
    form = {"what": "join", "pins": "1", "with": "2", "show": "match", "page": "1"}
    answer = served.post(f"{page}/pictures/{key}/pins", data=form, headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{page}?show=match&page=1")
    made = numbers(served, path)[0]
    line = {"what": "split", "pins": str(made), "line": "360,0 360,360"}
    quiet = served.post(f"{page}/pictures/{key}/pins", data=line, headers={"X-Quiet": "1"})
    assert len(quiet.json()["made"]) == 2
    for _ in range(2):
        last = re.findall(r'name="edit" value="(\d+)"', served.get(page, headers=HTML).text)[0]
        assert served.post(f"{page}/pictures/{key}/undo", data={"edit": last}).status_code == 303
    assert numbers(served, path) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"what": "burn", "pins": "1"}, 422),
        ({"what": "split", "pins": "one", "parts": "2"}, 422),
        ({"what": "split", "pins": "1", "parts": "nan"}, 422),
        ({"what": "split", "pins": "1.5", "parts": "2"}, 422),
        ({"what": "split", "pins": "1"}, 400),
        ({"what": "join", "pins": "1"}, 400),
        ({"what": "draw", "points": "1,1"}, 400),
        ({"what": "delete", "pins": "99"}, 409),
    ],
)
def test_a_change_that_cannot_be_made_is_refused(served: Served, path: str, form: dict[str, str], status: int) -> None:
    key = picture(served, path)["key"]
    assert served.post(f"/lots/{path.split('/')[-1]}/pictures/{key}/pins", data=form).status_code == status
    assert numbers(served, path) == [1, 2, 3, 4]


def test_a_form_of_somebody_signed_in_needs_the_proof_of_the_page(served: Served, path: str) -> None:
    page, key = f"/lots/{path.split('/')[-1]}", picture(served, path)["key"]
    with httpx.Client(base_url=served.address) as client:
        client.post("/sign-in", data={"token": served.secret})
        for where, form in (
            (f"pictures/{key}/pins", {"what": "delete", "pins": "1"}),
            (f"pictures/{key}/undo", {"edit": "1"}),
            ("price", {"price": "5"}),
            ("own", {"which": "all"}),
        ):
            assert client.post(f"{page}/{where}", data=form).status_code == 403, where
        elsewhere = {"Origin": "https://other.site"}
        assert client.post(f"{page}/price", data={"price": "5"}, headers=elsewhere).status_code == 403
    assert served.post(f"{page}/own", data={"which": "all"}).status_code == 401
    assert numbers(served, path) == [1, 2, 3, 4]


def test_of_two_at_once_no_change_is_lost(served: Served, path: str) -> None:
    with ThreadPoolExecutor(4) as people:
        asked = [{"what": "delete", "pins": [1]}, {"what": "delete", "pins": [1]}, {"what": "delete", "pins": [3]}]
        asked.append({"what": "join", "pins": [2, 4]})
        found = list(people.map(lambda fields: edit(served, path, **fields), asked))
    assert sorted(one.status_code for one in found) == [201, 201, 201, 409]
    (left,) = numbers(served, path)
    made = [one.json() for one in found if one.status_code == 201]
    assert [left] == [number for one in made for number in one["made"]]
    for one in made:
        assert undo(served, path, one["edit"]).status_code == 200
    assert sorted(numbers(served, path)) == [1, 2, 3, 4]


def test_a_large_picture_is_cut_from_as_large_as_it_was_sent(served: Served) -> None:
    import numpy as np

    view = np.kron(sample.lot_view((0, 3), touching=False).image, np.ones((2, 2, 1), np.uint8))
    assert view.shape[1] > 1600
    path = begun(served, ("large.jpg", encode_jpeg(view, 90)))
    held = picture(served, path)
    folder = served.data / "web" / "lots" / path.split("/")[-1]
    assert not any((folder / "uploads" / "0001.upload").read_bytes())
    assert held["width"] == 1600
    name = f"/lots/{path.split('/')[-1]}/pictures/{held['key']}-whole.jpg"
    assert f'data-whole="{name}"' in served.get(f"/lots/{path.split('/')[-1]}", headers=HTML).text
    assert open_photo(served.get(name).content, max_side=9999).image.shape == view.shape
    pin = held["recognitions"][0]
    deleted = edit(served, path, what="delete", pins=[pin["pin"]]).json()
    left, top, right, bottom = pin["box"]
    edit(served, path, what="draw", points=[[left - 5, top - 5], [right + 5, bottom + 5]], box=True)
    drawn = picture(served, path)["recognitions"][-1]
    assert drawn["matches"][0]["entry_id"] == pin["matches"][0]["entry_id"]
    assert deleted["made"] == []
    served.client.delete(path)


def test_a_price_is_said_on_the_page_and_told_for_each_missing_pin(served: Served, path: str) -> None:
    page = f"/lots/{path.split('/')[-1]}"
    assert served.post(f"{page}/price", data={"price": "much"}).status_code == 422
    assert served.post(f"{page}/price", data={"price": "12,60", "currency": "EUR"}).status_code == 303
    totals = served.get(f"{path}/result").json()["totals"]
    assert totals["offers"] == [{"price": 12.6, "currency": "EUR", "missing": 3, "price_each": 4.2}]
    assert (totals["pins"], totals["named"], totals["missing"]) == (4, 4, 3)
    for text in (served.get(page, headers=HTML).text, served.get(f"{page}/report.html").text):
        assert "4.20 EUR" in text
    served.post(f"{page}/price", data={"price": ""})
    assert served.get(f"{path}/result").json()["totals"]["offers"] == []


def test_a_listing_sent_beside_its_pictures_tells_title_and_price(served: Served) -> None:
    item = {"itemId": "v1|5551|0", "title": "Значки", "price": {"value": "8", "currency": "USD"}}
    sent = ("sale.json", json.dumps({"itemSummaries": [item]}).encode())
    path = begun(served, ("5551.jpg", board_of((5, 9))), sent)
    (lot,) = served.get(f"{path}/result").json()["lots"]
    assert (lot["title"], lot["price"], lot["pictures"][0]["photo"]) == ("Значки", 8.0, "5551.jpg")
    assert served.get(f"{path}/result").json()["totals"]["offers"][0]["price_each"] == 4.0
    bad = served.post("/api/v1/lots", files=[("photo", ("other.jpg", b"x")), ("photo", sent)])
    assert bad.status_code == 400
    assert "no picture of v1|5551|0" in bad.json()["detail"]
    served.client.delete(path)


def test_bought_pins_go_to_a_jar_once(served: Served) -> None:
    path = begun(served, ("board.jpg", board_of((2, 5, 9))))
    page = f"/lots/{path.split('/')[-1]}"
    with httpx.Client(base_url=served.address, headers=HTML, follow_redirects=True) as client:
        client.post("/sign-in", data={"token": served.secret})
        proof = re.search(r'name="proof" value="([^"]+)"', client.get(page).text)
        assert proof is not None
        form = {"proof": proof[1], "jar": "Новые", "which": "missing"}
        sure = [pin for pin in picture(served, path)["recognitions"][1:] if pin["verdict"] == "match"]
        assert sure
        for told in (f": {len(sure)}, Новые", ": 0"):
            assert told in client.post(f"{page}/own", data=form).text
        assert "Новые" in client.get(page).text  # offered as a jar next time
    with Catalogue.open(served.data) as catalogue:
        held = {entry_id: one[0].jar for entry_id, one in Collection(catalogue).holdings().items()}
        owned = Collection(catalogue).owned()
        pins = {pin["matches"][0]["entry_id"] for pin in sure}
        assert {entry_id for entry_id, jar in held.items() if jar == "Новые"} == pins
        assert all(count == 1 for count in owned.values())
        for entry_id in pins:
            Collection(catalogue).own(entry_id, 0)
    served.client.delete(path)


def test_a_pin_that_was_added_by_its_button_is_not_counted_again_with_the_lot(served: Served) -> None:
    path = begun(served, ("board.jpg", board_of((4, 6, 11))))
    page = f"/lots/{path.split('/')[-1]}"
    key = picture(served, path)["key"]
    sure = [pin for pin in picture(served, path)["recognitions"] if pin["verdict"] == "match"]
    _, other = Tokens(served.data / "web").add("Anna", Rank.COLLECTOR)
    for secret in (served.secret, other):  # each has a collection of his own
        with httpx.Client(base_url=served.address, headers=HTML, follow_redirects=True) as client:
            client.post("/sign-in", data={"token": secret})
            text = client.get(page).text
            proof = re.search(r'name="proof" value="([^"]+)"', text)
            assert proof is not None
            name = f"{key}-{sure[0]['pin']}"
            assert f'name="pins" value="{name}"' in text
            form = {"proof": proof[1], "pins": name}
            answer = client.post(f"{page}/own", data=form, headers={"X-Quiet": "1"})
            assert (answer.text, answer.headers["x-owned"]) == ("You have 1", "1")
            again = client.post(f"{page}/own", data=form, headers={"X-Quiet": "1"})
            assert "counted before" in again.text
            assert f'name="pins" value="{name}"' not in client.get(page).text
            assert "You have 1" in client.get(f"{page}/pins/{key}/{sure[0]['pin']}").text
            whole = client.post(f"{page}/own", data={"proof": proof[1], "which": "all"}).text
            assert f"<h1>pins added to my collection: {len(sure) - 1}</h1>" in whole
    with Catalogue.open(served.data) as catalogue:
        for collector in ("", "Anna"):
            owned = Collection(catalogue, collector).owned()
            pins = {pin["matches"][0]["entry_id"] for pin in sure}
            assert [owned[entry_id] for entry_id in pins] == [1] * len(sure)
            for entry_id in pins:
                Collection(catalogue, collector).own(entry_id, 0)
    served.client.delete(path)
