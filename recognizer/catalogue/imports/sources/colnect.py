"""Colnect: the CSV of a collection or a list as that site exports it.

The file is UTF-8 with a byte order mark; some lines tell whose list it is before the header comes, and which columns
there are, in which order and in which language, depends on the list. So the columns are found by what stands in them:
the address of the item tells its number and its name, codes of catalogues look like "Mi:SU 12", and so on.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from recognizer.catalogue.imports.grid import Line, text_lines, text_of
from recognizer.catalogue.imports.rows import Row
from recognizer.catalogue.imports.sizes import parse_millimetres
from recognizer.catalogue.imports.years import parse_years
from recognizer.errors import CatalogueError

_ITEM: Final = re.compile(r"https?://(?:www\.)?colnect\.com/[a-z-]+/[a-z_]+/[a-z_]+/(\d+)(?:[-/]([^/?#\s]*))?")
_CODES: Final = re.compile(r"[A-Za-z][\w./-]{0,11}:\s?[\w#][^,;]{0,30}(?:[,;]\s*[A-Za-z][\w./-]{0,11}:\s?[^,;]+)*")
_YEARS: Final = re.compile(r"(?:1[89]\d\d|20\d\d)(?:[-./]\d{1,2}){0,2}|\d{1,2}[./]\d{1,2}[./](?:19|20)\d\d")
_SIZE: Final = re.compile(r"\d+(?:[.,]\d+)?\s*(?:[xх×]\s*\d+(?:[.,]\d+)?)?\s*(?:mm|мм)|\d+(?:[.,]\d+)?\s*[xх×]\s*\d+.*")
_HEADERS: Final = {
    "country": ("country", "страна", "land", "pays", "país", "kraj", "країна"),
    "series": ("series", "серия", "serie", "série", "seria", "серія"),
    "title": ("name", "title", "название", "titel", "nom", "nombre", "nazwa", "назва"),
    "years": ("issued on", "year", "дата выпуска", "год", "ausgegeben am", "date d'émission", "рік"),
    "material": ("composition", "material", "материал", "состав", "zusammensetzung"),
    "size_mm": ("size", "размер", "größe", "taille"),
    "inscriptions": ("inscription", "надпись"),
    "codes": ("catalog codes", "catalogue codes", "каталожные номера", "katalognummern", "codes catalogue"),
}
"""What the columns are called in the languages that collectors of znachki use; a help where content leaves a doubt."""

_MOST: Final = 0.6
"""The share of a column's filled cells that must look alike for the column to be of that kind."""


def takes(path: Path, head: bytes) -> bool:
    """Whether a text has the addresses of Colnect's items and no header of a catalogue table."""
    first = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0].lower()
    return path.suffix.lower() in (".csv", ".txt") and b"//colnect.com/" in head and b"entry_id" not in first


def read(path: Path, notes: list[str]) -> Iterator[Row]:
    """Yield a row for each item of the list; what the collector says of his own copy is passed over."""
    text = text_of(path)
    delimiter = _delimiter(text)
    lines = list(text_lines(io.StringIO(text, newline=""), delimiter))
    first = next((i for i, line in enumerate(lines) if any(map(_ITEM.match, line.cells))), None)
    if first is None:
        raise CatalogueError(f"{path.name}: no address of an item of Colnect; export the list with its column of links")
    rows = [line for line in lines[first:] if not line.wrong and len(line.cells) > 1]
    width = max(len(line.cells) for line in rows)
    header = next((line.cells for line in reversed(lines[:first]) if len(line.cells) > 1), [])
    kinds = _kinds(header, rows, width)
    over = [name for i, name in enumerate(header) if name and i not in kinds.values()]
    if over:
        notes.append(f"columns passed over: {', '.join(over)}")
    seen: dict[str, str] = {}
    for line in lines[first:]:
        row = Row(line.place, wrong=line.wrong) if line.wrong else _row(line, kinds)
        entry_id = row.cells.get("entry_id", "")
        if entry_id in seen:
            notes.append(f"{line.place}: {entry_id} again, as on {seen[entry_id]}; a second copy, passed over")
        else:
            if entry_id:
                seen[entry_id] = line.place
            yield row


def _row(line: Line, kinds: dict[str, int]) -> Row:
    cells = {kind: line.cells[i] for kind, i in kinds.items() if i < len(line.cells)}
    match = _ITEM.match(cells.get("url", ""))
    if not match:
        return Row(line.place, wrong="no address of an item of Colnect in this row; export the list anew")
    number = match[1]
    codes = [code for part in re.split(r"[,;]", cells.pop("codes", "")) if ":" in (code := part.strip())]
    named = {name: cell for name, cell in cells.items() if name != "url" and cell}
    named.setdefault("title", unquote(match[2] or "").replace("_", " ").strip())
    wrong = ""
    if size := named.pop("size_mm", ""):
        try:
            named["size_mm"] = parse_millimetres(size if re.search(r"mm|мм|cm|см", size) else f"{size} mm")
        except ValueError as error:
            wrong = str(error)
    identifiers = [f"colnect:{number}", *codes]
    said = {"entry_id": f"colnect-{number}", "number": number, **named, "identifiers": "; ".join(identifiers)}
    return Row(line.place, said, wrong=wrong)


def _delimiter(text: str) -> str:
    """What parts the cells of the row with the first address."""
    line = next((line for line in text.splitlines() if "//colnect.com/" in line), "")
    return max(",;\t", key=line.count)


def _kinds(header: list[str], rows: list[Line], width: int) -> dict[str, int]:
    """Which column holds what, by its cells first and by its name where they leave a doubt."""
    columns = [[line.cells[i] if i < len(line.cells) else "" for line in rows] for i in range(width)]
    url = max(range(width), key=lambda i: sum(1 for cell in columns[i] if _ITEM.match(cell)))
    kinds = {"url": url}
    names = [header[i].strip().lower() if i < len(header) else "" for i in range(width)]

    def free() -> list[int]:
        return [i for i in range(width) if i not in kinds.values() and any(columns[i])]

    for kind, called in _HEADERS.items():
        if (at := next((i for i in free() if names[i] in called), None)) is not None:
            kinds[kind] = at
    slugs = [_words(unquote(match[2] or "")) if (match := _ITEM.match(cell)) else "" for cell in columns[url]]

    def alike(i: int, kind: str) -> float:
        cells = [(cell, slug) for cell, slug in zip(columns[i], slugs, strict=True) if cell]
        tests: dict[str, Callable[[str, str], bool]] = {
            "title": lambda cell, slug: bool(slug) and _words(cell) != "" and _words(cell) == slug,
            "codes": lambda cell, slug: _CODES.fullmatch(cell) is not None and "//" not in cell,
            "years": lambda cell, slug: _YEARS.fullmatch(cell) is not None and parse_years(cell)[0] is not None,
            "size_mm": lambda cell, slug: _SIZE.fullmatch(cell) is not None,
        }
        return sum(1 for cell, slug in cells if tests[kind](cell, slug)) / len(cells)

    for kind in ("title", "codes", "years", "size_mm"):
        if kind not in kinds and (open_ := free()):
            best = max(open_, key=lambda i: alike(i, kind))
            if alike(best, kind) >= _MOST:
                kinds[kind] = best
    return kinds


def _words(text: str) -> str:
    """A name as an address writes it: Latin letters and digits only."""
    return re.sub(r"[^a-z0-9]+", "", text.lower())
