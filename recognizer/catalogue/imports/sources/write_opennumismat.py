"""OpenNumismat, the other way: a catalogue written as a collection that OpenNumismat opens."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from recognizer.catalogue.imports.cells import OF_ENTRY, shown
from recognizer.catalogue.imports.sources.opennumismat import PICTURES, SCHEME, WRITTEN
from recognizer.catalogue.store import Catalogue
from recognizer.errors import CatalogueError
from recognizer.files import HERE, beside
from recognizer.types import CatalogueEntry, CatalogueImage

VERSION: Final = 5
"""The version of the format that is written; a newer OpenNumismat brings a collection forward when it opens it."""

_TYPES: Final = {
    "TEXT": (
        *("title", "unit", "country", "period", "mint", "mintmark", "issuedate", "type", "series", "subjectshort"),
        *("status", "material", "shape", "grade", "edge", "edgelabel", "obvrev", "quality", "dateemis", "catalognum1"),
        *("catalognum2", "catalognum3", "catalognum4", "rarity", "variety", "obversevar", "reversevar", "edgevar"),
        *("paydate", "saller", "payplace", "payinfo", "saledate", "buyer", "saleplace", "saleinfo", "note"),
        *("obversedesign", "obversedesigner", "reversedesign", "reversedesigner", "subject", "defect", "storage"),
        *("features", "createdat", "updatedat", "url", "barcode", "ruler", "region", "obverseengraver"),
        *("reverseengraver", "obversecolor", "reversecolor", "varietydesc", "format", "condition"),
    ),
    "INTEGER": (
        *("year", "fineness", "mintage", "image", "obverseimg", "reverseimg", "edgeimg", "photo1", "photo2", "photo3"),
        *("photo4", "quantity", "varietyimg"),
    ),
    "NUMERIC": (
        *("value", "diameter", "thickness", "weight", "price1", "price2", "price3", "price4", "payprice"),
        *("totalpayprice", "saleprice", "totalsaleprice"),
    ),
}
_NAMES: Final = """
id title value unit country year period mint mintmark issuedate type series subjectshort status material fineness shape
diameter thickness weight grade edge edgelabel obvrev quality mintage dateemis catalognum1 catalognum2 catalognum3
catalognum4 rarity price1 price2 price3 price4 variety obversevar reversevar edgevar paydate payprice totalpayprice
saller payplace payinfo saledate saleprice totalsaleprice buyer saleplace saleinfo note image obverseimg obversedesign
obversedesigner reverseimg reversedesign reversedesigner edgeimg subject photo1 photo2 photo3 photo4 defect storage
features createdat updatedat quantity url barcode ruler region obverseengraver reverseengraver obversecolor reversecolor
varietydesc varietyimg format condition
"""
_ORDER: Final = _NAMES.split()
"""The columns of a coin in the order that OpenNumismat keeps them; it knows a field by its place."""

_TITLES: Final = {"title": "Name", "mint": "Maker", "mintmark": "Hallmark", "catalognum1": "Number"}
_SHOWN: Final = {
    *WRITTEN,
    "status",
    "year",
    "dateemis",
    "diameter",
    "obverseimg",
    "reverseimg",
    "photo1",
    "photo2",
    "url",
}
_TABLES: Final = (
    "CREATE TABLE settings (title CHAR NOT NULL UNIQUE, value CHAR)",
    "CREATE TABLE fields (id INTEGER NOT NULL PRIMARY KEY, title TEXT, enabled INTEGER)",
    "CREATE TABLE photos (id INTEGER PRIMARY KEY, title TEXT, image BLOB)",
    "CREATE TABLE images (id INTEGER PRIMARY KEY, image BLOB)",
    "CREATE TABLE description (id INTEGER PRIMARY KEY, title TEXT, description TEXT, author TEXT, icon BLOB)",
)


def write_opennumismat(catalogue: Catalogue, path: Path) -> int:
    """Write every entry with its photos as a coin of a new collection, and return how many there are.

    What coins have no column for stands in `features`, so that the collection can be imported again without loss; of an
    entry's photos at most eight find a place. Raises CatalogueError where the file is there or cannot be written.
    """
    if path.exists():
        raise CatalogueError(f"{path}: there already; choose another name, or move it away")
    with beside(path, CatalogueError, cure=HERE) as draft:
        try:
            with closing(sqlite3.connect(draft)) as connection, connection:
                _make_tables(connection, path.stem)
                return _write_coins(connection, catalogue)
        except sqlite3.Error as error:
            raise CatalogueError(f"{path}: cannot be written ({error}); {HERE}") from error


def _make_tables(connection: sqlite3.Connection, title: str) -> None:
    kinds = {name: kind for kind, names in _TYPES.items() for name in names}
    columns = ", ".join(f"{name} {kinds[name]}" if name != "id" else "id INTEGER PRIMARY KEY" for name in _ORDER)
    for statement in (*_TABLES, f"CREATE TABLE coins ({columns})"):
        connection.execute(statement)
    settings = {"Version": VERSION, "Type": "OpenNumismat", "ImageSideLen": 0}
    connection.executemany("INSERT INTO settings VALUES (?, ?)", [(name, str(one)) for name, one in settings.items()])
    fields = [(at, _TITLES.get(name, name.capitalize()), int(name in _SHOWN)) for at, name in enumerate(_ORDER)]
    connection.executemany("INSERT INTO fields VALUES (?, ?, ?)", fields)
    connection.execute("INSERT INTO description VALUES (1, ?, '', '', NULL)", (title,))


def _write_coins(connection: sqlite3.Connection, catalogue: Catalogue) -> int:
    images: dict[str, list[CatalogueImage]] = {}
    for image in catalogue.images(unused=True):
        images.setdefault(image.entry_id, []).append(image)
    count = 0
    for count, entry in enumerate(catalogue.entries(), 1):
        coin = _coin(entry) | _write_photos(connection, catalogue, images.get(entry.entry_id, ()))
        marks = ", ".join("?" * (len(coin) + 1))
        connection.execute(f"INSERT INTO coins (id, {', '.join(coin)}) VALUES ({marks})", (count, *coin.values()))
    return count


def _coin(entry: CatalogueEntry) -> dict[str, Any]:
    """The columns of a coin: what they can hold, so that it can be changed there, and in `features` the rest."""
    fields = {name: getattr(entry, name) for name in CatalogueEntry.__dataclass_fields__}
    cells = {name: shown(name, fields) for name in OF_ENTRY}
    if not entry.years_text and entry.year_from is not None:
        cells["years"] = f"{entry.year_from}-{entry.year_to}"
    rest = {name: cell for name, cell in cells.items() if cell and name not in WRITTEN.values()}
    coin: dict[str, Any] = {column: cells[name] for column, name in WRITTEN.items()}
    if not entry.title:
        coin["title"], rest["title"] = entry.title_en, ""
    size = entry.size_mm.replace(",", ".")
    numbers = [f"{system}:{number}" for system, number in entry.identifiers]
    coin |= {f"catalognum{at}": number for at, number in enumerate(numbers[:3], 2)}
    return coin | {
        "status": "demo",
        "year": entry.year_from,
        "diameter": float(size) if size.replace(".", "", 1).isdecimal() else None,
        "url": SCHEME + entry.entry_id,
        "features": "\n".join(f"{name}: " + cell.replace("\n", "\n  ") for name, cell in rest.items()),
    }


def _write_photos(
    connection: sqlite3.Connection, catalogue: Catalogue, images: Iterable[CatalogueImage]
) -> dict[str, int]:
    """Write an entry's photos, and return which of a coin's columns names which."""
    places: dict[str, int] = {}
    for image in images:
        free = [name for name in PICTURES if name in _ORDER and name not in places]
        fitting = [name for name in free if PICTURES[name] is image.role] or [n for n in free if PICTURES[n] is None]
        if not fitting:
            continue
        told = {"role": image.role.value, "licence": image.licence, "source": image.source}
        title = "; ".join(f"{name}: {text}" for name, text in told.items() if text)
        data = catalogue.picture_path(image).read_bytes()
        cursor = connection.execute("INSERT INTO photos (title, image) VALUES (?, ?)", (title, data))
        places[fitting[0]] = cursor.lastrowid or 0
    return places
