"""Corrections: what people say of answers, kept so that calibration and the next training can use it.

A correction says of one pin on one photo which entry it is, that the catalogue has no such pin, or that it is no pin;
with who said so and when, and which model and index had answered. They lie in the catalogue's database, one store for
the command line, the page and the API. The photo itself lies in `queries/` of the data folder, named by its sha256,
where the asker gave it to keep; of a photo of several pins, only the pin's part of it. Of two corrections of one pin
the later one counts. One that was taken back stays on record and counts no more.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from recognizer.catalogue import picture_files, tables
from recognizer.catalogue.store import QUERIES, Catalogue
from recognizer.catalogue.table_cells import safe_cell
from recognizer.errors import CatalogueError, EntryNotFound
from recognizer.files import make_folder, write_whole
from recognizer.types import Box, Photo, Role, Status
from recognizer.vision.photos import encode_jpeg

EARLIER: Final = Path("web") / "corrections.jsonl"
"""Where the page kept its corrections before they came into the database; read in once, then removed."""

MOST_NOTE: Final = 1000
_CROP_QUALITY: Final = 95

_key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXTS: Final = (
    *("at", "who", "said", "entry_id", "offered", "sha256", "box", "picture", "model", "index_made"),
    *("upload_id", "note", "earlier_id", "undone_at", "undone_by"),
)
correction = sa.Table(
    "correction",
    tables.metadata,
    sa.Column("correction_id", _key, primary_key=True),
    *(sa.Column(name, sa.Text, nullable=False, server_default="") for name in _TEXTS),
    sa.Column("image_id", sa.BigInteger, nullable=False, server_default="0"),
)


class Said(StrEnum):
    """What a correction says: the offered entry is right; it is another one; the catalogue lacks it; it is no pin."""

    CONFIRMED = "confirmed"
    CORRECTED = "corrected"
    UNKNOWN = "unknown"
    NOT_A_PIN = "not_a_pin"


@dataclass(frozen=True, slots=True)
class Correction:
    """One correction.

    `sha256` is of the file that was asked about, `box` is left, top, right, bottom of the pin in pixels of the upright
    photo, None where the photo is of one pin. `entry_id` is the right entry and `offered` the one that was offered
    first, "" for none. `picture` is the file in `queries/`, "" where none was kept. `model` and `index_made` are the
    fingerprints of what had answered. `image_id` is the catalogue photo that the correction added, 0 for none.
    `undone_at` is "" while it counts. Times are UTC in ISO 8601.
    """

    correction_id: int
    at: str
    who: str
    said: Said
    entry_id: str
    offered: str
    sha256: str
    box: tuple[int, int, int, int] | None
    picture: str
    model: str
    index_made: str
    upload_id: str
    note: str
    image_id: int
    undone_at: str
    undone_by: str


@dataclass(frozen=True, slots=True)
class Query:
    """The photo that a correction is about: its file's sha256, the pin's box on it, and what to keep of it.

    `data` are the bytes of a picture of that one pin and `ending` that of its format, ".jpg"; None where it is not to
    be kept. `upload_id` names the upload that it was sent as, if any.
    """

    sha256: str
    box: tuple[int, int, int, int] | None = None
    data: bytes | None = None
    ending: str = ".jpg"
    upload_id: str = ""


def query_of(photo: Photo, data: bytes, ending: str, box: Box | None = None, *, upload_id: str = "") -> Query:
    """Return what to keep of a photo: the file as it is, or with a `box` the part of it that shows this one pin."""
    if box is None:
        return Query(photo.sha256, None, data, ending, upload_id)
    part = photo.image[max(0, box.top) : box.bottom, max(0, box.left) : box.right]
    if part.size == 0:
        height, width = photo.image.shape[:2]
        raise CatalogueError(f"{photo.source}: box {box} lies outside of its {width} x {height} pixels; name another")
    sides = (box.left, box.top, box.right, box.bottom)
    return Query(photo.sha256, sides, encode_jpeg(part, _CROP_QUALITY), ".jpg", upload_id)


def add(
    catalogue: Catalogue,
    query: Query,
    said: Said,
    entry_id: str = "",
    *,
    who: str,
    offered: str = "",
    model: str = "",
    index_made: str = "",
    note: str = "",
    add_photo: bool = False,
) -> Correction:
    """Keep a correction, its picture beside it, and return it; both are on the disk then, or neither counts.

    `entry_id` is an entry_id or any number, needed where `said` is confirmed or corrected. With `add_photo` the picture
    becomes a photo of that entry, which the next indexing takes in. Raises EntryNotFound for a number that no entry
    has, CatalogueError where what is said does not hold together.
    """
    right = said in (Said.CONFIRMED, Said.CORRECTED)
    if right != bool(entry_id):
        raise CatalogueError(
            f"{said} with entry {entry_id!r}: " + ("name the right entry" if right else "leave the entry out")
        )
    if add_photo and (not right or query.data is None):
        lacks = "the photo was not kept" if right else f"{said} names no entry"
        raise CatalogueError(f"the photo cannot be added: {lacks}; say which entry it is, and send the photo to keep")
    with catalogue.transaction(f"correction of {query.sha256[:12]}: {entry_id or said}"):
        entry = catalogue.lookup(entry_id).entry.entry_id if right else ""
        picture = "" if query.data is None else _keep_picture(catalogue, query.data, query.ending)
        row: dict[str, Any] = {
            "at": _now(),
            "who": who,
            "said": said.value,
            "entry_id": entry,
            "offered": _plain(offered),
            "sha256": query.sha256,
            "box": "" if query.box is None else ",".join(map(str, query.box)),
            "picture": picture,
            "model": model,
            "index_made": index_made,
            "upload_id": query.upload_id,
            "note": _plain(note)[:MOST_NOTE],
            "image_id": 0,
        }
        if add_photo:
            assert query.data is not None
            before = {image.image_id for image in catalogue.images(entry_id=entry)}
            image = catalogue.add_image(entry, query.data, query.ending, Role.FACE, source=f"confirmed by {who}")
            row["image_id"] = 0 if image.image_id in before else image.image_id
        key = _connection(catalogue).execute(sa.insert(correction).values(row)).inserted_primary_key
        assert key is not None
        return _find(catalogue, int(key[0]))


def listed(catalogue: Catalogue, *, undone: bool = False, entry_id: str | None = None) -> list[Correction]:
    """List the corrections that count, the oldest first; with `undone` those that were taken back too, with `entry_id`
    those that name this entry as the right one."""
    query = sa.select(correction).order_by(correction.c.correction_id)
    if entry_id is not None:
        query = query.where(correction.c.entry_id == entry_id)
    if not undone:
        query = query.where(correction.c.undone_at == "")
    with catalogue.database.reading() as connection:
        return [_correction(row) for row in connection.execute(query)]


def undo(catalogue: Catalogue, correction_id: int, *, who: str) -> Correction:
    """Take a correction back and return it; a photo that it added leaves the catalogue again.

    Raises EntryNotFound where there is no such correction, or it was taken back already.
    """
    with catalogue.transaction(f"correction {correction_id} taken back"):
        held = _find(catalogue, correction_id)
        if held.undone_at:
            raise EntryNotFound(f"correction {correction_id} was taken back at {held.undone_at} already")
        if held.image_id:
            with suppress(CatalogueError):  # it left the catalogue since
                catalogue.remove_image(held.image_id)
        values = {"undone_at": _now(), "undone_by": who}
        where = correction.c.correction_id == correction_id
        _connection(catalogue).execute(sa.update(correction).where(where).values(values))
        return _find(catalogue, correction_id)


def forget_upload(catalogue: Catalogue, upload_id: str) -> None:
    """Delete the pictures that corrections keep of an upload; what they say stays, and so do photos of entries."""
    of_upload = correction.c.upload_id == upload_id
    with catalogue.transaction():
        connection = _connection(catalogue)
        files = set(connection.execute(sa.select(correction.c.picture).where(of_upload)).scalars()) - {""}
        connection.execute(sa.update(correction).where(of_upload).values(picture=""))
        spare = files - pictures_held(catalogue)
        for file in spare:
            (catalogue.folder / QUERIES / file).unlink(missing_ok=True)


def pictures_held(catalogue: Catalogue) -> set[str]:
    """Name the files in `queries/` that some correction is about, those taken back included."""
    with catalogue.database.reading() as connection:
        return set(connection.execute(sa.select(correction.c.picture).distinct()).scalars()) - {""}


def corrected_queries(catalogue: Catalogue) -> list[tuple[Path, str | None]]:
    """Return (picture, entry_id) of every pin that people judged, None for one that the catalogue lacks or no pin.

    The latest judgement of a pin counts, under the entry that took its entry over since. Left out are pins without a
    kept picture, those of withdrawn entries, and pictures that are photos of the catalogue by now: they would be asked
    of themselves.
    """
    latest = {(one.sha256, one.box): one for one in listed(catalogue)}
    final = catalogue.taken_over()
    entries = {one.entry_id: final.get(one.entry_id, one.entry_id) for one in latest.values() if one.entry_id}
    known = catalogue.known(set(entries.values()))
    shown = catalogue.pictures_held()
    found: dict[Path, str | None] = {}
    for one in latest.values():
        path = catalogue.folder / QUERIES / one.picture
        if not one.picture or one.picture.partition(".")[0] in shown or not path.is_file():
            continue
        entry = known.get(entries[one.entry_id]) if one.entry_id else None
        if one.entry_id and (entry is None or entry.status is not Status.ACTIVE):
            continue
        found[path] = entry.entry_id if entry else None
    return list(found.items())


def write_queries(catalogue: Catalogue, path: Path) -> int:
    """Write `corrected_queries` as a table that `znachki evaluate` reads, and return its number of rows.

    Paths of pictures are relative to the table. Written beside and renamed; raises CatalogueError where it cannot be.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("image", "entry_id"))
    pairs = corrected_queries(catalogue)
    base = path.resolve().parent
    rows = ((os.path.relpath(picture.resolve(), base), entry_id or "") for picture, entry_id in pairs)
    writer.writerows(map(safe_cell, row) for row in rows)
    write_whole(path, text.getvalue().encode(), CatalogueError)
    return len(pairs)


