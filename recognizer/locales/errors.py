"""Errors in the language of the page: what is wrong with a row of a source, and what a page could not do.

Both are said in English where they arise, to be read on a terminal and kept as text. Here each sentence stands again as
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
)
"""What importers say of rows and pages of what was asked of them, the longer of two that begin alike first."""


def told(text: str, language: str) -> str:
    """An error in a language; several faults of one row are told one after the other."""
    parts = text.split("; ")  # sentences have a semicolon of their own: as many parts as make one that is known
    for at in range(1, len(parts) + 1):
        first = _told("; ".join(parts[:at]), language)
        if first is not None:
            rest = "; ".join(parts[at:])
            return f"{first}; {told(rest, language)}" if rest else first
    return text


def _told(text: str, language: str) -> str | None:
    for sentence, pattern in _patterns():
        if found := pattern.fullmatch(text):
            return said(sentence, language, **found.groupdict()) if found.groupdict() else said(sentence, language)
    return None


_ANY: Final = {"column": r"\w+", "cells": r"\d+", "columns": r"\d+", "pins": r"\d+", "photos": r"\d+"}


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
