"""Proposals: the columns of a table as a person looks them over, with what each is taken for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

from recognizer.catalogue.imports.cells import COLUMNS
from recognizer.catalogue.imports.column_map import JOINERS, SAMPLE, ColumnMap, header_at, lines_of, proposed_map
from recognizer.catalogue.imports.grid import SHEETS, sheet_names
from recognizer.errors import CatalogueError

SHOWN: Final = 3
"""Cells of a column that are shown as examples."""

NUMBER_OF: Final = "number:"
"""How a choice begins that takes a column for the numbers of another system: "number:avers"."""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column of a table: its header, some of its cells, and what it is taken for, "" for nothing.

    `choice` is a name of COLUMNS, or NUMBER_OF and the name of a numbering system.
    """

    header: str
    examples: tuple[str, ...]
    choice: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a table is proposed to be read as, and the sheets that it has, none where it is no workbook."""

    mapping: ColumnMap
    columns: tuple[TableColumn, ...]
    sheets: tuple[str, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether some column is taken for each entry's number."""
        return "entry_id" in self.mapping.columns


def propose(path: Path, sheet: str = "", encoding: str = "", mapping: ColumnMap | None = None) -> Proposal:
    """Propose how to read a table, by `mapping` where somebody has looked it over, else by a guess.

    Raises CatalogueError where the file cannot be read as a table at all.
    """
    sheets = tuple(sheet_names(path)) if path.suffix.lower() in SHEETS else ()
    sheet = sheet or (sheets[0] if sheets else "")
    if mapping is None:
        mapping = proposed_map(path, sheet, encoding)
        mapping = _numbered(mapping)
    lines = [line for line in islice(lines_of(path, mapping), SAMPLE) if not line.wrong]
    if not lines:
        raise CatalogueError(f"{path.name}: empty; it must have a header and rows")
    at = next((i for i, line in enumerate(lines) if line.number == mapping.header), header_at(lines))
    taken = _choices(mapping)
    shown = []
    for i, header in enumerate(lines[at].cells):
        if header:
            cells = dict.fromkeys(line.cells[i] for line in lines[at + 1 :] if i < len(line.cells) and line.cells[i])
            shown.append(TableColumn(header, tuple(islice(cells, SHOWN)), taken.get(header.casefold(), "")))
    if not mapping.header and at:
        mapping = replace(mapping, header=lines[at].number)
    return Proposal(mapping, tuple(shown), sheets)


def _numbered(mapping: ColumnMap) -> ColumnMap:
    """A guess that takes the column of numbers for each entry's own, even where some rows have none, or that of another
    row: these rows are to be mended or left out, and a column that serves another end is no number."""
    number, entry_id = mapping.columns.get("number"), mapping.columns.get("entry_id")
    doubtful = entry_id is None or any(of == entry_id for name, of in mapping.columns.items() if name != "entry_id")
    if number is None or not doubtful:
        return mapping
    others = {name: of for name, of in mapping.columns.items() if name not in ("number", "entry_id")}
    return replace(mapping, columns={"entry_id": number, **others})


def _choices(mapping: ColumnMap) -> dict[str, str]:
    """What each header, in small letters, is taken for."""
    found = {header.casefold(): name for name, headers in mapping.columns.items() for header in headers}
    return found | {header.casefold(): NUMBER_OF + system for system, header in mapping.identifiers.items()}


def chosen_map(proposal: Proposal, choices: Mapping[str, str]) -> ColumnMap:
    """Make the map that somebody chose: what each header is taken for, "" for nothing.

    Raises CatalogueError where no column holds each entry's number, where two columns are taken for one that takes no
    two, and where a choice is none.
    """
    columns: dict[str, tuple[str, ...]] = {}
    identifiers: dict[str, str] = {}
    for column in proposal.columns:
        choice = choices.get(column.header, "")
        if not choice:
            continue
        if choice.startswith(NUMBER_OF):
            system = choice.removeprefix(NUMBER_OF).strip()
            if not system or system in identifiers:
                raise CatalogueError(f"column {column.header!r}: two columns of {system!r} numbers; choose one of them")
            identifiers[system] = column.header
        elif choice not in COLUMNS:
            raise CatalogueError(f"column {column.header!r}: {choice!r} is none of {', '.join(COLUMNS)}")
        elif choice in columns and choice not in (*JOINERS, "title", "title_en"):
            raise CatalogueError(
                f"columns {columns[choice][0]!r} and {column.header!r} are both {choice}; choose one of them"
            )
        else:
            columns[choice] = (*columns.get(choice, ()), column.header)
    if "entry_id" not in columns:
        raise CatalogueError("no column holds each entry's number; choose one for entry_id")
    return replace(proposal.mapping, columns=columns, identifiers=identifiers)
