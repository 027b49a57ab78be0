"""Backups: a whole data folder as one file while it is in use, and back again, every byte checked.

A backup is a ZIP file: `catalogue.db`, `images/`, `removed/`, `queries/`, `models/`, `index/`, of `web/` the tokens (as
hashes) and the kept photos, and `manifest.json` with the sha256 and size of each. The catalogue is one moment of it,
also where it lives on a server. Lots stay out, for a job knows its pictures by place and time of their files; so does
the key that sessions are signed with, so that nobody signs in with a backup.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from recognizer import program_version
from recognizer.catalogue import corrections
from recognizer.catalogue.database import REVISION
from recognizer.catalogue.store import DATABASE, PICTURES, QUERIES, REMOVED, Catalogue
from recognizer.errors import CatalogueError
from recognizer.exchange import archive
from recognizer.exchange.archive import Progress
from recognizer.exchange.copying import check_empty, transfer

SETTLED_SECONDS: Final = 3600.0
"""A picture that nothing names is left alone for so long: an import keeps pictures before it enters them."""

KIND: Final = "backup"
FORMAT: Final = 1
MODELS: Final = "models"
INDEX: Final = "index"
WEB: Final = "web"
PARTS: Final = (DATABASE, PICTURES, REMOVED, QUERIES, MODELS, INDEX, WEB)
"""What of a data folder a backup holds."""

WAITING: Final = ".waiting-"
"""Begins the name of a restored database whose rows have not all gone to their server."""

_TRIES: Final = 5


@dataclass(slots=True)
class BackupReport:
    """What a backup holds: files, their bytes, and (name, why) of what could not be put in whole."""

    files: int = 0
    bytes: int = 0
    damaged: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class RestoreReport:
    """What was restored, (name, why) of what the backup holds damaged, and where the folder went that was there."""

    files: int = 0
    damaged: list[tuple[str, str]] = field(default_factory=list)
    moved: Path | None = None


# Making one


def back_up(catalogue: Catalogue, path: Path, progress: Progress | None = None) -> BackupReport:
    """Write a data folder to one file while others work with it; written beside `path` and renamed.

    A picture that is missing or is not what its name says is left out and told. Raises CatalogueError where the
    database is damaged or the file cannot be written.
    """
    report = BackupReport()
    with (
        archive.writing(path) as file,
        tempfile.TemporaryDirectory(prefix=".znachki-", dir=path.parent, ignore_cleanup_errors=True) as scratch,
    ):
        for done, (name, source, expected, total) in enumerate(_members(catalogue, Path(scratch), report), 1):
            try:
                if expected is not None and archive.sha256_of(source) != expected:
                    report.damaged.append((name, "damaged: not what its name says"))
                else:
                    file.put(name, source, small=name == DATABASE)
            except FileNotFoundError:
                report.damaged.append((name, "missing"))
            if progress is not None:
                progress(done, total)
        file.finish(
            kind=KIND,
            format=FORMAT,
            made_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            znachki=program_version(),
            revision=REVISION,
            damaged=[list(one) for one in report.damaged],
        )
        report.files, report.bytes = len(file.files), file.bytes
    return report


def _members(catalogue: Catalogue, scratch: Path, report: BackupReport) -> Iterator[tuple[str, Path, str | None, int]]:
    """(name in the backup, file, sha256 that it must have or None, files in all), the catalogue first."""
    _snapshot(catalogue, scratch)
    with Catalogue.open(scratch) as moment:
        held = {f"{PICTURES}/{file}": sha256 for sha256, file in moment.pictures_held().items()}
        asked = sorted(corrections.pictures_held(moment))
    found: list[tuple[str, Path, str | None]] = [(DATABASE, scratch / DATABASE, None)]
    for name, sha256 in sorted(held.items()):
        file = name.partition("/")[2]
        places = (catalogue.picture_folder / file, catalogue.folder / REMOVED / file)
        there = next((place for place in places if place.is_file()), None)
        if there is None:
            report.damaged.append((name, "missing"))
        else:
            found.append((name, there, sha256))
    aside = _files(catalogue.folder / REMOVED)
    found += [(f"{REMOVED}/{path.name}", path, path.name.partition(".")[0]) for path in aside]
    queries = catalogue.folder / QUERIES
    found += [(f"{QUERIES}/{file}", queries / file, file.partition(".")[0]) for file in asked]
    web = catalogue.folder / WEB
    found += [(f"{WEB}/{file.relative_to(web).as_posix()}", file, None) for file in _worth_keeping(web)]
    for part in (MODELS, INDEX):
        base = _hold(catalogue.folder / part, scratch / part)
        found += [(f"{part}/{file.relative_to(base).as_posix()}", file, None) for file in _files(base)]
    yield from ((*one, len(found)) for one in found)


def _worth_keeping(web: Path) -> Iterator[Path]:
    """The files of the service that are nowhere else: tokens and kept photos."""
    yield from (path for path in (web / "tokens.json",) if path.is_file())
    yield from _files(web / "uploads")


def _snapshot(catalogue: Catalogue, scratch: Path) -> None:
    """Write one moment of the catalogue to a SQLite file in `scratch`."""
    if catalogue.database.dialect != "sqlite":
        with Catalogue.open(scratch, create=True) as copy:
            transfer(catalogue, copy, pictures=False)
    else:
        with catalogue.database.reading() as connection, closing(sqlite3.connect(scratch / DATABASE)) as copy_file:
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)
            try:
                source.backup(copy_file)
            except sqlite3.DatabaseError as error:
                raise CatalogueError(f"{catalogue.database.name}: {error}; restore an older backup") from error
            copy_file.execute("PRAGMA journal_mode = DELETE")
    if wrong := _wrong_with_file(scratch / DATABASE):
        raise CatalogueError(f"{catalogue.database.name}: damaged ({wrong}); restore an older backup")


def _hold(folder: Path, held: Path) -> Path:
    """Link or copy a folder's files as they are at one moment, as its owner replaces them whole, and return where."""
    for _ in range(_TRIES):
        before = _state(folder)
        shutil.rmtree(held, ignore_errors=True)
        held.mkdir(parents=True)
        try:
            for file in _files(folder):
                copy = held / file.relative_to(folder)
                copy.parent.mkdir(parents=True, exist_ok=True)
                try:
                    os.link(file, copy)
                except FileNotFoundError:
                    raise
                except OSError:  # another file system, or one without links
                    shutil.copyfile(file, copy)
        except FileNotFoundError:
            continue
        if _state(folder) == before:
            return held
    raise CatalogueError(f"{folder}: changes all the time; back up when the index is made")


