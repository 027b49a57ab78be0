"""Finds entries by entry_id, by any of their numbers in any writing, and by words."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from recognizer.catalogue import tables
from recognizer.catalogue.folding import fold
from recognizer.catalogue.numbers import Collision, collisions_of, number_key, parse_number
from recognizer.catalogue.tables import entry as _entry
from recognizer.catalogue.tables import identifier as _identifier
from recognizer.errors import CatalogueError, EntryNotFound
from recognizer.types import CatalogueEntry, Status

RANKED: Final = 5_000
"""Entries with the words up to which the best come first: among 130,000 it took SQLite .17 s to weigh them all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a number stands for: the entry to use, and those that it took over on the way there, the asked one first."""

    entry: CatalogueEntry
    via: tuple[CatalogueEntry, ...] = ()

    @property
    def note(self) -> str:
        """What to tell along with the entry: that it took another one over, or that it was withdrawn; or ""."""
        said = [f"{old.number or old.entry_id} was merged into {old.merged_into}" for old in self.via]
        if self.entry.status is not Status.ACTIVE:
            said.append(f"{self.entry.entry_id} was {self.entry.status}")
        return ", ".join(said)


def find(connection: Connection, asked: str) -> CatalogueEntry:
    """Find the entry of an entry_id or number; raises EntryNotFound, and CatalogueError where several entries fit."""
    asked = asked.strip()
    for way in _ways(asked):
        found = tables.entries_of(connection, sa.select(_entry).where(way).order_by(_entry.c.entry_key))
        active = [entry for entry in found if entry.status is Status.ACTIVE]
        if len(active or found) > 1:
            several = ", ".join(entry.entry_id for entry in active or found)
            raise CatalogueError(f"number {asked!r} stands for several entries; ask by entry_id: {several}")
        if found:
            return (active or found)[0]
    raise not_found(connection, asked)


def follow(connection: Connection, asked: CatalogueEntry) -> Answer:
    """Go from an entry on to the one that took it over, and from that one on."""
    via: list[CatalogueEntry] = []
    now = asked
    while now.status is Status.MERGED and now.merged_into not in {now.entry_id, *(old.entry_id for old in via)}:
        into = tables.entries_by_id(connection, [now.merged_into]).get(now.merged_into)
        if into is None:
            break
        via.append(now)
        now = into
    return Answer(now, tuple(via))


def taken_over(connection: Connection) -> dict[str, str]:
    """Map the entry_id of each merged entry to that of the entry that stands for it in the end."""
    query = sa.select(_entry.c.entry_id, _entry.c.merged_into)
    query = query.where(_entry.c.merged_into > "", _entry.c.status == Status.MERGED.value)
    into = {row.entry_id: row.merged_into for row in connection.execute(query)}
    final: dict[str, str] = {}
    for entry_id in into:
        seen, end = {entry_id}, into[entry_id]
        while end in into and end not in seen:
            seen.add(end)
            end = into[end]
        final[entry_id] = end
    return final


def collisions(connection: Connection) -> list[Collision]:
    """Find the numbers, in any writing, that more than one active entry has, the catalogue's own included."""
    active = _entry.c.status == Status.ACTIVE.value
    several = sa.func.count(_entry.c.entry_id.distinct()) > 1
    of_entry = _entry.c.entry_id == _identifier.c.entry_id
    own = sa.select(_entry.c.number_key).where(active).group_by(_entry.c.number_key).having(several)
    own_rows = sa.select(sa.literal("number"), _entry.c.number_key, _entry.c.number, _entry.c.entry_id)
    pair = (_identifier.c.system, _identifier.c.number_key)
    other = sa.select(*pair).join(_entry, of_entry).where(active).group_by(*pair).having(several).subquery()
    other_rows = sa.select(*pair, _identifier.c.number, _identifier.c.entry_id).join(_entry, of_entry)
    same = sa.and_(other.c.system == pair[0], other.c.number_key == pair[1])
    queries = (own_rows.where(_entry.c.number_key.in_(own)), other_rows.join(other, same))
    found: list[tuple[str, str, str, str]] = []
    for query in queries:
        found += [tuple(row) for row in connection.execute(query.where(active).order_by(_entry.c.entry_key))]
    return collisions_of(found)


