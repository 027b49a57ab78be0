"""The catalogue: entries, their numbers and photos in a database, the pictures beside it by their content."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from recognizer.catalogue import database, history, merging, tables
from recognizer.catalogue.database import REVISION, Database
from recognizer.catalogue.folding import fold
from recognizer.catalogue.history import Change, ChangedRow, Notes
from recognizer.catalogue.lookup import Answer, collisions, find, follow, not_found, search, taken_over
from recognizer.catalogue.numbers import Collision, system_of
from recognizer.catalogue.picture_files import ANOTHER, PICTURES, REMOVED, PictureFiles
from recognizer.catalogue.tables import entry as _entry
from recognizer.catalogue.tables import image as _image
from recognizer.catalogue.tables import relation as _relation
from recognizer.errors import CatalogueError
from recognizer.files import make_folder
from recognizer.types import CatalogueEntry, CatalogueImage, Role, Status

__all__ = [
    "BUNDLE", "DATABASE", "PICTURES", "QUERIES", "REMOVED", "REVISION", "Answer", "Catalogue", "Stored", "fold",
]  # fmt: skip

DATABASE: Final = "catalogue.db"
BUNDLE: Final = "bundle.json"
"""What a data folder that was unpacked from a bundle says of itself; its catalogue is only read."""

QUERIES: Final = "queries"
"""Where the pictures lie that corrections are about."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing did: how many were new, how many changed, how many were there already."""

    new: int = 0
    changed: int = 0
    same: int = 0


