"""JSON records one by one: lines of them, a long array of them, or a file that is one; plain or packed."""

from __future__ import annotations

import bz2
import gzip
import json
import zipfile
import zlib
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, cast

from recognizer.errors import CatalogueError

CHUNK: Final = 1 << 20
"""Characters that are read at a time; a record may be longer."""

LONGEST: Final = 1 << 28
"""Characters that a single record may have."""


_DAMAGE: Final = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError)
"""What the readers of packed files raise of one that is damaged, cut short, encrypted or of an unknown kind."""


def head_of(path: Path, count: int) -> bytes:
    """The first bytes of a file as it is unpacked; raises CatalogueError where it cannot be read."""
    with _told(path):
        for _, open_ in _parts(path):
            with open_() as file:
                return file.read(count)
    return b""


def records(path: Path) -> Iterator[tuple[str, Any, str]]:
    """Yield (place, record, what is wrong with it) for each record of a file, holding few of them in memory.

    Where lines hold a record each, the place is "line 7" and a bad line does not hide those after it; in an array it is
    "record 7", and what follows a bad record is lost. In a ZIP archive the name of each file stands before the place.
    Raises CatalogueError where the file cannot be read.
    """
    with _told(path):
        for name, open_ in _parts(path):
            with open_() as file:
                by_lines = _by_lines(file.read(CHUNK))
            with open_() as file:
                for place, record, wrong in _lines(file) if by_lines else _array(file):
                    yield f"{name} {place}" if name else place, record, wrong


def _parts(path: Path) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
    """The files that a file holds, by name: itself, without one, or those of an archive; with each how to open it."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == b"PK\x03\x04":
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                if not name.endswith("/") and "__MACOSX" not in name:
                    yield name, partial(archive.open, name)
    elif magic[:2] == b"\x1f\x8b":
        yield "", cast(Callable[[], IO[bytes]], partial(gzip.open, path))
    elif magic[:3] == b"BZh":
        yield "", cast(Callable[[], IO[bytes]], partial(bz2.open, path))
    else:
        yield "", lambda: path.open("rb")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Raise what is wrong with a file as CatalogueError."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise CatalogueError(f"{path.name}: not UTF-8 ({error.reason}); save it as UTF-8") from error
    except FileNotFoundError as error:
        raise CatalogueError(f"{path}: cannot be read ({error.strerror}); check the name") from error
    except _DAMAGE as error:
        raise CatalogueError(f"{path.name}: damaged or cut short ({error}); download it again") from error


def _by_lines(head: bytes) -> bool:
    """Whether the first line is a whole record."""
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0]
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _lines(file: IO[bytes]) -> Iterator[tuple[str, Any, str]]:
    for number, line in enumerate(file, 1):
        text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        if not text:
            continue
        try:
            yield f"line {number}", json.loads(text), ""
        except json.JSONDecodeError as error:
            yield f"line {number}", None, f"no JSON: {error.msg} at column {error.colno}; is the line cut short?"
        except (ValueError, RecursionError) as error:
            yield f"line {number}", None, f"JSON that no record has ({error})"


def _array(file: IO[bytes]) -> Iterator[tuple[str, Any, str]]:
    """The records of one array, or the one record that a file is."""
    texts = iter(lambda: file.read(CHUNK), b"")
    decoder, scanner = getincrementaldecoder("utf-8-sig")(), json.JSONDecoder()
    text, number, ended = "", 0, False
    inside: bool | None = None
    while True:
        text = text.lstrip(" \t\r\n,") if inside else text.lstrip()
        if text and inside is None:
            inside = text[0] == "["
            text = text[1:] if inside else text
            continue
        if inside and text[:1] == "]":
            return
        if text:
            try:
                record, end = scanner.raw_decode(text)
                if end < len(text) or ended:
                    number += 1
                    yield f"record {number}", record, ""
                    text = text[end:]
                    if not inside:
                        return
                    continue
            except json.JSONDecodeError as error:
                if ended or len(text) > LONGEST:
                    yield f"record {number + 1}", None, f"no JSON: {error.msg}; is the file cut short?"
                    return
            except (ValueError, RecursionError) as error:
                yield f"record {number + 1}", None, f"JSON that no record has ({error})"
                return
        if ended:
            if inside or number == 0:
                yield f"record {number + 1}", None, "the array is not closed; is the file cut short?"
            return
        # a record longer than what is read so far: read as much again, so that no record is scanned more than twice
        parts = [next(texts, b"")]
        while sum(map(len, parts)) < len(text) and parts[-1]:
            parts.append(next(texts, b""))
        ended = not parts[-1]
        text += decoder.decode(b"".join(parts), final=ended)
