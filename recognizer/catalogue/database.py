"""The database under a catalogue: SQLite in a file or PostgreSQL by URL, its transactions and what it says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from recognizer.errors import CatalogueError

REVISION: Final = "0013"
"""The newest step in `migrations/versions`: a catalogue that stands there is opened without loading Alembic."""

WAIT_SECONDS: Final = 30
"""How long a writer waits for another one to finish before it gives up."""

_WRITERS: Final = 0x7A6E6163686B69
"""The advisory lock that writers of a PostgreSQL catalogue take in turn, as SQLite's take the file's."""

_assigned: dict[Path, str] = {}


def assign(folder: Path, url: str | None) -> None:
    """Keep the catalogue of a data folder in the database at `url` from now on, in this process; None ends that."""
    _assigned.pop(folder.resolve(), None)
    if url:
        _assigned[folder.resolve()] = url


def assigned(folder: Path) -> str | None:
    """Say which database a data folder was assigned, None where its own file is its catalogue."""
    return _assigned.get(folder.resolve())


class Database:
    """A pool of connections to one database, with one writing transaction a thread.

    Whatever the database refuses is raised as CatalogueError that begins with `name` and tells the cure. Writers work
    one after the other; a reader sees what was there when it began.
    """

    def __init__(self, url: str, name: str | None = None) -> None:
        self.engine = _engine(url)
        self.name = name or self.engine.url.render_as_string(hide_password=True)
        self._local = threading.local()

    @property
    def dialect(self) -> str:
        """The kind of database: "sqlite" or "postgresql"."""
        return self.engine.dialect.name

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()

    @property
    def connection(self) -> Connection | None:
        """The connection of this thread's writing transaction, None outside one."""
        return getattr(self._local, "connection", None)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Begin this thread's writing transaction, kept at the end or dropped where an error leaves the block."""
        with self.told(), self.engine.connect().execution_options(writes=True) as connection, connection.begin():
            self._local.connection = connection
            try:
                yield connection
            finally:
                self._local.connection = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a connection to read by: that of this thread's transaction, or one that sees a single moment."""
        if (connection := self.connection) is not None:
            yield connection
            return
        with self.told(), self.engine.connect() as connection:
            if self.dialect == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextmanager
    def told(self) -> Iterator[None]:
        """Raise what the database says as CatalogueError with a cure."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            said = " ".join(str(error.orig).split())
            raise CatalogueError(f"{self.name}: {said}; {_cure(said)}") from error

    def update_tables(self, create: bool, missing: str) -> None:
        """Bring the tables to the newest form, making them in an empty database where `create` is set.

        Raises CatalogueError: `missing` where there are none to bring forward, and where the database is another
        program's or was made by a newer znachki.
        """
        with self.told(), self.engine.connect() as connection:
            tables = sa.inspect(connection).get_table_names()
            version = sa.text("SELECT version_num FROM alembic_version")
            revision = connection.execute(version).scalar() if "alembic_version" in tables else None
        if revision == REVISION:
            return
        if revision is None and tables:
            raise CatalogueError(f"{self.name}: a database, but no catalogue of znachki; choose another one")
        if revision is None and not create:
            raise CatalogueError(missing)
        from recognizer.catalogue import migrations  # Alembic takes longer to load than all else does to run

        with self.transaction() as connection:
            migrations.upgrade(connection, self.name)


def _engine(url: str) -> Engine:
    try:
        address = sa.make_url(url)
        if address.drivername in ("postgres", "postgresql"):
            address = address.set(drivername="postgresql+psycopg")
        engine = sa.create_engine(address, pool_pre_ping=address.get_backend_name() != "sqlite")
    except sa.exc.ArgumentError as error:
        raise CatalogueError(f"database {url!r}: {error}; write it as postgresql://USER@HOST/NAME") from error
    except ModuleNotFoundError as error:
        raise CatalogueError(f"no driver for this database ({error}); pip install 'znachki[postgres]'") from error
    set_up: dict[str, Callable[[Engine], None]] = {"sqlite": _set_up_sqlite, "postgresql": _set_up_postgresql}
    if engine.dialect.name not in set_up:
        raise CatalogueError(f"a database of kind {engine.dialect.name!r}; SQLite and PostgreSQL are known")
    set_up[engine.dialect.name](engine)
    return engine


def _set_up_sqlite(engine: Engine) -> None:
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


def _set_up_postgresql(engine: Engine) -> None:
    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("writes"):
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{max(1, WAIT_SECONDS * 1000)}ms'")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")


def _cure(said: str) -> str:
    if "locked" in said or "busy" in said or "lock timeout" in said:
        return "another znachki is writing to it; wait for it and try again"
    if "not a database" in said or "malformed" in said or "corrupt" in said:
        return "the file is damaged: restore a backup, or move it away and import again"
    if "connection" in said or "could not connect" in said:
        return "see that the server runs and that user, password and database name in the address are right"
    if "attempt to write a readonly" in said:
        return "it is only read, as a bundle is; allow writing the file and its folder, or make a catalogue of your own"
    if "readonly" in said or "read-only" in said or "unable to open" in said or "permission denied" in said:
        return "allow reading and writing it"
    if "full" in said or "No space" in said:
        return "make room on the disk"
    return "see that it is whole and may be written"