def _state(folder: Path) -> list[tuple[str, int, int]]:
    found = []
    for file in _files(folder):
        try:
            about = file.stat()
        except FileNotFoundError:
            continue
        found.append((str(file), about.st_ino, about.st_mtime_ns))
    return found


def _files(folder: Path) -> list[Path]:
    """The files under a folder, at any depth, without those that are just being written."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".part")
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


# Bringing one back


def restore(
    path: Path,
    folder: Path,
    *,
    force: bool = False,
    partial: bool = False,
    progress: Progress | None = None,
    url: str | None = None,
) -> RestoreReport:
    """Bring a backup back as a data folder, whole: checked beside it, every sha256, then renamed.

    A folder that holds a catalogue is only replaced with `force`, and moved aside then, not deleted. Damaged files are
    named and nothing is restored, unless `partial` asks for the rest; without its database a backup is none. Called
    again after it was cut off, it goes on with what is there. Raises CatalogueError.

    With `url`, the catalogue goes to that server's database, which must be empty, and all else to the folder. The
    folder takes its place first, with the catalogue in a file that only this function knows, then every row goes over
    in one transaction: cut off between the two, the server holds nothing yet.
    """
    if url is None:
        return _restore(path, folder.resolve(), DATABASE, force, partial, progress)
    folder = folder.resolve()
    with archive.reading(path, KIND, FORMAT, PARTS) as (_, manifest):
        files = manifest["files"]
    waiting = folder / f"{WAITING}{files.get(DATABASE, {}).get('sha256', '')[:16]}.db"
    if waiting.is_file():  # the same backup was cut off after the folder took its place
        report = RestoreReport(len(files))
    else:
        with tempfile.TemporaryDirectory() as scratch, Catalogue.open(scratch, url=url, create=True) as server:
            check_empty(server)
        report = _restore(path, folder, waiting.name, force, partial, progress)
    with (
        Catalogue.open(folder, url=f"sqlite:///{waiting}") as restored,
        Catalogue.open(folder, url=url, create=True) as server,
    ):
        if not _same(restored, server):  # else cut off after the last row
            transfer(restored, server)
    for file in sorted(folder.glob(f"{waiting.name}*"), reverse=True):  # the database last: while it is there, it waits
        file.unlink()
    return report


def _same(restored: Catalogue, server: Catalogue) -> bool:
    """Whether a server has the catalogue already, by its last change and its photos."""
    return (restored.history(limit=1), restored.fingerprint()) == (server.history(limit=1), server.fingerprint())


def _restore(
    path: Path, folder: Path, database: str, force: bool, partial: bool, progress: Progress | None
) -> RestoreReport:
    """Bring a backup back as a folder, its database under the name that is given."""
    if not force and any((folder / part).exists() for part in PARTS):
        raise CatalogueError(f"{folder}: there is a catalogue already; --force moves it aside, or name another folder")
    beside = folder.with_name(f".{folder.name}.restoring")
    with archive.reading(path, KIND, FORMAT, PARTS) as (file, manifest):
        if DATABASE not in manifest["files"]:
            raise CatalogueError(f"{path.name}: no {DATABASE} in it; take another backup")
        try:
            beside.mkdir(parents=True, exist_ok=True)
            damaged = archive.unpack(file, manifest["files"], beside, progress)
            (beside / PICTURES).mkdir(exist_ok=True)
        except OSError as error:
            raise CatalogueError(
                f"{beside}: cannot be written ({error.strerror or error}); make room or allow it"
            ) from error
    report = RestoreReport(len(manifest["files"]) - len(damaged), damaged)
    report.damaged += [(name, f"{why} when the backup was made") for name, why in manifest.get("damaged", [])]
    _check_restored(path, beside, report, partial)
    try:
        (beside / DATABASE).rename(beside / database)
        if folder.exists() and any(folder.iterdir()):
            report.moved = _free_name(folder)
            folder.replace(report.moved)
        beside.replace(folder)
    except OSError as error:
        raise CatalogueError(
            f"{folder}: cannot be replaced ({error.strerror or error}); name another folder"
        ) from error
    return report


def _check_restored(path: Path, beside: Path, report: RestoreReport, partial: bool) -> None:
    """Raise CatalogueError, leaving nothing behind, where what was unpacked may not take its place."""
    names = {name for name, _ in report.damaged}
    wrong = "its sha256 is another one" if DATABASE in names else _wrong_with_file(beside / DATABASE)
    listed = "\n".join(f"  {name}: {why}" for name, why in report.damaged[:20])
    if wrong:
        shutil.rmtree(beside)
        raise CatalogueError(
            f"{path.name}: the database in it is damaged ({wrong}); take another backup\n{listed}".rstrip()
        )
    lost = [name for name, why in report.damaged if not why.endswith("when the backup was made")]
    if lost and not partial:
        shutil.rmtree(beside)
        raise CatalogueError(
            f"{path.name}: {len(lost)} damaged, nothing restored; --partial restores the rest\n{listed}"
        )


def _free_name(folder: Path) -> Path:
    names = (folder.with_name(f"{folder.name}.before-restore{number}") for number in ("", *range(2, 10000)))
    return next(name for name in names if not name.exists())


# Checking


def check_folder(folder: Path, progress: Progress | None = None) -> list[tuple[str, str]]:
    """Look for damage in a data folder, and list (name, what is wrong), the database first.

    Every picture's bytes are held against its name, those of corrections too, also where the database cannot be read.
    """
    found: list[tuple[str, str]] = []
    for path in sorted(folder.glob(f"{WAITING}*.db")):
        found.append((path.name, "of a restore to a server that was cut off; call `znachki restore` again"))
    held: set[str] | None = None
    asked: set[str] | None = None
    try:
        with Catalogue.open(folder) as catalogue:
            if catalogue.database.dialect == "sqlite" and (wrong := _wrong_with_file(folder / DATABASE)):
                found.append((DATABASE, wrong))
            held = set(catalogue.pictures_held().values())
            asked = corrections.pictures_held(catalogue)
    except CatalogueError as error:
        found.append((DATABASE, str(error)))
    there = {path.name: path for path in _files(folder / PICTURES)}
    found += [(f"{PICTURES}/{name}", "missing; import it again") for name in sorted((held or set()) - set(there))]
    queries = {path.name: path for path in _files(folder / QUERIES)}
    total = len(there) + len(queries)
    for done, (name, path) in enumerate(sorted(there.items()), 1):
        if (held is None or name in held) and archive.sha256_of(path) != name.partition(".")[0]:
            found.append((f"{PICTURES}/{name}", "damaged: not what its name says; import it again"))
        if progress is not None:
            progress(done, total)
    cure = "restore a backup of it, or correct that answer again"
    found += [(f"{QUERIES}/{name}", f"missing; {cure}") for name in sorted((asked or set()) - set(queries))]
    for done, (name, path) in enumerate(sorted(queries.items()), len(there) + 1):
        if (asked is None or name in asked) and archive.sha256_of(path) != name.partition(".")[0]:
            found.append((f"{QUERIES}/{name}", f"damaged: not what its name says; {cure}"))
        if progress is not None:
            progress(done, total)
    return found


def left_over(folder: Path) -> list[str]:
    """List the pictures in `images/` that nothing names, as a killed import leaves them; they do no harm.

    Those of the last hour are not among them, for an import may be about to name them. Raises CatalogueError.
    """
    limit = time.time() - SETTLED_SECONDS
    with Catalogue.open(folder) as catalogue:
        held = set(catalogue.pictures_held().values())
    return sorted(
        path.name for path in _files(folder / PICTURES) if path.name not in held and path.stat().st_mtime < limit
    )


def tidy(folder: Path) -> list[str]:
    """Remove what `left_over` lists, and return it; raises CatalogueError."""
    names = left_over(folder)
    with Catalogue.open(folder) as catalogue:
        catalogue.drop_pictures(names)
    return names


def _wrong_with_file(path: Path) -> str:
    """Say what is wrong with a SQLite file, "" for nothing."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            said = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
            if said != ["ok"]:
                return "; ".join(said)
            dangling = connection.execute("PRAGMA foreign_key_check").fetchall()
            return f"{len(dangling)} rows refer to what is not there" if dangling else ""
    except sqlite3.DatabaseError as error:
        return str(error)
