"""The catalogue: entries, their numbers and photos in a SQLite file, the pictures beside it by their content."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from recognizer.errors import CatalogueError, EntryNotFound
from recognizer.types import CatalogueEntry, CatalogueImage, Role, Status

DATABASE: Final = "catalogue.db"
PICTURES: Final = "images"
REVISION: Final = "0001"
"""The newest step in `migrations/versions`: a catalogue that stands there is opened without loading Alembic."""

WAIT_SECONDS: Final = 30
"""How long a writer waits for another one to finish before it gives up."""

_CHUNK: Final = 500
_TEXTS: Final = (
    *("number", "title", "title_en", "series", "years_text", "country", "place", "maker", "hallmark", "material"),
    *("technique", "size_mm", "price_mark", "rarity", "merged_into", "family"),
)
_LISTS: Final = ("theme", "inscriptions", "languages")
_metadata = sa.MetaData()
_key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_entry = sa.Table(
    "entry",
    _metadata,
    sa.Column("entry_key", _key, primary_key=True),
    sa.Column("entry_id", sa.Text, unique=True),
    *(sa.Column(name, sa.Text) for name in (*_TEXTS, *_LISTS, "status", "words")),
    sa.Column("year_from", sa.Integer),
    sa.Column("year_to", sa.Integer),
)
_identifier = sa.Table(
    "identifier",
    _metadata,
    sa.Column("identifier_key", _key, primary_key=True),
    *(sa.Column(name, sa.Text) for name in ("entry_id", "system", "number")),
)
_image = sa.Table(
    "image",
    _metadata,
    sa.Column("image_id", _key, primary_key=True),
    *(sa.Column(name, sa.Text) for name in ("entry_id", "role", "sha256", "file", "licence", "source")),
)
_relation = sa.Table(
    "relation",
    _metadata,
    sa.Column("relation_key", _key, primary_key=True),
    *(sa.Column(name, sa.Text) for name in ("entry_id", "kind", "other_entry_id")),
)


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing did: how many were new, how many changed, how many were there already."""

    new: int = 0
    changed: int = 0
    same: int = 0


