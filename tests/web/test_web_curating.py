"""Curating on the page: queues that are made in the background, and buttons that settle what stands in them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from web_service import Served, board_of, serving, serving_copy

from recognizer.catalogue.store import Catalogue
from recognizer.drawn import sample
from recognizer.types import Role
from recognizer.vision.photos import encode_jpeg
from recognizer.web.access.ranks import Rank
from recognizer.web.access.tokens import Tokens

HTML = {"Accept": "text/html"}
IDS = [entry.entry_id for entry in sample.entries(8)]


@pytest.fixture(scope="module")
def served(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service whose entry 7 has the photo of entry 0 beside its own, as whoever sits at the machine sees it."""
    with serving_copy(data, tmp_path_factory.mktemp("curated"), open_here=True) as running:
        wrong = encode_jpeg(sample.catalogue_view(0), 80)
        body = {"files": {"photo": ("a.jpg", wrong)}, "headers": running.writes}
        assert running.post(f"/api/v1/entries/{IDS[7]}/photos", **body).status_code == 201
        yield running


def send(served: Served, path: str, **fields: Any) -> Any:
    found = re.search(r'name="proof" value="([\w-]+)"', served.get("/curating", headers=HTML).text)
    assert found is not None
    return served.post(path, data={"proof": found[1]} | fields, headers=HTML)


def ended(served: Served) -> None:
    ends = time.monotonic() + 120
    while not served.get("/start/progress/state").json()["ended"]:
        assert time.monotonic() < ends
        time.sleep(0.05)


def queue(served: Served, name: str) -> list[str]:
    """The things that stand in a queue, as HTML each."""
    answer = served.get(f"/curating/{name}", headers=HTML)
    assert answer.status_code == 200, answer.text
    return re.findall(r'<section class="item".*?</section>', answer.text, re.S)


def fields_of(form: str) -> dict[str, str]:
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))


def test_a_photo_under_two_numbers_is_found_and_taken_out_by_its_button(served: Served) -> None:
    assert send(served, "/curating/audit/begin").headers["location"] == "/start/progress"
    ended(served)
    assert served.get("/start/progress", headers=HTML).headers["location"] == "/curating/audit"
    (found,) = queue(served, "audit")
    assert "One photo under two numbers" in found
    assert found.count("<img") == 2
    with Catalogue.open(served.data) as catalogue:
        assert len(catalogue.images(Role.FACE, IDS[7])) == 2
    form = next(form for form in re.findall(r"<form.*?</form>", found, re.S) if 'value="remove"' in form)
    sent = fields_of(form)
    answer = send(served, "/curating/audit/mend", **{name: sent[name] for name in ("do", "subject", "to", "back")})
    assert (answer.status_code, answer.headers["location"]) == (303, "/curating/audit")
    with Catalogue.open(served.data) as catalogue:
        assert [len(catalogue.images(Role.FACE, IDS[at])) for at in (0, 7)] == [1, 1]
    assert queue(served, "audit") == []
    assert send(served, "/curating/audit/mend", do="remove", subject=sent["subject"], to="").status_code == 409


def test_what_is_left_as_it_is_comes_no_more(served: Served) -> None:
    photo = {"photo": ("a.jpg", encode_jpeg(sample.catalogue_view(5), 70))}
    added = served.post(f"/api/v1/entries/{IDS[6]}/photos", files=photo, headers=served.writes).json()
    send(served, "/curating/audit/begin")
    ended(served)
    (found,) = queue(served, "audit")
    name = re.search(r'name="name" value="([^"]+)"', found)
    assert name is not None
    send(served, "/curating/pass", name=name[1])
    assert queue(served, "audit") == []
    assert ">Faults</a>: 0" in served.get("/curating", headers=HTML).text
    with Catalogue.open(served.data) as catalogue:
        catalogue.remove_image(added["image_id"])


def test_answers_of_kept_lots_are_judged_the_doubtful_first_and_then_looked_through(served: Served) -> None:
    found = re.search(r'name="proof" value="([\w-]+)"', served.get("/curating", headers=HTML).text)
    assert found is not None
    lots = []
    for keep in ({"keep": "1"}, {}):  # one that is kept, and one that is nobody's business
        files = [("photo", ("a.jpg", board_of((0, 4, 7, 9)))), ("photo", ("b.jpg", board_of((1, 3))))]
        answer = served.post("/identify", files=files, data={"proof": found[1]} | keep, headers=HTML)
        lots.append(answer.headers["location"])
    for lot in lots:
        ends = time.monotonic() + 120
        while served.get(f"{lot}/state").json()["state"] != "done":
            assert time.monotonic() < ends
            time.sleep(0.1)
    waiting = queue(served, "doubts")
    assert len(waiting) == 6
    assert not any(lots[1] in one for one in waiting)
    chances = [re.findall(r", (?:&[lg]t;)?(\d+)%", one) for one in waiting]
    doubts = [abs(int(each[0]) - 50) if each else 50 for each in chances]
    assert doubts == sorted(doubts)
    forms = re.findall(r"<form.*?</form>", waiting[0], re.S)
    first = fields_of(next(form for form in forms if 'data-key="1"' in form))
    assert first["said"] == "confirmed"
    del first["proof"]
    assert send(served, "/corrections", **first).headers["location"] == "/curating/doubts"
    assert len(queue(served, "doubts")) == 5
    (said,) = queue(served, "corrections")
    assert ">Right</h2>" in said
    taken = next(fields_of(form) for form in re.findall(r"<form.*?</form>", said, re.S) if "correction_id" in form)
    send(served, "/curating/corrections/undo", correction_id=taken["correction_id"])
    assert queue(served, "corrections") == []
    assert len(queue(served, "doubts")) == 6


