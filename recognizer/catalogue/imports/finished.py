"""Finished imports: the last one of each source, and the change of the catalogue after which it was right."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from recognizer.catalogue import tables
from recognizer.catalogue.store import Catalogue

finished_import = sa.Table(
    "finished_import",
    tables.metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("seen", sa.Text, nullable=False),
    sa.Column("change_id", sa.BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Finished:
    """The last import of a source: a digest of it, what was seen as JSON, and the catalogue's last change after it."""

    content: str
    seen: str
    change_id: int


def last_change(catalogue: Catalogue) -> int:
    """The number of the last change of the catalogue, which grows with every transaction that changes anything."""
    with catalogue.database.reading() as connection:
        return connection.execute(sa.select(sa.func.max(tables.change.c.change_id))).scalar() or 0


def recall(catalogue: Catalogue, source: str) -> Finished | None:
    """What is remembered of a source, named by a digest of where it lies."""
    query = sa.select(finished_import).where(finished_import.c.source == source)
    with catalogue.database.reading() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else Finished(row.content, row.seen, row.change_id)


def remember(catalogue: Catalogue, source: str, content: str, seen: str, before: int, wrote: int) -> None:
    """Remember an import that began after change `before` and made `wrote` changes itself, 0 or 1.

    Where the catalogue changed otherwise meanwhile, what was there is forgotten: the next import compares everything.
    """
    with catalogue.transaction():
        connection = catalogue.database.connection
        assert connection is not None
        since = sa.select(tables.change.c.change_id).where(tables.change.c.change_id > before)
        changes = connection.execute(since.order_by(tables.change.c.change_id)).scalars().all()
        connection.execute(sa.delete(finished_import).where(finished_import.c.source == source))
        if len(changes) == wrote:
            now = changes[-1] if changes else before
            row = {"source": source, "content": content, "seen": seen, "change_id": now}
            connection.execute(sa.insert(finished_import).values(row))
