"""What the pins of a lot are to a collector: owned, missing, there twice; and which lot gives the most for its price.

A photo tells no condition. A pin is called better than the owned one only where the collector has graded all that he
owns of it, and a grade was given to the lot, by its seller or by the collector who looked at it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from recognizer.collecting.condition import Condition, is_better
from recognizer.collecting.holdings import Collection, Kind
from recognizer.collecting.picture_answers import PinAnswer
from recognizer.types import Verdict


class Mark(StrEnum):
    """What one pin of a lot is to a collector.

    `better` is an owned pin that is in better condition here. `again` is a missing pin that lies on the same picture
    before. `unsure` is one of a drawing of which some variants are owned and some not. `unknown` are pins that no entry
    has, `none` what is no pin.
    """

    OWNED = "owned"
    BETTER = "better"
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

    `unsure` counts the pins of which it is not sure; `better` are those of the owned entries that are in better
    condition in the lot.
    """

    owned: tuple[str, ...]
    missing: tuple[str, ...]
    wished: tuple[str, ...]
    unsure: int
    price: Decimal | None = None
    currency: str = ""
    better: tuple[str, ...] = ()

    @property
    def price_each(self) -> Decimal | None:
        """The price for each missing pin, None where no price is told or none is missing."""
        return None if self.price is None or not self.missing else self.price / len(self.missing)


class Marker:
    """Says what pins are to one collector, by his collection as it is when the marker is made."""

    def __init__(self, collection: Collection) -> None:
        self._owned = collection.holdings(Kind.OWN)
        self._wished = set(collection.holdings(Kind.WISH))
        self._now = collection.catalogue.taken_over()

    @property
    def is_of_use(self) -> bool:
        """Whether the collector said anything that a mark could tell."""
        return bool(self._owned or self._wished)

    def wishes(self, entry_id: str) -> bool:
        """Whether the collector wishes for an entry."""
        return self._today(entry_id) in self._wished

    def marks(self, pins: Iterable[Seen], condition: str = "") -> list[Mark]:
        """Mark the pins of one picture, in their order; `condition` is the grade of all of them, "" for none told."""
        before: set[str] = set()
        found: list[Mark] = []
        for pin in pins:
            mark = self._mark(pin)
            if mark is Mark.MISSING:
                entry_id = self._today(pin.entry_id)
                mark = Mark.AGAIN if entry_id in before else mark
                before.add(entry_id)
            elif mark is Mark.OWNED and pin.verdict is Verdict.MATCH and self._improves(pin, condition):
                mark = Mark.BETTER
            found.append(mark)
        return found

    def value(
        self,
        pictures: Iterable[Sequence[Seen]],
        price: Decimal | None = None,
        currency: str = "",
        condition: str = "",
    ) -> Value:
        """Sum up a lot; a pin on several of its pictures counts once."""
        found: dict[Mark, dict[str, None]] = {mark: {} for mark in Mark}
        unsure = 0
        for pins in pictures:
            marks = self.marks(pins, condition)
            for pin, mark in zip(pins, marks, strict=True):
                if pin.entry_id is not None:
                    found[Mark.OWNED if mark is Mark.BETTER else mark][self._today(pin.entry_id)] = None
                    if mark is Mark.BETTER:
                        found[mark][self._today(pin.entry_id)] = None
            unsure = max(unsure, marks.count(Mark.UNSURE))
        missing = tuple(found[Mark.MISSING])
        wished = tuple(entry_id for entry_id in missing if entry_id in self._wished)
        return Value(tuple(found[Mark.OWNED]), missing, wished, unsure, price, currency, tuple(found[Mark.BETTER]))

    def _mark(self, pin: Seen) -> Mark:
        if pin.verdict is Verdict.NOT_A_PIN:
            return Mark.NONE
        if pin.entry_id is None or pin.verdict is Verdict.UNKNOWN:
            return Mark.UNKNOWN
        if pin.verdict is Verdict.NEW_VARIANT:
            return Mark.UNSURE  # whoever owns the entry may still lack this variant of it
        may_be = {self._today(one) for one in (pin.entry_id, *pin.variants)}
        if pin.verdict is Verdict.MATCH:
            may_be = {self._today(pin.entry_id)}
        owned = may_be & self._owned.keys()
        return Mark.OWNED if owned == may_be else Mark.UNSURE if owned else Mark.MISSING

    def _improves(self, pin: Seen, condition: str) -> bool:
        """Whether a pin of this grade is better than the best that is owned of it, each of which must have a grade."""
        owned = [holding.condition for holding in self._owned[self._today(pin.entry_id)]]
        return bool(condition) and all(
            bool(grade) and is_better(Condition(condition), Condition(grade)) for grade in owned
        )

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


def seen(pin: PinAnswer) -> Seen:
    """Read a pin from the JSON of an answer; the other members of a family may be it as well."""
    matches, verdict = pin["matches"], Verdict(pin["verdict"])
    if not matches:
        return Seen(None, 0.0, verdict)
    best = matches[0]
    others = tuple(entry_id for entry_id in pin["members"] if entry_id != best["entry_id"])
    return Seen(best["entry_id"], best["probability"], verdict, others)


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
