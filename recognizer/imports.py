"""Imports: catalogue tables and folders of pictures into the catalogue, a whole file or nothing of it."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import threading
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from recognizer.catalogue import Catalogue
from recognizer.errors import CatalogueError, PhotoError
from recognizer.photos import check_photo, list_photos, read_photo
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

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SPAN: Final = re.compile(
    r"(?<!\d)(1\d{3}|20\d{2})(?!\d)(?:\s*[-–—/]\s*(\d{4}|\d{2})(?!\d|[.-]\d))?(\s*-?(?:е|х|s)\b)?"
)


_Kind = TypeVar("_Kind", Role, Status)


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
    """A photo that a row names, what the row says of it, and where the row stands: "line 7"."""

    entry_id: str
    path: Path
    role: Role | None
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
            elif wrong := [cell for cell in cells if _CONTROL.search(cell)]:
                plan.errors.append((f"line {here}", f"control characters in {wrong[0]!r}; take them out"))
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
        _take_picture(plan, base, line, cells)
    except ValueError as error:
        wrong.append(str(error))
    if wrong:
        raise ValueError("; ".join(wrong))


def _take_picture(plan: _Plan, base: Path, line: int, cells: dict[str, str]) -> None:
    """Take the photo of a row into the plan, if it names one; raises ValueError that says what is wrong with it."""
    role = _one_of(Role, "role", cells["role"]) if cells.get("role") else None
    if not (image := cells.get("image", "")):
        return
    path = _found(base, image)
    about = (cells["entry_id"], path, role, cells.get("licence", ""), cells.get("source", ""))
    there = plan.pictures.setdefault((cells["entry_id"], path), _Picture(*about, f"line {line}"))
    if (there.role, there.licence, there.source) != about[2:]:
        raise ValueError(f"photo {image!r} has another role, licence or source on {there.place}; make them one")


def _one_of(kind: type[_Kind], column: str, cell: str) -> _Kind:
    """The value of a fixed set that a cell names, in any case; raises ValueError that lists the set."""
    try:
        return kind(cell.lower())
    except ValueError:
        raise ValueError(f"{column} {cell!r} is none of {', '.join(kind)}") from None


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
        return {column: _one_of(Status, column, cell)}
    return {column: cell}


def parse_years(text: str) -> tuple[int | None, int | None]:
    """Read the first and the last year that a text speaks of, both inclusive; None where it names none.

    "1961", "1961-1965", "1961–65", "1970-е" (1970 to 1979) and dates are understood; of several years the least and the
    greatest count, and words around them do not matter. Raises ValueError where a span runs backwards.
    """
    years: list[int] = []
    for first, last, decade in _SPAN.findall(text):
        start = int(first)
        end = int(first[: 4 - len(last)] + last) if last else start
        end += 9 if decade and end % 10 == 0 else 0
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
        with suppress(OSError, ValueError):  # names too long, or with a zero in them
            if (base / way).is_file():
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
    written: list[str] = []
    try:
        kept = _keep_pictures(catalogue, plan, progress, written)
        _check_merges(catalogue, plan)
        _refuse(plan, "nothing imported")
        with catalogue.transaction():
            there = catalogue.known(plan.entries)
            entries = catalogue.upsert(
                replace(there.get(entry_id, CatalogueEntry(entry_id)), **fields)
                for entry_id, fields in plan.entries.items()
            )
            images = catalogue.add_images(_images(catalogue, plan, kept))
    except BaseException:
        with suppress(CatalogueError):  # the first error is the one to tell; pictures left over do no harm
            catalogue.drop_pictures(written)
        raise
    return ImportReport(
        *(plan.rows, entries.new, entries.changed, entries.same, images.new, images.changed, images.same),
        notes=tuple(plan.notes),
    )


def _images(catalogue: Catalogue, plan: _Plan, kept: list[tuple[_Picture, str]]) -> list[CatalogueImage]:
    """The photos to enter: what a row leaves open stays as the catalogue has it, a new photo's role is face."""
    there = {(image.entry_id, image.file): image for image in catalogue.images()}
    images: dict[tuple[str, str], CatalogueImage] = {}
    for picture, file in kept:
        key = (picture.entry_id, file)
        if key in images:
            plan.notes.append(f"{picture.place}: {picture.path.name} is the same photo as one above, entered once")
            continue
        old = there.get(key, CatalogueImage(0, picture.entry_id, Role.FACE, file.partition(".")[0], file))
        role, licence, source = picture.role or old.role, picture.licence or old.licence, picture.source or old.source
        images[key] = replace(old, role=role, licence=licence, source=source)
    return list(images.values())


