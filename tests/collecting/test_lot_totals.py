"""Totals of lots: pins, named, missing, and money for a missing pin."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from recognizer.catalogue.store import Catalogue
from recognizer.collecting.holdings import Collection
from recognizer.collecting.lot_marks import Marker
from recognizer.collecting.lot_totals import Tally, totals_json
from recognizer.types import CatalogueEntry


@pytest.fixture
def marker(tmp_path: Path) -> Marker:
    """A collector who owns A, of a catalogue of A to D."""
    catalogue = Catalogue.open(tmp_path / "data", create=True)
    catalogue.upsert([CatalogueEntry(name) for name in "ABCD"])
    Collection(catalogue).own("A")
    made = Marker(Collection(catalogue))
    catalogue.close()
    return made


def pins(*named: str, unknown: int = 0) -> list[dict[str, Any]]:
    found = [{"verdict": "match", "members": [], "matches": [{"entry_id": name, "probability": 0.9}]} for name in named]
    return found + [{"verdict": "unknown", "members": [], "matches": []}] * unknown


def test_a_price_counts_once_and_a_missing_entry_once_for_its_money(marker: Marker) -> None:
    tally = Tally(marker)
    tally.add("1", pins("A", "B", "B", unknown=1), Decimal("9"), "EUR")
    tally.add("1", pins("B", "C"), Decimal("9"), "EUR")
    tally.add("2", pins("C"), Decimal("3"), "EUR")
    tally.add("3", pins("D"), Decimal("5"), "USD")
    tally.add("4", pins("D"))
    assert totals_json(tally.totals) == {
        "pins": 9,
        "named": 8,
        "missing": 3,
        "offers": [
            {"price": 12.0, "currency": "EUR", "missing": 2, "price_each": 6.0},
            {"price": 5.0, "currency": "USD", "missing": 1, "price_each": 5.0},
        ],
    }


def test_where_nothing_is_missing_there_is_no_price_each(marker: Marker) -> None:
    tally = Tally(marker)
    tally.add("1", pins("A"), Decimal("9"), "EUR")
    assert totals_json(tally.totals)["offers"] == [{"price": 9.0, "currency": "EUR", "missing": 0, "price_each": None}]


def test_without_a_collection_nothing_is_missing_or_dear() -> None:
    tally = Tally(None)
    tally.add("1", pins("A", unknown=2), Decimal("9"), "EUR")
    assert totals_json(tally.totals) == {"pins": 3, "named": 1, "missing": None, "offers": []}
