"""Checks: what to look at, by eye, to tell the variants of one drawing.

What the catalogue says differently of the entries in question comes with its values; where it says nothing, nothing is
said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from recognizer.locales.words import phrase
from recognizer.types import CatalogueEntry

WORDS: Final = {
    "plating": phrase("plating and material"),
    "year": phrase("year"),
    "text": phrase("words on the face"),
    "maker": phrase("maker"),
    "hallmark": phrase("hallmark on the back"),
    "size": phrase("size, mm"),
    "title": phrase("title"),
}
"""What may be looked at."""

_SAID: Final[dict[str, Callable[[CatalogueEntry], str]]] = {
    "plating": lambda entry: ", ".join(part for part in (entry.material, entry.technique) if part),
    "year": lambda entry: (
        entry.years_text
        or "–".join(dict.fromkeys(str(year) for year in (entry.year_from, entry.year_to) if year is not None))
    ),
    "text": lambda entry: " / ".join(entry.inscriptions),
    "maker": lambda entry: entry.maker,
    "hallmark": lambda entry: entry.hallmark,
    "size": lambda entry: entry.size_mm,
}


def checks(entries: Sequence[CatalogueEntry]) -> tuple[str, ...]:
    """Return what to look at to choose between these entries, in what the catalogue says of them.

    A check is a key of WORDS, with ": " and what it says of each entry; there is none where it says the same. Titles
    are compared where nothing else differs: in many tables they are all that is said.
    """
    told = [line for name, said in _SAID.items() if (line := _differing(name, said, entries))]
    title = _differing("title", lambda entry: entry.title or entry.title_en, entries)
    return tuple(told or ([title] if title else []))


def _differing(name: str, said: Callable[[CatalogueEntry], str], entries: Sequence[CatalogueEntry]) -> str:
    values = {entry.number or entry.entry_id: said(entry) for entry in entries}
    if len(set(values.values())) < 2:
        return ""
    return f"{name}: " + "; ".join(f"№ {number} {value or '–'}" for number, value in values.items())


def in_words(checks: Sequence[str]) -> list[tuple[str, str]]:
    """Return checks as (what to look at, what is said of each entry), one by one; the first is a text to be said."""
    parted = (check.partition(":") for check in checks)
    return [(WORDS.get(name, name), values.strip()) for name, _, values in parted]