class Catalogue:
    """An open catalogue; use it as a context manager, or close it.

    It may be used from several threads. What is written inside `with catalogue.transaction():` is kept or dropped as a
    whole; each writing method outside one is a transaction of its own. All that a transaction changes goes to the
    history, where it can be undone. Whatever the database refuses is raised as CatalogueError.
    """

    def __init__(self, base: Database, folder: Path) -> None:
        self._database = base
        self._local = threading.local()
        self._full_text = base.dialect == "sqlite"
        self._files = PictureFiles(folder)
        self.folder = folder

    @classmethod
    def open(cls, data: Path | str, *, create: bool = False, url: str | None = None) -> Self:
        """Open the catalogue of a data folder, bringing its tables to the newest form.

        Its database is the one at `url` (SQLAlchemy's manner, SQLite or PostgreSQL), else the one that
        `database.assign` gave the folder, else `data`/catalogue.db; its pictures lie in `data`/images. Raises
        CatalogueError where there is no catalogue and `create` is False, where the file is damaged or no catalogue, and
        where a newer znachki made it.
        """
        folder = Path(data)
        file = folder / DATABASE
        url = url or database.assigned(folder)
        if create:
            make_folder(folder / PICTURES, CatalogueError, cure=ANOTHER)
        elif url is None and (not file.is_file() or file.stat().st_size == 0):
            raise CatalogueError(_none_in(folder))
        if url is None and (folder / BUNDLE).is_file():
            base = Database(f"sqlite:///file:{quote(str(file.absolute()))}?mode=ro&immutable=1&uri=true", str(file))
        else:
            base = Database(url) if url else Database(f"sqlite:///{file.absolute()}", str(file))
        try:
            base.update_tables(create, _none_in(folder))
        except BaseException:
            base.close()
            raise
        return cls(base, folder)

    def close(self) -> None:
        """Let go of the database; the catalogue is of no use afterwards."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def database(self) -> Database:
        """The database that holds everything but the pictures."""
        return self._database

    # Entries

    def entry(self, entry_id_or_number: str) -> CatalogueEntry:
        """Find the entry of an entry_id, of a number, or of another system's number ("avers:12-345" or "12-345").

        The first of these that fits decides, exactly as written before any other writing ("Аверс т. 12 № 345"); of
        several entries with one number the active one. Merged and withdrawn entries answer with their own number; see
        `lookup` for what they lead to. Raises EntryNotFound, and CatalogueError where several entries fit.
        """
        with self._reading() as connection:
            return find(connection, entry_id_or_number)

    def lookup(self, entry_id_or_number: str) -> Answer:
        """Find what a number stands for today: as `entry` does, then on to the entry that took it over."""
        with self._reading() as connection:
            return follow(connection, find(connection, entry_id_or_number))

    def taken_over(self) -> dict[str, str]:
        """Map the entry_id of each merged entry to that of the entry that stands for it in the end."""
        with self._reading() as connection:
            return taken_over(connection)

    def entries(self, ids: Sequence[str] | None = None) -> list[CatalogueEntry]:
        """List entries: those of `ids`, in that order, or all of them, in the order in which they came.

        Raises EntryNotFound for an entry_id that no entry has.
        """
        with self._reading() as connection:
            if ids is None:
                return tables.entries_of(connection, sa.select(_entry).order_by(_entry.c.entry_key))
            found = tables.entries_by_id(connection, ids)
            for entry_id in ids:
                if entry_id not in found:
                    raise not_found(connection, entry_id)
        return [found[entry_id] for entry_id in ids]

    def known(self, entry_ids: Iterable[str]) -> dict[str, CatalogueEntry]:
        """Map each of `entry_ids` that the catalogue has to its entry."""
        with self._reading() as connection:
            return tables.entries_by_id(connection, entry_ids)

    def count(self) -> int:
        """Count the entries, merged and withdrawn ones included."""
        with self._reading() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(_entry)).scalar_one()

    def search(self, words: str, limit: int = 20) -> list[CatalogueEntry]:
        """Find entries that have a word beginning with each of `words`, best first.

        Case does not matter, nor do marks on letters (ё is е, õ is o; й stays й); every text of an entry counts, its
        numbers under other systems included. An entry of exactly that number comes first.
        """
        with self._reading() as connection:
            return search(connection, words, limit, full_text=self._full_text)

    def upsert(self, entries: Iterable[CatalogueEntry]) -> Stored:
        """Store entries whole: new ones are added, those whose entry_id is there are made equal to what is given.

        An entry without a number gets its entry_id as number. Of several with one entry_id the last one counts. The
        photos and holdings of an entry that is merged now go to the entry that takes it over.
        """
        wanted = {entry.entry_id: _normal(entry) for entry in entries}
        with self._writing("entries stored") as connection:
            there = tables.entries_by_id(connection, wanted)
            new = [entry for entry_id, entry in wanted.items() if entry_id not in there]
            changed = [entry for entry_id, entry in wanted.items() if there.get(entry_id, entry) != entry]
            tables.insert_entries(connection, new)
            tables.update_entries(connection, changed)
            for entry in (*new, *changed):
                self._notes.entry(there.get(entry.entry_id), entry)
            if merged := {entry.entry_id for entry in (*new, *changed) if entry.status is Status.MERGED}:
                final = {old: into for old, into in self.taken_over().items() if old in merged}
                known = tables.entries_by_id(connection, final.values())
                final = {old: into for old, into in final.items() if into in known}
                self._local.spare += merging.hand_photos_over(connection, final, self._notes)
                merging.hand_holdings_over(connection, final, self._notes)
        return Stored(len(new), len(changed), len(wanted) - len(new) - len(changed))

    def merge(self, old: str, into: str) -> Answer:
        """Let an entry take another one over: its photos go there, its numbers lead there from now on.

        Both are named by entry_id or any number. Raises CatalogueError where that would lead in a circle, or where
        either was merged or withdrawn already.
        """
        with self.transaction():
            one, other = self.entry(old), self.lookup(into).entry
            if one.status is not Status.ACTIVE:
                raise CatalogueError(
                    f"entry {one.entry_id!r} was {one.status} already; `znachki undo` that change first"
                )
            if other.status is not Status.ACTIVE:
                raise CatalogueError(f"entry {other.entry_id!r} was {other.status}; name one that is in use")
            if one.entry_id == other.entry_id:
                raise CatalogueError(f"{old!r} and {into!r} are both entry {one.entry_id!r}; name two entries")
            self._notes.what = self._notes.what or f"merge {one.entry_id} into {other.entry_id}"
            self.upsert([replace(one, status=Status.MERGED, merged_into=other.entry_id)])
            return self.lookup(one.entry_id)

    def withdraw(self, entry: str) -> CatalogueEntry:
        """Take an entry out of use and return it: its numbers still answer, saying so; raises CatalogueError."""
        with self.transaction():
            one = self.entry(entry)
            if one.status is not Status.ACTIVE:
                raise CatalogueError(
                    f"entry {one.entry_id!r} was {one.status} already; `znachki undo` that change first"
                )
            self._notes.what = self._notes.what or f"withdraw {one.entry_id}"
            gone = replace(one, status=Status.WITHDRAWN)
            self.upsert([gone])
            return gone

    def collisions(self) -> list[Collision]:
        """Find the numbers, in any writing, that more than one active entry has, the catalogue's own included."""
        with self._reading() as connection:
            return collisions(connection)

    def relate(self, entry_id: str, kind: str, other_entry_id: str) -> None:
        """Note that an entry stands in a relation of some kind to another one; noting it twice changes nothing."""
        values = {"entry_id": entry_id, "kind": kind, "other_entry_id": other_entry_id}
        with self._writing("relation noted") as connection:
            self.entries([entry_id, other_entry_id])
            if (kind, other_entry_id) not in self.relations(entry_id):
                connection.execute(sa.insert(_relation), values)
                self._notes.row("relation", None, values)

    def relations(self, entry_id: str) -> list[tuple[str, str]]:
        """List an entry's relations as (kind, other entry_id), in the order in which they were noted."""
        query = sa.select(_relation.c.kind, _relation.c.other_entry_id).where(_relation.c.entry_id == entry_id)
        with self._reading() as connection:
            return [(kind, other) for kind, other in connection.execute(query.order_by(_relation.c.relation_key))]

    # Photos

    def images(
        self, role: Role | None = None, entry_id: str | None = None, *, unused: bool = False
    ) -> list[CatalogueImage]:
        """List photos by image_id: those of one entry, or of all entries in use; those of one role, or of all.

        Entries that were withdrawn keep their photos, but are no answer to one; `unused` lists these photos too.
        """
        query = sa.select(_image).order_by(_image.c.image_id)
        if role is not None:
            query = query.where(_image.c.role == role.value)
        if entry_id is not None:
            query = query.where(_image.c.entry_id == entry_id)
        elif not unused:
            query = query.where(_in_use())
        with self._reading() as connection:
            return [tables.as_image(row) for row in connection.execute(query)]

    def images_of(self, entry_ids: Iterable[str]) -> list[CatalogueImage]:
        """List the photos of some entries, each entry's by image_id."""
        with self._reading() as connection:
            return list(tables.images_of(connection, entry_ids))

    def image(self, image_id: int) -> CatalogueImage:
        """Find one photo; raises CatalogueError where there is none of that image_id."""
        with self._reading() as connection:
            row = connection.execute(sa.select(_image).where(_image.c.image_id == image_id)).one_or_none()
        if row is None:
            raise CatalogueError(f"no photo {image_id} in the catalogue; `znachki index --check` tells what is stale")
        return tables.as_image(row)

    def image_keys(self, role: Role | None = None) -> list[tuple[int, str]]:
        """List (image_id, sha256) of every photo of an entry in use by image_id: what an index must hold."""
        query = sa.select(_image.c.image_id, _image.c.sha256).where(_in_use()).order_by(_image.c.image_id)
        if role is not None:
            query = query.where(_image.c.role == role.value)
        with self._reading() as connection:
            return [(image_id, sha256) for image_id, sha256 in connection.execute(query)]

    def fingerprint(self, role: Role | None = None) -> str:
        """Sum `image_keys` up in 64 hexadecimal digits: equal exactly when the photos are the same."""
        text = "\n".join(f"{image_id} {sha256}" for image_id, sha256 in self.image_keys(role))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def picture_folder(self) -> Path:
        """The folder that holds the pictures, each named by its sha256."""
        return self._files.shown

    def picture_path(self, image: CatalogueImage) -> Path:
        """Say where a photo's file lies."""
        return self.picture_folder / image.file

    def add_picture(self, data: bytes, ending: str) -> str:
        """Keep a picture's bytes in `images/` and return the name of its file, its sha256 and `ending` (".jpg").

        A picture that is there already is not written again. Killed half way, no half a file stands under that name.
        """
        return self._files.add(data, ending)

    def add_images(self, images: Sequence[CatalogueImage]) -> Stored:
        """Enter photos whose pictures lie in `images/`; each gets an image_id of its own, whatever it says.

        A photo that its entry has already keeps its image_id, and its role, licence and source are made those given.
        Photos of a merged entry are entered with the one that took it over. Raises EntryNotFound for a photo of no
        entry, CatalogueError where the picture's file is missing.
        """
        with self._writing("photos added") as connection:
            final = self.taken_over()
            given = [replace(image, entry_id=final.get(image.entry_id, image.entry_id)) for image in images]
            wanted = {(image.entry_id, image.sha256): image for image in given}
            there = {(row.entry_id, row.sha256): row for row in tables.images_of(connection, _ids(given))}
            new = [image for key, image in wanted.items() if key not in there]
            known = tables.entries_by_id(connection, _ids(new))
            for image in new:
                if image.entry_id not in known:
                    raise not_found(connection, image.entry_id)
                if not self.picture_path(image).is_file():
                    raise CatalogueError(f"{self.picture_path(image)}: no such picture; import it again")
            changed = [
                replace(image, image_id=there[key].image_id)
                for key, image in wanted.items()
                if key in there and replace(image, image_id=there[key].image_id, file=there[key].file) != there[key]
            ]
            if new:
                connection.execute(sa.insert(_image), [tables.image_row(image) for image in new])
            if changed:
                statement = sa.update(_image).where(_image.c.image_id == sa.bindparam("old_id"))
                rows = [{"old_id": image.image_id, **tables.image_row(image)} for image in changed]
                connection.execute(statement, rows)
            for image in (*new, *changed):
                was = there.get((image.entry_id, image.sha256))
                self._notes.row("image", None if was is None else tables.image_row(was), tables.image_row(image))
        return Stored(len(new), len(changed), len(wanted) - len(new) - len(changed))

    def add_image(
        self, entry_id: str, data: bytes, ending: str, role: Role = Role.FACE, **about: str
    ) -> CatalogueImage:
        """Keep one photo of an entry and return it; `about` may give its licence and source."""
        file = self.add_picture(data, ending)
        image = CatalogueImage(0, entry_id, role, file.partition(".")[0], file, **about)
        with self.transaction():
            self.add_images([image])
            entry_id = self.taken_over().get(entry_id, entry_id)
            return next(there for there in self.images(entry_id=entry_id) if there.sha256 == image.sha256)

    def remove_image(self, image_id: int) -> None:
        """Take a photo out of the catalogue, and its file unless another entry shows it.

        Its image_id is never given to another photo. The file waits in `removed/`, should the removal be undone.
        """
        with self._writing("photo removed") as connection:
            self._local.spare.append(merging.remove_photo(connection, self.image(image_id), self._notes))

    def move_image(self, image_id: int, entry: str) -> CatalogueImage:
        """Give a photo to another entry, named by entry_id or any number, and return it as it is there.

        It gets an image_id of its own. Raises CatalogueError where there is no such photo, EntryNotFound for the entry.
        """
        with self.transaction():
            image, to = self.image(image_id), self.lookup(entry).entry.entry_id
            if to == image.entry_id:
                return image
            self._notes.what = self._notes.what or f"photo {image_id} of {image.entry_id} to {to}"
            self.add_images([replace(image, entry_id=to)])
            self.remove_image(image_id)
            return next(there for there in self.images(entry_id=to) if there.sha256 == image.sha256)

    def change_role(self, image_id: int, role: Role) -> CatalogueImage:
        """Say anew what a photo shows, and return it; raises CatalogueError where there is no such photo."""
        with self.transaction():
            image = self.image(image_id)
            self._notes.what = self._notes.what or f"photo {image_id} of {image.entry_id} is a {role}"
            self.add_images([replace(image, role=role)])
            return self.image(image_id)

    def pictures_held(self) -> dict[str, str]:
        """Map the sha256 of each picture that some entry shows to its file's name."""
        with self._reading() as connection:
            rows = connection.execute(sa.select(_image.c.sha256, _image.c.file))
            return {row.sha256: row.file for row in rows}

    def drop_pictures(self, files: Iterable[str]) -> None:
        """Delete those of the named files in `images/` that no entry shows."""
        for file in self._unheld(files):
            self._files.delete(file)

    # History and transactions

    def history(self, entry: str | None = None, limit: int | None = None) -> list[Change]:
        """List changes, the latest first: all of them or those of one entry, named by entry_id or any number."""
        with self._reading() as connection:
            return history.changes(connection, None if entry is None else self.remembered(entry), limit)

    def remembered(self, entry: str) -> str:
        """Find the entry_id that the history knows an entry by, one that is gone included; raises EntryNotFound."""
        known = sa.select(tables.change_row.c.entry_id).where(tables.change_row.c.entry_id == entry.strip()).limit(1)
        with self._reading() as connection:
            return connection.execute(known).scalar() or self.entry(entry).entry_id

    def changed_rows(self, change_id: int, entry_id: str | None = None) -> list[ChangedRow]:
        """List what a change did, to one entry where `entry_id` names it."""
        with self._reading() as connection:
            return history.changed_rows(connection, change_id, entry_id)

    def undo(self, change_id: int) -> Change:
        """Bring back what was before a change, and return the change that does so.

        Raises CatalogueError, and undoes nothing, where what it touched was changed again since or a picture is gone.
        """
        with self._writing() as connection:
            needed, spare = history.undo(connection, change_id, self._notes)
            for file in needed:
                self._files.bring_back(file)
            self._local.spare += spare
        with self._reading() as connection:
            return history.changes(connection, limit=1)[0]

    @contextmanager
    def transaction(self, what: str = "") -> Iterator[None]:
        """Keep all that is written inside, or nothing of it where an error leaves the block; may be nested.

        `what` says in the history what the whole of it was, "import pins.csv".
        """
        if (outer := self._database.connection) is not None:
            self._notes.what = self._notes.what or what
            yield
            history.write_some(outer, self._notes)
            return
        self._local.notes = Notes(what)
        self._local.spare = []
        with self._database.transaction() as connection:
            yield
            history.record(connection, self._notes)
        if self._local.spare:
            for file in self._unheld(self._local.spare):
                self._files.put_aside(file)

    def note(self, kind: str, before: tables.State | None, after: tables.State | None) -> None:
        """Tell the history, inside a transaction, that a row of one of `history.KINDS` became another one."""
        self._notes.row(kind, before, after)

    @property
    def _notes(self) -> Notes:
        notes: Notes = self._local.notes
        return notes

    @contextmanager
    def _writing(self, what: str = "") -> Iterator[Connection]:
        with self.transaction():
            connection = self._database.connection
            assert connection is not None
            yield connection
            self._notes.what = self._notes.what or what

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._database.reading() as connection:
            yield connection

    def _unheld(self, files: Iterable[str]) -> Iterator[str]:
        """Those of the named pictures that no entry shows, while nobody can enter one of them."""
        with self.transaction():
            held = set(self.pictures_held().values())
            for file in files:
                if file not in held:
                    yield file


def _normal(entry: CatalogueEntry) -> CatalogueEntry:
    if not entry.entry_id.strip():
        raise CatalogueError(f"an entry without entry_id ({entry.title or 'no title'}); give it one")
    numbers = tuple(dict.fromkeys((system_of(system), number) for system, number in entry.identifiers))
    return replace(entry, number=entry.number or entry.entry_id, identifiers=numbers)


def _in_use() -> sa.ColumnElement[bool]:
    """Whether a photo is of an entry in use."""
    return _image.c.entry_id.in_(sa.select(_entry.c.entry_id).where(_entry.c.status == Status.ACTIVE.value))


def _ids(images: Iterable[CatalogueImage]) -> list[str]:
    return list(dict.fromkeys(image.entry_id for image in images))


def _none_in(folder: Path) -> str:
    return f"no catalogue in {folder}; run `znachki import FILE.csv --data {folder}` first, or give another --data"