class Catalogue:
    """An open catalogue; use it as a context manager, or close it.

    It may be used from several threads. What is written inside `with catalogue.transaction():` is kept or dropped as a
    whole; each writing method outside one is a transaction of its own. Whatever the database refuses is raised as
    CatalogueError.
    """

    def __init__(self, engine: Engine, folder: Path, name: str) -> None:
        self._engine = engine
        self._name = name
        self._local = threading.local()
        self._full_text = engine.dialect.name == "sqlite"
        self.folder = folder

    @classmethod
    def open(cls, data: Path | str, *, create: bool = False, url: str | None = None) -> Self:
        """Open the catalogue of a data folder, bringing its tables to the newest form.

        Its database is `data`/catalogue.db unless `url` names another one in SQLAlchemy's manner; its pictures lie in
        `data`/images. Raises CatalogueError where there is no catalogue and `create` is False, where the file is
        damaged or no catalogue, and where a newer znachki made it.
        """
        folder = Path(data)
        file = folder / DATABASE
        if create:
            _make_folder(folder / PICTURES)
        elif url is None and (not file.is_file() or file.stat().st_size == 0):
            raise CatalogueError(_none_in(folder))
        catalogue = cls(
            _engine(url or f"sqlite:///{file.absolute()}"), folder, str(file) if url is None else "database"
        )
        try:
            catalogue._update_tables(create)
        except BaseException:
            catalogue.close()
            raise
        return catalogue

    def close(self) -> None:
        """Let go of the database; the catalogue is of no use afterwards."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # Entries

    def entry(self, entry_id_or_number: str) -> CatalogueEntry:
        """Find the entry of an entry_id, of a number, or of another system's number ("avers:12-345" or "12-345").

        The first of these that fits decides; of several entries with one number the active one. Merged and withdrawn
        entries answer with their own number. Raises EntryNotFound, and CatalogueError where several entries fit.
        """
        asked = entry_id_or_number.strip()
        system, colon, number = asked.partition(":")
        by_number = sa.select(_identifier.c.entry_id).where(_identifier.c.number == asked)
        ways = [_entry.c.entry_id == asked, _entry.c.number == asked, _entry.c.entry_id.in_(by_number)]
        if colon:
            by_system = sa.select(_identifier.c.entry_id).where(
                _identifier.c.system == system.strip().lower(), _identifier.c.number == number.strip()
            )
            ways.append(_entry.c.entry_id.in_(by_system))
        with self._reading() as connection:
            for way in ways:
                found = _load(connection, sa.select(_entry).where(way).order_by(_entry.c.entry_key))
                active = [entry for entry in found if entry.status is Status.ACTIVE]
                if len(active or found) > 1:
                    several = ", ".join(entry.entry_id for entry in active or found)
                    raise CatalogueError(f"number {asked!r} stands for several entries; ask by entry_id: {several}")
                if found:
                    return (active or found)[0]
        raise EntryNotFound(f"no entry {asked!r} in the catalogue; {self._nearest(asked)}")

    def entries(self, ids: Sequence[str] | None = None) -> list[CatalogueEntry]:
        """List entries: those of `ids`, in that order, or all of them, in the order in which they came.

        Raises EntryNotFound for an entry_id that no entry has.
        """
        with self._reading() as connection:
            if ids is None:
                return _load(connection, sa.select(_entry).order_by(_entry.c.entry_key))
            found = self._by_id(connection, ids)
        for entry_id in ids:
            if entry_id not in found:
                raise EntryNotFound(f"no entry {entry_id!r} in the catalogue; {self._nearest(entry_id)}")
        return [found[entry_id] for entry_id in ids]

    def known(self, entry_ids: Iterable[str]) -> dict[str, CatalogueEntry]:
        """Map each of `entry_ids` that the catalogue has to its entry."""
        with self._reading() as connection:
            return self._by_id(connection, list(entry_ids))

    def count(self) -> int:
        """Count the entries, merged and withdrawn ones included."""
        with self._reading() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(_entry)).scalar_one()

    def search(self, words: str, limit: int = 20) -> list[CatalogueEntry]:
        """Find entries that have a word beginning with each of `words`, best first.

        Case does not matter, nor do marks on letters (ё is е, õ is o; й stays й); every text of an entry counts, its
        numbers under other systems included. An entry of exactly that number comes first.
        """
        folded = fold(words).split()
        if not folded:
            return []
        exact = sa.case((sa.or_(_entry.c.entry_id == words.strip(), _entry.c.number == words.strip()), 0), else_=1)
        with self._reading() as connection:
            if self._full_text:
                match = " ".join(f'"{word}"*' for word in folded)
                table = sa.table("entry_words", sa.column("rowid"), sa.column("entry_words"), sa.column("rank"))
                query = sa.select(_entry).join(table, table.c.rowid == _entry.c.entry_key)
                query = query.where(table.c.entry_words.op("MATCH")(match)).order_by(exact, table.c.rank)
            else:
                query = _like(folded).order_by(exact)
            return _load(connection, query.order_by(_entry.c.entry_key).limit(limit))

    def upsert(self, entries: Iterable[CatalogueEntry]) -> Stored:
        """Store entries whole: new ones are added, those whose entry_id is there are made equal to what is given.

        An entry without a number gets its entry_id as number. Of several with one entry_id the last one counts.
        """
        wanted = {entry.entry_id: _normal(entry) for entry in entries}
        with self._writing() as connection:
            there = self._by_id(connection, list(wanted))
            new = [entry for entry_id, entry in wanted.items() if entry_id not in there]
            changed = [entry for entry_id, entry in wanted.items() if there.get(entry_id, entry) != entry]
            if new:
                connection.execute(sa.insert(_entry), [_row(entry) for entry in new])
            if changed:
                rows = [{"old_id": entry.entry_id, **_row(entry)} for entry in changed]
                connection.execute(sa.update(_entry).where(_entry.c.entry_id == sa.bindparam("old_id")), rows)
                for some in _chunks([entry.entry_id for entry in changed]):
                    connection.execute(sa.delete(_identifier).where(_identifier.c.entry_id.in_(some)))
            numbers = [
                {"entry_id": entry.entry_id, "system": system, "number": number}
                for entry in (*new, *changed)
                for system, number in entry.identifiers
            ]
            if numbers:
                connection.execute(sa.insert(_identifier), numbers)
        return Stored(len(new), len(changed), len(wanted) - len(new) - len(changed))

    def relate(self, entry_id: str, kind: str, other_entry_id: str) -> None:
        """Note that an entry stands in a relation of some kind to another one; noting it twice changes nothing."""
        values = {"entry_id": entry_id, "kind": kind, "other_entry_id": other_entry_id}
        with self._writing() as connection:
            self.entries([entry_id, other_entry_id])
            if (kind, other_entry_id) not in self.relations(entry_id):
                connection.execute(sa.insert(_relation), values)

    def relations(self, entry_id: str) -> list[tuple[str, str]]:
        """List an entry's relations as (kind, other entry_id), in the order in which they were noted."""
        query = sa.select(_relation.c.kind, _relation.c.other_entry_id).where(_relation.c.entry_id == entry_id)
        with self._reading() as connection:
            return [(kind, other) for kind, other in connection.execute(query.order_by(_relation.c.relation_key))]

    # Photos

    def images(self, role: Role | None = None, entry_id: str | None = None) -> list[CatalogueImage]:
        """List photos by image_id, all of them or those of one role, of one entry."""
        query = sa.select(_image).order_by(_image.c.image_id)
        if role is not None:
            query = query.where(_image.c.role == role.value)
        if entry_id is not None:
            query = query.where(_image.c.entry_id == entry_id)
        with self._reading() as connection:
            return [_as_image(row) for row in connection.execute(query)]

    def image(self, image_id: int) -> CatalogueImage:
        """Find one photo; raises CatalogueError where there is none of that image_id."""
        with self._reading() as connection:
            row = connection.execute(sa.select(_image).where(_image.c.image_id == image_id)).one_or_none()
        if row is None:
            raise CatalogueError(f"no photo {image_id} in the catalogue; `znachki index --check` tells what is stale")
        return _as_image(row)

    def image_keys(self, role: Role | None = None) -> list[tuple[int, str]]:
        """List (image_id, sha256) of every photo by image_id: what an index must hold."""
        query = sa.select(_image.c.image_id, _image.c.sha256).order_by(_image.c.image_id)
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
        return self.folder / PICTURES

    def picture_path(self, image: CatalogueImage) -> Path:
        """Say where a photo's file lies."""
        return self.picture_folder / image.file

    def add_picture(self, data: bytes, ending: str) -> str:
        """Keep a picture's bytes in `images/` and return the name of its file, its sha256 and `ending` (".jpg").

        A picture that is there already is not written again. Killed half way, no half a file stands under that name.
        """
        path = self.picture_folder / f"{hashlib.sha256(data).hexdigest()}{ending}"
        if not (path.is_file() and path.stat().st_size == len(data)):
            beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
            try:
                beside.write_bytes(data)
                beside.replace(path)
            except OSError as error:
                beside.unlink(missing_ok=True)
                raise CatalogueError(f"{path}: cannot be written ({error.strerror}); make room or allow it") from error
        return path.name

    def add_images(self, images: Sequence[CatalogueImage]) -> Stored:
        """Enter photos whose pictures lie in `images/`; each gets an image_id of its own, whatever it says.

        A photo that its entry has already keeps its image_id, and its role, licence and source are made those given.
        Raises EntryNotFound for a photo of no entry, CatalogueError where the picture's file is missing.
        """
        wanted = {(image.entry_id, image.sha256): image for image in images}
        with self._writing() as connection:
            ids = list({image.entry_id: None for image in images})
            there = {(row.entry_id, row.sha256): row for row in self._images_of(connection, ids)}
            new = [image for key, image in wanted.items() if key not in there]
            known = self._by_id(connection, list({image.entry_id for image in new}))
            for image in new:
                if image.entry_id not in known:
                    raise EntryNotFound(
                        f"no entry {image.entry_id!r} in the catalogue; {self._nearest(image.entry_id)}"
                    )
                if not self.picture_path(image).is_file():
                    raise CatalogueError(f"{self.picture_path(image)}: no such picture; import it again")
            changed = [
                replace(image, image_id=there[key].image_id)
                for key, image in wanted.items()
                if key in there and replace(image, image_id=there[key].image_id, file=there[key].file) != there[key]
            ]
            if new:
                connection.execute(sa.insert(_image), [_image_row(image) for image in new])
            if changed:
                statement = sa.update(_image).where(_image.c.image_id == sa.bindparam("old_id"))
                rows = [{"old_id": image.image_id, **_image_row(image)} for image in changed]
                connection.execute(statement, rows)
        return Stored(len(new), len(changed), len(wanted) - len(new) - len(changed))

    def add_image(
        self, entry_id: str, data: bytes, ending: str, role: Role = Role.FACE, **about: str
    ) -> CatalogueImage:
        """Keep one photo of an entry and return it; `about` may give its licence and source."""
        file = self.add_picture(data, ending)
        image = CatalogueImage(0, entry_id, role, file.partition(".")[0], file, **about)
        with self._writing():
            self.add_images([image])
            return next(there for there in self.images(entry_id=entry_id) if there.sha256 == image.sha256)

    def remove_image(self, image_id: int) -> None:
        """Take a photo out of the catalogue, its file too unless another entry shows it; its image_id never returns."""
        with self._writing() as connection:
            image = self.image(image_id)
            connection.execute(sa.delete(_image).where(_image.c.image_id == image_id))
            self._local.dropped.append(image)

    def pictures_held(self) -> dict[str, str]:
        """Map the sha256 of each picture that some entry shows to its file's name."""
        with self._reading() as connection:
            rows = connection.execute(sa.select(_image.c.sha256, _image.c.file))
            return {row.sha256: row.file for row in rows}

    def drop_pictures(self, files: Iterable[str]) -> None:
        """Delete those of the named files in `images/` that no entry shows."""
        with self.transaction():  # so that no other process enters one of them between the look and the deletion
            held = set(self.pictures_held().values())
            for file in files:
                if file not in held:
                    (self.picture_folder / file).unlink(missing_ok=True)

    # Transactions and tables

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all that is written inside, or nothing of it where an error leaves the block; may be nested."""
        if getattr(self._local, "connection", None) is not None:
            yield
            return
        self._local.dropped = []
        with self._told(), self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            self._local.connection = connection
            try:
                yield
            finally:
                self._local.connection = None
        if self._local.dropped:
            self.drop_pictures([image.file for image in self._local.dropped])

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self.transaction():
            yield self._local.connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        if (connection := getattr(self._local, "connection", None)) is not None:
            yield connection
            return
        with self._told(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Raise what the database says as CatalogueError with a cure."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise CatalogueError(f"{self._name}: {error.orig}; {_cure(str(error.orig))}") from error

    def _update_tables(self, create: bool) -> None:
        with self._told(), self._engine.connect() as connection:
            tables = sa.inspect(connection).get_table_names()
            version = sa.text("SELECT version_num FROM alembic_version")
            revision = connection.execute(version).scalar() if "alembic_version" in tables else None
        if revision == REVISION:
            return
        if revision is None and tables:
            raise CatalogueError(f"{self._name}: a database, but no catalogue of znachki; choose another --data folder")
        if revision is None and not create:
            raise CatalogueError(_none_in(self.folder))
        from recognizer import migrations  # Alembic takes longer to load than all else does to run

        with self._told(), self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            migrations.upgrade(connection, self._name)

    def _by_id(self, connection: Connection, ids: Sequence[str]) -> dict[str, CatalogueEntry]:
        found: dict[str, CatalogueEntry] = {}
        for some in _chunks(ids):
            found |= {e.entry_id: e for e in _load(connection, sa.select(_entry).where(_entry.c.entry_id.in_(some)))}
        return found

    def _images_of(self, connection: Connection, ids: Sequence[str]) -> Iterator[CatalogueImage]:
        for some in _chunks(ids):
            for row in connection.execute(sa.select(_image).where(_image.c.entry_id.in_(some))):
                yield _as_image(row)

    def _nearest(self, asked: str) -> str:
        """The cure for a number that nothing has: what is written like it."""
        with self._reading() as connection:
            like = _entry.c.entry_id.startswith(asked[:2], autoescape=True)
            ids = connection.execute(sa.select(_entry.c.entry_id).where(like).limit(2000)).scalars()
            near = difflib.get_close_matches(asked, list(ids), n=3)
        nearest = f"written alike: {', '.join(near)}; " if near else ""
        return f"{nearest}look it up with `znachki show --search WORDS`"


def fold(text: str) -> str:
    """Bring a text to the words that are searched: small letters and digits, one space between words, no marks.

    ё becomes е and õ becomes o, while й stays, being another letter than и.
    """
    return " ".join(unicodedata.normalize("NFC", text).casefold().translate(_FOLDED).split())


class _Folded(dict[int, str]):
    """What each character becomes, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        plain = "".join(c for c in unicodedata.normalize("NFKD", chr(code)) if not unicodedata.combining(c))
        self[code] = "".join(c if c.isalnum() else " " for c in plain.casefold())
        return self[code]


