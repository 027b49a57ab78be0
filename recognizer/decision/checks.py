"""Checks: what to look at, by eye, to tell the variants of one drawing.

What the catalogue says differently of the entries in question comes with its values; where it says nothing, nothing is
said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from recognizer.types import CatalogueEntry

WORDS: Final = {
    "plating": ("plating and material", "покрытие и материал"),
    "year": ("year", "год"),
    "text": ("words on the face", "надписи на лицевой стороне"),
    "maker": ("maker", "изготовитель"),
    "hallmark": ("hallmark on the back", "клеймо на обороте"),
    "size": ("size, mm", "размер, мм"),
}
"""What may be looked at, in English and Russian."""

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

    A check is a key of WORDS, with ": " and what it says of each entry; there is none where it says the same.
    """
    found = []
    for name, said in _SAID.items():
        values = {entry.number or entry.entry_id: said(entry) for entry in entries}
        if len(set(values.values())) > 1:
            found.append(f"{name}: " + "; ".join(f"№ {number} {value or '–'}" for number, value in values.items()))
    return tuple(found)


def in_words(checks: Sequence[str]) -> list[tuple[str, str]]:
    """Return checks in English and in Russian, one by one."""
    lines = []
    for check in checks:
        name, _, values = check.partition(":")
        english, russian = WORDS.get(name, (name, name))
        lines.append((f"{english}:{values}", f"{russian}:{values}"))
    return lines
