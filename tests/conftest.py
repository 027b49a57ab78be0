"""What many tests need once: a small drawn catalogue, imported and indexed."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // _WORKERS)))  # before anything reads it

from recognizer.drawn import sample  # noqa: E402

if TYPE_CHECKING:
    from recognizer.identify import Recognizer

ENTRIES = 40
KNOWN = 10
LACKING = 3


os.environ["ZNACHKI_JOBS"] = "1"
"""Commands in tests start no processes of their own, but in the tests that are about these."""


@pytest.fixture(scope="session", autouse=True)
def _catalogues_are_made_quickly() -> Iterator[None]:
    """Hundreds of tests make a catalogue: its tables are made by the statements that the steps ran the first time, and
    nothing waits for the disk, as in the PostgreSQL below; a killed process loses nothing by that."""
    import sqlalchemy as sa

    from recognizer.catalogue import database, migrations

    upgrade, set_up = migrations.upgrade, database._set_up_sqlite
    made: list[tuple[str, Any]] = []

    def by_statements(connection: sa.Connection, name: str) -> None:
        if connection.dialect.name != "sqlite" or sa.inspect(connection).get_table_names():
            upgrade(connection, name)
            return
        if made:
            for statement, values in made:
                connection.exec_driver_sql(statement, values)
            return

        def note(_connection: object, _cursor: object, statement: str, values: Any, *_: object) -> None:
            if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA")):
                made.append((statement, values))

        sa.event.listen(connection, "before_cursor_execute", note)
        try:
            upgrade(connection, name)
        except BaseException:
            made.clear()
            raise
        finally:
            sa.event.remove(connection, "before_cursor_execute", note)

    def without_waiting(engine: sa.Engine) -> None:
        set_up(engine)

        @sa.event.listens_for(engine, "connect")
        def connected(connection: Any, _record: object) -> None:
            connection.execute("PRAGMA synchronous = OFF")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "upgrade", by_statements)
        patch.setattr(database, "_set_up_sqlite", without_waiting)
        yield


@pytest.fixture(scope="session")
def sample_files(tmp_path_factory: pytest.TempPathFactory) -> sample.SampleFiles:
    """A drawn catalogue of ENTRIES pins, photos of KNOWN of them and of LACKING others; read it, do not write to it."""
    return sample.write(tmp_path_factory.mktemp("sample"), ENTRIES, 0, KNOWN, LACKING)


@pytest.fixture(scope="session")
def _base_read_once() -> Iterator[None]:
    """Every recognizer on drawn pins shares one base model, which nothing writes to, rather than reading its own."""
    from recognizer.search import embedder
    from recognizer.search.model_folder import BASE

    read = embedder._folder
    held: list[embedder.Embedder] = []

    def once(folder: Path, name: str) -> embedder.Embedder:
        if name != BASE:
            return read(folder, name)
        if not held:
            held.append(read(folder, name))
        return held[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedder, "_folder", once)
        yield


@pytest.fixture(scope="session")
def data(sample_files: sample.SampleFiles, tmp_path_factory: pytest.TempPathFactory, _base_read_once: None) -> Path:
    """A data folder with the drawn catalogue imported and indexed; read it, and take `own_data` to write to one."""
    from index.build import build
    from recognizer.catalogue.imports import import_csv
    from recognizer.catalogue.store import Catalogue

    folder = tmp_path_factory.mktemp("znachki") / "data"
    with Catalogue.open(folder, create=True) as catalogue:
        import_csv(catalogue, sample_files.catalogue)
    build(folder)
    return folder


@pytest.fixture
def own_data(data: Path, tmp_path: Path) -> Path:
    """A copy of `data` for a test that changes it."""
    return Path(shutil.copytree(data, tmp_path / "data"))


@pytest.fixture(scope="session")
def recognizer(data: Path) -> Iterator[Recognizer]:
    """A recognizer on `data`, opened once."""
    from recognizer.identify import Recognizer

    with Recognizer.open(data) as opened:
        yield opened


@pytest.fixture(scope="session")
def query(sample_files: sample.SampleFiles) -> Callable[[int], tuple[Path, str | None]]:
    """Gives photo `n` of the drawn queries and the entry_id that it shows, None where the catalogue lacks the pin."""
    from recognizer.catalogue.imports import read_queries

    return read_queries(sample_files.queries).__getitem__


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with a network of no sense and no size, for tests that are not about how well it sees."""
    import open_clip
    import torch

    from recognizer.networks.form import Preprocessing
    from recognizer.search import trunks

    vision = {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16}
    text = {"context_length": 8, "vocab_size": 50, "width": 16, "heads": 2, "layers": 1}
    config = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": text}
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    form = Preprocessing(32, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    trunks.save(folder, open_clip.CLIP(**config), {"kind": "open_clip", "config": config}, form, {})
    return folder


class Stopped(Exception):
    """Stands for a full disk, or for the end of the process."""


StopAt = Callable[[int, bool], AbstractContextManager[None]]


@pytest.fixture
def stop_at() -> StopAt:
    """Gives a context in which change number `step` of the index's files, from 0, fails: before or after it was made.

    No change after it is made, so that nothing is tidied up, as after a kill. The context swallows the failure; it
    raises LookupError where there were fewer changes.
    """

    @contextmanager
    def stopped(step: int, after: bool) -> Iterator[None]:
        import faiss

        made = itertools.count()

        def watched(change: Callable[..., object]) -> Callable[..., object]:
            def instead(*arguments: object, **named: object) -> object:
                at = next(made)
                if at > step or (at == step and not after):
                    raise Stopped
                found = change(*arguments, **named)
                if at == step:
                    raise Stopped
                return found

            return instead

        with pytest.MonkeyPatch.context() as patch:
            for name in ("replace", "write_bytes", "unlink"):
                patch.setattr(Path, name, watched(getattr(Path, name)))
            patch.setattr(faiss, "write_index", watched(faiss.write_index))
            try:
                yield
            except Stopped:
                return
        raise LookupError(f"fewer than {step + 1} changes")

    return stopped


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[str]:
    """A PostgreSQL server of the tests' own; gives the address of its databases, their name left open as {}.

    Skips where PostgreSQL or its driver is not installed. It listens on a socket in its own folder only, and runs as
    the user postgres where the tests run as root, whom PostgreSQL refuses.
    """
    pytest.importorskip("psycopg", reason="no psycopg: pip install 'znachki[postgres]'")
    programs = _postgresql_programs()
    if programs is None:
        pytest.skip("no PostgreSQL: no initdb on PATH or in /usr/lib/postgresql; on Debian: apt-get install postgresql")
    runs_as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if runs_as and (
        shutil.which("runuser") is None or subprocess.run(["id", "postgres"], capture_output=True).returncode
    ):
        pytest.skip("root cannot run PostgreSQL, and there is no runuser or no user postgres to run it as")
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # a socket's path must be short
    if runs_as:
        shutil.chown(folder, "postgres")
    made: list[str | Path] = [
        programs / "initdb",
        "-D",
        folder / "db",
        "-U",
        "znachki",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
    ]
    settings: dict[str, object] = {
        "listen_addresses": "",
        "unix_socket_directories": folder,
        "max_wal_senders": 0,
        "wal_level": "minimal",
    }
    settings |= dict.fromkeys(("fsync", "full_page_writes", "synchronous_commit", "autovacuum"), "off")
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    control: list[str | Path] = [programs / "pg_ctl", "-D", folder / "db", "-w"]
    try:
        subprocess.run([*runs_as, *made, "--no-sync"], check=True, capture_output=True, cwd=folder)
        start = [*runs_as, *control, "-l", folder / "log", "-o", options, "start"]
        subprocess.run(start, check=True, cwd=folder, stdout=subprocess.DEVNULL)
        try:
            yield "postgresql://znachki@/{}?host=" + str(folder)
        finally:
            subprocess.run([*runs_as, *control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd=folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_emptied: list[str] = []
"""Databases of earlier tests, emptied: making one takes a hundred times as long."""


@pytest.fixture
def server(_postgresql: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Gives the address of an empty catalogue on a PostgreSQL server of the tests' own, another one at each call."""
    import psycopg

    from recognizer.catalogue.store import Catalogue

    given: list[str] = []

    def new() -> str:
        if not _emptied:
            name = f"catalogue_{next(_numbers)}"
            with psycopg.connect(_postgresql.format("postgres"), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            Catalogue.open(tmp_path_factory.mktemp("empty"), url=_postgresql.format(name), create=True).close()
            _emptied.append(_postgresql.format(name))
        given.append(_emptied.pop())
        return given[-1]

    yield new
    _emptied.extend(address for address in given if _empty(address))


@pytest.fixture
def empty() -> Callable[[str], bool]:
    """Gives a function that takes every row out of the catalogue at an address of `server`."""
    return _empty


def _empty(address: str) -> bool:
    """Take every row out of a catalogue; says whether there is one, for a test may have broken it."""
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '5s'")
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        tables = {name for (name,) in rows}
        if "alembic_version" not in tables:
            return False
        connection.execute(f"TRUNCATE {', '.join(sorted(tables - {'alembic_version'}))} RESTART IDENTITY")
        return True


_numbers = itertools.count()


def _postgresql_programs() -> Path | None:
    """The folder with initdb and pg_ctl, those of the newest PostgreSQL where Debian keeps several."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    on_path = shutil.which("initdb")
    folders = [*reversed(debian), *([Path(on_path).resolve().parent] if on_path else [])]
    return next((path for path in folders if (path / "initdb").is_file() and (path / "pg_ctl").is_file()), None)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str | None:
    """Where a catalogue's database is: None for the data folder's own file, then an address on `server`."""
    if request.param == "sqlite":
        return None
    address: str = request.getfixturevalue("server")()
    return address
