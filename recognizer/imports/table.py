"""Catalogue tables: UTF-8 text with a header of COLUMNS, separated by commas, semicolons or tabs."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from recognizer.errors import CatalogueError
from recognizer.imports.cells import COLUMNS, OF_ENTRY, one_of
from recognizer.imports.plan import refuse
from recognizer.imports.rows import Picture, Row
from recognizer.types import Role

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def takes(path: Path, head: bytes) -> bool:
    """Whether `path` is called like a table of text."""
    return path.suffix.lower() in (".csv", ".tsv", ".txt")


def read(path: Path, notes: list[str]) -> Iterator[Row]:
    """Yield a row for each row of the table; paths of pictures are relative to it."""
    for line in lines(path, notes):
        if line.wrong:
            yield Row(line.place, wrong=line.wrong)
        else:
            yield from _row(path.parent, line)


def _row(base: Path, line: Row) -> Iterator[Row]:
    cells = line.cells
    pictures: tuple[Picture, ...] = ()
    wrong: list[str] = []
    try:
        role = one_of(Role, "role", cells["role"]) if cells.get("role") else None
        if image := cells.get("image", ""):
            picture = Picture(found(base, image), role, cells.get("licence", ""), cells.get("source", ""))
            pictures = (picture,)
    except ValueError as error:
        wrong.append(str(error))
    if not cells.get("entry_id"):
        wrong = ["no entry_id; give the entry its number"]
    said = {column: cells[column] for column in ("entry_id", *OF_ENTRY) if cells.get(column)}
    yield Row(line.place, said, pictures, wrong="; ".join(wrong))


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
    """The rows of a table as they stand, placed by the line that each begins on; letters are composed (NFC)."""
    text = text_of(path)
    first = re.split(r"[\r\n]", text, maxsplit=1)[0]
    delimiter = max(",;\t", key=lambda mark: len({c.strip('" ').lower() for c in first.split(mark)} & set(COLUMNS)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    line = 1
    while True:
        try:
            cells = [unicodedata.normalize("NFC", cell.strip()) for cell in next(reader)]
        except StopIteration:
            break
        except csv.Error as error:
            yield Row(f"line {line}", wrong=f"{error}; close the quotes, and double those inside a cell")
            break
        line, here = reader.line_num + 1, line
        if not header:
            header = _header(path.name, cells, required, notes)
        elif any(cells):
            while len(cells) > len(header) and not cells[-1]:
                cells.pop()
            if len(cells) != len(header):
                what = f"{len(cells)} cells, but the header has {len(header)}; quote cells that hold {delimiter!r}"
                yield Row(f"line {here}", wrong=what)
            elif wrong := [cell for cell in cells if _CONTROL.search(cell)]:
                yield Row(f"line {here}", wrong=f"control characters in {wrong[0]!r}; take them out")
            else:
                yield Row(f"line {here}", dict(zip(header, cells, strict=True)))
    if not header:
        raise CatalogueError(f"{path.name}: empty; its first line must name the columns: {', '.join(required)}, ...")


def text_of(path: Path) -> str:
    """The text of a UTF-8 file; raises CatalogueError that tells the line and what the file seems to be instead."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read ({error.strerror}); check the name") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, byte = data[: error.start].count(b"\n") + 1, data[error.start]
        raise CatalogueError(
            f"{path.name}: line {line}, byte {error.start}: 0x{byte:02X} is not UTF-8; save it as UTF-8{_looks(data)}"
        ) from None


def _looks(data: bytes) -> str:
    """A hint at the encoding that a table seems to have."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return ' (it looks like UTF-16, Excel\'s "Unicode text")'
    high = [byte for byte in data if byte >= 0x80]
    if sum(byte >= 0xC0 or byte in (0xA8, 0xB8, 0xB9) for byte in high) > 0.8 * len(high):
        return " (it looks like Cyrillic cp1251: iconv -f cp1251 -t utf-8)"
    return ""


def _header(name: str, cells: list[str], required: tuple[str, ...], notes: list[str]) -> list[str]:
    header = [cell.lower() for cell in cells]
    while header and not header[-1]:
        header.pop()
    for column in required:
        if column not in header:
            raise CatalogueError(f"{name}: line 1: no column {column}; the header reads: {', '.join(cells)}")
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise CatalogueError(f"{name}: line 1: column {', '.join(twice)} twice; keep one of them")
    unknown = [column for column in header if column not in COLUMNS]
    if unknown:
        notes.append(f"columns passed over: {', '.join(unknown)}")
    return header


def found(base: Path, name: str) -> Path:
    """The file that a table names; raises ValueError where there is none."""
    ways = (name, unicodedata.normalize("NFD", name), name.replace("\\", "/"))
    for way in ways:
        with suppress(OSError, ValueError):  # names too long, or with a zero in them
            if (base / way).is_file():
                return base / way
    raise ValueError(f"no picture {name!r} in {base}; paths are relative to the table")
