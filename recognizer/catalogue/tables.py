"""The tables of a catalogue, and the rows that entries and photos are in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from recognizer.catalogue.folding import fold
from recognizer.catalogue.numbers import number_key
from recognizer.types import CatalogueEntry, CatalogueImage, Role, Status

_CHUNK: Final = 500
_TEXTS: Final = (
    *("number", "title", "title_en", "series", "years_text", "country", "place", "maker", "hallmark", "material"),
    *("technique", "size_mm", "price_mark", "rarity", "merged_into", "family"),
)
_LISTS: Final = ("theme", "inscriptions", "languages")
_PLAINLY: Final = ("entry_id", *_TEXTS, "year_from", "year_to")
_FIELDS: Final = tuple(field.name for field in fields(CatalogueEntry))
_PLAIN: Final = CatalogueEntry("")

State = dict[str, Any]
"""What a row holds, as JSON can keep it; of an entry without the fields that it leaves empty."""

metadata = sa.MetaData()
_key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _texts(*names: str) -> Iterator[sa.Column[str]]:
    return (sa.Column(name, sa.Text, nullable=False, server_default="") for name in names)


def _of_entry(name: str = "entry_id") -> sa.Column[str]:
    return sa.Column(name, sa.Text, sa.ForeignKey("entry.entry_id", ondelete="CASCADE"), nullable=False)


entry = sa.Table(
    "entry",
    metadata,
    sa.Column("entry_key", _key, primary_key=True),
    sa.Column("entry_id", sa.Text, nullable=False, unique=True),
    *_texts(*_TEXTS, *_LISTS, "words", "number_key"),
    sa.Column("status", sa.Text, nullable=False, server_default="active"),
    sa.Column("year_from", sa.Integer),
    sa.Column("year_to", sa.Integer),
)
identifier = sa.Table(
    "identifier",
    metadata,
    sa.Column("identifier_key", _key, primary_key=True),
    _of_entry(),
    *_texts("system", "number", "number_key"),
)
image = sa.Table(
    "image",
    metadata,
    sa.Column("image_id", _key, primary_key=True),
    _of_entry(),
    *_texts("role", "sha256", "file", "licence", "source"),
)
relation = sa.Table(
    "relation",
    metadata,
    sa.Column("relation_key", _key, primary_key=True),
    _of_entry(),
    *_texts("kind"),
    _of_entry("other_entry_id"),
)
change = sa.Table(
    "change",
    metadata,
    sa.Column("change_id", _key, primary_key=True),
    *_texts("at", "who", "what"),
    sa.Column("undoes", sa.BigInteger),
)
change_row = sa.Table(
    "change_row",
    metadata,
    sa.Column("change_row_key", _key, primary_key=True),
    sa.Column("change_id", _key, sa.ForeignKey("change.change_id", ondelete="CASCADE"), nullable=False),
    *_texts("kind", "entry_id", "row_key", "before", "after"),
)
holding = sa.Table(
    "holding",
    metadata,
    sa.Column("holding_key", _key, primary_key=True),
    *_texts("collector"),
    _of_entry(),
    *_texts("kind", "jar", "price", "note", "condition"),
    sa.Column("count", sa.Integer, nullable=False),
)


# Entries


def entries_of(connection: Connection, query: sa.Select[Any]) -> list[CatalogueEntry]:
    """Read the entries of a query over the whole entry table, in its order."""
    result = connection.execute(query)
    places = {name: at for at, name in enumerate(result.keys())}
    rows = result.all()
    numbers: dict[str, list[tuple[str, str]]] = {}
    columns = sa.select(identifier.c.entry_id, identifier.c.system, identifier.c.number)
    columns = columns.order_by(identifier.c.identifier_key)
    key = places["entry_id"]
    ids = [row[key] for row in rows]
    parts = [columns.where(identifier.c.entry_id.in_(some)) for some in chunks(ids)]
    for part in parts if len(parts) < 20 else [columns]:
        for entry_id, system, number in connection.execute(part):
            numbers.setdefault(entry_id, []).append((system, number))
    return [_as_entry(row, places, tuple(numbers.get(row[key], ()))) for row in rows]


def entries_by_id(connection: Connection, ids: Iterable[str]) -> dict[str, CatalogueEntry]:
    """Map each of `ids` that there is to its entry."""
    found: dict[str, CatalogueEntry] = {}
    for some in chunks(list(ids)):
        found |= {e.entry_id: e for e in entries_of(connection, sa.select(entry).where(entry.c.entry_id.in_(some)))}
    return found


def insert_entries(connection: Connection, entries: Sequence[CatalogueEntry]) -> None:
    """Add entries that are not there."""
    if entries:
        connection.execute(sa.insert(entry), [_entry_row(one) for one in entries])
        _insert_numbers(connection, entries)


def update_entries(connection: Connection, entries: Sequence[CatalogueEntry]) -> None:
    """Make entries that are there equal to what is given."""
    if entries:
        rows = [{"old_id": one.entry_id, **_entry_row(one)} for one in entries]
        connection.execute(sa.update(entry).where(entry.c.entry_id == sa.bindparam("old_id")), rows)
        for some in chunks([one.entry_id for one in entries]):
            connection.execute(sa.delete(identifier).where(identifier.c.entry_id.in_(some)))
        _insert_numbers(connection, entries)


def delete_entries(connection: Connection, ids: Sequence[str]) -> None:
    """Take entries out, and with them whatever stands for them in the other tables."""
    for some in chunks(ids):
        connection.execute(sa.delete(entry).where(entry.c.entry_id.in_(some)))


def entry_state(one: CatalogueEntry) -> State:
    """Say what an entry holds, without the fields that it leaves empty."""
    return {name: value for name in _FIELDS if (value := getattr(one, name)) not in ("", (), None)}


def entry_difference(before: CatalogueEntry, after: CatalogueEntry) -> tuple[State, State]:
    """Say of two forms of an entry what each holds in the fields that differ."""
    names = [name for name in _FIELDS if getattr(before, name) != getattr(after, name)]
    return {name: getattr(before, name) for name in names}, {name: getattr(after, name) for name in names}


def entry_with(state: State, base: CatalogueEntry = _PLAIN) -> CatalogueEntry:
    """Make an entry of a state, what that leaves out as `base` has it."""
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in state.items()}
    if "identifiers" in values:
        values["identifiers"] = tuple((system, number) for system, number in values["identifiers"])
    if "status" in values:
        values["status"] = Status(values["status"])
    return replace(base, **values)


def _insert_numbers(connection: Connection, entries: Sequence[CatalogueEntry]) -> None:
    rows = [
        {"entry_id": one.entry_id, "system": system, "number": number, "number_key": number_key(number)}
        for one in entries
        for system, number in one.identifiers
    ]
    if rows:
        connection.execute(sa.insert(identifier), rows)


def _entry_row(one: CatalogueEntry) -> dict[str, Any]:
    texts = {name: getattr(one, name) for name in ("entry_id", *_TEXTS)}
    lists = {name: json.dumps(getattr(one, name), ensure_ascii=False) for name in _LISTS}
    years = {"year_from": one.year_from, "year_to": one.year_to}
    shown = [text for name, text in texts.items() if name not in ("merged_into", "family")]
    numbers = [number for _, number in one.identifiers]
    words = fold(" ".join([*shown, *one.theme, *one.inscriptions, *numbers]))
    found_by = {"words": f" {words}", "number_key": number_key(one.number)}
    return {**texts, **lists, **years, **found_by, "status": one.status.value}


def _as_entry(
    row: Sequence[Any], places: Mapping[str, int], identifiers: tuple[tuple[str, str], ...]
) -> CatalogueEntry:
    values: dict[str, Any] = {name: row[places[name]] for name in _PLAINLY}
    values |= {name: _listed(row[places[name]]) for name in _LISTS}
    return CatalogueEntry(**values, status=Status(row[places["status"]]), identifiers=identifiers)


@lru_cache(maxsize=1 << 14)
def _listed(text: str | None) -> tuple[str, ...]:
    """A list as a row keeps it; entries share their themes and languages, so that most were read before."""
    return tuple(json.loads(text or "[]"))


# Photos


def as_image(row: sa.Row[Any]) -> CatalogueImage:
    """Make the photo of a row of the image table."""
    return CatalogueImage(row.image_id, row.entry_id, Role(row.role), row.sha256, row.file, row.licence, row.source)


def images_of(connection: Connection, ids: Iterable[str]) -> Iterator[CatalogueImage]:
    """Read the photos of entries."""
    for some in chunks(list(ids)):
        for row in connection.execute(sa.select(image).where(image.c.entry_id.in_(some)).order_by(image.c.image_id)):
            yield as_image(row)


def image_row(one: CatalogueImage) -> State:
    """Make the row of a photo, without its image_id."""
    texts = {name: getattr(one, name) for name in ("entry_id", "sha256", "file", "licence", "source")}
    return {**texts, "role": one.role.value}


def chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Part a list into pieces that one statement takes."""
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
