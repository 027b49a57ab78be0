"""Column maps: which columns of a table are which of a catalogue's, in a TOML file, and a guess at them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

from recognizer.catalogue.imports.cells import COLUMNS
from recognizer.catalogue.imports.encodings import UTF8, encoding_of
from recognizer.catalogue.imports.grid import SHEETS, Line, declared_delimiter, file_lines, head_of, sheet_lines
from recognizer.catalogue.imports.sizes import parse_millimetres
from recognizer.catalogue.imports.years import parse_years
from recognizer.errors import CatalogueError

JOINERS: Final = {"theme": " / ", "inscriptions": " | ", "languages": ", ", "identifiers": "; "}
"""What stands between the cells of several columns that make one; a space for the others."""

SAMPLE: Final = 500
"""Rows that a guess looks at."""

HEADER_WITHIN: Final = 30
"""Rows from the top among which the header is looked for."""

_ENDINGS: Final = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".tif", ".tiff", ".gif", ".bmp")
_HEADERS: Final[dict[str, str]] = {
    "entry_id": r"entry.?id|id|код|код записи|артикул",
    "number": (
        r"№|no\.?|nr\.?|#|n|num|(?:catalogue )?(?:number|no\.?)|(?:каталожный )?(?:номер|№)(?: по каталогу)?|№ ?п/?п"
    ),
    "title": r"title|name|назв\w*|наимен\w*|имя|знак|значок|описание|описание знака",
    "title_en": r"title.?en|english(?: (?:title|name))?|название \(англ\.?\)|english name",
    "theme": r"theme|topic|category|тем\w*|категори\w*|раздел|рубрика|подтема|тематика",
    "series": r"series|set|сери\w*|набор",
    "years": r"years?|date|issued(?: on)?|год\w*|дата|период|время|год выпуска|год\(?ы\)? выпуска",
    "country": r"country|стран\w*|государство|республика",
    "place": r"place|city|town|город|место|регион|место изготовления",
    "maker": r"maker|mint|manufacturer|producer|изготовител\w*|производител\w*|завод|фабрика|мастерская|двор",
    "hallmark": r"hallmark|mark|stamp|клеймо|марка",
    "material": r"material|metal|composition|материал\w*|металл\w*|сплав",
    "technique": r"technique|method|техника\w*|технолог\w*|эмаль|исполнение|техника исполнения",
    "size_mm": r"size(?:[ ,_(]*mm\)?)?|dimensions?|diameter|размер\w*(?:[ ,(]*мм\)?)?|габариты|диаметр(?:[ ,(]*мм\)?)?",
    "inscriptions": r"inscriptions?|legend|text|надпис\w*|текст|легенда",
    "languages": r"languages?|язык\w*",
    "price_mark": r"price.?mark|price on pin|цена на знаке|ценник|ц\.",
    "rarity": r"rarity|редкость|степень редкости",
    "status": r"status",
    "merged_into": r"merged.?into",
    "family": r"family|variants?|разновидност\w*|семейство",
    "identifiers": r"identifiers?|other numbers",
    "image": r"image|picture|photo|file|фото\w*|изображени\w*|картинк\w*|рисунок|файл|ссылка на фото|image url",
    "role": r"role|side|сторона",
    "licence": r"licen[cs]e|лицензия|права",
    "source": r"source|источник|откуда|url|ссылка",
}
_FURTHER: Final[dict[str, str]] = {
    "number": r"nummer|katalognummer|kat\.?-?nr\.?|номер у каталозі",
    "title": r"bezeichnung|titel|beschreibung|назва|опис|description",
    "theme": r"thema|themen|motiv|kategorie|розділ|категорія|topics?",
    "series": r"serie|серія|collection",
    "years": r"jahr\w*|ausgabejahr|baujahr|datum|рік|роки|рік випуску|year of issue|issue year",
    "country": r"land|staat|країна",
    "place": r"ort|stadt|місто|місце",
    "maker": r"hersteller|prägeanstalt|виробник|factory|manufactory",
    "hallmark": r"punze|herstellermarke|тавро",
    "material": r"werkstoff|матеріал",
    "technique": r"technik|herstellungsart|техніка",
    "size_mm": r"grösse(?:[ ,(]*mm\)?)?|masse|abmessung\w*|durchmesser|розмір\w*(?:[ ,(]*мм\)?)?",
    "inscriptions": r"inschrift\w*|aufschrift|напис\w*",
    "languages": r"sprachen?|мов[аи]",
    "rarity": r"seltenheit|рідкість",
    "image": r"bild\w*|abbildung|datei|зображення|images?|pictures?|photos?|знімок|світлина",
    "role": r"seite|сторона знаку",
    "source": r"quelle|джерело",
    "licence": r"lizenz|ліцензія",
}
"""Further headers, German and Ukrainian ones above all, as `str.casefold` leaves them (ß is ss)."""

SYSTEMS: Final = {
    "avers": r"аверс\w*|avers",
    "ilyinskii": r"ильинск\w*|ilyin\w*",
    "konros": r"конрос\w*|konros|conros",
    "goskatalog": r"госкаталог\w*|goskatalog|№ ?гк|номер гк",
    "gik": r"гик|кп|№ ?кп|gik|номер кп",
    "inventory": r"инв\.?(?:ентарный)?(?: ?(?:№|номер))?|inv\.?(?:entory)?(?: ?(?:no\.?|number))?",
    "colnect": r"colnect(?: id)?",
    "own": r"мой(?: ?(?:№|номер))?|own(?: number)?|my(?: number)?",
}


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Which columns of a table are which of a catalogue's.

    `columns` maps a name of COLUMNS to the headers whose cells make it, `identifiers` a numbering system to the header
    of its numbers, `constants` a name of COLUMNS to what every row says. `header` is the number of the header's row, 0
    to look for it; `sheet` the name of a workbook's sheet, "" for its first; `encoding` that of a text, "" to find it
    out.
    """

    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    identifiers: dict[str, str] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    header: int = 0
    sheet: str = ""
    encoding: str = ""
    delimiter: str = ""

    def headers(self) -> set[str]:
        """Every header that the map speaks of, in small letters."""
        named = [header for headers in self.columns.values() for header in headers]
        return {header.casefold() for header in (*named, *self.identifiers.values())}


