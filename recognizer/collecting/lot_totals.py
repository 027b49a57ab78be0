"""What lots come to, as they are worked through: pins, how many are named, what is missing, and for how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from recognizer.collecting.lot_marks import Marker, seen
from recognizer.collecting.picture_answers import PinAnswer
from recognizer.types import NAMED


@dataclass(frozen=True, slots=True)
class Offer:
    """What lots ask in one currency, all together, and how many entries of them are missing, each once."""

    price: Decimal
    currency: str
    missing: int

    @property
    def price_each(self) -> Decimal | None:
        """The price for each missing pin, None where none is missing."""
        return self.price / self.missing if self.missing else None


@dataclass(frozen=True, slots=True)
class Totals:
    """What lots come to: outlines on all their pictures, those of them with a name, and the entries that are missing,
    each once. `missing` is None, and there are no `offers`, for somebody who has no collection to lack them."""

    pins: int
    named: int
    missing: int | None
    offers: tuple[Offer, ...] = ()


class Tally:
    """Adds lots up, a picture at a time, in any order; `marker` knows what is missing."""

    def __init__(self, marker: Marker | None) -> None:
        self._marker = marker
        self._pins = self._named = 0
        self._missing: set[str] = set()
        self._of: dict[str, set[str]] = {}
        self._priced: dict[str, tuple[Decimal, str]] = {}

    def add(self, lot: str, pins: Sequence[PinAnswer], price: Decimal | None = None, currency: str = "") -> None:
        """Add the pins of one picture, as an answer has them, of a lot; its price counts once."""
        self._pins += len(pins)
        self._named += sum(pin["verdict"] in NAMED for pin in pins)
        if price is not None:
            self._priced[lot] = (price, currency)
        if self._marker is not None:
            missing = self._marker.value([[seen(pin) for pin in pins]]).missing
            self._missing.update(missing)
            self._of.setdefault(lot, set()).update(missing)

    @property
    def totals(self) -> Totals:
        """What was added so far; offers by currency, in the order in which they came."""
        if self._marker is None:
            return Totals(self._pins, self._named, None)
        offers = []
        for currency in dict.fromkeys(currency for _, currency in self._priced.values()):
            lots = {lot: price for lot, (price, its) in self._priced.items() if its == currency}
            missing: set[str] = set().union(*(self._of.get(lot, set()) for lot in lots))
            offers.append(Offer(sum(lots.values(), Decimal(0)), currency, len(missing)))
        return Totals(self._pins, self._named, len(self._missing), tuple(offers))


def totals_json(totals: Totals) -> dict[str, Any]:
    """Totals as plain data, money rounded to hundredths."""
    offers = [
        {
            "price": float(one.price),
            "currency": one.currency,
            "missing": one.missing,
            "price_each": None if one.price_each is None else round(float(one.price_each), 2),
        }
        for one in totals.offers
    ]
    return {"pins": totals.pins, "named": totals.named, "missing": totals.missing, "offers": offers}