def test_pins_of_a_photo_that_was_kept_are_judged_too(served: Served) -> None:
    found = re.search(r'name="proof" value="([\w-]+)"', served.get("/curating", headers=HTML).text)
    assert found is not None
    before = len(queue(served, "doubts"))
    for photo in (encode_jpeg(sample.phone_view(5), 92), board_of((2, 8))):
        body = {"files": {"photo": ("a.jpg", photo)}, "data": {"proof": found[1], "keep": "1"}}
        assert served.post("/identify", **body, headers=HTML).status_code == 200
    waiting = [one for one in queue(served, "doubts") if "/uploads/" in one]
    assert len(waiting) == 3
    pictures = [re.search(r'src="(/uploads/[\w-]+/\d\.jpg)"', one) for one in waiting]
    assert len({one[1] for one in pictures if one}) == 3
    for one in pictures:
        assert one is not None
        assert served.get(one[1]).headers["content-type"] == "image/jpeg"
        assert served.get(one[1].replace(".jpg", "9.jpg")).status_code == 404
    for left in (2, 1, 0):
        forms = re.findall(r"<form.*?</form>", waiting[left], re.S)
        sent = fields_of(next(form for form in forms if 'data-key="1"' in form))
        del sent["proof"]
        assert send(served, "/corrections", **sent).status_code == 303
        assert len([one for one in queue(served, "doubts") if "/uploads/" in one]) == left
    said = served.get("/api/v1/corrections", headers=served.writes).json()["corrections"]
    assert sum(one["kept"] for one in said) == 3  # each with its picture
    for upload in served.get("/api/v1/uploads", headers=served.writes).json()["uploads"]:
        assert served.client.delete(f"/api/v1/uploads/{upload['upload_id']}").status_code == 204
    assert list((served.data / "web" / "uploads").iterdir()) == []
    assert len(queue(served, "doubts")) == before


def test_an_unknown_pin_that_was_seen_twice_becomes_an_entry(served: Served) -> None:
    number = 140  # of the sample, of which the catalogue has the first few
    found = re.search(r'name="proof" value="([\w-]+)"', served.get("/curating", headers=HTML).text)
    assert found is not None
    photos = [encode_jpeg(sample.phone_view(number, shot=shot), 92) for shot in range(2)]
    files = [("photo", (f"{at}.jpg", photo)) for at, photo in enumerate(photos)]
    lot = served.post("/identify", files=files, data={"proof": found[1], "keep": "1"}, headers=HTML).headers["location"]
    ends = time.monotonic() + 120
    while served.get(f"{lot}/state").json()["state"] != "done":
        assert time.monotonic() < ends
        time.sleep(0.1)
    send(served, "/curating/unknown/begin")
    ended(served)
    (one,) = queue(served, "unknown")
    assert "2 times" in one
    picture = re.search(r'src="(/curating/unknown/\w+\.jpg)"', one)
    assert picture is not None
    assert served.get(picture[1]).headers["content-type"] == "image/jpeg"
    cluster = fields_of(one)["cluster"]
    assert send(served, "/curating/unknown/accept", cluster=cluster, number="").status_code == 422
    assert send(served, "/curating/unknown/accept", cluster=cluster, number="Н-1", into="1").status_code == 404
    answer = send(served, "/curating/unknown/accept", cluster=cluster, number="Н-1", title="Новый")
    assert answer.status_code == 303
    page = served.get(answer.headers["location"], headers=HTML).text
    assert "Новый" in page
    assert queue(served, "unknown") == []
    best = served.identify(photos[0]).json()["photos"][0]["recognitions"][0]["matches"][0]
    assert best["number"] == "Н-1"


def test_a_collector_sees_no_queue(tmp_path: Path) -> None:
    Catalogue.open(tmp_path / "data", create=True).close()
    with serving(tmp_path / "data") as running:
        _, secret = Tokens(tmp_path / "data" / "web").add("Anna", Rank.COLLECTOR)
        running.post("/sign-in", data={"token": secret})
        for name in ("", "/audit", "/unknown", "/corrections", "/doubts"):
            assert running.get(f"/curating{name}", headers=HTML).status_code == 403
