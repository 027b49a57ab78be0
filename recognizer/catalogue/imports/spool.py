"""The spool: what the rows of a source ask for together, in a scratch database, so that memory stays level.

SQLite keeps it in a file without a name that goes with the process, and in memory while it is small.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from recognizer.catalogue.imports.rows import Held, Picture
from recognizer.types import Role, Status

BATCH: Final = 2000
"""Entries or pictures that are held at a time."""

_PAGES: Final = -8192  # kilobytes, negative as SQLite wants them
_TABLES: Final = """
    CREATE TABLE entry (entry_id BLOB PRIMARY KEY, fields TEXT NOT NULL, place TEXT);
    CREATE TABLE picture (
        picture_key INTEGER PRIMARY KEY, entry_id BLOB NOT NULL, kind TEXT NOT NULL, target BLOB NOT NULL,
        said TEXT NOT NULL, place TEXT NOT NULL, file TEXT, error TEXT, UNIQUE (entry_id, kind, target));
    CREATE INDEX picture_target ON picture (kind, target);
"""

Fields = dict[str, Any]
Where = Path | str | Held


@dataclass(frozen=True, slots=True)
class Asked:
    """A photo that is asked for: of which entry, on which row first, and the name of its file once it is kept.

    `again` says that the entry has the same file by an earlier row.
    """

    entry_id: str
    picture: Picture
    place: str
    file: str = ""
    again: bool = False


class Spool:
    """Entries with the fields that rows gave them, and photos, both in the order in which they were first named."""

    def __init__(self) -> None:
        self._base = sqlite3.connect("", isolation_level=None)
        self._base.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = {_PAGES};")
        self._base.executescript(_TABLES)
        self._base.execute("BEGIN")
        self._open: dict[str, tuple[Fields, str | None]] = {}
        self._held: dict[str, Held] = {}

    def close(self) -> None:
        """Let go of everything."""
        self._base.close()

    # Entries

    def fields(self, entry_id: str) -> Fields:
        """The fields of an entry, to be added to before the next entry is asked for; those of a new one are empty."""
        there = self._open.get(entry_id)
        if there is None:
            if len(self._open) >= BATCH:
                self._write()
            query = "SELECT fields, place FROM entry WHERE entry_id = ?"
            row = self._base.execute(query, (_bytes(entry_id),)).fetchone()
            there = self._open[entry_id] = ({}, None) if row is None else (_fields(row[0]), row[1])
        return there[0]

    def mark(self, entry_id: str, place: str) -> None:
        """Note the first row that says what became of an entry: its status, or which one took it over."""
        fields, before = self._open[entry_id]
        self._open[entry_id] = (fields, before or place)

    def entries(self, *, marked: bool = False) -> Iterator[dict[str, tuple[Fields, str]]]:
        """Yield entries with their fields and places in batches, only the marked ones where that is asked for."""
        self._write()
        last = 0
        where = "rowid > ? AND place IS NOT NULL" if marked else "rowid > ?"
        query = f"SELECT rowid, entry_id, fields, place FROM entry WHERE {where} ORDER BY rowid LIMIT {BATCH}"
        while rows := self._base.execute(query, (last,)).fetchall():
            last = rows[-1][0]
            yield {_text(entry_id): (_fields(fields), place or "") for _, entry_id, fields, place in rows}

    def __contains__(self, entry_id: str) -> bool:
        query = "SELECT 1 FROM entry WHERE entry_id = ?"
        return entry_id in self._open or self._base.execute(query, (_bytes(entry_id),)).fetchone() is not None

    def _write(self) -> None:
        rows = [(_bytes(entry_id), json.dumps(fields), place) for entry_id, (fields, place) in self._open.items()]
        self._base.executemany(
            "INSERT INTO entry (entry_id, fields, place) VALUES (?, ?, ?) ON CONFLICT (entry_id)"
            " DO UPDATE SET fields = excluded.fields, place = excluded.place",
            rows,
        )
        self._open.clear()

    # Photos

    def add(self, entry_id: str, picture: Picture, place: str) -> str:
        """Ask for a photo; return the row that asked for it before and said something else of it, "" for none."""
        kind, target = self._target(picture.where)
        said = json.dumps([picture.role, picture.licence, picture.source])
        key = (_bytes(entry_id), kind, target)
        insert = "INSERT OR IGNORE INTO picture (entry_id, kind, target, said, place) VALUES (?, ?, ?, ?, ?)"
        if self._base.execute(insert, (*key, said, place)).rowcount:
            return ""
        query = "SELECT said, place FROM picture WHERE entry_id = ? AND kind = ? AND target = ?"
        before, first = self._base.execute(query, key).fetchone()
        return "" if before == said else str(first)

    def files(self) -> Iterator[list[Path | Held]]:
        """Yield in batches the pictures that lie somewhere, each once."""
        last = 0
        earlier = "SELECT 1 FROM picture b WHERE b.kind = a.kind AND b.target = a.target"
        query = (
            "SELECT picture_key, kind, target FROM picture a WHERE kind != 'address' AND picture_key > ? AND NOT EXISTS"
            f" ({earlier} AND b.picture_key < a.picture_key) ORDER BY picture_key LIMIT {BATCH}"
        )
        while rows := self._base.execute(query, (last,)).fetchall():
            last = rows[-1][0]
            yield [where for _, kind, target in rows if not isinstance(where := self._where(kind, target), str)]

    def count_files(self) -> int:
        """Count the pictures that lie somewhere."""
        query = "SELECT count(*) FROM (SELECT DISTINCT kind, target FROM picture WHERE kind != 'address')"
        return int(self._base.execute(query).fetchone()[0])

    def keep(self, found: Iterable[tuple[Where, str, str]]) -> None:
        """Note of pictures the names of their files, or what is wrong with them: (where, file, error)."""
        rows = [(file or None, error or None, *self._target(where)) for where, file, error in found]
        self._base.executemany("UPDATE picture SET file = ?, error = ? WHERE kind = ? AND target = ?", rows)

    def wrong(self) -> Iterator[tuple[str, str]]:
        """Yield (place, what is wrong) of every photo that has no good picture."""
        query = "SELECT place, error FROM picture WHERE error IS NOT NULL ORDER BY picture_key"
        yield from self._base.execute(query)

    def photos(self) -> Iterator[list[Asked]]:
        """Yield in batches the photos whose files are kept."""
        again = "SELECT 1 FROM picture b WHERE b.entry_id = a.entry_id AND b.file = a.file"
        again = f"EXISTS ({again} AND b.picture_key < a.picture_key)"
        yield from self._asked(f"file, {again}", "file IS NOT NULL")

    def addresses(self) -> Iterator[list[Asked]]:
        """Yield in batches the photos whose pictures are to be fetched."""
        yield from self._asked("'', 0", "kind = 'address'")

    def names(self) -> Iterator[str]:
        """Yield the names of the kept files, each once, in order."""
        for (name,) in self._base.execute("SELECT DISTINCT file FROM picture WHERE file IS NOT NULL ORDER BY file"):
            yield name

    def _asked(self, columns: str, where: str) -> Iterator[list[Asked]]:
        last = 0
        query = (
            f"SELECT picture_key, entry_id, kind, target, said, place, {columns} FROM picture a"
            f" WHERE {where} AND picture_key > ? ORDER BY picture_key LIMIT {BATCH}"
        )
        while rows := self._base.execute(query, (last,)).fetchall():
            last = rows[-1][0]
            yield [
                Asked(_text(entry_id), _picture(self._where(kind, target), said), place, file, bool(again))
                for _, entry_id, kind, target, said, place, file, again in rows
            ]

    def _target(self, where: Where) -> tuple[str, bytes]:
        if isinstance(where, Held):
            self._held[where.name] = where
            return "held", _bytes(where.name)
        return ("address" if isinstance(where, str) else "path"), _bytes(str(where))

    def _where(self, kind: str, target: bytes) -> Where:
        text = _text(target)
        return self._held[text] if kind == "held" else text if kind == "address" else Path(text)


def _bytes(text: str) -> bytes:
    """A text as bytes, also one with halves of characters, as JSON and names of files may have."""
    return text.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _picture(where: Where, said: str) -> Picture:
    role, licence, source = json.loads(said)
    return Picture(where, None if role is None else Role(role), licence, source)


def _fields(text: str) -> Fields:
    """Fields of CatalogueEntry as they were before JSON kept them."""
    fields: Fields = json.loads(text)
    for name, value in fields.items():
        if isinstance(value, list):
            fields[name] = tuple(tuple(one) if isinstance(one, list) else one for one in value)
    if "status" in fields:
        fields["status"] = Status(fields["status"])
    return fields