def search(connection: Connection, words: str, limit: int, *, full_text: bool) -> list[CatalogueEntry]:
    """Find entries that have a word beginning with each of `words`, best first; one of exactly that number first.

    `full_text` says that the database has FTS5; without it, entries with all the words come in no order of theirs, and
    neither do they where more than RANKED have the words: to weigh them all would take longer than it tells.
    """
    folded = fold(words).split()
    if not folded:
        return []
    exact = sa.or_(_entry.c.entry_id == words.strip(), _entry.c.number == words.strip())
    if not full_text:
        query = _like(folded).order_by(sa.case((exact, 0), else_=1))
        return tables.entries_of(connection, query.order_by(_entry.c.entry_key).limit(limit))
    words_of = sa.table("entry_words", sa.column("rowid"), sa.column("entry_words"), sa.column("rank"))
    matches = words_of.c.entry_words.op("MATCH")(" ".join(f'"{word}"*' for word in folded))
    some = sa.select(words_of.c.rowid).where(matches).limit(RANKED + 1).subquery()
    many = connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one() > RANKED
    best = words_of.c.rowid if many else words_of.c.rank
    found = sa.select(words_of.c.rowid, best.label("best")).where(matches).order_by(best, words_of.c.rowid).limit(limit)
    inner = found.subquery()
    query = sa.select(_entry).join(inner, inner.c.rowid == _entry.c.entry_key)
    ranked = tables.entries_of(connection, query.order_by(inner.c.best, _entry.c.entry_key))
    alike = sa.or_(_entry.c.entry_id == words.strip(), _entry.c.number_key == number_key(words))  # which have an index
    first = tables.entries_of(connection, sa.select(_entry).where(alike).order_by(_entry.c.entry_key))
    first = [one for one in first if words.strip() in (one.entry_id, one.number)]
    return list({one.entry_id: one for one in [*first, *ranked]}.values())[:limit]


def not_found(connection: Connection, asked: str) -> EntryNotFound:
    """The error for what nothing has, with what is written like it."""
    like = _entry.c.entry_id.startswith(asked[:2], autoescape=True)
    ids = connection.execute(sa.select(_entry.c.entry_id).where(like).limit(2000)).scalars()
    near = difflib.get_close_matches(asked, list(ids), n=3)
    nearest = f"written alike: {', '.join(near)}; " if near else ""
    return EntryNotFound(f"no entry {asked!r} in the catalogue; {nearest}look it up with `znachki show --search WORDS`")


def _ways(asked: str) -> Iterator[sa.ColumnElement[bool]]:
    """What an entry that was asked for may be found by, the surest first."""

    def under(*where: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
        return _entry.c.entry_id.in_(sa.select(_identifier.c.entry_id).where(*where))

    yield _entry.c.entry_id == asked
    yield _entry.c.number == asked
    yield under(_identifier.c.number == asked)
    system, number = parse_number(asked)
    if system:
        yield under(_identifier.c.system == system, _identifier.c.number == number)
        yield under(_identifier.c.system == system, _identifier.c.number_key == number_key(number))
    elif asked:
        yield _entry.c.number_key == number_key(asked)
        yield under(_identifier.c.number_key == number_key(asked))


def _like(words: Sequence[str]) -> sa.Select[Any]:
    """The search for databases without FTS5: `words` begins with a space, so that " word" begins a word.

    PostgreSQL finds such parts by an index of trigrams.
    """
    return sa.select(_entry).where(*(_entry.c.words.contains(f" {word}", autoescape=True) for word in words))
