"""Grids: the rows of a CSV file or an XLSX sheet as they stand, each with its place."""

from __future__ import annotations

import csv
import datetime
import re
import unicodedata
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

from recognizer.catalogue.imports.encodings import encoding_of
from recognizer.errors import CatalogueError
from recognizer.vision.photos import MAX_BYTES

SHEETS: Final = (".xlsx", ".xlsm")
_DECLARED: Final = re.compile(r"\ufeff?sep=([,;\t|])[ \t,;]*(?:\r\n|\r|\n|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """One row as it stands: its place, "line 7" of a text or "row 7" of a sheet, and its trimmed cells."""

    place: str
    cells: list[str]
    wrong: str = ""

    @property
    def number(self) -> int:
        """The number in the place."""
        return int(self.place.split()[-1])


def text_of(path: Path, encoding: str = "") -> str:
    """The text of a file; raises CatalogueError that tells the line and byte where the encoding does not fit.

    Without an `encoding` it is found out.
    """
    encoding = encoding or encoding_of(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read ({error.strerror}); check the name") from error
    try:
        return data.decode(encoding)
    except LookupError:
        raise CatalogueError(f"{path.name}: no encoding is called {encoding!r}; leave it out to find out") from None
    except UnicodeError as error:
        at = error.start if isinstance(error, UnicodeDecodeError) else 0
        where = f"{path.name}: line {data[:at].count(10) + 1}, byte {at}: 0x{data[at]:02X}" if data else path.name
        raise CatalogueError(f"{where} is not {encoding}; give the right encoding, or leave it out") from None


def head_of(path: Path, encoding: str = "", characters: int = 1 << 16) -> str:
    """The first characters of a text; raises CatalogueError where it cannot be read, as `text_of` does."""
    encoding = encoding or encoding_of(path)
    try:
        with path.open(encoding=encoding, newline="") as file:
            return file.read(characters)
    except (OSError, LookupError, UnicodeError):
        return text_of(path, encoding)[:characters]


def declared_delimiter(head: str) -> str:
    """The mark between cells that a first line `sep=;` names, which Excel reads and hides; "" where there is none."""
    found = _DECLARED.match(head)
    return found[1] if found else ""


def file_lines(path: Path, delimiter: str, encoding: str = "") -> Iterator[Line]:
    """The rows of a file as `text_lines` gives them, without holding all of it; a first line `sep=;` is none."""
    encoding = encoding or encoding_of(path)
    try:
        with path.open(encoding=encoding, newline="") as file:
            first = file.readline()
            if _DECLARED.match(first):
                yield from text_lines(file, delimiter, 2)
            else:
                yield from text_lines(chain([first] if first else [], file), delimiter)
    except (OSError, LookupError, UnicodeError):
        text_of(path, encoding)  # says what is wrong, and where
        raise


def text_lines(text: Iterable[str], delimiter: str, line: int = 1) -> Iterator[Line]:
    """The rows of a text, placed by the line that each begins on; letters are composed (NFC), empty rows left out."""
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    before = line - 1
    while True:
        try:
            cells = [unicodedata.normalize("NFC", cell.strip()) for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            yield Line(f"line {line}", [], f"{error}; close the quotes, and double those inside a cell")
            return
        line, here = before + reader.line_num + 1, line
        if any(cells):
            yield Line(f"line {here}", cells)


def sheet_lines(path: Path, sheet: str = "") -> Iterator[Line]:
    """The rows of an XLSX sheet, the first one unless `sheet` names another; formulas by their last value.

    Cells that are merged downwards all hold what the first of them says, those with a picture in them nothing. Raises
    CatalogueError where the file is no workbook or has no such sheet.
    """
    with _workbook(path) as book:
        if sheet and sheet not in book.sheetnames:
            raise CatalogueError(f"{path.name}: no sheet {sheet!r}; it has: {', '.join(book.sheetnames)}")
        rows = book[sheet or book.sheetnames[0]]
        merged, pictured = _merged_down(path, rows), set(_in_cells(path, rows))
        if hasattr(rows, "reset_dimensions"):
            rows.reset_dimensions()  # what a workbook says of its size is often wrong
        held: dict[int, tuple[int, str]] = {}
        for number, row in enumerate(rows.iter_rows(values_only=True), 1):
            cells = ["" if (number, at) in pictured else _cell(value) for at, value in enumerate(row, 1)]
            for column, (last, text) in held.items():
                if number <= last and column < len(cells):
                    cells[column] = cells[column] or text
            for column, last in merged.get(number, ()):
                held[column] = (last, cells[column] if column < len(cells) else "")
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                yield Line(f"row {number}", cells)


def sheet_names(path: Path) -> list[str]:
    """The names of a workbook's sheets, in their order; raises CatalogueError where it is none."""
    with _workbook(path) as book:
        return list(book.sheetnames)


def sheet_pictures(path: Path, sheet: str = "") -> dict[int, list[tuple[str, bytes]]]:
    """The pictures that lie on a sheet or in its cells, by the number of the row at which each begins: (name, bytes).

    Those of one row are in the order of what lies on it, then of its cells. Of a workbook without pictures nothing but
    its list of parts is read. Raises CatalogueError as `sheet_lines` does.
    """
    from openpyxl import load_workbook

    with _told(path):
        with zipfile.ZipFile(path) as parts:
            if not any(name.startswith("xl/media/") for name in parts.namelist()):
                return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = load_workbook(path, data_only=True)
        found: dict[int, list[tuple[str, bytes]]] = {}
        page: Any = book[sheet or book.sheetnames[0]]
        for image in page._images:
            row = image.anchor._from.row + 1
            name = f"row {row} picture {len(found.get(row, ())) + 1}"
            found.setdefault(row, []).append((name, image._data()))
    with _workbook(path) as book, zipfile.ZipFile(path) as parts:
        for (row, _), part in sorted(_in_cells(path, book[sheet or book.sheetnames[0]]).items()):
            if parts.getinfo(part).file_size > MAX_BYTES:
                raise CatalogueError(f"{path.name}: row {row}: a picture of more than {MAX_BYTES:,} bytes; shrink it")
            found.setdefault(row, []).append((f"row {row} picture {len(found.get(row, ())) + 1}", parts.read(part)))
    return found


def _in_cells(path: Path, rows: Any) -> dict[tuple[int, int], str]:
    """The part with the picture of each cell that holds one, by row and column from 1."""
    from recognizer.catalogue.imports.cell_pictures import pictures_in_cells

    with zipfile.ZipFile(path) as parts:
        return pictures_in_cells(parts, rows._worksheet_path)


@contextmanager
def _workbook(path: Path) -> Iterator[Any]:
    """Open a workbook for reading its values row by row; raises CatalogueError where it is none or damaged."""
    from openpyxl import load_workbook  # takes a while to load, and most imports need none of it

    try:
        with warnings.catch_warnings():  # of styles and checks in the workbook that openpyxl leaves out
            warnings.simplefilter("ignore")
            book = load_workbook(path, read_only=True, data_only=True)
    except FileNotFoundError as error:
        raise CatalogueError(f"{path}: cannot be read ({error.strerror}); check the name") from error
    except Exception as error:  # of a damaged workbook anything is raised: zlib.error, KeyError, ParseError and more
        raise CatalogueError(f"{path.name}: no XLSX workbook ({_short(error)}); save it as .xlsx or .csv") from error
    try:
        with _told(path):
            yield book
    finally:
        book.close()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except CatalogueError:
        raise
    except Exception as error:  # a damaged workbook raises anything
        raise CatalogueError(f"{path.name}: damaged ({_short(error)}); save it anew") from error


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _merged_down(path: Path, rows: Any) -> dict[int, list[tuple[int, int]]]:
    """Cells that are merged with those below, by the number of their row: (column from 0, last row).

    Read from the sheet's XML, for openpyxl leaves them out where it reads row by row.
    """
    from openpyxl.utils import range_boundaries

    merged: dict[int, list[tuple[int, int]]] = {}
    with zipfile.ZipFile(path) as parts, parts.open(rows._worksheet_path) as file:
        tail = b""
        while block := file.read(1 << 20):
            tail = tail[-64:] + block
            for ref in re.findall(rb'<(?:\w+:)?mergeCell[^>]{0,40}?ref="([A-Z]+\d+:[A-Z]+\d+)"', tail):
                left, top, _, bottom = (number or 0 for number in range_boundaries(ref.decode()))
                if bottom > top and (left - 1, bottom) not in merged.get(top, ()):
                    merged.setdefault(top, []).append((left - 1, bottom))
    return merged


def _cell(value: Any) -> str:
    """A cell as text: numbers as short as they are, dates as ISO writes them."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        value = value.date()
    return unicodedata.normalize("NFC", str(value).strip())
