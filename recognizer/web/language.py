"""Language: which one a browser is answered in."""

from __future__ import annotations

from typing import Final

from recognizer.locales.catalogues import ENGLISH, languages

COOKIE: Final = "znachki_language"


def chosen(cookie: str | None, accepted: str) -> str:
    """The language to speak: the one that was chosen, else the first of the browser's that is known."""
    known = languages()
    if cookie in known:
        return cookie
    ranked = []
    for at, part in enumerate(accepted.split(",")[:20]):
        name, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            weight = 0.0
        if weight > 0:
            ranked.append((-weight, at, name))
    for _, _, name in sorted(ranked):
        language, _, country = name.partition("-")
        for code in (f"{language.lower()}_{country.upper()}", language.lower()):
            if code in known:
                return code
        if language.lower() in ("uk", "be", "kk") and "ru" in known:
            return "ru"  # readers of these languages are likelier to read Russian than English
    return ENGLISH
