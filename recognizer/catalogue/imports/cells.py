"""Cells: what a text in a catalogue's column says, as the fields of CatalogueEntry."""

from __future__ import annotations

import re
from sys import intern
from typing import Any, Final, TypeVar

from recognizer.catalogue.imports.years import parse_years
from recognizer.catalogue.numbers import system_of
from recognizer.types import Role, Status

TEXTS: Final = (
    *("number", "title", "title_en", "series", "country", "place", "maker", "hallmark", "material", "technique"),
    *("size_mm", "price_mark", "rarity", "merged_into", "family"),
)
"""Columns whose cell is the field."""

SEPARATORS: Final = {"theme": r"\s+/\s+", "inscriptions": r"\s*\|\s*", "languages": r"\s*[,|]\s*"}
"""Columns that hold several texts, and what parts them."""

OF_ENTRY: Final = (*TEXTS, *SEPARATORS, "years", "status", "identifiers")
COLUMNS: Final = ("entry_id", *OF_ENTRY, "image", "role", "licence", "source")
"""Columns that a catalogue table may have, in any order; only entry_id must be there."""

UNFIT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Characters that no text of a catalogue may have: controls, and halves of characters that JSON can write."""

_Kind = TypeVar("_Kind", Role, Status)


def parsed(column: str, cell: str) -> dict[str, Any]:
    """The fields of CatalogueEntry that a cell gives; raises ValueError that says what is wrong with it."""
    if column in SEPARATORS:
        return {column: tuple(part for part in re.split(SEPARATORS[column], cell) if part)}
    if column == "years":
        year_from, year_to = parse_years(cell)
        return {"year_from": year_from, "year_to": year_to, "years_text": cell}
    if column == "identifiers":
        return {column: _identifiers(cell)}
    if column == "status":
        return {column: one_of(Status, column, cell)}
    return {column: cell}


def one_of(kind: type[_Kind], column: str, cell: str) -> _Kind:
    """The value of a fixed set that a cell names, in any case; raises ValueError that lists the set."""
    try:
        return kind(cell.lower())
    except ValueError:
        raise ValueError(f"{column} {cell!r} is none of {', '.join(kind)}") from None


def shown(column: str, fields: dict[str, Any]) -> str:
    """The cell that a field was read from, near enough to be told in a message."""
    value = fields.get("years_text" if column == "years" else column, "")
    if column == "identifiers":
        return "; ".join(f"{system}:{number}" for system, number in value)
    marks = {"theme": " / ", "inscriptions": " | ", "languages": ", "}
    return marks[column].join(value) if column in marks else str(value)


def _identifiers(cell: str) -> tuple[tuple[str, str], ...]:
    pairs = [part.partition(":") for part in cell.split(";") if part.strip()]
    for system, colon, number in pairs:
        if not (colon and system.strip() and number.strip()):
            raise ValueError(f"identifier {(system + colon + number).strip()!r} is not like system:number")
    return tuple(dict.fromkeys((intern(system_of(system)), number.strip()) for system, _, number in pairs))
