"""What the pins of a lot are to a collector: owned, missing, there twice; and which lot gives the most for its price.

A collection keeps no condition of its pins and a photo tells none, so that no pin is called better than an owned one:
an owned pin is marked owned, and the collector compares the two pictures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from recognizer.collection import Collection, Kind
from recognizer.types import Verdict


class Mark(StrEnum):
    """What one pin of a lot is to a collector.

    `again` is a missing pin that lies on the same picture before. `unsure` is one of a drawing of which some variants
    are owned and some not. `unknown` are pins that no entry has, `none` what is no pin.
    """

    OWNED = "owned"
    MISSING = "missing"
    AGAIN = "again"
    UNSURE = "unsure"
    UNKNOWN = "unknown"
    NONE = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A pin as it was recognized: its best entry and the verdict, and the entries that it may be as well."""

    entry_id: str | None
    probability: float
    verdict: Verdict
    variants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Value:
    """What a lot is worth to a collector: entries owned and missing, each once, and those of them that he wishes for.

    `unsure` counts the pins of which it is not sure.
    """

    owned: tuple[str, ...]
    missing: tuple[str, ...]
    wished: tuple[str, ...]
    unsure: int
    price: Decimal | None = None
    currency: str = ""

    @property
    def price_each(self) -> Decimal | None:
        """The price for each missing pin, None where no price is told or none is missing."""
        return None if self.price is None or not self.missing else self.price / len(self.missing)


class Marker:
    """Says what pins are to one collector, by his collection as it is when the marker is made."""

    def __init__(self, collection: Collection) -> None:
        self._owned = set(collection.owned())
        self._wished = set(collection.holdings(Kind.WISH))
        self._now = collection.catalogue.taken_over()

    @property
    def is_of_use(self) -> bool:
        """Whether the collector said anything that a mark could tell."""
        return bool(self._owned or self._wished)

    def marks(self, pins: Iterable[Seen]) -> list[Mark]:
        """Mark the pins of one picture, in their order."""
        before: set[str] = set()
        found: list[Mark] = []
        for pin in pins:
            mark = self._mark(pin)
            if mark is Mark.MISSING:
                entry_id = self._today(pin.entry_id)
                mark = Mark.AGAIN if entry_id in before else mark
                before.add(entry_id)
            found.append(mark)
        return found

    def value(self, pictures: Iterable[Sequence[Seen]], price: Decimal | None = None, currency: str = "") -> Value:
        """Sum up a lot; a pin on several of its pictures counts once."""
        found: dict[Mark, dict[str, None]] = {mark: {} for mark in Mark}
        unsure = 0
        for pins in pictures:
            for pin, mark in zip(pins, self.marks(pins), strict=True):
                if pin.entry_id is not None:
                    found[mark][self._today(pin.entry_id)] = None
            unsure = max(unsure, self.marks(pins).count(Mark.UNSURE))
        missing = tuple(found[Mark.MISSING])
        wished = tuple(entry_id for entry_id in missing if entry_id in self._wished)
        return Value(tuple(found[Mark.OWNED]), missing, wished, unsure, price, currency)

    def _mark(self, pin: Seen) -> Mark:
        if pin.verdict is Verdict.NOT_A_PIN:
            return Mark.NONE
        if pin.entry_id is None or pin.verdict is Verdict.UNKNOWN:
            return Mark.UNKNOWN
        may_be = {self._today(one) for one in (pin.entry_id, *pin.variants)}
        if pin.verdict is Verdict.MATCH:
            may_be = {self._today(pin.entry_id)}
        owned = may_be & self._owned
        return Mark.OWNED if owned == may_be else Mark.UNSURE if owned else Mark.MISSING

    def _today(self, entry_id: str | None) -> str:
        return self._now.get(entry_id or "", entry_id or "")


def ranked(values: Sequence[Value]) -> list[int]:
    """Order lots by how many missing pins they give for their price, and return their places in `values`.

    Prices of different currencies are not compared: the currency of most lots comes first. Lots of which no price is
    told come after those, by their missing pins, and lots without a missing pin last.
    """
    lots_in = Counter(value.currency for value in values if value.price is not None)

    def order(place: int) -> tuple[bool, bool, int, str, Decimal, int, int]:
        value = values[place]
        each = value.price_each
        group = lots_in[value.currency] if each is not None else 0
        cost = each if each is not None else Decimal(0)
        return not value.missing, each is None, -group, value.currency, cost, -len(value.missing), place

    return sorted(range(len(values)), key=order)


def seen(pin: Mapping[str, Any]) -> Seen:
    """Read a pin from the JSON of an answer; what was offered beside the best entry of a family may be it as well."""
    matches, verdict = pin["matches"], Verdict(pin["verdict"])
    if not matches:
        return Seen(None, 0.0, verdict)
    best, others = matches[0], matches[1:2] if verdict is Verdict.FAMILY else []
    return Seen(best["entry_id"], best["probability"], verdict, tuple(one["entry_id"] for one in others))


def to_own(pictures: Sequence[Sequence[Seen]]) -> list[list[bool]]:
    """Say which pins of a lot are to be owned once it is bought: those with the verdict match, each copy once.

    Pictures of one lot show the same pins again; of each entry the copies on the picture that shows most of them count.
    """
    counts = [Counter(pin.entry_id for pin in pins if pin.verdict is Verdict.MATCH) for pins in pictures]
    best: dict[str | None, int] = {}
    for place, count in enumerate(counts):
        for entry_id in count:
            if entry_id not in best or count[entry_id] > counts[best[entry_id]][entry_id]:
                best[entry_id] = place
    return [
        [pin.verdict is Verdict.MATCH and best[pin.entry_id] == place for pin in pins]
        for place, pins in enumerate(pictures)
    ]
