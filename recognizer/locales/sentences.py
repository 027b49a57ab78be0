"""Sentences that are made elsewhere, in the language of the page: what is wrong with a row of a source, what an import
notes, what a page could not do, what a change of the catalogue was, and what speaks against a model.

All are said in English where they arise, to be read on a terminal and kept as text. Here each sentence stands again as
one that can be translated; what has none is told as it came.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from recognizer.locales.words import phrase, said

SENTENCES: Final = (
    phrase("no entry_id; give the entry its number"),
    phrase("no picture %(name)s in %(folder)s; paths are relative to the table"),
    phrase("address %(text)s is not of the web; give one that begins with http:// or https://"),
    phrase("control characters in %(text)s; take them out"),
    phrase("%(cells)s cells, but the header has %(columns)s; quote cells that hold %(mark)s"),
    phrase("%(cells)s cells, but the header has %(columns)s"),
    phrase("%(column)s %(text)s is none of %(values)s"),
    phrase("identifier %(text)s is not like system:number"),
    phrase("years %(text)s run backwards; write the earlier year first"),
    phrase("photo %(name)s has another role, licence or source on %(place)s; make them one"),
    phrase("merged_into %(other)s is no entry, here or in the catalogue"),
    phrase("merged_into %(other)s, but status %(status)s; make it merged"),
    phrase("status merged, but no merged_into; name the entry that took it over"),
    phrase("merged_into %(other)s leads back to %(entry)s; name the entry that stays"),
    phrase("%(column)s of %(entry)s is %(text)s here, %(other)s above; make them one"),
    phrase("%(name)s: empty file (0 bytes); copy the photo again"),
    phrase("%(name)s: not a picture that can be read, or cut short; give a %(kinds)s file"),
    phrase("%(name)s: damaged or cut short (%(reason)s); copy the photo again or save it anew"),
    phrase("%(name)s: cannot be read (%(reason)s); check the file"),
    # what pages say
    phrase(
        "no entry %(text)s in the catalogue; written alike: %(near)s; look it up with `znachki show --search WORDS`"
    ),
    phrase("no entry %(text)s in the catalogue; look it up with `znachki show --search WORDS`"),
    phrase("%(column)s is %(text)s by now, changed by somebody else; load the page anew"),
    phrase("this form is too old, or not of this page; load the page anew and send it again"),
    phrase("no photo was sent; choose one"),
    phrase("no file was sent; choose one"),
    phrase("%(pins)s pins on one photo; send it as a lot"),
    phrase("%(photos)s photos wait already"),
    phrase("the photo waited too long"),
    phrase("the place for lots is full; delete some, or try again later"),
    phrase("the place for kept photos is full; delete some of them"),
    phrase("another import or index is at work; wait for it to end"),
    phrase("other changes are being made"),
    phrase("which entry it is, is missing: give its entry_id or number"),
    phrase("the number of the new entry is missing; write one"),
    phrase("%(text)s is no price; give a number, as 12.50"),
    # what imports note
    phrase("%(name)s: read as %(encoding)s, by what its letters look like; --encoding decides otherwise"),
    phrase("%(name)s: 1 line has ? in the place of letters that %(encoding)s lacks; save it as UTF-8 or XLSX"),
    phrase("%(name)s: %(rows)s lines have ? in the place of letters that %(encoding)s lacks; save it as UTF-8 or XLSX"),
    phrase("%(place)s: %(name)s is the same photo as one above, entered once"),
    phrase("%(place)s: %(entry)s again, as on %(other)s; a second copy, passed over"),
    phrase("%(place)s: the file is gone, passed over"),
    phrase("files without a name, and so without a picture: %(count)s; ask wbgetentities for them"),
    phrase("sizes not understood and left out: %(count)s, the first of %(entry)s"),
    phrase("columns passed over: %(names)s"),
    phrase("columns taken by their names: %(names)s"),
    phrase("sheet %(text)s was read; not %(others)s: name one in a column map"),
    # what changes of the catalogue were
    phrase("import %(name)s"),
    phrase("create %(entry)s"),
    phrase("update %(entry)s"),
    phrase("photo for %(entry)s"),
    phrase("correction, photo for %(entry)s"),
    phrase("correction %(count)s taken back"),
    phrase("correction of %(name)s: %(entry)s"),
    phrase("discover %(cluster)s as %(entry)s"),
    phrase("audit, %(text)s"),
    phrase("family %(name)s"),
    phrase("numbers of %(entry)s"),
    phrase("fetch %(address)s"),
    phrase("earlier corrections"),
    phrase("entries stored"),
    phrase("photos added"),
    phrase("photo removed"),
    phrase("relation noted"),
    # what speaks against a model
    phrase("%(group)s: recall at 1 is %(now)s, the current's %(then)s"),
    phrase("%(group)s: recall at 1 is %(now)s, the base's %(then)s"),
    phrase("recall at 1 is %(now)s, the current's %(then)s"),
    phrase("recall at 1 is %(now)s, the base's %(then)s"),
    phrase("mean reciprocal rank is %(now)s, the current's %(then)s"),
    phrase("mean reciprocal rank is %(now)s, the base's %(then)s"),
    # what a model was made from, and the groups of photos that it was asked about
    phrase("%(count)s entries of a catalogue, %(held)s held out"),
    phrase("%(count)s designs rendered as pins, %(held)s held out; no photographs"),
    phrase("drawn photo"),
    phrase("theme %(theme)s"),
)
"""What is said in English elsewhere, the longer of two that begin alike first."""

_UNDO: Final = phrase("undo of %(change)s: %(what)s")


def told(text: str, language: str) -> str:
    """A sentence in a language; several faults of one row are told one after the other."""
    parts = text.split("; ")  # sentences have a semicolon of their own: as many parts as make one that is known
    for at in range(1, len(parts) + 1):
        first = _told("; ".join(parts[:at]), language)
        if first is not None:
            rest = "; ".join(parts[at:])
            return f"{first}; {told(rest, language)}" if rest else first
    return text


def happened(what: str, language: str) -> str:
    """What a change of the catalogue was, in a language; who made it, and what it took back, stand before it."""
    if (told_whole := _told(what, language)) is not None:
        return told_whole
    if undo := re.fullmatch(r"undo of (\d+): (.*)", what, re.DOTALL):
        return said(_UNDO, language, change=undo[1], what=happened(undo[2], language))
    who, mark, rest = what.partition(": ")
    return f"{who}: {happened(rest, language)}" if mark else what


def _told(text: str, language: str) -> str | None:
    for sentence, pattern in _patterns():
        if found := pattern.fullmatch(text):
            values = {name: _value(name, value, language) for name, value in found.groupdict().items()}
            return said(sentence, language, **values) if values else said(sentence, language)
    return None


def _value(name: str, value: str, language: str) -> str:
    """What stands in a sentence: a group of photos is a sentence itself, a share is a number."""
    if name == "group":
        return _told(value, language) or value
    if name in ("now", "then"):  # to as many places as it was said with
        from babel.numbers import get_decimal_symbol

        return value.replace(".", get_decimal_symbol(language))
    return value


_COUNTS: Final = ("cells", "columns", "pins", "photos", "rows", "count", "held")
_ANY: Final = {"column": r"\w+", "now": r"\d+\.\d+", "then": r"\d+\.\d+"} | dict.fromkeys(_COUNTS, r"\d+")


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    found = []
    for sentence in SENTENCES:
        parts = re.split(r"%\((\w+)\)s", sentence)
        pattern = "".join(
            f"(?P<{part}>{_ANY.get(part, '.+?')})" if at % 2 else re.escape(part) for at, part in enumerate(parts)
        )
        found.append((sentence, re.compile(pattern, re.DOTALL)))
    return found
