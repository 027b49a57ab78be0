"""One spelling for words of many scripts: Latin letters that are near enough alike for alike words to meet.

"ракета", "raketa", "rakett", "raķete" and "რაკეტა" are one word, written as five languages do. Letters of the Cyrillic,
Georgian and Armenian scripts become Latin ones, signs above and below letters are left out, and what one sound is
spelt as in several ways is spelt in one: sh, sch, š and ш as s. It is for comparing, not for reading.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_LETTERS: Final = {
    ord(letter): latin
    for letters, latins in (
        (
            "абвгдежзийклмнопрстуфхцчшщъыьэюяіјєґқғүұөңһәҳҷљњђћџ",
            "a b v g d e z z i i k l m n o p r s t u f h c c s s - i - e iu ia i i e g k g u u o n h e h dz l n d c dz",
        ),
        ("აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ", "a b g d e v z t i k l m n o p z r s t u p k g k s c c dz c c h dz h"),
        (
            "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆև",
            "a b g d e z e i t z i l h c k h dz g c m i n s o c p dz r s v t r c u p k o f ev",
        ),
        ("ıəđłøæœßþðŋ", "i e d l o ae oe ss t d n"),
    )
    for letter, latin in zip(letters, latins.replace("-", "").split(" "), strict=True)
}
_SOUNDS: Final = (
    *(("shch", "s"), ("sch", "s"), ("tch", "c"), ("sh", "s"), ("ch", "c"), ("zh", "z"), ("kh", "h"), ("gh", "g")),
    *(("ph", "f"), ("th", "t"), ("ts", "c"), ("ck", "k"), ("x", "ks"), ("q", "k"), ("w", "v"), ("y", "i"), ("j", "i")),
)
_TWICE: Final = re.compile(r"([^\W\d_])\1+")


def latin(text: str) -> str:
    """Return a text in the one spelling, small; signs, and letters of other scripts, stay as they are."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    for spelt, sound in _SOUNDS:
        plain = plain.replace(spelt, sound)
    return _TWICE.sub(r"\1", plain.translate(_LETTERS))
