"""Listings: pictures and folders as they are named, eBay's lines with the pictures that belong to them."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from recognizer.collecting import listings

ITEM = {
    "itemId": "v1|256100200300|0",
    "title": "Лот значков СССР, космос",
    "price": {"value": "12.50", "currency": "EUR"},
    "itemWebUrl": "https://example.org/itm/256100200300",
}


def lines(folder: Path, *items: object) -> Path:
    file = folder / "lots.jsonl"
    text = "\n".join(item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in items)
    file.write_text(text + "\n", encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "name", ["v1_256100200300_0.jpg", "256100200300.jpg", "256100200300-2.png", "256100200300/7.webp"]
)
def test_a_listing_finds_its_picture_by_its_item_id(tmp_path: Path, name: str) -> None:
    picture = tmp_path / name
    picture.parent.mkdir(exist_ok=True)
    picture.write_bytes(b"")
    (tmp_path / "2561002003.jpg").write_bytes(b"")  # another item's
    found, unread = listings.read([lines(tmp_path, ITEM)])
    assert unread == []
    assert found == [
        listings.Listing(ITEM["itemId"], (picture,), ITEM["title"], Decimal("12.50"), "EUR", ITEM["itemWebUrl"])
    ]


def test_a_listing_has_the_grade_that_its_seller_gives(tmp_path: Path) -> None:
    (tmp_path / "256100200300.jpg").write_bytes(b"")
    told = [{"conditionId": "4000", "condition": "Very Good"}, {"conditionId": "3000", "condition": "Used"}, {}]
    found = [listings.read([lines(tmp_path, ITEM | one)])[0][0].condition for one in told]
    assert found == ["fine", "", ""]


def test_several_pictures_of_one_listing_are_one_lot(tmp_path: Path) -> None:
    for name in ("256100200300.jpg", "256100200300_2.jpg", "256100200300-10.jpg"):
        (tmp_path / name).write_bytes(b"")
    found, _ = listings.read([lines(tmp_path, ITEM)])
    assert [len(one.pictures) for one in found] == [3]


def test_lines_that_are_no_listing_are_named_with_their_row_and_the_others_read(tmp_path: Path) -> None:
    (tmp_path / "256100200300.jpg").write_bytes(b"")
    bad_price = ITEM | {"price": {"value": "twelve"}}
    file = lines(tmp_path, "{broken", {"title": "no id"}, bad_price, ITEM | {"itemId": "9"}, "", ITEM)
    found, unread = listings.read([file])
    assert [one.key for one in found] == [ITEM["itemId"]]
    assert [one.source for one in unread] == [f"{file}:{row}" for row in (1, 2, 3, 4)]
    assert "no itemId" in unread[1].reason
    assert "'twelve'" in unread[2].reason
    assert "9.jpg" in unread[3].reason


def test_a_listing_told_twice_is_the_newer_one(tmp_path: Path) -> None:
    (tmp_path / "256100200300.jpg").write_bytes(b"")
    found, _ = listings.read([lines(tmp_path, ITEM, ITEM | {"price": {"value": "9", "currency": "USD"}})])
    assert [(one.price, one.currency) for one in found] == [(Decimal(9), "USD")]


def test_files_and_folders_are_lots_of_one_picture_and_none_counts_twice(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    found, unread = listings.read([tmp_path / "b.jpg", tmp_path])
    assert [one.pictures for one in found] == [(tmp_path / "b.jpg",), (tmp_path / "a.png",)]
    assert unread == []


def test_what_gives_no_picture_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found, unread = listings.read([tmp_path / "gone.jpg", tmp_path / "empty"])
    assert found == []
    assert [one.source for one in unread] == [str(tmp_path / "gone.jpg"), str(tmp_path / "empty")]
