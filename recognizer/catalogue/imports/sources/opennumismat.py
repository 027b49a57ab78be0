"""OpenNumismat: that program's collections, SQLite files with the tables `coins` and `photos`.

A collection of any version of the format is read by the columns that it has. One that znachki wrote (see
`write_opennumismat`) comes back as it was: the `url` of a coin holds its entry_id, its `features` what coins have no
column for.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from recognizer.catalogue.imports.cells import COLUMNS
from recognizer.catalogue.imports.rows import Held, Picture, Row
from recognizer.catalogue.imports.sources.goskatalog import text
from recognizer.errors import CatalogueError
from recognizer.types import Role

SCHEME: Final = "znachki:"
"""How the `url` of a coin begins that was an entry of a catalogue here."""

FIELDS: Final = {
    "title": "title",
    "country": "country",
    "mint": "maker",
    "mintmark": "hallmark",
    "series": "series",
    "material": "material",
    "rarity": "rarity",
    "edgelabel": "inscriptions",
    "subjectshort": "theme",
    "region": "place",
    "technique": "technique",
}
"""Columns of a coin, and those of COLUMNS that say the same of a pin."""

WRITTEN: Final = {
    **{column: name for column, name in FIELDS.items() if column != "technique"},
    "dateemis": "years",
    "unit": "price_mark",
    "catalognum1": "number",
}
"""The same of a coin that was written from a catalogue here; its `features` hold the other columns."""

PICTURES: Final = {
    "obverseimg": Role.FACE,
    "reverseimg": Role.REVERSE,
    "edgeimg": Role.CLASP,
    "varietyimg": Role.MARK,
    **{f"photo{number}": None for number in range(1, 7)},
}
"""Columns of a coin that name a photo, and what it shows; None where only the photo's title may tell."""

_OURS: Final = re.compile(rf"role: ({'|'.join(Role)})(?:; licence: (.*?))?(?:; source: (.*))?")
"""The title of a photo that was written from a catalogue here."""

_MAGIC: Final = b"SQLite format 3\x00"


def takes(path: Path, head: bytes) -> bool:
    """Whether a file is SQLite; which program's it is, the tables tell when it is read."""
    return head.startswith(_MAGIC)


def read(path: Path, notes: list[str]) -> Iterator[Row]:
    """Yield a row for each coin, its photos held by the file; what was paid and to whom is passed over.

    Raises CatalogueError where the file is damaged or another program's.
    """
    try:
        with closing(_connected(path)) as connection:
            connection.row_factory = sqlite3.Row
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not {"coins", "settings", "photos"} <= tables:
                raise CatalogueError(f"{path.name}: SQLite, but no collection of OpenNumismat; choose another file")
            kind = connection.execute("SELECT value FROM settings WHERE title = 'Type'").fetchone()
            if kind and kind[0] not in ("OpenNumismat", "Mobile"):
                raise CatalogueError(f"{path.name}: a collection of {kind[0]!r}; choose one of OpenNumismat")
            systems = _systems(connection, tables)
            about = {row["name"] for row in connection.execute("PRAGMA table_info(photos)")}
            for coin in connection.execute("SELECT * FROM coins ORDER BY id"):
                yield _row(path, dict(coin), systems, _photos(connection, dict(coin), about))
    except sqlite3.DatabaseError as error:
        raise CatalogueError(f"{path.name}: cannot be read as SQLite ({error}); open it in OpenNumismat") from error


def _connected(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise CatalogueError(f"{path}: no such file; check the name")
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)


def _systems(connection: sqlite3.Connection, tables: set[str]) -> dict[str, str]:
    """The numbering system of each `catalognum` column, by the title that the collector gave it."""
    columns = [row["name"] for row in connection.execute("PRAGMA table_info(coins)")]
    titles: dict[int, str] = {}
    if "fields" in tables:
        titles = {row["id"]: text(row["title"]) for row in connection.execute("SELECT id, title FROM fields")}
    systems: dict[str, str] = {}
    for at, name in enumerate(columns):
        if name.startswith("catalognum"):
            title = titles.get(at, "").lower().replace(":", " ").replace(";", " ").strip()
            systems[name] = (
                title if title and not re.fullmatch(r"(?:№|#|\d|\s)+", title) else f"opennumismat-{name[-1]}"
            )
    return systems


