"""Catalogues: the translations that there are, each a .po file that translators edit and that is read as it is.

The English text is the key, so English needs no file. A language comes by a folder for it, and nothing has to be
compiled: to read a catalogue of 500 texts took .17 s, once, Babel loaded for it included.
"""

from __future__ import annotations

import gettext
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

from recognizer.errors import ZnachkiError

FOLDER: Final = Path(__file__).parent
FILE: Final = Path("LC_MESSAGES") / "znachki.po"
ENGLISH: Final = "en"


@cache
def languages() -> dict[str, str]:
    """Map the code of each language that there is ("ru", "pt_BR") to its own name for itself, English first.

    Raises ZnachkiError where a folder with a catalogue is named like no language.
    """
    codes = sorted(path.parents[1].name for path in FOLDER.glob(f"*/{FILE.as_posix()}"))
    return {code: _name(code) for code in (ENGLISH, *(code for code in codes if code != ENGLISH))}


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The catalogue of a language, which says in English what it lacks; raises ZnachkiError where it is damaged."""
    path = FOLDER / language / FILE
    if language not in languages() or not path.is_file():
        return gettext.NullTranslations()
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import PoFileError, read_po

    try:
        with path.open("rb") as file:
            held = read_po(file, locale=language, abort_invalid=True)
    except (PoFileError, ValueError) as error:
        raise ZnachkiError(
            f"{path}: no catalogue of texts ({error}); mend that line, or take the folder away"
        ) from error
    compiled = BytesIO()
    write_mo(compiled, held)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _name(code: str) -> str:
    from babel import Locale, UnknownLocaleError

    try:
        name = Locale.parse(code).get_display_name(code) or code
    except (ValueError, UnknownLocaleError):
        raise ZnachkiError(
            f"{FOLDER / code}: {code!r} is the code of no language; name the folder as in ru, de or pt_BR"
        ) from None
    return name[:1].upper() + name[1:]