_FOLDED: Final = _Folded({ord("й"): "й"})


def _normal(entry: CatalogueEntry) -> CatalogueEntry:
    if not entry.entry_id.strip():
        raise CatalogueError(f"an entry without entry_id ({entry.title or 'no title'}); give it one")
    numbers = tuple(dict.fromkeys((system.lower(), number) for system, number in entry.identifiers))
    return replace(entry, number=entry.number or entry.entry_id, identifiers=numbers)


def _row(entry: CatalogueEntry) -> dict[str, Any]:
    texts = {name: getattr(entry, name) for name in ("entry_id", *_TEXTS)}
    lists = {name: json.dumps(getattr(entry, name), ensure_ascii=False) for name in _LISTS}
    years = {"year_from": entry.year_from, "year_to": entry.year_to}
    shown = [text for name, text in texts.items() if name not in ("merged_into", "family")]
    numbers = [number for _, number in entry.identifiers]
    words = fold(" ".join([*shown, *entry.theme, *entry.inscriptions, *numbers]))
    return {**texts, **lists, **years, "status": entry.status.value, "words": f" {words}"}


def _load(connection: Connection, query: sa.Select[Any]) -> list[CatalogueEntry]:
    """The entries of a query over the whole entry table, in its order."""
    rows = connection.execute(query).mappings().all()
    numbers: dict[str, list[tuple[str, str]]] = {}
    columns = sa.select(_identifier.c.entry_id, _identifier.c.system, _identifier.c.number)
    columns = columns.order_by(_identifier.c.identifier_key)
    ids = [row["entry_id"] for row in rows]
    parts = [columns.where(_identifier.c.entry_id.in_(some)) for some in _chunks(ids)]
    for part in parts if len(parts) < 20 else [columns]:
        for entry_id, system, number in connection.execute(part):
            numbers.setdefault(entry_id, []).append((system, number))
    return [_as_entry(row, tuple(numbers.get(row["entry_id"], ()))) for row in rows]


