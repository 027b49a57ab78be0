"""Imports: catalogue tables and folders of pictures into the catalogue, a whole file or nothing of it."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from recognizer.catalogue import Catalogue
from recognizer.errors import CatalogueError, PhotoError
from recognizer.photos import check_photo, list_photos
from recognizer.types import CatalogueEntry, CatalogueImage, Role, Status

Progress = Callable[[int, int], None]
"""Called with the pictures done and the pictures in all."""

WORKERS: Final = 2
"""Threads that read and check pictures; hashing and decoding both run beside each other in them."""

SHOWN_ERRORS: Final = 20
"""Errors that a message lists; it counts the others."""

_TEXTS: Final = (
    *("number", "title", "title_en", "series", "country", "place", "maker", "hallmark", "material", "technique"),
    *("size_mm", "price_mark", "rarity", "merged_into", "family"),
)
_SEPARATORS: Final = {"theme": r"\s+/\s+", "inscriptions": r"\s*\|\s*", "languages": r"\s*[,|]\s*"}
_OF_ENTRY: Final = (*_TEXTS, *_SEPARATORS, "years", "status", "identifiers")
COLUMNS: Final = ("entry_id", *_OF_ENTRY, "image", "role", "licence", "source")
"""Columns that a catalogue table may have, in any order; only entry_id must be there."""

_SPAN: Final = re.compile(r"(1[0-9]{3}|20[0-9]{2})(?:\s*[-–—/]\s*([0-9]{2}|[0-9]{4}))?(?!\d)(-?(?:е|х|s|ties)\b)?")


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did: rows read, entries and photos by what became of them, and notes on what was passed over."""

    rows: int
    entries_new: int
    entries_changed: int
    entries_same: int
    images_new: int
    images_changed: int
    images_same: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Picture:
    """A photo that a row names, and where the row stands: "line 7"."""

    entry_id: str
    path: Path
    role: Role
    licence: str
    source: str
    place: str


@dataclass(slots=True)
class _Plan:
    """What a file asks for, and what is wrong with it as (place, what)."""

    name: str
    rows: int = 0
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    pictures: dict[tuple[str, Path], _Picture] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    errors: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def import_csv(catalogue: Catalogue, path: Path, progress: Progress | None = None) -> ImportReport:
    """Bring a catalogue table and its pictures into the catalogue: all of the file, or nothing where a row is wrong.

    The table is UTF-8, separated by commas, semicolons or tabs, with a header of COLUMNS; paths of pictures are
    relative to it. Rows with one entry_id are photos of one entry: what they say of it must agree or be empty. Empty
    cells leave what the catalogue has. A second import changes nothing. Raises CatalogueError that lists what is wrong
    by line.
    """
    plan = _Plan(path.name)
    read: dict[str, dict[str, str]] = {}
    for line, cells in _rows(path, plan):
        plan.rows += 1
        try:
            _take(plan, read, path.parent, line, cells)
        except ValueError as error:
            plan.errors.append((f"line {line}", str(error)))
    return _carry_out(catalogue, plan, progress)


def import_folder(catalogue: Catalogue, folder: Path, progress: Progress | None = None) -> ImportReport:
    """Bring a folder of pictures into the catalogue: all of it, or nothing where a picture cannot be read.

    A folder with a catalogue.csv is imported by that. Otherwise the pictures' names tell: `<number>.jpg`,
    `<number>_<role>.jpg`, `<number>_<role>_2.jpg`, `<number>/<role>.jpg`, `<number>/<role>_2.jpg`; what names no role
    (face, reverse, clasp, mark) is a face. Entries that are there keep their fields. Raises CatalogueError.
    """
    table = folder / "catalogue.csv"
    if table.is_file():
        return import_csv(catalogue, table, progress)
    try:
        paths = list_photos(folder)
    except PhotoError as error:
        raise CatalogueError(str(error)) from error
    plan = _Plan(folder.name or str(folder), rows=len(paths))
    if not paths:
        raise CatalogueError(f"{folder}: no catalogue.csv and no pictures; name a folder that has either")
    for path in paths:
        place = path.relative_to(folder).as_posix()
        parts = path.relative_to(folder).parts
        if len(parts) > 2:
            plan.errors.append((place, "lies more than one folder deep; call it <number>/<role>_n" + path.suffix))
            continue
        entry_id, role = _named(path.stem, parts[0] if len(parts) == 2 else None)
        entry_id = unicodedata.normalize("NFC", entry_id)
        plan.entries.setdefault(entry_id, {})
        plan.pictures[entry_id, path] = _Picture(entry_id, path, role, "", "", place)
    return _carry_out(catalogue, plan, progress)


