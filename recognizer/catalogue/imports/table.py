"""Catalogue tables: a CSV file or an XLSX sheet with a header of COLUMNS, or any other header with a column map."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from recognizer.catalogue.imports.cells import COLUMNS, OF_ENTRY, UNFIT, one_of
from recognizer.catalogue.imports.column_map import JOINERS, ColumnMap, lines_of
from recognizer.catalogue.imports.grid import SHEETS, Line, file_lines, head_of, sheet_lines
from recognizer.catalogue.imports.plan import refuse
from recognizer.catalogue.imports.rows import Picture, Row
from recognizer.errors import CatalogueError
from recognizer.types import Role

_TEXTS: Final = (".csv", ".tsv", ".txt")
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def takes(path: Path, head: bytes) -> bool:
    """Whether `path` is called like a table."""
    return path.suffix.lower() in (*_TEXTS, *SHEETS)


def read(path: Path, notes: list[str], mapping: ColumnMap | None = None) -> Iterator[Row]:
    """Yield a row for each row of the table; an `image` is a path relative to it, or an address to fetch it from."""
    for row in lines(path, notes) if mapping is None else _mapped(path, notes, mapping):
        yield row if row.wrong else _row(path.parent, row)


def _row(base: Path, line: Row) -> Row:
    cells = line.cells
    if not cells.get("entry_id"):
        return Row(line.place, wrong="no entry_id; give the entry its number")
    said = {column: cells[column] for column in ("entry_id", *OF_ENTRY) if cells.get(column)}
    try:
        role = one_of(Role, "role", cells["role"]) if cells.get("role") else None
        if not (image := cells.get("image", "")):
            return Row(line.place, said)
        where = address(image) if _ADDRESS.match(image) else found(base, image)
    except ValueError as error:
        return Row(line.place, said, wrong=str(error))
    return Row(line.place, said, (Picture(where, role, cells.get("licence", ""), cells.get("source", "")),))


def read_queries(path: Path) -> list[tuple[Path, str | None]]:
    """Read a table of photos with their true answers: (path, entry_id), None for a pin that no entry has, in its order.

    The table has the columns `image` and `entry_id`; paths are relative to it. Raises CatalogueError that lists what is
    wrong by line, missing pictures included.
    """
    queries: list[tuple[Path, str | None]] = []
    errors: list[tuple[str, str]] = []
    for line in lines(path, [], required=("image", "entry_id")):
        try:
            if line.wrong:
                raise ValueError(line.wrong)
            if not line.cells["image"]:
                raise ValueError("no image; give the photo's path")
            queries.append((found(path.parent, line.cells["image"]), line.cells["entry_id"] or None))
        except ValueError as error:
            errors.append((line.place, str(error)))
    refuse(path.name, errors, "nothing read")
    return queries


def lines(path: Path, notes: list[str], required: tuple[str, ...] = ("entry_id",)) -> Iterator[Row]:
    """The rows of a table with a header of COLUMNS, their cells by column."""
    if path.suffix.lower() in SHEETS:
        grid, delimiter = sheet_lines(path), ""
    else:
        first = re.split(r"[\r\n]", head_of(path), maxsplit=1)[0]
        delimiter = max(",;\t", key=lambda mark: len({c.strip('" ').lower() for c in first.split(mark)} & set(COLUMNS)))
        grid = file_lines(path, delimiter)
    header: list[str] = []
    for line in grid:
        if line.wrong:
            yield Row(line.place, wrong=line.wrong)
        elif not header:
            header = _header(path.name, line, required, notes)
        else:
            yield _by_column(line, header, delimiter)
    if not header:
        raise CatalogueError(f"{path.name}: empty; its first line must name the columns: {', '.join(required)}, ...")


def _by_column(line: Line, header: list[str], delimiter: str) -> Row:
    """The cells of a line under their header; a sheet leaves out empty cells at the end, a text must not."""
    cells = line.cells
    while len(cells) > len(header) and not cells[-1]:
        cells.pop()
    if not delimiter:
        cells += [""] * (len(header) - len(cells))
    if len(cells) != len(header):
        what = f"{len(cells)} cells, but the header has {len(header)}"
        return Row(line.place, wrong=f"{what}; quote cells that hold {delimiter!r}" if delimiter else what)
    if wrong := next(filter(UNFIT.search, cells), None):
        return Row(line.place, wrong=f"control characters in {wrong!r}; take them out")
    return Row(line.place, dict(zip(header, cells, strict=True)))


def _header(name: str, line: Line, required: tuple[str, ...], notes: list[str]) -> list[str]:
    header = [cell.lower() for cell in line.cells]
    while header and not header[-1]:
        header.pop()
    for column in required:
        if column not in header:
            raise CatalogueError(f"{name}: {line.place}: no column {column}; the header reads: {', '.join(line.cells)}")
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise CatalogueError(f"{name}: {line.place}: column {', '.join(twice)} twice; keep one of them")
    unknown = [column for column in header if column not in COLUMNS]
    if unknown:
        notes.append(f"columns passed over: {', '.join(unknown)}")
    return header


# With a column map


def _mapped(path: Path, notes: list[str], mapping: ColumnMap) -> Iterator[Row]:
    """The rows of a table with a header of its own, their cells by the columns that the map makes of them."""
    header: list[str] = []
    for line in lines_of(path, mapping):
        if line.wrong:
            yield Row(line.place, wrong=line.wrong)
        elif header:
            row = _by_column(line, header, "" if len(line.cells) <= len(header) else ",")
            yield row if row.wrong else Row(row.place, _translated(dict(row.cells), mapping))
        elif line.number == mapping.header or (not mapping.header and _serves(line, mapping)):
            header = [cell.casefold() for cell in line.cells]
            if missing := sorted(mapping.headers() - set(header)):
                read_as = ", ".join(line.cells)
                raise CatalogueError(
                    f"{path.name}: {line.place}: no column {missing[0]!r}; the header reads: {read_as}"
                )
            over = [cell for cell in line.cells if cell and cell.casefold() not in mapping.headers()]
            if over:
                notes.append(f"columns passed over: {', '.join(over)}")
    if not header:
        named = ", ".join(sorted(mapping.headers()))
        raise CatalogueError(f"{path.name}: no header with the columns of the map ({named}); see its row and its names")


def _serves(line: Line, mapping: ColumnMap) -> bool:
    return mapping.headers() <= {cell.casefold() for cell in line.cells}


def _translated(cells: dict[str, str], mapping: ColumnMap) -> dict[str, str]:
    made = dict(mapping.constants)
    for name, headers in mapping.columns.items():
        if together := [cell for header in headers if (cell := cells[header.casefold()])]:
            made[name] = JOINERS.get(name, " ").join(together)
    numbers = [
        f"{system}:{number.replace(';', ',')}"
        for system, header in mapping.identifiers.items()
        if (number := cells[header.casefold()])
    ]
    if numbers:
        made["identifiers"] = "; ".join([made["identifiers"], *numbers] if made.get("identifiers") else numbers)
    return made


# Pictures


def found(base: Path, name: str) -> Path:
    """The file that a table names; raises ValueError where there is none."""
    ways = (name, unicodedata.normalize("NFD", name), name.replace("\\", "/"))
    for way in ways:
        with suppress(OSError, ValueError):  # names too long, or with a zero in them
            if (base / way).is_file():
                return base / way
    raise ValueError(f"no picture {name!r} in {base}; paths are relative to the table")


def address(text: str) -> str:
    """An address to fetch a picture from; raises ValueError for any that is not of the web."""
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s]*", text, re.IGNORECASE):
        raise ValueError(f"address {text!r} is not of the web; give one that begins with http:// or https://")
    return text
