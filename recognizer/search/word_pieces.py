"""Words to numbers: the pieces of words that a text tower has vectors for."""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import Final

from recognizer.search.latin import latin

BUCKETS: Final = 1 << 14
_SHORTEST, _LONGEST = 3, 5


def pieces(text: str, buckets: int = BUCKETS, one_spelling: bool = False) -> list[int]:
    """Return the numbers, below `buckets`, of a text's words and of their pieces; case and ё do not count.

    With `one_spelling` the words are brought to Latin letters first, see `latin`.
    """
    plain = latin(text) if one_spelling else text.casefold().replace("ё", "е")
    cleaned = "".join(letter if letter.isalnum() else " " for letter in plain)
    return [piece for word in cleaned.split() for piece in _of_word(word, buckets)]


@lru_cache(maxsize=1 << 16)
def _of_word(word: str, buckets: int) -> tuple[int, ...]:
    framed = f"<{word}>"
    parts = {framed}
    for size in range(_SHORTEST, _LONGEST + 1):
        parts.update(framed[at : at + size] for at in range(len(framed) - size + 1))
    return tuple(sorted(zlib.crc32(part.encode()) % buckets for part in parts))