def _row(path: Path, coin: dict[str, Any], systems: dict[str, str], photos: dict[int, dict[str, Any]]) -> Row:
    place = f"coin {coin['id']}"
    pictures: list[Picture] = []
    wrong = ""
    for name, role in PICTURES.items():
        if (photo_id := coin.get(name)) is None or photo_id == 0:
            continue
        if photo_id not in photos:
            wrong = f"{name} names photo {photo_id}, which the file has not; save the coin anew in OpenNumismat"
            continue
        pictures.append(_picture(path, photo_id, photos[photo_id], role))
    address = text(coin.get("url"))
    if address.startswith(SCHEME):
        return Row(place, _written_here(coin, address), tuple(pictures), wrong=wrong)
    numbers = [(systems[name], number) for name in systems if (number := text(coin.get(name)))]
    said = {
        "entry_id": f"opennumismat-{coin['id']}",
        "number": numbers[0][1] if numbers else str(coin["id"]),
        **{name: text(coin.get(column)) for column, name in FIELDS.items()},
        "years": next((one for one in (text(coin.get(n)) for n in ("dateemis", "year", "issuedate")) if one), ""),
        "size_mm": _size(coin),
        "price_mark": " ".join(part for part in (text(coin.get("value")), text(coin.get("unit"))) if part),
        "identifiers": "; ".join(_identifier(system, number) for system, number in numbers),
    }
    if not said["title"]:
        said["title"] = text(coin.get("subjectshort")) or text(coin.get("series"))
    return Row(place, said, tuple(pictures), wrong=wrong)


def _identifier(system: str, number: str) -> str:
    """A number as `system:number`, where the collector did not write the system into it himself."""
    number = number.replace(";", ",")
    return number if re.match(r"[^\W\d]\w*:\S", number) else f"{system}:{number}"


def _size(coin: dict[str, Any]) -> str:
    sides = [side for side in (coin.get("height"), coin.get("width")) if isinstance(side, (int, float)) and side]
    if len(sides) < 2:
        sides = [side for side in [coin.get("diameter")] if isinstance(side, (int, float)) and side]
    return " x ".join(f"{side:g}" for side in sides)


def _written_here(coin: dict[str, Any], address: str) -> dict[str, str]:
    """The cells of a coin that was an entry: `features` holds them as lines "column: cell"."""
    cells = {"entry_id": address.removeprefix(SCHEME)}
    column = ""
    for line in str(coin.get("features") or "").split("\n"):
        name, colon, cell = line.partition(": ")
        if colon and name in COLUMNS:
            column = name
            cells[name] = cell
        elif column and line.startswith("  "):
            cells[column] += "\n" + line[2:]
    for column, name in WRITTEN.items():
        cells.setdefault(name, str(coin.get(column) or "").strip())
    return cells


def _photos(connection: sqlite3.Connection, coin: dict[str, Any], about: set[str]) -> dict[int, dict[str, Any]]:
    ids = [coin[name] for name in PICTURES if isinstance(coin.get(name), int)]
    columns = ", ".join(["id", *sorted(about & {"title", "license", "author", "source"})])
    marks = ", ".join("?" * len(ids))
    rows = connection.execute(f"SELECT {columns} FROM photos WHERE id IN ({marks})", ids) if ids else []
    return {row["id"]: dict(row) for row in rows}


def _picture(path: Path, photo_id: int, about: dict[str, Any], role: Role | None) -> Picture:
    def read_bytes() -> bytes:
        with closing(_connected(path)) as connection:
            row = connection.execute("SELECT image FROM photos WHERE id = ?", (photo_id,)).fetchone()
        return bytes(row[0] or b"") if row else b""

    held = Held(f"photo {photo_id} of {path.name}", read_bytes)
    if told := _OURS.fullmatch(text(about.get("title"))):
        return Picture(held, Role(told[1]), told[2] or "", told[3] or "")
    source = ", ".join(part for part in (text(about.get("source")), text(about.get("author"))) if part)
    return Picture(held, role, text(about.get("license")), source)
