"""Merging: what an entry leaves to the one that takes it over, its photos and what collectors hold of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from recognizer.catalogue import tables
from recognizer.catalogue.history import Notes
from recognizer.catalogue.tables import holding as _holding
from recognizer.catalogue.tables import image as _image
from recognizer.types import CatalogueImage


def hand_photos_over(connection: Connection, final: Mapping[str, str], notes: Notes) -> list[str]:
    """Give the photos of merged entries to those that took them over; return the files of those that they have."""
    spare: list[str] = []
    there = {(image.entry_id, image.sha256) for image in tables.images_of(connection, set(final.values()))}
    for image in list(tables.images_of(connection, final)):
        if (final[image.entry_id], image.sha256) in there:
            spare.append(remove_photo(connection, image, notes))
            continue
        moved = replace(image, entry_id=final[image.entry_id])
        there.add((moved.entry_id, moved.sha256))
        where = _image.c.image_id == image.image_id
        connection.execute(sa.update(_image).where(where).values(entry_id=moved.entry_id))
        number = {"image_id": image.image_id}
        notes.row("image", tables.image_row(image) | number, None)
        notes.row("image", None, tables.image_row(moved) | number)
    return spare


def remove_photo(connection: Connection, image: CatalogueImage, notes: Notes) -> str:
    """Take a photo out and return its file, which nothing may show any more."""
    connection.execute(sa.delete(_image).where(_image.c.image_id == image.image_id))
    notes.row("image", tables.image_row(image) | {"image_id": image.image_id}, None)
    return image.file


def hand_holdings_over(connection: Connection, final: Mapping[str, str], notes: Notes) -> None:
    """Give what collectors hold of merged entries to those that took them over: pins add up, wishes do not."""
    hidden = _holding.primary_key.columns.keys()[0]
    for some in tables.chunks(list(final)):
        query = sa.select(_holding).where(_holding.c.entry_id.in_(some)).order_by(_holding.c[hidden])
        for row in connection.execute(query).mappings().all():
            old = {name: row[name] for name in row if name != hidden}
            new = old | {"entry_id": final[old["entry_id"]]}
            same = [_holding.c[name] == new[name] for name in ("collector", "entry_id", "kind", "jar")]
            there = connection.execute(sa.select(_holding).where(*same)).mappings().one_or_none()
            connection.execute(sa.delete(_holding).where(_holding.c[hidden] == row[hidden]))
            notes.row("holding", old, None)
            if there is None:
                connection.execute(sa.insert(_holding), [new])
                notes.row("holding", None, new)
                continue
            before = {name: there[name] for name in there if name != hidden}
            counts = (before["count"], new["count"])
            grade = before["condition"] if before["condition"] == new["condition"] else ""  # they are of two kinds now
            after = before | {"count": max(counts) if old["kind"] == "wish" else sum(counts), "condition": grade}
            connection.execute(sa.update(_holding).where(*same).values(count=after["count"], condition=grade))
            notes.row("holding", before, after)