def read_queries(path: Path) -> list[tuple[Path, str | None]]:
    """Read a table of photos with their true answers: (path, entry_id), None for a pin that no entry has, in its order.

    The table has the columns `image` and `entry_id`; paths are relative to it. Raises CatalogueError that lists what is
    wrong by line, missing pictures included.
    """
    plan = _Plan(path.name)
    queries: list[tuple[Path, str | None]] = []
    for line, cells in _rows(path, plan, required=("image", "entry_id")):
        try:
            if not cells["image"]:
                raise ValueError("no image; give the photo's path")
            queries.append((_found(path.parent, cells["image"]), cells["entry_id"] or None))
        except ValueError as error:
            plan.errors.append((f"line {line}", str(error)))
    _refuse(plan, "nothing read")
    return queries


# Tables


def _rows(path: Path, plan: _Plan, required: tuple[str, ...] = ("entry_id",)) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table with the line each begins on; cells are trimmed, their letters composed (NFC)."""
    text = _text(path)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=lambda mark: len({c.strip('" \r').lower() for c in first.split(mark)} & set(COLUMNS)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    line = 1
    while True:
        try:
            cells = [unicodedata.normalize("NFC", cell.strip()) for cell in next(reader)]
        except StopIteration:
            break
        except csv.Error as error:
            plan.errors.append((f"line {line}", f"{error}; close the quotes, and double those inside a cell"))
            break
        line, here = reader.line_num + 1, line
        if not header:
            header = _header(path.name, cells, required, plan)
        elif any(cells):
            while len(cells) > len(header) and not cells[-1]:
                cells.pop()
            if len(cells) != len(header):
                what = f"{len(cells)} cells, but the header has {len(header)}; quote cells that hold {delimiter!r}"
                plan.errors.append((f"line {here}", what))
            else:
                yield here, dict(zip(header, cells, strict=True))
    if not header:
        raise CatalogueError(f"{path.name}: empty; its first line must name the columns: {', '.join(required)}, ...")


def _text(path: Path) -> str:
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


def _header(name: str, cells: list[str], required: tuple[str, ...], plan: _Plan) -> list[str]:
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
        plan.notes.append(f"columns passed over: {', '.join(unknown)}")
    return header


def _take(plan: _Plan, read: dict[str, dict[str, str]], base: Path, line: int, cells: dict[str, str]) -> None:
    """Take one row into the plan; raises ValueError that says what is wrong with it."""
    wrong: list[str] = []
    entry_id = cells["entry_id"]
    if not entry_id:
        raise ValueError("no entry_id; give the entry its number")
    plan.places.setdefault(entry_id, f"line {line}")
    said, fields = read.setdefault(entry_id, {}), plan.entries.setdefault(entry_id, {})
    for column in _OF_ENTRY:
        if not (cell := cells.get(column, "")):
            continue
        if said.setdefault(column, cell) != cell:
            wrong.append(f"{column} of {entry_id!r} is {cell!r} here, {said[column]!r} above; make them one")
            continue
        try:
            fields |= _parsed(column, cell)
        except ValueError as error:
            wrong.append(str(error))
    try:
        role = Role(cells.get("role", "").lower() or Role.FACE)
        if image := cells.get("image", ""):
            path = _found(base, image)
            licence, source = cells.get("licence", ""), cells.get("source", "")
            picture = _Picture(entry_id, path, role, licence, source, f"line {line}")
            there = plan.pictures.setdefault((entry_id, path), picture)
            if there.role != role:
                wrong.append(f"photo {image!r} is {role} here, {there.role} above; make them one")
    except ValueError as error:
        wrong.append(_of_role(cells["role"]) if "Role" in str(error) else str(error))
    if wrong:
        raise ValueError("; ".join(wrong))


def _of_role(cell: str) -> str:
    return f"role {cell!r} is none of {', '.join(Role)}"


def _parsed(column: str, cell: str) -> dict[str, Any]:
    """The fields of CatalogueEntry that a cell gives; raises ValueError that says what is wrong with it."""
    if column in _SEPARATORS:
        return {column: tuple(part for part in re.split(_SEPARATORS[column], cell) if part)}
    if column == "years":
        year_from, year_to = parse_years(cell)
        return {"year_from": year_from, "year_to": year_to, "years_text": cell}
    if column == "identifiers":
        return {column: _identifiers(cell)}
    if column == "status":
        if cell.lower() not in list(Status):
            raise ValueError(f"status {cell!r} is none of {', '.join(Status)}")
        return {column: Status(cell.lower())}
    return {column: cell}


def parse_years(text: str) -> tuple[int | None, int | None]:
    """Read the first and the last year that a text speaks of, both inclusive; None where it names none.

    "1961", "1961-1965", "1961–65" and "1970-е" (1970 to 1979) are understood; of several years the least and the
    greatest count, and words around them do not matter. Raises ValueError where a span runs backwards.
    """
    years: list[int] = []
    for first, last, decade in _SPAN.findall(text):
        start = int(first)
        end = int(first[: 4 - len(last)] + last) if last else start + 9 if decade and start % 10 == 0 else start
        if end < start:
            raise ValueError(f"years {text!r} run backwards; write the earlier year first")
        years += [start, end]
    return (min(years), max(years)) if years else (None, None)


def _identifiers(cell: str) -> tuple[tuple[str, str], ...]:
    pairs = [part.partition(":") for part in cell.split(";") if part.strip()]
    for system, colon, number in pairs:
        if not (colon and system.strip() and number.strip()):
            raise ValueError(f"identifier {(system + colon + number).strip()!r} is not like system:number")
    return tuple(dict.fromkeys((system.strip().lower(), number.strip()) for system, _, number in pairs))


def _found(base: Path, name: str) -> Path:
    """The file that a table names; raises ValueError where there is none."""
    ways = (name, unicodedata.normalize("NFD", name), name.replace("\\", "/"))
    for way in ways:
        if "\0" not in way and (base / way).is_file():
            return base / way
    raise ValueError(f"no picture {name!r} in {base}; paths are relative to the table")


def _named(stem: str, folder: str | None) -> tuple[str, Role]:
    """The number and role that a picture's name gives."""
    if folder is not None:
        match = re.fullmatch(rf"({'|'.join(Role)})(?:[_-]?\d+)?", stem.lower())
        return folder, Role(match[1]) if match else Role.FACE
    match = re.fullmatch(rf"(.+)_({'|'.join(Role)})(?:[_-]?\d+)?", stem, re.IGNORECASE)
    return (match[1], Role(match[2].lower())) if match else (stem, Role.FACE)


