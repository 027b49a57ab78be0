"""Encodings: how the bytes of a table became text, found out where nobody says it.

UTF-8 and UTF-16 prove themselves. Of the older encodings, one byte a letter, every one fits every file, so that the
text which each would make is weighed by what its neighbouring letters look like.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder
from pathlib import Path
from typing import Final

from recognizer.errors import CatalogueError

UTF8: Final = "utf-8-sig"
OLDER: Final = ("cp1251", "koi8-r", "cp866", "cp1252")
"""Encodings of one byte a letter that tables of pins come in: Russian Windows, Unix and DOS, and western Windows."""

SURE_BY: Final = 0.15
"""How much better the best of OLDER must look than the next one that makes another text of the file."""

SHOWN: Final = 3
"""Lines that are shown in either encoding where two are as good."""

_LOST: Final = re.compile(r"\w\?+\w|\?{3,}")
_BLOCK: Final = 1 << 20
_WEIGHED: Final = 1 << 16
_MARKS: Final = frozenset("№«»„“”‘’–—…°×§©®±½ \u00a0")
_FREQUENT: Final = frozenset("оеаинтсрвлкмдпуё")


def encoding_of(path: Path, notes: list[str] | None = None) -> str:
    """The encoding of a text; one that is not UTF-8 is told in `notes`.

    Raises CatalogueError where the file cannot be read, and where two encodings fit, with lines of each.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_WEIGHED)
            if _is_utf8(head, file):
                return UTF8
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read ({error.strerror}); check the name") from error
    name = _utf16(head) or _older(path)
    if notes is not None:
        notes.append(f"{path.name}: read as {name}, by what its letters look like; --encoding decides otherwise")
        if name in OLDER and (lost := _lost(path, name)):
            has = "1 line has" if lost == 1 else f"{lost} lines have"
            notes.append(f"{path.name}: {has} ? in the place of letters that {name} lacks; save it as UTF-8 or XLSX")
    return name


def _lost(path: Path, encoding: str) -> int:
    """In how many lines question marks stand within or for a word, as programs write them for letters they lack."""
    with path.open(encoding=encoding, errors="replace") as file:
        return sum(bool(_LOST.search(line)) for line in file)


def _is_utf8(head: bytes, file: object) -> bool:
    if head.startswith(BOM_UTF8):
        return True
    if head.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) or b"\0" in head:
        return not _utf16(head)
    decoder = getincrementaldecoder("utf-8")()
    try:
        decoder.decode(head)
        while block := file.read(_BLOCK):  # type: ignore[attr-defined]
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _utf16(head: bytes) -> str:
    """The kind of UTF-16 that a file is, by its mark or by the zeros beside its tabs and digits; "" for none."""
    if head.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return "utf-16"
    odd, even = head[1::2].count(0), head[0::2].count(0)
    if max(odd, even) < 0.1 * len(head) / 2 or min(odd, even) > 0.1 * max(odd, even):
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _older(path: Path) -> str:
    """The one of OLDER that makes the likeliest text of a file."""
    lines: list[bytes] = []
    size = 0
    with path.open("rb") as file:
        for line in file:
            if any(byte >= 0x80 for byte in line):
                lines.append(line[:_WEIGHED])
                size += len(lines[-1])
            if size > _WEIGHED:
                break
    data = b"".join(lines)
    texts = {name: data.decode(name, "replace") for name in OLDER}
    ordered = sorted(OLDER, key=lambda name: -likeliness(texts[name]))
    best = ordered[0]
    rival = next((name for name in ordered[1:] if texts[name] != texts[best]), None)
    if rival is None or likeliness(texts[best]) - likeliness(texts[rival]) >= SURE_BY:
        return best
    shown = [f"  --encoding {name}: {line}" for name in (best, rival) for line in _first(texts[name])]
    raise CatalogueError("\n".join([f"{path.name}: not UTF-8, and two encodings fit; say which:", *shown]))


def _first(text: str) -> list[str]:
    return [line.strip()[:100] for line in text.splitlines()[:SHOWN]]


def likeliness(text: str) -> float:
    """How much the letters beyond ASCII look like words: 1 at best, below 0 where they do not at all.

    A letter counts by the letter before it. Small before large, two alphabets side by side, two accented Latin letters
    side by side, and signs that no table has speak against a text; common Russian letters speak for it a little.
    """
    good = 0.0
    counted = 0
    for before, char in zip(" " + text, text, strict=False):
        if max(before, char) < "\x80" or (char in _MARKS and char >= "\x80") or char.isspace():
            continue
        if not char.isalpha():
            if char >= "\x80":
                counted += 1
                good -= 1
            continue
        if not before.isalpha():
            counted += char >= "\x80"
            good += 0.3 if char >= "\x80" else 0.0
            continue
        counted += 1
        mixed = _is_cyrillic(before) != _is_cyrillic(char)
        accents = not mixed and not _is_cyrillic(char) and min(before, char) >= "\x80"
        bad = mixed or accents or (before.islower() and char.isupper())
        good += -1.0 if bad else 1.0 if not _is_cyrillic(char) or char.lower() in _FREQUENT else 0.6
    return good / counted if counted else 0.0


def _is_cyrillic(char: str) -> bool:
    return "\u0400" <= char <= "\u04ff"
