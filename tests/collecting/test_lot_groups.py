"""The pins of a lot in groups: on drawn lots of known families and doubles every double is counted, and none merged."""

from __future__ import annotations

from collections import Counter

import pytest

from recognizer.collecting.lot_groups import Group, grouped
from recognizer.collecting.picture_answers import number_pins
from recognizer.drawn import sample
from recognizer.identify import Recognizer
from recognizer.reports.answers import Answer, answer_json
from recognizer.reports.lot_report import summary
from recognizer.types import Box, Photo

ENTRIES = sample.entries(40)


def overlap(one: Box, other: Box) -> float:
    wide = min(one.right, other.right) - max(one.left, other.left)
    high = min(one.bottom, other.bottom) - max(one.top, other.top)
    shared = max(0, wide) * max(0, high)
    return shared / (one.width * one.height + other.width * other.height - shared)


@pytest.mark.parametrize(
    ("shown", "shot"),
    [
        ((2, 2, 3, 3, 3, 5, 5, 12), 0),  # 2 and 3 are a family, told by the colour of the enamel
        ((9, 10, 10, 9, 9, 0, 0), 1),  # 9 and 10 are one, told by the plating, which a photo hardly shows
    ],
)
def test_every_double_is_counted_and_none_is_merged(recognizer: Recognizer, shown: tuple[int, ...], shot: int) -> None:
    families = [ENTRIES[pin].family for pin in dict.fromkeys(shown)]
    assert max(Counter(family for family in families if family).values()) > 1
    lot = sample.lot_view(shown, shot=shot, touching=False)
    photo = Photo(lot.image, "0" * 64, "lot")
    found = recognizer.identify([photo])[0]
    answer = number_pins(answer_json(Answer(photo, tuple(found))))
    pins = answer["recognitions"]
    at = [max(range(len(shown)), key=lambda place: overlap(Box(*pin["box"]), lot.boxes[place])) for pin in pins]
    assert sorted(at) == list(range(len(shown)))  # each drawn pin is one, no two are run into one
    truth = {pin["pin"]: ENTRIES[shown[place]].entry_id for pin, place in zip(pins, at, strict=True)}

    cards = [card for _, several in grouped(pins) for card in several]
    assert sum(card.copies for card in cards) == len(shown)
    for card in cards:
        assert len({truth[number] for number in card.numbers}) == 1, card.numbers
        assert card.copies == 1 or card.group is Group.KNOWN
    # Doubles that are surely recognized are told together, with as many copies as were drawn.
    named = {number: pin["matches"][0]["entry_id"] for pin in pins if (number := pin["pin"]) and pin["matches"]}
    sure = {
        entry_id
        for entry_id in truth.values()
        if all(
            named[pin["pin"]] == entry_id and pin["verdict"] == "match" for pin in pins if truth[pin["pin"]] == entry_id
        )
    }
    assert len(sure) >= len(set(shown)) // 3
    assert sum(count > 1 for entry_id, count in Counter(truth.values()).items() if entry_id in sure) >= 1
    counted = summary([answer])
    for entry_id in sure:
        drawn = Counter(truth.values())[entry_id]
        assert counted.entries[entry_id] >= drawn
        assert [card.copies for card in cards if card.best and card.best["entry_id"] == entry_id] == [drawn]
    # Where the variant is left open, every pin is a card of its own.
    assert counted.unsure == sum(card.group in (Group.FAMILY, Group.NEW_VARIANT) for card in cards)