def take_in(catalogue: Catalogue) -> int:
    """Bring in the corrections of the file that an earlier znachki kept, once, and return how many there were.

    The file goes when they are in the database; stopped before that, the next call brings in what is missing. A line
    that a kill cut off does not count. Pictures come from the kept uploads that are still there.
    """
    file = catalogue.folder / EARLIER
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return 0
    count = 0
    with catalogue.transaction("earlier corrections"):
        connection = _connection(catalogue)
        there = set(
            connection.execute(sa.select(correction.c.earlier_id).where(correction.c.earlier_id > "")).scalars()
        )
        for line in lines:
            row = _earlier(line)
            if row is None or row["earlier_id"] in there:
                continue
            there.add(row["earlier_id"])
            upload = file.parent / "uploads" / f"{row['upload_id']}.jpg"
            if row["upload_id"] and upload.is_file():
                row["picture"] = _keep_picture(catalogue, upload.read_bytes(), ".jpg")
            connection.execute(sa.insert(correction).values(row))
            count += 1
    file.unlink(missing_ok=True)
    return count


def _earlier(line: str) -> dict[str, Any] | None:
    """The row of a line of the earlier file, None where the line is not whole."""
    try:
        held = json.loads(line)
        box = held["box"]
        texts = ("at", "who", "said", "sha256", "offered", "entry_id", "upload_id", "note")
        row: dict[str, Any] = {name: str(held[name]) for name in texts}
        Said(row["said"])
        sides = "" if box is None else ",".join(str(int(side)) for side in box)
        return row | {"earlier_id": str(held["correction_id"]), "box": sides}
    except (ValueError, TypeError, KeyError):
        return None


def _keep_picture(catalogue: Catalogue, data: bytes, ending: str) -> str:
    """Keep a picture's bytes in `queries/` and return its file's name."""
    folder = catalogue.folder / QUERIES
    make_folder(folder, CatalogueError, cure=picture_files.ANOTHER)
    return picture_files.keep(folder, data, ending)


def _find(catalogue: Catalogue, correction_id: int) -> Correction:
    query = sa.select(correction).where(correction.c.correction_id == correction_id)
    with catalogue.database.reading() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        raise EntryNotFound(f"no correction {correction_id}; `znachki corrections` lists them")
    return _correction(row)


def _correction(row: sa.Row[Any]) -> Correction:
    values = {field.name: getattr(row, field.name) for field in fields(Correction)}
    sides: Sequence[str] = row.box.split(",") if row.box else ()
    left_top_right_bottom = tuple(int(side) for side in sides)
    return Correction(**values | {"said": Said(row.said), "box": left_top_right_bottom or None})


def _connection(catalogue: Catalogue) -> sa.Connection:
    connection = catalogue.database.connection
    assert connection is not None  # only called inside a transaction
    return connection


def _plain(text: str) -> str:
    """A text that every database takes: without zero characters and halves of characters."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
