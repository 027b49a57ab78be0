"""Changing an entry on its page: its fields as the cells of a table have them, read by the import's own rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final

from recognizer.catalogue.imports.cells import SEPARATORS, UNFIT, parsed, shown
from recognizer.errors import CatalogueError
from recognizer.locales.words import phrase
from recognizer.types import CatalogueEntry

EDITED: Final = {
    "number": phrase("Number"),
    "title": phrase("Title"),
    "title_en": phrase("Title in English"),
    "theme": phrase("Theme"),
    "series": phrase("Series"),
    "years": phrase("Years"),
    "country": phrase("Country"),
    "place": phrase("Place"),
    "maker": phrase("Maker"),
    "hallmark": phrase("Hallmark"),
    "material": phrase("Material"),
    "technique": phrase("Technique"),
    "size_mm": phrase("Size, mm"),
    "inscriptions": phrase("Inscriptions"),
    "price_mark": phrase("Price mark"),
    "rarity": phrase("Rarity"),
    "family": phrase("Variants of one drawing"),
    "identifiers": phrase("Other numbers"),
}
"""Columns that can be changed on the page, and what they are called there."""


def cells_of(entry: CatalogueEntry) -> dict[str, str]:
    """What an entry says in each of EDITED."""
    fields = asdict(entry)
    return {column: shown(column, fields) for column in EDITED}


def changed(entry: CatalogueEntry, was: Mapping[str, str], given: Mapping[str, str]) -> CatalogueEntry:
    """An entry with what was changed in a form: `was` are the cells that the form was made of, `given` what came back.

    What was left as it was stays as it is now. Raises CatalogueError where somebody else has changed a cell since that
    is changed here, and where a cell says nothing that the catalogue can keep.
    """
    now = cells_of(entry)
    fields: dict[str, Any] = {}
    for column in EDITED:
        cell = given.get(column, "").strip()
        if column not in given or cell == was.get(column, ""):
            continue
        if now[column] not in (was.get(column, ""), cell):
            raise CatalogueError(f"{column} is {now[column]!r} by now, changed by somebody else; load the page anew")
        if UNFIT.search(cell):
            raise CatalogueError(f"{column}: control characters in {cell!r}; take them out")
        try:
            fields |= parsed(column, cell) if cell else _empty(column)
        except ValueError as error:
            raise CatalogueError(f"{column}: {error}") from None
    return replace(entry, **fields)


def _empty(column: str) -> dict[str, Any]:
    if column == "years":
        return {"year_from": None, "year_to": None, "years_text": ""}
    return {column: () if column in SEPARATORS or column == "identifiers" else ""}
