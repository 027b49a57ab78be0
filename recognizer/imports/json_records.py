"""JSON records one by one: lines of them, a long array of them, or a file that is one; plain, gzip or bzip2."""

from __future__ import annotations

import bz2
import gzip
import json
from codecs import getincrementaldecoder
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, cast

from recognizer.errors import CatalogueError

CHUNK: Final = 1 << 20
"""Characters that are read at a time; a record may be longer."""

LONGEST: Final = 1 << 28
"""Characters that a single record may have."""


def opened(path: Path) -> IO[bytes]:
    """Open a file, unpacking it on the way where it is gzip or bzip2; raises CatalogueError where it cannot be read."""
    try:
        with path.open("rb") as file:
            magic = file.read(3)
        if magic[:2] == b"\x1f\x8b":
            return cast(IO[bytes], gzip.open(path, "rb"))
        return cast(IO[bytes], bz2.open(path, "rb")) if magic == b"BZh" else path.open("rb")
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read ({error.strerror or error}); check the name") from error


def records(path: Path) -> Iterator[tuple[str, Any, str]]:
    """Yield (place, record, what is wrong with it) for each record of a file, holding few of them in memory.

    Where lines hold a record each, the place is "line 7" and a bad line does not hide those after it; in an array it is
    "record 7", and what follows a bad record is lost. Raises CatalogueError where the file cannot be read.
    """
    try:
        with opened(path) as file:
            head = file.read(CHUNK)
        with opened(path) as file:
            if _by_lines(head):
                yield from _lines(file)
            else:
                yield from _array(file)
    except UnicodeDecodeError as error:
        raise CatalogueError(f"{path.name}: not UTF-8 ({error.reason}); save it as UTF-8") from error
    except (OSError, EOFError) as error:  # of an archive cut short or damaged
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