def _as_entry(row: sa.RowMapping, identifiers: tuple[tuple[str, str], ...]) -> CatalogueEntry:
    values: dict[str, Any] = {name: row[name] for name in ("entry_id", *_TEXTS, "year_from", "year_to")}
    values |= {name: tuple(json.loads(row[name] or "[]")) for name in _LISTS}
    return CatalogueEntry(**values, status=Status(row["status"]), identifiers=identifiers)


def _as_image(row: sa.Row[Any]) -> CatalogueImage:
    return CatalogueImage(row.image_id, row.entry_id, Role(row.role), row.sha256, row.file, row.licence, row.source)


def _image_row(image: CatalogueImage) -> dict[str, str]:
    texts = {name: getattr(image, name) for name in ("entry_id", "sha256", "file", "licence", "source")}
    return {**texts, "role": image.role.value}


def _like(words: Sequence[str]) -> sa.Select[Any]:
    """The search for databases without FTS5: `words` begins with a space, so that " word" begins a word."""
    return sa.select(_entry).where(*(_entry.c.words.contains(f" {word}", autoescape=True) for word in words))


def _chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))


def _engine(url: str) -> Engine:
    engine = sa.create_engine(url)
    if engine.dialect.name != "sqlite":
        return engine

    @sa.event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins no transactions of its own; see begin() below
        connection.execute(f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
        with suppress(connection.OperationalError):  # another process is changing it this moment, and it stays changed
            connection.execute("PRAGMA journal_mode = WAL")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogueError(f"{folder}: cannot be made ({error.strerror}); choose another --data folder") from error


def _none_in(folder: Path) -> str:
    return f"no catalogue in {folder}; run `znachki import FILE.csv --data {folder}` first, or give another --data"


def _cure(said: str) -> str:
    if "locked" in said or "busy" in said:
        return "another znachki is writing to it; wait for it and try again"
    if "not a database" in said or "malformed" in said or "corrupt" in said:
        return "the file is damaged: put a saved copy in its place, or move it away and import again"
    if "readonly" in said or "read-only" in said or "unable to open" in said:
        return "allow reading and writing the file and its folder"
    if "full" in said:
        return "make room on the disk"
    return "see that the file and its folder are whole and may be written"
