"""Transfer: a whole catalogue from one database to another, every row under the numbers that it has."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from recognizer.catalogue.store import QUERIES, REMOVED, Catalogue
from recognizer.errors import CatalogueError
from recognizer.files import DRAFT, HERE, beside

_BATCH: Final = 2000
_OWN: Final = ("alembic_version",)
"""Tables that each database keeps for itself."""


@dataclass(slots=True)
class TransferReport:
    """What a transfer did: rows by table, pictures copied, and names of pictures that the source lacks."""

    rows: dict[str, int] = field(default_factory=dict)
    pictures: int = 0
    missing: list[str] = field(default_factory=list)


def transfer(source: Catalogue, target: Catalogue, *, pictures: bool = True) -> TransferReport:
    """Copy a catalogue into an empty one: entries, numbers, photos, history, holdings, and what else there is.

    Ids stay as they are, and no id that the source ever gave is given again. Pictures are copied where the two folders
    are not the same and `pictures` is set, those that wait for an undoing and those of corrections too. All rows
    arrive, or none: raises CatalogueError where the target is not empty.
    """
    check_empty(target)
    report = TransferReport()
    if pictures and source.folder.resolve() != target.folder.resolve():
        _copy_pictures(source, target, report)
    with source.database.reading() as reading, target.transaction():
        writing = target.database.connection
        assert writing is not None
        check_empty(target)
        for table in _tables(reading, writing):
            report.rows[table.name] = _copy(reading, writing, table)
            _go_on_counting(reading, writing, table)
    return report


def check_empty(target: Catalogue) -> None:
    """Raise CatalogueError, with the tables that hold something and the cure, where a catalogue is not empty."""
    with target.database.reading() as connection:
        tables = _tables(connection, connection)
        full = [one.name for one in tables if connection.execute(sa.select(sa.literal(1)).select_from(one)).first()]
    if full:
        raise CatalogueError(
            f"{target.database.name}: not empty ({', '.join(full)}); nothing was copied, name a new database, such as "
            "one that `createdb` has just made"
        )


def _tables(reading: Connection, writing: Connection) -> list[sa.Table]:
    """The tables that both databases have, one that refers to another after it."""
    found = sa.MetaData()
    there = set(sa.inspect(writing).get_table_names())
    names = [name for name in sa.inspect(reading).get_table_names() if name in there and name not in _OWN]
    found.reflect(reading, only=[name for name in names if not name.startswith("entry_words")])
    return found.sorted_tables


def _copy(reading: Connection, writing: Connection, table: sa.Table) -> int:
    ordered = sa.select(table).order_by(*table.primary_key.columns)
    like = sa.Table(table.name, sa.MetaData(), autoload_with=writing)
    count = 0
    with reading.execute(ordered, execution_options={"yield_per": _BATCH}) as rows:
        for some in rows.mappings().partitions(_BATCH):
            writing.execute(sa.insert(like), [dict(row) for row in some])
            count += len(some)
    return count


def _go_on_counting(reading: Connection, writing: Connection, table: sa.Table) -> None:
    """Let the ids of new rows begin after the last one that the source gave, one that is gone since included."""
    columns: Sequence[sa.Column[Any]] = list(table.primary_key.columns)
    if len(columns) != 1 or not isinstance(columns[0].type, sa.Integer):
        return
    key = columns[0].name
    last = _last_given(reading, table.name, key)
    if not last:
        return
    if writing.dialect.name == "sqlite":
        if _counts(writing, table.name):
            values = {"name": table.name, "seq": last}
            writing.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
            writing.execute(sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"), values)
    else:
        named = sa.func.pg_get_serial_sequence(table.name, key)
        writing.execute(sa.select(sa.func.setval(named, last, True)))


def _last_given(connection: Connection, table: str, key: str) -> int:
    """The greatest id that a table ever gave to a row."""
    greatest = sa.select(sa.func.max(sa.column(key, sa.BigInteger))).select_from(sa.table(table))
    last = connection.execute(greatest).scalar() or 0
    if connection.dialect.name == "sqlite":
        counted = sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        given = connection.execute(counted, {"name": table}).scalar() or 0
    else:
        sequence = connection.execute(sa.select(sa.func.pg_get_serial_sequence(table, key))).scalar()
        given = 0
        if sequence:  # a name that PostgreSQL has quoted as needed; one that has given none yet says its start
            said = connection.exec_driver_sql(f"SELECT last_value, is_called FROM {sequence}").one()
            given = said.last_value if said.is_called else 0
    return max(int(last), int(given))


def _counts(connection: Connection, table: str) -> bool:
    """Whether SQLite remembers the ids that a table gave."""
    made = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name")
    return "AUTOINCREMENT" in (connection.execute(made, {"name": table}).scalar() or "").upper()


def _copy_pictures(source: Catalogue, target: Catalogue, report: TransferReport) -> None:
    for file in sorted(set(source.pictures_held().values())):
        picture, copy = source.picture_folder / file, target.picture_folder / file
        if not picture.is_file():
            report.missing.append(file)
        elif not (copy.is_file() and copy.stat().st_size == picture.stat().st_size):
            _copy_whole(picture, copy)
            report.pictures += 1
    for name in (REMOVED, QUERIES):
        if (source.folder / name).is_dir():
            (target.folder / name).mkdir(parents=True, exist_ok=True)
            for picture in (source.folder / name).iterdir():
                if picture.suffix != DRAFT:
                    _copy_whole(picture, target.folder / name / picture.name)


def _copy_whole(picture: Path, copy: Path) -> None:
    with beside(copy, CatalogueError, cure=HERE) as draft:
        shutil.copyfile(picture, draft)