# Carrying out


def _carry_out(catalogue: Catalogue, plan: _Plan, progress: Progress | None) -> ImportReport:
    written: list[Path] = []
    try:
        files = _keep_pictures(catalogue, plan, progress, written)
        _check_merges(catalogue, plan)
        _refuse(plan, "nothing imported")
        with catalogue.transaction():
            there = catalogue.known(plan.entries)
            entries = catalogue.upsert(
                replace(there.get(entry_id, CatalogueEntry(entry_id)), **fields)
                for entry_id, fields in plan.entries.items()
            )
            images = catalogue.add_images(
                [
                    CatalogueImage(0, picture.entry_id, picture.role, sha256, file, picture.licence, picture.source)
                    for picture, (sha256, file) in files
                ]
            )
    except BaseException:
        held = set(catalogue.pictures_held().values())
        for path in written:
            if path.name not in held:
                path.unlink(missing_ok=True)
        raise
    return ImportReport(
        *(plan.rows, entries.new, entries.changed, entries.same, images.new, images.changed, images.same),
        notes=tuple(plan.notes),
    )


def _keep_pictures(
    catalogue: Catalogue, plan: _Plan, progress: Progress | None, written: list[Path]
) -> list[tuple[_Picture, tuple[str, str]]]:
    """Check every picture and keep those that the catalogue lacks; with each its sha256 and the name of its file.

    Whatever is wrong goes to the plan; once something is, pictures are still checked but no longer kept.
    """
    held = catalogue.pictures_held()
    folder = catalogue.picture_folder

    def keep(path: Path) -> tuple[str, str] | PhotoError:
        try:
            data = path.read_bytes()
            sha256 = hashlib.sha256(data).hexdigest()
            file = held.get(sha256) or sha256 + check_photo(data, path.name)
        except PhotoError as error:
            return error
        except OSError as error:
            return PhotoError(f"{path.name}: cannot be read ({error.strerror})")
        if not plan.errors and not (folder / file).is_file():
            written.append(folder / file)
            catalogue.add_picture(data, Path(file).suffix)
        return sha256, file

    paths = list(dict.fromkeys(picture.path for picture in plan.pictures.values()))
    done: dict[Path, tuple[str, str] | PhotoError] = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            for path, outcome in zip(paths, pool.map(keep, paths), strict=True):
                done[path] = outcome
                if progress is not None:
                    progress(len(done), len(paths))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    kept: list[tuple[_Picture, tuple[str, str]]] = []
    for picture in plan.pictures.values():
        outcome = done[picture.path]
        if isinstance(outcome, PhotoError):
            plan.errors.append((picture.place, str(outcome)))
        else:
            kept.append((picture, outcome))
    return kept


