"""Condition: how well a pin is kept, in five grades that a collector gives and sellers give.

Nothing here looks at a photo: a grade is what somebody said.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from recognizer.errors import CatalogueError


class Condition(StrEnum):
    """A grade, the worst first: parts are missing; worn; all is there; hardly used; as it was made."""

    DAMAGED = "damaged"
    WORN = "worn"
    GOOD = "good"
    FINE = "fine"
    MINT = "mint"


_OF_EBAY: Final = {
    **dict.fromkeys(("1000", "1500", "2750"), Condition.MINT),
    **dict.fromkeys(("2990", "4000"), Condition.FINE),
    "5000": Condition.GOOD,
    **dict.fromkeys(("3010", "6000"), Condition.WORN),
    "7000": Condition.DAMAGED,
}
"""Grades by eBay's conditionId; 3000, "Used", is that of nearly every pin and says nothing."""


def condition_of(text: str) -> Condition:
    """Read a grade; raises CatalogueError that lists them."""
    try:
        return Condition(text.strip().lower())
    except ValueError:
        raise CatalogueError(f"condition {text!r} is none of {', '.join(Condition)}") from None


def condition_of_ebay(condition_id: str) -> Condition | None:
    """The grade of an eBay listing by its conditionId, None where that tells none."""
    return _OF_EBAY.get(condition_id.strip())


def is_better(one: Condition, other: Condition) -> bool:
    """Whether one grade is better than the other."""
    grades = list(Condition)
    return grades.index(one) > grades.index(other)
