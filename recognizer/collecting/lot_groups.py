"""The pins of a lot as a collector goes through them: what is missing first, doubles of one pin together.

Everything here reads the plain data of a job's answers, so that a page of hundreds of pins needs no picture in memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from recognizer.collecting.lot_marks import Mark
from recognizer.collecting.picture_answers import EntryOffered, PinAnswer
from recognizer.types import Verdict


class Group(StrEnum):
    """What a pin of a lot is to somebody who looks for pins, in the order in which he wants to see them.

    `missing` are the pins of which the collection has none, whether the variant is sure or not; the other groups are
    those of the verdicts.
    """

    MISSING = "missing"
    KNOWN = "match"
    FAMILY = "family"
    NEW_VARIANT = "new_variant"
    UNKNOWN = "unknown"
    NOT_A_PIN = "not_a_pin"


SURE: Final = (Group.MISSING, Group.KNOWN, Group.FAMILY, Group.NEW_VARIANT)
"""The groups in which the first entry is said to show the drawing of the pin."""


@dataclass(frozen=True, slots=True)
class Card:
    """Pins of one picture that are told together: one pin, or all copies of an entry that was surely recognized.

    `pins` are the pins' data in the order of the picture; what is said of the first one is said of all.
    """

    group: Group
    pins: tuple[PinAnswer, ...]
    wished: bool = False

    @property
    def first(self) -> PinAnswer:
        """The pin that stands for all."""
        return self.pins[0]

    @property
    def best(self) -> EntryOffered | None:
        """The entry that comes first, None where nothing came near."""
        matches = self.first["matches"]
        return matches[0] if matches else None

    @property
    def sure(self) -> bool:
        """Whether the first entry is said to be this pin, or its drawing."""
        return self.group in SURE and self.best is not None

    @property
    def copies(self) -> int:
        """How many pins these are."""
        return len(self.pins)

    @property
    def numbers(self) -> list[int]:
        """The numbers of the pins on their picture."""
        return [pin["pin"] for pin in self.pins]


def group_of(pin: PinAnswer) -> Group:
    """Say in which group a pin is; without a `mark` of a collection none is missing."""
    if pin.get("mark") in (Mark.MISSING, Mark.AGAIN):
        return Group.MISSING
    return Group(Verdict(pin["verdict"]).value)


def grouped(pins: Iterable[PinAnswer], wished: Collection[str] = ()) -> list[tuple[Group, list[Card]]]:
    """Return the groups of one picture that have pins, in the order of Group, each with its cards.

    Copies of one entry with the verdict match are one card; where the variant is left open each pin is its own, for
    they need not be the same. Cards come in the order of their first pin, what is `wished` for first.
    """
    held: dict[Group, dict[object, list[PinAnswer]]] = {group: {} for group in Group}
    for pin in pins:
        group = group_of(pin)
        same = pin["matches"][0]["entry_id"] if pin["matches"] and pin["verdict"] == Verdict.MATCH else pin["pin"]
        held[group].setdefault(same, []).append(pin)
    found = []
    for group, cards in held.items():
        made = [_card(group, copies, wished) for copies in cards.values()]
        if made:
            found.append((group, sorted(made, key=lambda card: not card.wished)))
    return found


def counts(pins: Iterable[PinAnswer]) -> dict[Group, int]:
    """Count the pins of each group, 0 for those that have none."""
    found = dict.fromkeys(Group, 0)
    for pin in pins:
        found[group_of(pin)] += 1
    return found


def _card(group: Group, copies: Sequence[PinAnswer], wished: Collection[str]) -> Card:
    best = copies[0]["matches"][0]["entry_id"] if copies[0]["matches"] else ""
    return Card(group, tuple(copies), group is Group.MISSING and best in wished)
