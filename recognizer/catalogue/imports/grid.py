"""Grids: the rows of a CSV file or an XLSX sheet as they stand, each with its place."""

from __future__ import annotations

import csv
import datetime
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from recognizer.errors import CatalogueError

SHEETS: Final = (".xlsx", ".xlsm")


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


def text_of(path: Path, encoding: str = "utf-8-sig") -> str:
    """The text of a file; raises CatalogueError that tells the line and what the file seems to be instead."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read ({error.strerror}); check the name") from error
    try:
        return data.decode(encoding)
    except LookupError:
        raise CatalogueError(f"{path.name}: no encoding is called {encoding!r}; leave it out for UTF-8") from None
    except UnicodeDecodeError as error:
        line, byte = data[: error.start].count(b"\n") + 1, data[error.start]
        where = f"{path.name}: line {line}, byte {error.start}: 0x{byte:02X} is not"
        if encoding != "utf-8-sig":
            raise CatalogueError(f"{where} {encoding}; give the right encoding") from None
        raise CatalogueError(f"{where} UTF-8; save it as UTF-8{_looks(data)}") from None


def seems_cyrillic(data: bytes) -> bool:
    """Whether bytes that are no UTF-8 look like Russian in cp1251."""
    high = [byte for byte in data if byte >= 0x80]
    return sum(byte >= 0xC0 or byte in (0xA8, 0xB8, 0xB9) for byte in high) > 0.8 * len(high)


def _looks(data: bytes) -> str:
    """A hint at the encoding that a table seems to have."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return ' (it looks like UTF-16, Excel\'s "Unicode text")'
    return " (it looks like Cyrillic cp1251: iconv -f cp1251 -t utf-8)" if seems_cyrillic(data) else ""


def head_of(path: Path, encoding: str = "utf-8-sig", characters: int = 1 << 16) -> str:
    """The first characters of a text; raises CatalogueError where it cannot be read, as `text_of` does."""
    try:
        with path.open(encoding=encoding, newline="") as file:
            return file.read(characters)
    except (OSError, LookupError, UnicodeDecodeError):
        return text_of(path, encoding)[:characters]


def file_lines(path: Path, delimiter: str, encoding: str = "utf-8-sig") -> Iterator[Line]:
    """The rows of a file as `text_lines` gives them, without holding all of it."""
    try:
        with path.open(encoding=encoding, newline="") as file:
            yield from text_lines(file, delimiter)
    except (OSError, LookupError, UnicodeDecodeError):
        text_of(path, encoding)  # says what is wrong, and where
        raise


def text_lines(text: Iterable[str], delimiter: str) -> Iterator[Line]:
    """The rows of a text, placed by the line that each begins on; letters are composed (NFC), empty rows left out."""
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            cells = [unicodedata.normalize("NFC", cell.strip()) for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            yield Line(f"line {line}", [], f"{error}; close the quotes, and double those inside a cell")
            return
        line, here = reader.line_num + 1, line
        if any(cells):
            yield Line(f"line {here}", cells)


def sheet_lines(path: Path, sheet: str = "") -> Iterator[Line]:
    """The rows of an XLSX sheet, the first one unless `sheet` names another; formulas by their last value.

    Raises CatalogueError where the file is no workbook or has no such sheet.
    """
    from openpyxl import load_workbook  # takes a while to load, and most imports need none of it

    try:
        with warnings.catch_warnings():  # of styles and checks in the workbook that openpyxl leaves out
            warnings.simplefilter("ignore")
            book = load_workbook(path, read_only=True, data_only=True)
    except FileNotFoundError as error:
        raise CatalogueError(f"{path}: cannot be read ({error.strerror}); check the name") from error
    except Exception as error:  # of a damaged workbook anything is raised: zlib.error, KeyError, ParseError and more
        raise CatalogueError(f"{path.name}: no XLSX workbook ({error}); save it as .xlsx or .csv") from error
    try:
        if sheet and sheet not in book.sheetnames:
            raise CatalogueError(f"{path.name}: no sheet {sheet!r}; it has: {', '.join(book.sheetnames)}")
        rows = book[sheet or book.sheetnames[0]]
        if hasattr(rows, "reset_dimensions"):
            rows.reset_dimensions()  # what a workbook says of its size is often wrong
        for number, row in enumerate(rows.iter_rows(values_only=True), 1):
            cells = [_cell(value) for value in row]
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                yield Line(f"row {number}", cells)
    except CatalogueError:
        raise
    except Exception as error:  # as above: a damaged workbook raises anything
        raise CatalogueError(f"{path.name}: damaged ({error}); save it anew") from error
    finally:
        book.close()


def _cell(value: Any) -> str:
    """A cell as text: numbers as short as they are, dates as ISO writes them."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        value = value.date()
    return unicodedata.normalize("NFC", str(value).strip())
