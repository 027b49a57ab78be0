"""Words: texts, counts, numbers and moments in a language. Babel knows how each language writes them.

`pybabel` finds the texts of the source by the names of these functions, and by `t`, as `said` is called in templates:
see [tool.babel] in pyproject.toml. A text that is chosen where it is not said stands in `phrase` there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from recognizer.locales.catalogues import translations


def phrase(text: str) -> str:
    """Mark a text that is said elsewhere, and return it as it is."""
    return text


def noun(one: str, several: str) -> tuple[str, str]:
    """Mark the two English forms of what is counted, and return them; languages have as many forms as they need."""
    return one, several


NOUNS: Final[Mapping[str, tuple[str, str]]] = {
    "pin": noun("%(count)s pin", "%(count)s pins"),
    "entry": noun("%(count)s entry", "%(count)s entries"),
    "photo": noun("%(count)s photo", "%(count)s photos"),
    "row": noun("%(count)s row", "%(count)s rows"),
    "jar": noun("%(count)s jar", "%(count)s jars"),
    "wish": noun("%(count)s wish", "%(count)s wishes"),
    "error": noun("%(count)s error", "%(count)s errors"),
    "address": noun("%(count)s address", "%(count)s addresses"),
    "lot": noun("%(count)s lot", "%(count)s lots"),
    "time": noun("%(count)s time", "%(count)s times"),
    "point": noun("%(count)s matched point", "%(count)s matched points"),
}
"""What page and reports count."""


def said(text: str, language: str, /, **values: object) -> str:
    """A text in a language, with `values` in the place of %(name)s; in English where the language has it not."""
    found = translations(language).gettext(text) if text else ""  # "" is the key of a catalogue's own header
    return _filled(found, text, values) if values else found


def counted(count: int, name: str, language: str) -> str:
    """A count with one of NOUNS in the form that it asks for: "1 pin", "2 значка", "1,200 pins"."""
    one, several = NOUNS[name]
    return _filled(translations(language).ngettext(one, several, count), several, {"count": number(count, language)})


def _filled(found: str, english: str, values: Mapping[str, object]) -> str:
    """A text with its values; the English one where a translator has misspelt a %(name)s."""
    try:
        return found % values
    except (KeyError, ValueError, TypeError):
        return english % values


def number(value: float, language: str) -> str:
    """A number as a language writes it: "1,200.5", "1 200,5"."""
    from babel.numbers import format_decimal

    return str(format_decimal(value, locale=language))


def price(value: float | None, currency: str, language: str) -> str:
    """A price as a language writes it: "1,234.50 EUR", "1 234,50 EUR"; "" for none."""
    from babel.numbers import format_decimal

    return "" if value is None else f"{format_decimal(value, '#,##0.00', locale=language)} {currency}".strip()


def language_name(code: str, language: str) -> str:
    """What a language calls one by its ISO 639 code: "Ukrainian", "украинский"; what is no code stays as it is."""
    from babel import Locale

    return str(Locale.parse(language).languages.get(code.lower(), code))


def day(moment: str, language: str) -> str:
    """The day of a moment in ISO 8601, where this machine stands: "1 Dec 2026"; what is no moment stays as it is."""
    from babel.dates import format_date

    found = _here(moment)
    return moment if found is None else str(format_date(found, "medium", locale=language))


def day_and_time(moment: str, language: str) -> str:
    """A moment in ISO 8601, where this machine stands, to the minute; what is no moment stays as it is."""
    from babel.dates import format_date, format_time

    found = _here(moment)
    if found is None:
        return moment
    return f"{format_date(found, 'medium', locale=language)}, {format_time(found, 'short', locale=language)}"


def time_left(seconds: float | None, language: str) -> str:
    """How long a work will still take, as well as that can be known: "3 minutes"; "" where it cannot."""
    from babel.units import format_unit

    if seconds is None:
        return ""
    if seconds < 60:
        value, unit = max(5, round(seconds / 5) * 5), "second"
    elif seconds < 5400:
        value, unit = round(seconds / 60), "minute"
    else:
        value, unit = round(seconds / 3600), "hour"
    return str(format_unit(value, f"duration-{unit}", locale=language))


def _here(moment: str) -> datetime | None:
    try:
        return datetime.fromisoformat(moment).astimezone()
    except ValueError:
        return None
