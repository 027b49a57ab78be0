"""Words to numbers: the pieces of words that a text tower has vectors for."""

from __future__ import annotations

import zlib
from typing import Final

BUCKETS: Final = 1 << 14
_SHORTEST, _LONGEST = 3, 5


def pieces(text: str, buckets: int = BUCKETS) -> list[int]:
    """Return the numbers, below `buckets`, of a text's words and of their pieces; case and ё do not count."""
    found: list[int] = []
    cleaned = "".join(letter if letter.isalnum() else " " for letter in text.casefold().replace("ё", "е"))
    for word in cleaned.split():
        framed = f"<{word}>"
        parts = {framed}
        for size in range(_SHORTEST, _LONGEST + 1):
            parts.update(framed[at : at + size] for at in range(len(framed) - size + 1))
        found.extend(sorted(zlib.crc32(part.encode()) % buckets for part in parts))
    return found
