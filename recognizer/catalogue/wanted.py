"""Wanted pictures: the addresses from which photos of entries are still to be fetched, and what came of it.

A wanted picture is `wanted` until it is `held`, entered as a photo of its entry, or `refused` for a reason that trying
again will not change. It stays in its table either way, so that an import that names it again asks for nothing new.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from recognizer.catalogue import tables
from recognizer.catalogue.store import Catalogue
from recognizer.types import CatalogueImage, Role

_CHUNK: Final = 2000
_key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
wanted_picture = sa.Table(
    "wanted_picture",
    tables.metadata,
    sa.Column("wanted_key", _key, primary_key=True),
    sa.Column("entry_id", sa.Text, sa.ForeignKey("entry.entry_id", ondelete="CASCADE"), nullable=False),
    *(sa.Column(name, sa.Text, nullable=False, server_default="") for name in ("address", "role", "licence", "source")),
    sa.Column("state", sa.Text, nullable=False, server_default="wanted"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_error", sa.Text, nullable=False, server_default=""),
    sa.Column("not_before", sa.Float, nullable=False, server_default="0"),
    sa.Column("sha256", sa.Text, nullable=False, server_default=""),
)


class State(StrEnum):
    """What became of a wanted picture."""

    WANTED = "wanted"
    HELD = "held"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class WantedPicture:
    """A picture to fetch: its address, the entry that it is of, and what is known of it.

    `tries` counts answers that were no picture; `not_before` is the time, in seconds since 1970, before which its host
    asked not to be asked again. `sha256` is that of the picture once it is held.
    """

    wanted_key: int
    entry_id: str
    address: str
    role: Role = Role.FACE
    licence: str = ""
    source: str = ""
    state: State = State.WANTED
    tries: int = 0
    last_error: str = ""
    not_before: float = 0.0
    sha256: str = ""


def want(catalogue: Catalogue, pictures: Sequence[WantedPicture]) -> int:
    """Ask for pictures, and return how many were not asked for before; those that were keep their state.

    What was said anew of a picture that is still wanted, its role, licence and source, takes the place of the old.
    """
    if not pictures:
        return 0
    with catalogue.transaction():
        there = known(catalogue, {one.entry_id for one in pictures})
        connection = catalogue.database.connection
        assert connection is not None
        new = [one for one in pictures if (one.entry_id, one.address) not in there]
        for start in range(0, len(new), _CHUNK):
            rows = [_about(one) for one in new[start : start + _CHUNK]]
            connection.execute(sa.insert(wanted_picture), rows)
        for one in pictures:
            before = there.get((one.entry_id, one.address))
            if before is not None and before.state is not State.HELD and _about(before) != _about(one):
                row = wanted_picture.c.wanted_key == before.wanted_key
                connection.execute(sa.update(wanted_picture).where(row).values(**_about(one)))
    return len(new)


def known(catalogue: Catalogue, entry_ids: Iterable[str]) -> dict[tuple[str, str], WantedPicture]:
    """Map (entry_id, address) of every picture that was ever asked for of some entries to what became of it."""
    query = sa.select(wanted_picture).order_by(wanted_picture.c.wanted_key)
    with catalogue.database.reading() as connection:
        found = [
            _as_wanted(row)
            for some in tables.chunks(list(entry_ids))
            for row in connection.execute(query.where(wanted_picture.c.entry_id.in_(some)))
        ]
    return {(one.entry_id, one.address): one for one in found}


def wanted(catalogue: Catalogue, *states: State) -> list[WantedPicture]:
    """List the pictures in some states, all of them where none is named, in the order in which they were asked for."""
    query = sa.select(wanted_picture).order_by(wanted_picture.c.wanted_key)
    if states:
        query = query.where(wanted_picture.c.state.in_([state.value for state in states]))
    with catalogue.database.reading() as connection:
        return [_as_wanted(row) for row in connection.execute(query)]


def hold(catalogue: Catalogue, one: WantedPicture, data: bytes, ending: str) -> bool:
    """Enter a fetched picture as a photo of its entry, and note that it is held, both or neither.

    Where another entry took that one over meanwhile, it is a photo of that other one. Returns whether the photo is new
    to the entry. Raises CatalogueError.
    """
    file = catalogue.add_picture(data, ending)
    sha256 = file.partition(".")[0]
    with catalogue.transaction(f"fetch {one.address}"):
        entry_id = catalogue.taken_over().get(one.entry_id, one.entry_id)
        image = CatalogueImage(0, entry_id, one.role, sha256, file, one.licence, one.source)
        known_before = any(there.sha256 == sha256 for there in catalogue.images(entry_id=entry_id))
        if not known_before:
            catalogue.add_images([image])
        _set(catalogue, [one], state=State.HELD.value, last_error="", sha256=sha256, not_before=0.0)
    return not known_before


def refuse(catalogue: Catalogue, one: WantedPicture, reason: str) -> None:
    """Note that a picture will not be had, and why."""
    _set(catalogue, [one], state=State.REFUSED.value, last_error=reason, tries=one.tries + 1, not_before=0.0)


def put_off(catalogue: Catalogue, one: WantedPicture, reason: str, not_before: float = 0.0, tries: int = 1) -> None:
    """Note that a picture could not be had this time, and why; it stays wanted."""
    _set(catalogue, [one], last_error=reason, tries=one.tries + tries, not_before=not_before)


def want_again(catalogue: Catalogue) -> int:
    """Make every refused picture wanted once more, and return how many there were."""
    refused = wanted(catalogue, State.REFUSED)
    _set(catalogue, refused, state=State.WANTED.value, tries=0, last_error="", not_before=0.0)
    return len(refused)


def _set(catalogue: Catalogue, pictures: Iterable[WantedPicture], **values: object) -> None:
    keys = [one.wanted_key for one in pictures]
    with catalogue.transaction():
        connection = catalogue.database.connection
        assert connection is not None
        for start in range(0, len(keys), 500):
            chosen = wanted_picture.c.wanted_key.in_(keys[start : start + 500])
            connection.execute(sa.update(wanted_picture).where(chosen).values(**values))


def _about(one: WantedPicture) -> dict[str, str]:
    texts = {name: getattr(one, name) for name in ("entry_id", "address", "licence", "source")}
    return {**texts, "role": one.role.value}


def _as_wanted(row: sa.Row[tuple[object, ...]]) -> WantedPicture:
    values = dict(row._mapping)
    return WantedPicture(**values | {"role": Role(row.role), "state": State(row.state)})
