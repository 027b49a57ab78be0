"""Words: a text brought to what is searched, whatever case, marks and signs it was written with."""

from __future__ import annotations

import unicodedata
from typing import Final


def fold(text: str) -> str:
    """Bring a text to the words that are searched: small letters and digits, one space between words, no marks.

    ё becomes е and õ becomes o, while й stays, being another letter than и.
    """
    return " ".join(unicodedata.normalize("NFC", text).casefold().translate(_FOLDED).split())


class _Folded(dict[int, str]):
    """What each character becomes, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        plain = "".join(c for c in unicodedata.normalize("NFKD", chr(code)) if not unicodedata.combining(c))
        self[code] = "".join(c if c.isalnum() else " " for c in plain.casefold())
        return self[code]


_FOLDED: Final = _Folded({ord("й"): "й"})
