"""Checks: what to look at, by eye, to tell the variants of one drawing.

A photo of the face does not show a clasp, a hallmark or a thickness, and often not the plating. What the catalogue says
differently of the entries in question comes with its values; where it says nothing, the places are named where variants
of Soviet pins differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from recognizer.types import CatalogueEntry

WORDS: Final = {
    "plating": ("plating and material", "покрытие и материал"),
    "colours": ("colours of the enamel", "цвета эмали"),
    "year": ("year", "год"),
    "text": ("words on the face", "надписи на лицевой стороне"),
    "maker": ("maker", "изготовитель"),
    "hallmark": ("hallmark on the back", "клеймо на обороте"),
    "clasp": ("clasp", "крепление"),
    "thickness": ("thickness", "толщина"),
    "size": ("size, mm", "размер, мм"),
}
"""What may be looked at, in English and Russian."""

_OF_ONE: Final = ("plating", "colours", "year", "text", "hallmark", "clasp", "size")
_OF_SEVERAL: Final = ("plating", "colours", "text", "hallmark", "clasp", "thickness", "size")

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
    """Return what to look at to choose between these entries, or to confirm a single one.

    A check is a key of WORDS, with ": " and what the catalogue says of each entry where it says different things.
    """
    found = []
    for name, said in _SAID.items():
        values = {entry.number or entry.entry_id: said(entry) for entry in entries}
        if len(set(values.values())) > 1:
            found.append(f"{name}: " + "; ".join(f"№ {number} {value or '–'}" for number, value in values.items()))
    return tuple(found) or (_OF_ONE if len(entries) == 1 else _OF_SEVERAL)


def in_words(checks: Sequence[str]) -> list[tuple[str, str]]:
    """Return checks in English and in Russian: those with values first, one by one, all that name a place in one."""
    lines, places = [], []
    for check in checks:
        name, colon, values = check.partition(":")
        english, russian = WORDS.get(name, (name, name))
        if colon:
            lines.append((f"{english}:{values}", f"{russian}:{values}"))
        else:
            places.append((english, russian))
    if places:
        lines.append((", ".join(english for english, _ in places), ", ".join(russian for _, russian in places)))
    return lines
