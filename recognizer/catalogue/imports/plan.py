"""The plan of an import: what the rows of a source ask for together, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from recognizer.catalogue.imports.cells import UNFIT, parsed, shown
from recognizer.catalogue.imports.rows import Picture, Row
from recognizer.catalogue.imports.spool import Spool
from recognizer.errors import RowsWrong

SHOWN_ERRORS: Final = 20
"""Errors that a message lists; it counts the others."""

SHOWN_ALIKE: Final = 3
"""Errors of one kind that are told one by one; of the others their places are."""

_SHOWN_PLACES: Final = 12


_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")


@dataclass(slots=True)
class Plan:
    """What a source asks for, and what is wrong with it as (place, what); its entries and photos are in `spool`."""

    name: str
    spool: Spool
    rows: int = 0
    errors: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def take(self, rows: Iterable[Row]) -> None:
        """Take rows into the plan; what is wrong with one goes to `errors`."""
        for row in rows:
            self.rows += 1
            wrong = self._take_cells(row) if row.cells.get("entry_id") else []
            if row.wrong:
                wrong.append(row.wrong)
            if wrong:
                self.errors.append((row.place, "; ".join(wrong)))

    def _take_cells(self, row: Row) -> list[str]:
        """Take what a row says of its entry and photos; returns what is wrong with it."""
        wrong: list[str] = []
        entry_id = row.cells["entry_id"]
        fields = self.spool.fields(entry_id)
        if "status" in row.cells or "merged_into" in row.cells:
            self.spool.mark(entry_id, row.place)
        for column, cell in row.cells.items():
            if not cell or column == "entry_id":
                continue
            try:
                said = _parsed(column, cell)
            except ValueError as error:
                wrong.append(str(error))
                continue
            if any(fields.setdefault(name, value) != value for name, value in said.items()):
                wrong.append(
                    f"{column} of {entry_id!r} is {cell!r} here, {shown(column, fields)!r} above; make them one"
                )
        fields.update(row.fields)
        others = (entry_id, *_texts(row.fields.values()), *(text for one in row.pictures for text in _said(one)))
        wrong += [f"control characters in {text!r}; take them out" for text in others if UNFIT.search(text)]
        for picture in row.pictures:
            if there := self.spool.add(entry_id, picture, row.place):
                other = f"{name_of(picture)!r} has another role, licence or source on {there}"
                wrong.append(f"photo {other}; make them one")
        return wrong

    def refuse(self, outcome: str) -> None:
        """Raise what is wrong with the source, by row, if anything is."""
        refuse(self.name, self.errors, outcome)


@lru_cache(maxsize=1 << 12)
def _parsed(column: str, cell: str) -> dict[str, Any]:
    """The fields that a cell gives; many rows say the same of country or size: it is read, and held, once."""
    if UNFIT.search(cell):
        raise ValueError(f"control characters in {cell!r}; take them out")
    return parsed(column, cell)


def _texts(values: Iterable[Any]) -> Iterator[str]:
    """Every text among values, inside tuples as well."""
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, tuple):
            yield from _texts(value)


def _said(picture: Picture) -> Iterator[str]:
    """The texts of a picture that the catalogue will keep."""
    yield from (picture.licence, picture.source)
    if isinstance(picture.where, str):
        yield picture.where


def name_of(picture: Picture) -> str:
    """What to call a picture in messages."""
    return picture.where if isinstance(picture.where, str) else picture.where.name


def by_number(place: str) -> tuple[int, str]:
    """Order places as they follow one another in a source: "line 9" before "line 10"."""
    number = re.fullmatch(r"(?:line|row|record|coin) (\d+)", place)
    return (int(number[1]) if number else 0, place)


def refuse(name: str, errors: list[tuple[str, str]], outcome: str) -> None:
    """Raise RowsWrong with the errors of a source, given as (place, what), by place; none raises nothing."""
    if not errors:
        return

    lines = [f"{name}: {len(errors)} error{'s'[: len(errors) > 1]}, {outcome}"]
    ordered = sorted(errors, key=lambda error: by_number(error[0]))
    shown = listed(ordered)
    told = 0
    for one in shown[:SHOWN_ERRORS]:
        lines.append(f"  {one.place}: {one.what}")
        if one.further:
            dots = ", ..." if len(one.further) > _SHOWN_PLACES else ""
            lines.append(f"    and {len(one.further)} more like it: {', '.join(one.further[:_SHOWN_PLACES])}{dots}")
        told += 1 + len(one.further)
    if len(errors) > told:
        lines.append(f"  and {len(errors) - told} more")
    raise RowsWrong("\n".join(lines), tuple(ordered))


@dataclass(frozen=True, slots=True)
class Listed:
    """A wrong row that is told: its place, what is wrong, and the places of `further` rows with the same fault."""

    place: str
    what: str
    further: tuple[str, ...] = ()


def listed(errors: Iterable[tuple[str, str]]) -> list[Listed]:
    """Choose the errors, (place, what), that are told one by one, in their order: SHOWN_ALIKE of each kind, the last of
    them with the places of all others. Errors are of one kind that say the same but for what they quote and count."""
    kinds: dict[str, list[tuple[str, str]]] = {}
    for place, what in errors:
        kinds.setdefault(_QUOTED.sub("", what), []).append((place, what))
    told = []
    for rows in kinds.values():
        told += [Listed(place, what) for place, what in rows[: SHOWN_ALIKE - 1]]
        told += [
            Listed(place, what, tuple(other for other, _ in rows[SHOWN_ALIKE:]))
            for place, what in rows[SHOWN_ALIKE - 1 : SHOWN_ALIKE]
        ]
    return sorted(told, key=lambda one: by_number(one.place))
