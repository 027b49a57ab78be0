"""Years as collectors write them: sure, open, vague, as a decade or a century; what is written is kept beside them."""

from __future__ import annotations

import re
from typing import Final

_SPAN: Final = re.compile(
    r"(?<!\d)(1\d{3}|20\d{2})(?!\d)(?:\s*[-–—/]\s*(\d{4}|\d{2})(?!\d|[.-]\d))?(\s*-?(?:е|х|s)\b)?"
)
_SINCE: Final = re.compile(
    r"(?<!\d)(1\d{3}|20\d{2})\s*(?:гг?\.?|годы?|year)?\s*[-–—]+\s*(?:н\.?\s*в\.?|наст\w*.*|present|now|heute|\?)?\s*$"
    r"|^\s*(?:с|з|from|since|seit|ab|после|after|nach)\s+(1\d{3}|20\d{2})\s*(?:гг?\.?|года?)?\s*$",
    re.IGNORECASE,
)
_UNTIL: Final = re.compile(
    r"^\s*(?:до|by|until|before|bis|vor|[-–—])\s*(1\d{3}|20\d{2})\s*(?:гг?\.?|года?)?\s*$", re.IGNORECASE
)
_SHORT_DECADE: Final = re.compile(r"(?<![\d.])['’]?([1-9]0)(?:\s*-?(?:е|х|s|er)|ті|тих)\b(?!\s*лет)", re.IGNORECASE)
_PART_OF_DECADE: Final = (
    (r"\b(?:нач|поч|early|anfang)", 0, 3),
    (r"\b(?:сер|mid|mitte)", 4, 6),
    (r"\b(?:кон|кін|late|ende)", 7, 9),
)
_ROMAN: Final = {"XVIII": 18, "XIX": 19, "XX": 20, "XXI": 21}
_CENTURY: Final = re.compile(r"\b(XVIII|XIX|XXI|XX)\b")
_PART_OF_CENTURY: Final = (
    (r"(?:перв\w*|1)[-\w]*\s+половин", 0, 50),
    (r"(?:втор\w*|2)[-\w]*\s+половин", 50, 100),
    (r"(?:перв\w*|1)[-\w]*\s+четверт", 0, 25),
    (r"(?:втор\w*|2)[-\w]*\s+четверт", 25, 50),
    (r"(?:трет\w*|3)[-\w]*\s+четверт", 50, 75),
    (r"(?:четв[её]рт\w*|последн\w*|4)[-\w]*\s+четверт", 75, 100),
    (r"(?:перв\w*|1)[-\w]*\s+треть", 0, 33),
    (r"(?:втор\w*|2)[-\w]*\s+треть", 33, 67),
    (r"(?:последн\w*|3|треть\w*)[-\w]*\s+треть", 67, 100),
    (r"\bнач", 0, 20),
    (r"\bсер", 40, 60),
    (r"\bкон", 80, 100),
)


def parse_years(text: str) -> tuple[int | None, int | None]:
    """Read the first and the last year that a text speaks of, both inclusive.

    "1961", "1961-1965", "1961–65", "1957/58" and dates are understood; of several years the least and the greatest
    count, and words around them do not matter. "2002 -" has no last year, "до 1960" no first. "1970-е" and "70-е" are
    1970 to 1979 (a decade of two digits is of the twentieth century), "нач. 80-х" 1980 to 1983; "XX век" is 1901 to
    2000, its second half 1951 to 2000. Both are None where no year is named ("б/г"). Raises ValueError where a span
    runs backwards.
    """
    if found := _SINCE.search(text):
        years = [int(year) for year in re.findall(r"(?<!\d)\d{4}(?!\d)", text)]
        return (min(years), None) if min(years) >= 1000 else (int(found[1] or found[2]), None)
    if found := _UNTIL.match(text):
        return None, int(found[1])
    spans = _spans(text)
    if not spans:
        return _century(text)
    if len(spans) == 1 and spans[0][1] - spans[0][0] == 9:
        start = spans[0][0]
        for pattern, first, last in _PART_OF_DECADE:
            if re.search(pattern, text, re.IGNORECASE):
                return start + first, start + last
    return min(first for first, _ in spans), max(last for _, last in spans)


def is_open(text: str) -> bool:
    """Whether a text speaks of years without a last one."""
    return _SINCE.search(text) is not None


def _spans(text: str) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for first, last, decade in _SPAN.findall(text):
        start = int(first)
        end = int(first[: 4 - len(last)] + last) if last else start
        end += 9 if decade and end % 10 == 0 else 0
        if end < start:
            raise ValueError(f"years {text!r} run backwards; write the earlier year first")
        spans.append((start, end))
    if not spans:
        spans = [(1900 + int(decade), 1909 + int(decade)) for decade in _SHORT_DECADE.findall(text)]
    return spans


def _century(text: str) -> tuple[int | None, int | None]:
    centuries = [_ROMAN[numeral] for numeral in _CENTURY.findall(text.upper().replace("Х", "X").replace("І", "I"))]
    if not centuries:
        return None, None
    found = [(start, end) for pattern, start, end in _PART_OF_CENTURY if re.search(pattern, text, re.IGNORECASE)]
    start, end = found[0] if found and len(centuries) == 1 else (0, 100)
    return (min(centuries) - 1) * 100 + start + 1, (max(centuries) - 1) * 100 + end
