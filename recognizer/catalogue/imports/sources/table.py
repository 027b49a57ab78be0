"""Catalogue tables: a CSV file or an XLSX sheet with a header of COLUMNS, or any other header with a column map."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from recognizer.catalogue.imports.cells import COLUMNS, OF_ENTRY, UNFIT, one_of
from recognizer.catalogue.imports.column_map import JOINERS, ColumnMap, guess_map, is_sure, lines_of, told
from recognizer.catalogue.imports.encodings import encoding_of
from recognizer.catalogue.imports.grid import (
    SHEETS,
    Line,
    declared_delimiter,
    file_lines,
    head_of,
    sheet_lines,
    sheet_names,
    sheet_pictures,
)  # fmt: skip
from recognizer.catalogue.imports.plan import refuse
from recognizer.catalogue.imports.rows import Held, Picture, Row
from recognizer.catalogue.table_cells import plain_cell
from recognizer.errors import CatalogueError
from recognizer.types import Role

_TEXTS: Final = (".csv", ".tsv", ".txt")
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def takes(path: Path, head: bytes) -> bool:
    """Whether `path` is called like a table."""
    return path.suffix.lower() in (*_TEXTS, *SHEETS)


def read(path: Path, notes: list[str], mapping: ColumnMap | None = None, encoding: str = "") -> Iterator[Row]:
    """Yield a row for each row of the table; an `image` is a path relative to it, or an address to fetch it from.

    A header of other names is read by a map; without one, by a guess, where the names leave no doubt. Pictures that lie
    on a sheet are photos of the row at which they begin.
    """
    sheet = path.suffix.lower() in SHEETS
    if mapping is not None:
        encoding = encoding or mapping.encoding
    if not sheet and not encoding:
        encoding = encoding_of(path, notes)
    if mapping is None:
        mapping = _guessed(path, notes, encoding)
    elif encoding != mapping.encoding:
        mapping = replace(mapping, encoding=encoding)
    pictures = sheet_pictures(path, mapping.sheet if mapping else "") if sheet else {}
    rows = lines(path, notes, encoding=encoding) if mapping is None else _mapped(path, notes, mapping)
    for row in rows:
        made = row if row.wrong else _row(path.parent, row)
        held = pictures.get(int(row.place.split()[-1]), ())
        yield replace(made, pictures=(*made.pictures, *_held(path, held))) if held and not made.wrong else made


def _held(path: Path, pictures: Iterable[tuple[str, bytes]]) -> Iterator[Picture]:
    for name, data in pictures:
        yield Picture(Held(f"{path.name} {name}", partial(bytes, data)))


def _guessed(path: Path, notes: list[str], encoding: str) -> ColumnMap | None:
    """A map for a header of other names; None where the first line names entry_id, or there is none.

    Of a workbook the first sheet that can be read is taken. Raises CatalogueError with the commands to give where the
    names leave a doubt.
    """
    sheets = sheet_names(path) if path.suffix.lower() in SHEETS else [""]
    for sheet in sheets:
        first = next(iter(lines_of(path, ColumnMap(sheet=sheet, encoding=encoding))), None)
        if first is None:
            continue
        if not first.wrong and "entry_id" in [cell.lower() for cell in first.cells] and sheet == sheets[0]:
            _say_sheet(notes, sheets, sheet)
            return None
        with suppress(CatalogueError):
            mapping = guess_map(path, sheet, encoding)
            if is_sure(mapping):
                _say_sheet(notes, sheets, sheet)
                notes.append(f"columns taken by their names: {told(mapping)}")
                return mapping
    first = next(iter(lines_of(path, ColumnMap(encoding=encoding))), None)
    if first is None or first.wrong:
        return None
    command = f"znachki import {shlex.quote(str(path))}"
    raise CatalogueError(
        f"{path.name}: {first.place}: no column entry_id; the header reads: {', '.join(first.cells)}; "
        f"`{command} --guess > map.toml` writes a map to look over, `{command} --map map.toml` reads by it"
    )


def _say_sheet(notes: list[str], sheets: list[str], sheet: str) -> None:
    if len(sheets) > 1:
        others = ", ".join(repr(one) for one in sheets if one != sheet)
        notes.append(f"sheet {sheet!r} was read; not {others}: name one in a column map")


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


def lines(path: Path, notes: list[str], required: tuple[str, ...] = ("entry_id",), encoding: str = "") -> Iterator[Row]:
    """The rows of a table with a header of COLUMNS, their cells by column."""
    if path.suffix.lower() in SHEETS:
        grid, delimiter = sheet_lines(path), ""
    else:
        encoding = encoding or encoding_of(path, notes)
        head = head_of(path, encoding)
        delimiter = declared_delimiter(head) or _delimiter(re.split(r"[\r\n]", head, maxsplit=1)[0])
        grid = file_lines(path, delimiter, encoding)
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


def _delimiter(first: str) -> str:
    """The mark that parts a header into most known names."""
    return max(",;\t", key=lambda mark: len({c.strip('" ').lower() for c in first.split(mark)} & set(COLUMNS)))


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
    return Row(line.place, dict(zip(header, map(plain_cell, cells), strict=True)))


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
    """The file that a table names; raises ValueError where there is none.

    A picture may also lie beside the table without its folder, as a browser sends it.
    """
    name_alone = re.split(r"[/\\]", name)[-1]
    ways = (name, name.replace("\\", "/"), name_alone)
    for way in (*ways, *(unicodedata.normalize("NFD", way) for way in ways)):
        with suppress(OSError, ValueError):  # names too long, or with a zero in them
            if (base / way).is_file():
                return base / way
    raise ValueError(f"no picture {name!r} in {base}; paths are relative to the table")


def address(text: str) -> str:
    """An address to fetch a picture from; raises ValueError for any that is not of the web."""
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s]*", text, re.IGNORECASE):
        raise ValueError(f"address {text!r} is not of the web; give one that begins with http:// or https://")
    return text
