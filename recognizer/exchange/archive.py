"""Archives: ZIP files of which every byte can be checked, by a manifest with the sha256 and size of each file."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final

from recognizer.errors import CatalogueError
from recognizer.files import beside

MANIFEST: Final = "manifest.json"
_BLOCK: Final = 1 << 20
_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the same for all, so that equal content makes equal files

Progress = Callable[[int, int], None]


class Archive:
    """An archive that is being written."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self.files: dict[str, dict[str, Any]] = {}

    def put(self, name: str, source: Path | bytes, *, small: bool = False) -> None:
        """Put one file in, packed where `small` is set; raises FileNotFoundError before anything of it is written."""
        about = zipfile.ZipInfo(name, _DATE)
        about.compress_type = zipfile.ZIP_DEFLATED if small else zipfile.ZIP_STORED
        if isinstance(source, bytes):
            self._file.writestr(about, source)
            self.files[name] = {"sha256": hashlib.sha256(source).hexdigest(), "size": len(source)}
            return
        digest, size = hashlib.sha256(), 0
        with source.open("rb") as reading, self._file.open(about, "w", force_zip64=True) as writing:
            for block in iter(lambda: reading.read(_BLOCK), b""):
                digest.update(block)
                size += writing.write(block)
        self.files[name] = {"sha256": digest.hexdigest(), "size": size}

    @property
    def bytes(self) -> int:
        """Bytes of the files put in, before packing."""
        return sum(about["size"] for about in self.files.values())

    def finish(self, **about: Any) -> None:
        """Write the manifest: what `about` says, and the files."""
        text = json.dumps({**about, "files": self.files}, ensure_ascii=False, indent=1)
        self._file.writestr(zipfile.ZipInfo(MANIFEST, _DATE), text)


@contextmanager
def writing(path: Path) -> Iterator[Archive]:
    """Write an archive beside `path`, renamed when it is whole; raises CatalogueError where it cannot be written."""
    with beside(path, CatalogueError) as draft, zipfile.ZipFile(draft, "w") as file:
        yield Archive(file)


@contextmanager
def reading(path: Path, kind: str, form: int, parts: Sequence[str]) -> Iterator[tuple[zipfile.ZipFile, dict[str, Any]]]:
    """Open an archive of some `kind` ("backup") and form and lend it with its manifest.

    Raises CatalogueError, beginning with the file's name, where it is none, was made by a newer znachki, or names
    places outside of `parts`.
    """
    try:
        stream: BinaryIO = path.open("rb")
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read ({error.strerror}); check the name") from error
    with stream:
        try:
            file = zipfile.ZipFile(stream)
        except zipfile.BadZipFile as error:
            raise CatalogueError(f"{path.name}: no {kind}, or cut short ({error}); take another one") from error
        with file:
            yield file, _manifest(file, path, kind, form, parts)


def _manifest(file: zipfile.ZipFile, path: Path, kind: str, form: int, parts: Sequence[str]) -> dict[str, Any]:
    try:
        manifest = json.loads(file.read(MANIFEST))
        files, written = manifest["files"], manifest["format"]
        if manifest["kind"] != kind:
            raise ValueError(f"it is a {manifest['kind']}")
    except Exception as error:  # a damaged archive raises anything
        raise CatalogueError(f"{path.name}: no {kind} of znachki, or its manifest is damaged ({error})") from error
    if written != form:
        raise CatalogueError(f"{path.name}: a {kind} of form {written}, made by a newer znachki; install that one")
    for name in files:
        named = PurePosixPath(name).parts
        if not named or named[0] not in parts or ".." in named or "\\" in name or ":" in name:
            raise CatalogueError(f"{path.name}: names {name!r}, which is no place in a data folder; nothing unpacked")
    return dict(manifest)


def unpack(
    file: zipfile.ZipFile, files: dict[str, Any], folder: Path, progress: Progress | None = None
) -> list[tuple[str, str]]:
    """Unpack files into a folder, each checked, and return (name, why) of the damaged ones, which are left out.

    Files that are there whole are not unpacked again, so that a run that was cut off goes on; all others are removed.
    """
    damaged: list[tuple[str, str]] = []
    for done, (name, about) in enumerate(files.items(), 1):
        target = folder / name
        if not (target.is_file() and target.stat().st_size == about["size"] and sha256_of(target) == about["sha256"]):
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f".{target.name}.part")
            if why := _unpack_one(file, name, part, about["sha256"]):
                part.unlink(missing_ok=True)
                damaged.append((name, why))
                continue
            part.replace(target)
        if progress is not None:
            progress(done, len(files))
    wanted = {folder / name for name in files}
    for left in [path for path in folder.rglob("*") if path.is_file() and path not in wanted]:
        left.unlink()  # of another archive, or half a file
    return damaged


def _unpack_one(file: zipfile.ZipFile, name: str, part: Path, sha256: str) -> str:
    """Write one file of a backup to `part` and say what is wrong with it, "" for nothing."""
    digest = hashlib.sha256()
    try:
        with file.open(name) as reading, part.open("wb") as writing:
            for block in iter(lambda: reading.read(_BLOCK), b""):
                digest.update(block)
                writing.write(block)
    except KeyError:
        return "not in the backup"
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        return f"damaged ({error})"
    except Exception as error:  # a damaged archive raises anything
        if isinstance(error, OSError):
            raise
        return f"damaged ({error})"  # zlib.error and others that a damaged archive raises
    return "" if digest.hexdigest() == sha256 else "damaged: its sha256 is another one"


def sha256_of(path: Path) -> str:
    """Sum a file's bytes up in 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