def _keep_pictures(
    catalogue: Catalogue, plan: _Plan, progress: Progress | None, written: list[str]
) -> list[tuple[_Picture, str]]:
    """Check every picture and keep those that the catalogue lacks; with each the name of its file.

    What is wrong goes to the plan; once something is, pictures are still checked but no longer kept.
    """
    held = catalogue.pictures_held()
    wrong = threading.Event()
    if plan.errors:
        wrong.set()

    def keep(path: Path) -> str | PhotoError:
        try:
            data, name = read_photo(path)
            sha256 = hashlib.sha256(data).hexdigest()
            file = held.get(sha256) or sha256 + check_photo(data, name)
        except PhotoError as error:
            wrong.set()
            return error
        if not wrong.is_set() and not (catalogue.picture_folder / file).is_file():
            written.append(file)
            catalogue.add_picture(data, Path(file).suffix)
        return file

    paths = list(dict.fromkeys(picture.path for picture in plan.pictures.values()))
    done: dict[Path, str | PhotoError] = {}
    pool = ThreadPoolExecutor(WORKERS)
    try:
        for path, outcome in zip(paths, pool.map(keep, paths), strict=True):
            done[path] = outcome
            if progress is not None:
                progress(len(done), len(paths))
    finally:
        pool.shutdown(cancel_futures=True)
    kept: list[tuple[_Picture, str]] = []
    for picture in plan.pictures.values():
        outcome = done[picture.path]
        if isinstance(outcome, PhotoError):
            plan.errors.append((picture.place, str(outcome)))
        else:
            kept.append((picture, outcome))
    return kept


def _check_merges(catalogue: Catalogue, plan: _Plan) -> None:
    """An entry that another one took over must name one that is there, and not in a circle."""
    asked = [entry_id for entry_id, fields in plan.entries.items() if fields.keys() & {"status", "merged_into"}]
    there = catalogue.known(asked)
    after = {
        entry_id: replace(there.get(entry_id, CatalogueEntry(entry_id)), **plan.entries[entry_id]) for entry_id in asked
    }
    there = catalogue.known(entry.merged_into for entry in after.values() if entry.merged_into)
    for entry_id, entry in after.items():
        into = entry.merged_into
        if into and into not in plan.entries and into not in there:
            what = f"merged_into {into!r} is no entry, here or in the catalogue"
        elif into and entry.status is not Status.MERGED:
            what = f"merged_into {into!r}, but status {entry.status}; make it merged"
        elif entry.status is Status.MERGED and not into:
            what = "status merged, but no merged_into; name the entry that took it over"
        elif into and _comes_back(catalogue, after, entry_id):
            what = f"merged_into {into!r} leads back to {entry_id!r}; name the entry that stays"
        else:
            continue
        plan.errors.append((plan.places.get(entry_id, entry_id), what))


def _comes_back(catalogue: Catalogue, after: dict[str, CatalogueEntry], entry_id: str) -> bool:
    """Whether following merged_into from an entry ends where it has been."""
    seen: set[str] = set()
    while entry_id and entry_id not in seen:
        seen.add(entry_id)
        entry = after.get(entry_id) or catalogue.known([entry_id]).get(entry_id)
        entry_id = entry.merged_into if entry else ""
    return bool(entry_id)


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
