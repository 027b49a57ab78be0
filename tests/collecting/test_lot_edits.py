"""Changes of a lot's pins: what goes and comes, numbers that are never used again, undo, and two people at once."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from recognizer.collecting import lot_edits
from recognizer.collecting.lot_edits import Change, What
from recognizer.errors import LotChanged, ZnachkiError
from recognizer.types import Photo

PHOTO = Photo(np.full((400, 600, 3), 120, np.uint8), "0" * 64, "lot")


def pin(left: int) -> dict[str, Any]:
    return {"box": [left, 100, left + 80, 200], "outline": None, "verdict": "unknown", "matches": []}


def answer() -> dict[str, Any]:
    return {"sha256": "0" * 64, "recognitions": [pin(left) | {"pin": at} for at, left in enumerate((10, 110, 210), 1)]}


def made(held: dict[str, Any], change: Change, *new: dict[str, Any]) -> tuple[dict[str, Any], lot_edits.Edited]:
    return lot_edits.changed(held, change, new, who="keeper", at="2026-01-01T00:00:00Z")


def numbers(held: dict[str, Any]) -> list[int]:
    return [one["pin"] for one in held["recognitions"]]


def test_new_pins_stand_where_the_old_one_was_under_numbers_of_their_own() -> None:
    held, edited = made(answer(), Change(What.SPLIT, (2,), parts=2), pin(110), pin(150))
    assert numbers(held) == [1, 4, 5, 3]
    assert (edited.gone, edited.made) == ((2,), (4, 5))
    held, edited = made(held, Change(What.DRAW, points=((1, 1), (9, 9)), box=True), pin(300))
    assert numbers(held) == [1, 4, 5, 3, 6]
    assert json.loads(json.dumps(held)) == held


def test_undo_brings_back_what_went_and_frees_no_number() -> None:
    first = answer()
    held, edited = made(first, Change(What.JOIN, (1, 3)), pin(10))
    assert numbers(held) == [4, 2]
    back, undone = lot_edits.undone(held, edited.edit)
    assert back["recognitions"] == first["recognitions"]
    assert back["edits"] == []
    assert (undone.gone, undone.made) == ((4,), (1, 3))
    again, _ = made(back, Change(What.DELETE, (1,)))
    again, edited = made(again, Change(What.DRAW, points=((1, 1), (9, 9)), box=True), pin(300))
    assert edited.made == (5,)
    assert edited.edit == 3


def test_the_answer_given_is_left_as_it_is() -> None:
    first = answer()
    kept = json.dumps(first)
    held, edited = made(first, Change(What.DELETE, (2,)))
    assert json.dumps(first) == kept
    kept = json.dumps(held)
    lot_edits.undone(held, edited.edit)
    assert json.dumps(held) == kept


def test_of_two_who_change_one_pin_the_second_is_told_and_others_stay() -> None:
    held, mine = made(answer(), Change(What.SPLIT, (2,), parts=2), pin(110), pin(150))
    with pytest.raises(LotChanged, match="no pin 2 on this picture now"):
        made(held, Change(What.DELETE, (2,)))
    held, theirs = made(held, Change(What.DELETE, (3,)))
    held, _ = lot_edits.undone(held, mine.edit)  # the newer change of somebody else is kept
    assert numbers(held) == [1, 2]
    held, _ = lot_edits.undone(held, theirs.edit)
    assert numbers(held) == [1, 2, 3]
    with pytest.raises(LotChanged, match="taken back before"):
        lot_edits.undone(held, mine.edit)


def test_a_change_that_another_one_builds_on_is_not_undone_first() -> None:
    held, first = made(answer(), Change(What.SPLIT, (2,), parts=2), pin(110), pin(150))
    held, second = made(held, Change(What.DELETE, (5,)))
    with pytest.raises(LotChanged, match="undo that first"):
        lot_edits.undone(held, first.edit)
    assert lot_edits.last_undoable(held) == second
    held, _ = lot_edits.undone(held, second.edit)
    held, _ = lot_edits.undone(held, first.edit)
    assert numbers(held) == [1, 2, 3]
    assert lot_edits.last_undoable(held) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Change(What.SPLIT, (1, 2), parts=2), "takes one pin"),
        (Change(What.JOIN, (1,)), "takes two pins or more"),
        (Change(What.JOIN, (1, 1)), "takes two pins or more"),
        (Change(What.DELETE), "takes a pin"),
        (Change(What.DRAW, (1,)), "takes no pin"),
        (Change(What.DRAW), "too small, or outside"),
        (Change(What.SPLIT, (1,)), "give a number from 2"),
        (Change(What.SPLIT, (9,), parts=2), "no pin 9"),
    ],
)
def test_a_change_that_cannot_be_made_says_why(change: Change, reason: str) -> None:
    with pytest.raises(ZnachkiError, match=reason):
        lot_edits.new_outlines(change, PHOTO, answer())


def test_outlines_come_from_the_box_where_a_pin_has_none() -> None:
    (left, right) = lot_edits.new_outlines(Change(What.SPLIT, (1,), line=((40, 0), (40, 300))), PHOTO, answer())
    assert left[:, 0].max() == pytest.approx(40, abs=1)
    assert right[:, 0].max() == pytest.approx(90, abs=1)
    (both,) = lot_edits.new_outlines(Change(What.JOIN, (1, 2)), PHOTO, answer())
    assert (both.min(axis=0) - (10, 100)).max() < 1
    assert abs(both.max(axis=0) - (190, 200)).max() < 1.5


def test_others_are_told_of_a_change_by_numbers_alone() -> None:
    held, _ = made(answer(), Change(What.DELETE, (2,)))
    told = lot_edits.told(held)
    assert told["edits"][0]["gone"] == [2]
    assert "last_pin" not in told
    assert lot_edits.told(answer()) == answer()
