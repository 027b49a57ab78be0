"""Bringing: files and ZIP archives that somebody sent, laid out in a folder of their own to be imported from there.

Names in an archive are somebody else's: they name files below the folder or nothing.
"""

from __future__ import annotations

import re
import shutil
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from recognizer.errors import CatalogueError
from recognizer.vision.photos import ENDINGS

MOST_FILES: Final = 100_000
"""Files that are taken from one archive."""

_BLOCK: Final = 1 << 20
_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)
_IS_UTF8: Final = 0x800
_RUSSIAN: Final = re.compile("[А-Яа-яЁё№]")
_UNFIT: Final = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')  # what file names of some system may not hold
_PICTURES: Final = frozenset(ending for endings in ENDINGS.values() for ending in endings)
_TABLES: Final = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".db")
_ASIDE: Final = ("__MACOSX", "Thumbs.db", "desktop.ini")


class Bringing:
    """A folder that files are laid out in, no more than `most` bytes of them."""

    def __init__(self, folder: Path, most: int) -> None:
        self.folder = folder
        self._left = self._most = most

    def put(self, name: str, content: BinaryIO) -> None:
        """Lay a file out under its own name, an archive's files in place of the archive; raises CatalogueError.

        A ZIP archive is unpacked where it holds pictures or tables; one of other files is kept as it is, for some
        sources are read packed.
        """
        if name.lower().endswith(".zip"):
            self._unpack(name, content)
        else:
            self._write(name, content)

    def source(self) -> Path:
        """The file or folder to import from: the only table or collection that lies there, else the folder itself.

        Raises CatalogueError where nothing was laid out, and where there are several tables.
        """
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        if not files:
            raise CatalogueError("nothing in it; send a table, a collection, pictures, or a ZIP archive of these")
        listed = [path for path in files if path.suffix.lower() not in _PICTURES]
        if not listed:
            tops = {path.relative_to(self.folder).parts[0] for path in files}
            (top, *others) = tops
            return self.folder / top if not others and (self.folder / top).is_dir() else self.folder
        named = [path for path in listed if path.name == "catalogue.csv"]
        if len(listed) > 1 and len(named) != 1:
            names = ", ".join(path.name for path in listed[:5])
            raise CatalogueError(f"several tables ({names}); send one at a time, with its pictures")
        return named[0] if len(listed) > 1 else listed[0]

    def _unpack(self, name: str, content: BinaryIO) -> None:
        try:
            with zipfile.ZipFile(content) as archive:
                held = ((one, _name(one)) for one in archive.infolist() if not one.is_dir())
                inside = {name: one for one, name in held if not _is_aside(name)}
                if len(inside) > MOST_FILES:
                    raise CatalogueError(f"{name}: {len(inside):,} files, more than {MOST_FILES:,}; send it in parts")
                if not _holds_a_catalogue(inside):
                    content.seek(0)
                    self._write(name, content)
                    return
                for inner, one in inside.items():
                    with archive.open(one) as file:
                        self._write(inner, file)  # type: ignore[arg-type]  # reads as every binary file does
        except _DAMAGE as error:
            raise CatalogueError(f"{name}: damaged or cut short ({error}); make the archive anew") from error

    def _write(self, name: str, content: BinaryIO) -> None:
        path = self.folder.joinpath(*_parts(name))
        if path.exists():
            raise CatalogueError(f"two files named {name!r}; send them in a ZIP archive, each in its folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            while block := content.read(_BLOCK):
                self._left -= len(block)
                if self._left < 0:
                    raise CatalogueError(f"more than {self._most / 1e6:,.0f} MB unpacked; send it in parts")
                file.write(block)


def lay_out(folder: Path, files: Sequence[tuple[str, BinaryIO]], most: int) -> Path:
    """Lay files out in a folder that is not there yet and return what to import; a kill leaves no such folder.

    Raises CatalogueError, and leaves nothing, where they are more than `most` bytes or make no source.
    """
    draft = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        bringing = Bringing(draft, most)
        for name, content in files:
            bringing.put(name, content)
        inside = bringing.source().relative_to(draft)
        draft.replace(folder)
    except OSError as error:
        raise CatalogueError(f"cannot be kept ({error.strerror or error}); make room, or shorten the names") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder / inside


def _holds_a_catalogue(inside: Iterable[str]) -> bool:
    return any(PurePosixPath(name).suffix.lower() in (*_PICTURES, *_TABLES) for name in inside)


def _name(one: zipfile.ZipInfo) -> str:
    """The name of a file in an archive. One that does not say that it is UTF-8 may be that all the same, as from a Mac,
    or in the code page of DOS, as Windows writes it: in Russian that is cp866."""
    if one.flag_bits & _IS_UTF8 or one.filename.isascii():
        return one.filename
    written = one.filename.encode("cp437")  # as zipfile has read it
    try:
        return written.decode("utf-8")
    except UnicodeDecodeError:
        russian = written.decode("cp866")
        letters = [letter for letter in russian if not letter.isascii()]
        return russian if all(_RUSSIAN.match(letter) for letter in letters) else one.filename


def _is_aside(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return any(part in _ASIDE or part.startswith("._") or part == ".DS_Store" for part in parts)


def _parts(name: str) -> list[str]:
    """The folders and the name of a file as they may be made; raises CatalogueError for a name that leads elsewhere."""
    text = unicodedata.normalize("NFC", name).replace("\\", "/")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if not parts or text.startswith("/") or ".." in parts or len(parts) > 10:
        raise CatalogueError(f"a file named {name[:80]!r}, which is no place below a folder; name it otherwise")
    fit = [_UNFIT.sub("_", part).rstrip(". ") for part in parts]
    if any(not part or part.startswith(".") or len(part.encode("utf-8", "replace")) > 200 for part in fit):
        raise CatalogueError(f"a file named {name[:80]!r}, which no folder holds; name it otherwise")
    return fit
