"""The stroke alphabet of the drawn sample: Cyrillic, Latin, Georgian and digits, the same on every machine.

No font package has Cyrillic and Georgian and is certain to be installed, and two versions of a font draw two pictures;
these glyphs are code. A glyph is a string of strokes parted by blanks; a stroke is a row of grid places, each two
hexadecimal digits x and y. Capitals stand from y = 2 (top) to y = 8 (foot), accents above, tails below. `~` makes a
stroke a smooth curve, `@` a smooth closed one.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

_TOP, _FOOT = 2, 8
_GAP = 1.9  # grid units between two glyphs; the strokes are about one unit wide
_BLANK = 2.2

_C = "~434202084847"
_O = "@02424808"
_P = "0802 ~02424606"
_THREE = "~0302424525 ~2545480807"
_H = "0208 4248 0545"
_E = "42020848 0535"
_K = "0208 420548"
_M = "0802366268"
_U = "0226 4218"
_X = "0248 4208"
_I = "02084248"
_CHE = "~020545 4248"
_DOTS = " 1010 3030"
_MACRON = " 1030"
_CARON = " 102130"
_A = "082248 1636"

GLYPHS: dict[str, str] = {
    # Russian
    "А": _A,
    "Б": "420208 ~05454808",
    "В": "0802 ~02424505 ~05454808",
    "Г": "420208",
    "Д": "09085859 18224248",
    "Е": _E,
    "Ё": _E + _DOTS,
    "Ж": "3238 023508 623568",
    "З": _THREE,
    "И": _I,
    "Й": _I + " ~10113130",
    "К": _K,
    "Л": "08224248",
    "М": _M,
    "Н": _H,
    "О": _O,
    "П": "08024248",
    "Р": _P,
    "С": _C,
    "Т": "0242 2228",
    "У": _U,
    "Ф": "3238 @03636707",
    "Х": _X,
    "Ц": "02085859 4248",
    "Ч": _CHE,
    "Ш": "02086862 3238",
    "Щ": "02087879 3238 6268",
    "Ъ": "021218 ~15555818",
    "Ы": "0208 ~05353808 5258",
    "Ь": "0208 ~05454808",
    "Э": "~030242480807 1545",
    "Ю": "0208 0535 @32727838",
    "Я": "4248 ~42020545 2508",
    # Ukrainian and Tajik beyond Russian
    "Є": _C + " 0535",
    "І": "0208",
    "Ї": "1218 0000 2020",
    "Ґ": "40420208",
    "Ғ": "420208 0535",
    "Ӣ": _I + _MACRON,
    "Қ": _K + " 485859",
    "Ӯ": _U + _MACRON,
    "Ҳ": _X + " 485859",
    "Ҷ": "~020545 42485859",
    # Latin, with what Estonian adds
    "A": _A,
    "B": "0802 ~02424505 ~05454808",
    "C": _C,
    "D": "0802 ~02424808",
    "E": _E,
    "F": "420208 0535",
    "G": "~434202084845 4525",
    "H": _H,
    "I": "0208",
    "J": "~42480806",
    "K": _K,
    "L": "020848",
    "M": _M,
    "N": "08024842",
    "O": _O,
    "P": _P,
    "Q": _O + " 2649",
    "R": _P + " 2648",
    "S": "~4342020545480807",
    "T": "0242 2228",
    "U": "~02084842",
    "V": "022842",
    "W": "0218335862",
    "X": _X,
    "Y": "022542 2528",
    "Z": "02420848",
    "Ä": _A + _DOTS,
    "Ö": _O + _DOTS,
    "Õ": _O + " ~01103140",
    "Ü": "~02084842" + _DOTS,
    "Š": "~4342020545480807" + _CARON,
    "Ž": "02420848" + _CARON,
    # Georgian, the letters that the sample's inscriptions use
    "ა": "~131446480805",
    "ბ": "@03434808 ~11324346",
    "გ": "~0403333525 @05454a0a",
    "დ": "@23535727 ~24230308484a",
    "ე": "~1513434a0a08",
    "ვ": "~0503434626 ~26464a0a08",
    "ზ": "@04444808 @11313414",
    "თ": "@03333808 ~3433636648",
    "ი": "~180503434538",
    "ლ": "~26230308485a ~26234346 ~4643636757",
    "მ": "@04444808 ~0201414446",
    "ნ": "410106 @04444808",
    "ო": "~1805032326 ~2623535548",
    "რ": "~1805032326 ~2623535548 ~04024141",
    "ს": "~0108484533",
    "უ": "~03132526 ~2623434a0a08",
    "ქ": "~41484a0a08 ~151344",
    # digits and marks
    "0": _O,
    "1": "032228",
    "2": "~0302424508 0848",
    "3": _THREE,
    "4": "38320646",
    "5": "420205 ~0545480807",
    "6": "~43420208484505",
    "7": "024218",
    "8": "@02424505 @05454808",
    "9": "~07084842020545",
    "-": "0535",
    ".": "0808",
    "·": "0505",
    "!": "0206 0808",
    "'": "0203",
    "/": "0842",
    "№": "08024842 @64848868 6989",
}


def smooth(points: Points, closed: bool = True) -> Points:
    """Round the corners of a line by cutting them three times (Chaikin 1974).

    `points` (n, 2); an open line keeps its two ends.
    """
    for _ in range(3):
        after = np.roll(points, -1, axis=0) if closed else points[1:]
        before = points if closed else points[:-1]
        cut = np.stack([0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after], axis=1).reshape(-1, 2)
        points = cut if closed else np.concatenate([points[:1], cut[1:-1], points[-1:]])
    return points


@lru_cache(maxsize=256)
def _glyph(letter: str) -> tuple[tuple[Points, ...], float]:
    """Return the strokes of one letter in units of the cap height, y = 0 in the middle, and its advance."""
    strokes = []
    for text in GLYPHS[letter].split():
        grid = np.array([int(digit, 16) for digit in text.lstrip("~@")], dtype=np.float64).reshape(-1, 2)
        if text[0] in "~@":
            grid = smooth(grid, closed=text[0] == "@")
        if text[0] == "@":
            grid = np.concatenate([grid, grid[:1]])
        strokes.append(grid)
    width = max(float(stroke[:, 0].max()) for stroke in strokes)
    height = _FOOT - _TOP
    return tuple((stroke - (0, (_TOP + _FOOT) / 2)) / height for stroke in strokes), (width + _GAP) / height


def has_letters(text: str) -> bool:
    """Say whether every letter of the text has a glyph; lower case counts as its capital."""
    return all(letter == " " or _known(letter) in GLYPHS for letter in text)


def _known(letter: str) -> str:
    """Return the letter, or its capital where only that has a glyph (Georgian has none to raise)."""
    return letter if letter in GLYPHS else letter.upper()


def letters(text: str) -> tuple[list[tuple[float, tuple[Points, ...]]], float]:
    """Set one line of text.

    Returns the glyphs as (x of the glyph's left edge, strokes from there) and the width of the line, all in units of
    the cap height, y down with 0 in the middle of the capitals. Raises KeyError for a letter without a glyph.
    """
    placed: list[tuple[float, tuple[Points, ...]]] = []
    x = 0.0
    for letter in text:
        if letter == " ":
            x += _BLANK / (_FOOT - _TOP)
            continue
        strokes, advance = _glyph(_known(letter))
        placed.append((x, strokes))
        x += advance
    return placed, max(0.0, x - _GAP / (_FOOT - _TOP))