def read_map(path: Path) -> ColumnMap:
    """Read a column map; raises CatalogueError that names what is wrong in it."""
    try:
        given = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read ({error.strerror}); check the name") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path.name}: no TOML in UTF-8 ({error}); `znachki import --guess` shows one") from error
    known = {"columns": COLUMNS, "identifiers": None, "constants": COLUMNS, "table": _TABLE}
    for part, values in given.items():
        if part not in known or not isinstance(values, dict):
            raise CatalogueError(
                f"{path.name}: {part!r} is none of the tables {', '.join(f'[{one}]' for one in known)}"
            )
        names = known[part]
        for name, value in values.items():
            if names is not None and name not in names:
                raise CatalogueError(f"{path.name}: [{part}] {name!r} is none of {', '.join(names)}")
            _check(path, part, name, value)
    columns = {name: _several(value) for name, value in given.get("columns", {}).items()}
    if "entry_id" not in columns:
        raise CatalogueError(f"{path.name}: [columns] has no entry_id; name the column with each entry's number")
    table = given.get("table", {})
    return ColumnMap(columns, given.get("identifiers", {}), given.get("constants", {}), **table)


_TABLE: Final = ("header", "sheet", "encoding", "delimiter")


def _several(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _check(path: Path, part: str, name: str, value: Any) -> None:
    texts = isinstance(value, list) and value and all(isinstance(one, str) for one in value)
    number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    fits = number if (part, name) == ("table", "header") else isinstance(value, str) or (part == "columns" and texts)
    if not fits:
        wanted = "a row's number" if name == "header" else "a text"
        raise CatalogueError(f"{path.name}: [{part}] {name} = {value!r}; give {wanted}")


def write_map(mapping: ColumnMap) -> str:
    """Write a column map as TOML."""
    lines = [
        "# Which columns of the table are which of the catalogue's; several headers in [...] are put together.",
        "",
    ]
    lines.append("[columns]")
    for name, headers in mapping.columns.items():
        texts = ", ".join(_quoted(header) for header in headers)
        lines.append(f"{name} = {texts if len(headers) == 1 else f'[{texts}]'}")
    for part, values in (("identifiers", mapping.identifiers), ("constants", mapping.constants)):
        if values:
            lines += ["", f"[{part}]", *(f"{_key(name)} = {_quoted(value)}" for name, value in values.items())]
    plain = ColumnMap()
    table = [(name, getattr(mapping, name)) for name in _TABLE if getattr(mapping, name) != getattr(plain, name)]
    if table:
        lines += ["", "[table]"]
        lines += [f"{name} = {value if isinstance(value, int) else _quoted(value)}" for name, value in table]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return '"' + escaped.replace("\t", "\\t") + '"'


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


# Lines of a table by its map


def lines_of(path: Path, mapping: ColumnMap) -> Iterator[Line]:
    """The rows of a table in the encoding, sheet and delimiter that a map gives."""
    if path.suffix.lower() in SHEETS:
        return sheet_lines(path, mapping.sheet)
    encoding = mapping.encoding or encoding_of(path)
    head = head_of(path, encoding)
    return file_lines(path, mapping.delimiter or declared_delimiter(head) or delimiter_of(head), encoding)


def delimiter_of(text: str) -> str:
    """The mark that parts a text's cells: the one that most of its first lines have most evenly."""
    lines = [line for line in text.splitlines()[:HEADER_WITHIN] if line.strip()]

    def evenly(mark: str) -> tuple[int, int]:
        counts = [line.count(mark) for line in lines]
        usual = max(counts, key=counts.count, default=0)
        return (counts.count(usual) if usual else 0, usual)

    return max(",;\t", key=evenly)


# Guessing


def guess_map(path: Path, sheet: str = "", encoding: str = "") -> ColumnMap:
    """Propose a column map by the header and, where that says nothing, by what stands in the columns.

    Raises CatalogueError where the file has no rows or nothing in it can be an entry's number.
    """
    mapping = proposed_map(path, sheet, encoding)
    if "entry_id" not in mapping.columns:
        raise CatalogueError(f"{path.name}: no column holds a number of its own in every row; add one")
    return mapping


def proposed_map(path: Path, sheet: str = "", encoding: str = "") -> ColumnMap:
    """Propose a column map as `guess_map` does, but without the entry's number where nothing in the file can be one.

    Raises CatalogueError where the file has no rows.
    """
    if path.suffix.lower() not in SHEETS and not encoding:
        encoding = encoding_of(path)
    first = ColumnMap(sheet=sheet, encoding=encoding)
    lines = [line for line in islice(lines_of(path, first), SAMPLE + HEADER_WITHIN) if not line.wrong]
    if not lines:
        raise CatalogueError(f"{path.name}: empty; it must have a header and rows")
    at = header_at(lines)
    header, rows = lines[at].cells, [line.cells for line in lines[at + 1 :]]
    columns = {name: [row[i] if i < len(row) else "" for row in rows] for i, name in enumerate(header) if name}
    mapping = _by_header(list(columns))
    _by_content(mapping, {name: cells for name, cells in columns.items() if name.casefold() not in mapping.headers()})
    _give_entry_id(mapping, columns)
    ordered = {name: mapping.columns[name] for name in COLUMNS if name in mapping.columns}
    delimiter = ""
    row = lines[at].number if at else 0
    return ColumnMap(ordered, mapping.identifiers, {}, row, sheet, "" if encoding == UTF8 else encoding, delimiter)


def is_sure(mapping: ColumnMap) -> bool:
    """Whether a guessed map rests on the names of its columns alone: the number's, and at least one more."""
    for name, headers in mapping.columns.items():
        found = [_named(header) for header in headers]
        if name == "entry_id":
            numbers = {("column", "entry_id"), ("column", "number"), *(("identifier", one) for one in SYSTEMS)}
            if not set(found) <= numbers:
                return False
        elif any(one != ("column", name) for one in found):
            return False
    return len(mapping.headers()) >= 2


def told(mapping: ColumnMap) -> str:
    """Say which column a map takes for what: "Номер as entry_id, Год as years"."""
    pairs = [(header, name) for name, headers in mapping.columns.items() for header in headers]
    pairs += [(header, f"number of {system}") for system, header in mapping.identifiers.items()]
    return ", ".join(f"{header!r} as {name}" for header, name in pairs)


def header_at(lines: list[Line]) -> int:
    """The index of the row that names the columns: most of its cells are known names; else the first widest row."""

    def score(line: Line) -> tuple[int, int]:
        named = sum(1 for cell in line.cells if cell and _named(cell))
        return (named if named >= 2 else 0, sum(1 for cell in line.cells if cell))

    candidates = range(min(HEADER_WITHIN, len(lines)))
    return max(candidates, key=lambda i: (*score(lines[i]), -i))


def _named(header: str) -> tuple[str, str] | None:
    """What a header stands for: ("column", name) or ("identifier", system)."""
    text = re.sub(r"[\s_]+", " ", header.casefold()).strip(" :.*") or header
    for system, pattern in SYSTEMS.items():
        if re.fullmatch(rf"(?:№ ?|номер |number |по )*(?:{pattern})(?: ?(?:№|номер|number|no\.?))?", text):
            return "identifier", system
    for name, pattern in _HEADERS.items():
        if text == name.replace("_", " ") or re.fullmatch(pattern, text):
            return "column", name
    for name, pattern in _FURTHER.items():
        if re.fullmatch(pattern, text):
            return "column", name
    return None


def _by_header(header: list[str]) -> ColumnMap:
    mapping = ColumnMap()
    for one in header:
        kind, name = _named(one) or ("", "")
        if kind == "identifier":
            mapping.identifiers.setdefault(name, one)
        elif name in JOINERS and name != "identifiers":
            mapping.columns[name] = (*mapping.columns.get(name, ()), one)
        elif kind:
            mapping.columns.setdefault(name, (one,))
    return mapping


def _by_content(mapping: ColumnMap, columns: dict[str, list[str]]) -> None:
    """Give columns whose header says nothing to what their cells look like."""
    kinds: list[tuple[str, Callable[[str], bool]]] = [
        ("image", lambda cell: cell.lower().rpartition("?")[0].endswith(_ENDINGS) or cell.lower().endswith(_ENDINGS)),
        ("size_mm", lambda cell: _is_size(cell)),
        ("years", lambda cell: len(cell) <= 24 and _is_years(cell)),
        (
            "price_mark",
            lambda cell: (
                re.fullmatch(r"(?:ц(?:ена|\.)?\s*)?\d+(?:[.,-]\d+)?\s*(?:к|коп|р|руб)\.?", cell.lower()) is not None
            ),
        ),
    ]
    for name, fits in kinds:
        if name in mapping.columns:
            continue
        for header, cells in columns.items():
            filled = [cell for cell in cells if cell]
            if filled and sum(map(fits, filled)) > 0.8 * len(filled) and header.casefold() not in mapping.headers():
                mapping.columns[name] = (header,)
                break
    if "title" not in mapping.columns:
        letters = {
            header: sum(sum(char.isalpha() for char in cell) for cell in cells)
            for header, cells in columns.items()
            if header.casefold() not in mapping.headers()
        }
        longest = max(letters, key=lambda header: letters[header], default="")
        if longest and letters[longest] >= 3 * len(columns[longest]):
            mapping.columns["title"] = (longest,)


def _is_years(cell: str) -> bool:
    try:
        return parse_years(cell) != (None, None)
    except ValueError:
        return False


def _is_size(cell: str) -> bool:
    if not re.search(r"\d\s*(?:[xх×*]\s*\d|мм|mm|см|cm)", cell, re.IGNORECASE):
        return False
    try:
        return bool(parse_millimetres(cell))
    except ValueError:
        return False


def _give_entry_id(mapping: ColumnMap, columns: dict[str, list[str]]) -> None:
    """An entry's own number: the column named so, else a numbering, else the first column that never repeats."""
    if "entry_id" in mapping.columns:
        return
    by_header = {header: header for header in columns}
    ways = [*mapping.columns.get("number", ()), *mapping.identifiers.values(), *by_header]
    for header in ways:
        cells = columns.get(header, [])
        if cells and all(cells) and len(set(cells)) == len(cells) and max(map(len, cells)) <= 40:
            mapping.columns["entry_id"] = (header,)
            if mapping.columns.get("number") == (header,):
                del mapping.columns["number"]
            return
    for header in mapping.columns.get("number", ()):  # photos of one entry in rows of their own repeat its number
        if all(columns[header]) and "image" in mapping.columns:
            mapping.columns["entry_id"] = mapping.columns.pop("number")
            return
