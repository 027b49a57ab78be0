"""The answers of eBay's Browse search as they come, and pictures that were brought twice."""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from recognizer.catalogue.fetching import Manners
from recognizer.cli import main
from recognizer.collecting import listings
from recognizer.collecting.listing_pictures import fetch_listings
from recognizer.errors import CatalogueError
from recognizer.vision.photos import encode_jpeg

ITEMS = [
    {"itemId": f"v1|{number}|0", "title": f"Lot {number}", "price": {"value": "5.00", "currency": "EUR"}}
    for number in (11, 12)
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in (11, 12):
        (tmp_path / f"{number}.jpg").write_bytes(b"picture %d" % number)
    return tmp_path


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"href": "x", "total": 2, "itemSummaries": ITEMS}, 2),
        (ITEMS[0], 1),
        (ITEMS, 2),
        ([{"itemSummaries": ITEMS[:1]}, {"itemSummaries": ITEMS[1:]}], 2),
        ({"total": 0}, 0),
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_an_answer_of_a_search_is_read_as_it_comes(folder: Path, document: Any, found: int, indent: int | None) -> None:
    (folder / "search.json").write_text(json.dumps(document, indent=indent))
    read, unread = listings.read([folder / "search.json"])
    assert [one.title for one in read] == ["Lot 11", "Lot 12"][:found]
    assert unread == []


def test_pages_of_a_search_are_read_one_a_line_or_one_a_file(folder: Path) -> None:
    pages = [{"itemSummaries": [item]} for item in ITEMS]
    (folder / "pages.jsonl").write_text("\n".join(map(json.dumps, pages)))
    assert len(listings.read([folder / "pages.jsonl"])[0]) == 2
    (folder / "pages.jsonl").unlink()
    for number, page in enumerate(pages):
        (folder / f"page-{number}.json").write_text(json.dumps(page))
    read, unread = listings.read([folder])
    assert [(one.title, [path.name for path in one.pictures]) for one in read] == [
        ("Lot 11", ["11.jpg"]),
        ("Lot 12", ["12.jpg"]),
    ]
    assert unread == []


def test_a_listing_without_a_picture_tells_where_its_pictures_are(folder: Path) -> None:
    item = ITEMS[0] | {"itemId": "v1|13|0", "image": {"imageUrl": "https://example.org/a.jpg"}}
    item |= {"additionalImages": [{"imageUrl": "https://example.org/b.jpg"}]}
    (folder / "one.json").write_text(json.dumps(item))
    _, unread = listings.read([folder / "one.json"])
    assert unread[0].reason.endswith(f"or let `znachki fetch {folder / 'one.json'}` bring it")


def test_a_document_that_is_cut_short_is_told_in_one_line(folder: Path) -> None:
    (folder / "cut.json").write_text(json.dumps({"itemSummaries": ITEMS}, indent=2)[:50])
    read, unread = listings.read([folder / "cut.json"])
    assert read == []
    assert [one.reason for one in unread] == ["no JSON of ItemSummaries, or cut short; save it anew"]


def test_a_picture_twice_in_a_listing_or_under_two_names_counts_once_and_is_said(folder: Path) -> None:
    (folder / "11-2.jpg").write_bytes(b"picture 11")
    (folder / "one.json").write_text(json.dumps(ITEMS[0]))
    notes: list[str] = []
    read, _ = listings.read([folder / "one.json"], notes=notes)
    assert [len(one.pictures) for one in read] == [1]
    assert len(notes) == 1
    (folder / "one.json").unlink()
    notes.clear()
    read, _ = listings.read([folder], notes=notes)
    assert len(read) == 2
    assert "the same picture as" in notes[0]


# Fetching


def jpeg(seed: int) -> bytes:
    return encode_jpeg(np.random.default_rng(seed).integers(0, 255, (24, 24, 3), np.uint8))


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[str]]]:
    """The address of a host on this machine with a picture under every /N.jpg, and what it was asked for."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            number = self.path.strip("/").removesuffix(".jpg")
            body = jpeg(int(number)) if number.isdecimal() else b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def with_pictures(at: str) -> list[dict[str, Any]]:
    first = ITEMS[0] | {"image": {"imageUrl": f"{at}/1.jpg"}, "additionalImages": [{"imageUrl": f"{at}/2.jpg"}]}
    return [first, ITEMS[1] | {"itemId": "v1|13|0", "image": {"imageUrl": f"{at}/3.jpg"}}]


QUICK = Manners(pause=0, back_off=0.01, private=True)


def test_pictures_of_listings_are_fetched_beside_their_file_when_asked_for_and_once(
    tmp_path: Path, host: tuple[str, list[str]]
) -> None:
    file, (at, asked) = tmp_path / "search.json", host
    file.write_text(json.dumps({"itemSummaries": with_pictures(at)}))
    read, unread = listings.read([file])
    assert (read, len(unread), asked) == ([], 2, [])
    assert fetch_listings([file], QUICK).new == 3
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.jpg")} == {
        "v1_11_0-1.jpg": jpeg(1),
        "v1_11_0-2.jpg": jpeg(2),
        "v1_13_0-1.jpg": jpeg(3),
    }
    read, unread = listings.read([file])
    assert [(one.key, len(one.pictures)) for one in read] == [("v1|11|0", 2), ("v1|13|0", 1)]
    assert unread == []
    before = list(asked)
    (tmp_path / "v1_11_0-2.jpg").unlink()  # as if a run had been cut off
    assert fetch_listings([file], QUICK).new == 1
    assert asked[len(before) :] == ["/robots.txt", "/2.jpg"]


def test_a_listing_with_pictures_of_ones_own_is_not_asked_for(folder: Path, host: tuple[str, list[str]]) -> None:
    at, asked = host
    (folder / "search.json").write_text(json.dumps(with_pictures(at)[0]))
    assert fetch_listings([folder / "search.json"], QUICK).new == 0
    assert asked == []


def test_the_command_fetches_into_a_folder_of_ones_choice_and_tells_what_failed(
    tmp_path: Path, host: tuple[str, list[str]]
) -> None:
    at, _ = host
    items = with_pictures(at)
    items[1]["image"]["imageUrl"] = f"{at}/gone"
    (tmp_path / "search.jsonl").write_text("\n".join(map(json.dumps, items)))
    said = CliRunner().invoke(
        main, ["fetch", str(tmp_path / "search.jsonl"), "--pictures", str(tmp_path / "in"), "--private", "--pause", "0"]
    )
    assert said.exit_code == 0, said.output
    assert "2 new, 0 known, 1 refused" in said.output
    assert "1 x answer 404" in said.output
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["v1_11_0-1.jpg", "v1_11_0-2.jpg"]


def test_a_file_without_listings_is_told(tmp_path: Path) -> None:
    (tmp_path / "cut.json").write_text('{"itemSummaries": [')
    with pytest.raises(CatalogueError, match=r"cut\.json: no JSON of ItemSummaries, or cut short"):
        fetch_listings([tmp_path / "cut.json"], QUICK)