def _check_merges(catalogue: Catalogue, plan: _Plan) -> None:
    """An entry that another one took over must name one that is there."""
    targets = {fields["merged_into"] for fields in plan.entries.values() if "merged_into" in fields}
    there = {*plan.entries, *catalogue.known(targets)}
    known = catalogue.known(plan.entries)
    for entry_id, fields in plan.entries.items():
        entry = replace(known.get(entry_id, CatalogueEntry(entry_id)), **fields)
        if entry.merged_into and (entry.merged_into not in there or entry.merged_into == entry_id):
            what = f"merged_into {entry.merged_into!r} is no other entry, here or in the catalogue"
        elif entry.merged_into and entry.status is not Status.MERGED:
            what = f"merged_into {entry.merged_into!r}, but status {entry.status}; make it merged"
        elif entry.status is Status.MERGED and not entry.merged_into:
            what = "status merged, but no merged_into; name the entry that took it over"
        else:
            continue
        plan.errors.append((plan.places.get(entry_id, entry_id), what))


def _refuse(plan: _Plan, outcome: str) -> None:
    """Raise what is wrong with the file, by line, if anything is."""
    if not plan.errors:
        return

    def order(error: tuple[str, str]) -> tuple[int, str]:
        number = re.fullmatch(r"line (\d+)", error[0])
        return (int(number[1]) if number else 0, error[0])

    errors = sorted(plan.errors, key=order)
    lines = [f"{plan.name}: {len(errors)} error{'s'[: len(errors) > 1]}, {outcome}"]
    lines += [f"  {place}: {what}" for place, what in errors[:SHOWN_ERRORS]]
    if len(errors) > SHOWN_ERRORS:
        lines.append(f"  and {len(errors) - SHOWN_ERRORS} more")
    raise CatalogueError("\n".join(lines))
