"""The answers of eBay's Browse search as they come, and pictures that were brought twice."""

import json
from pathlib import Path
from typing import Any

import pytest

from recognizer.collecting import listings

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
    assert unread[0].reason.endswith("(it is at https://example.org/a.jpg, https://example.org/b.jpg)")


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
