"""Inscriptions: words and years read on a pin, to choose between variants that differ in them.

Reading is done by Tesseract where it is installed (on Debian apt-get install tesseract-ocr tesseract-ocr-rus and other
languages of the pins); elsewhere nothing is read. Letters on
metal are read badly, so that what is read only speaks for entries which have such a word or year, and never much: on
twenty drawn photos of near twins that differ in their words, it decided once, rightly.
"""

from __future__ import annotations

import csv
import difflib
import io
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.types import CatalogueEntry, Crop, UInt8Image

LANGUAGES: Final = (
    *("rus", "eng", "ukr", "bel", "lit", "lav", "est", "kat", "hye", "aze_cyrl", "aze", "kaz", "kir", "uzb_cyrl"),
    *("uzb", "tgk", "ron", "deu"),
)
"""What pins of the Soviet Union are inscribed in, as Tesseract names it; those that are installed are read."""

STRONGEST: Final = 2.0
"""Log-odds that what is read may add or take at most: less than a clear difference in colour does."""

_LOG: Final = logging.getLogger("znachki.inscriptions")
_PROGRAM: Final = "tesseract"
_PATIENCE: Final = 10  # seconds for one picture
_SIDE: Final = 450  # pixels that a pin is enlarged or shrunk to for reading
_SURE: Final = 40  # Tesseract's confidence, of 100, from which a word counts
_ALIKE: Final = 0.75  # of difflib's ratio, from which a read word is one of the entry's
_YEAR: Final = re.compile(r"(?<!\d)(?:[17][89]\d\d|20[0-3]\d)(?!\d)")
"""A year, its 1 maybe read as a 7, for which it is taken most often."""


@cache
def installed() -> tuple[str, ...]:
    """Return the languages that can be read, () where Tesseract is not installed."""
    if shutil.which(_PROGRAM) is None:
        return ()
    told = subprocess.run([_PROGRAM, "--list-langs"], capture_output=True, text=True, check=False)
    held = set(told.stdout.split())
    return tuple(language for language in LANGUAGES if language in held)


def tells(entries: Sequence[CatalogueEntry]) -> bool:
    """Say whether entries differ in what is written on them, so that reading could choose between them."""
    return len({(tuple(sorted(_words(entry.inscriptions))), _years(entry)) for entry in entries}) > 1


def read(crop: Crop, homography: NDArray[np.float64] | None = None) -> tuple[str, ...]:
    """Return the words and years on a pin that were read with some confidence, each once; () where none can be.

    `homography` (3, 3) carries a catalogue photo, which stands upright, onto the crop: the pin is turned back by it.
    """
    languages = installed()
    found: dict[str, None] = {}
    if languages:
        for picture in _pictures(crop.image if homography is None else _upright(crop.image, homography)):
            found |= dict.fromkeys(_told(picture, languages[:3]))
    return tuple(found)


def _told(picture: UInt8Image, languages: Sequence[str]) -> list[str]:
    """The words that Tesseract is sure enough of on a grey picture (h, w), none where it fails or takes too long.

    It is given one thread: its own wait for one another, which takes three times as long on pictures of this size. The
    limit holds for its process alone, for PyTorch and FAISS, which choose their threads before, hang under it.
    """
    asked = [_PROGRAM, "stdin", "stdout", "-l", "+".join(languages), "--psm", "6", "tsv"]
    _, png = cv2.imencode(".png", picture)
    try:
        done = subprocess.run(
            asked,
            input=png.tobytes(),
            capture_output=True,
            timeout=_PATIENCE,
            check=True,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )
    except (OSError, subprocess.SubprocessError) as error:
        _LOG.warning("%s: nothing is read on this pin (%s)", _PROGRAM, error)
        return []
    rows = csv.DictReader(io.StringIO(done.stdout.decode("utf-8", "replace")), delimiter="\t", quoting=csv.QUOTE_NONE)
    words = [(row["text"] or "").strip() for row in rows if float(row["conf"]) >= _SURE]
    return [word for word in words if len(word) > 1]


def log_odds(words: Iterable[str], entries: Sequence[CatalogueEntry]) -> dict[str, float]:
    """Return what the words that were read say for each entry, as log-odds around their mean, by entry_id.

    One for every word of its inscriptions that was read and a year that is its own, one against it for a year that is
    another's; bounded by STRONGEST.
    """
    words = list(words)
    read_words = _words(words)
    years = {year for word in words for year in _found(word)}
    of_all = {year for entry in entries for year in _years(entry)}
    score: dict[str, float] = {}
    for entry in entries:
        own = _words(entry.inscriptions)
        seen = sum(any(_alike(word, other) for other in read_words) for word in own)
        right, wrong = years & set(_years(entry)), (years & of_all) - set(_years(entry))
        score[entry.entry_id] = seen + len(right) - (len(wrong) if _years(entry) else 0)
    mean = float(np.mean(list(score.values()))) if score else 0.0
    return {entry_id: float(np.clip(value - mean, -STRONGEST, STRONGEST)) for entry_id, value in score.items()}


def _upright(image: UInt8Image, homography: NDArray[np.float64]) -> UInt8Image:
    """The picture turned as the catalogue photo stands."""
    degrees = float(np.degrees(np.arctan2(homography[1, 0], homography[0, 0])))
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _pictures(image: UInt8Image) -> list[UInt8Image]:
    """The pin as it may be read: brought to size and in even light, in grey and by how yellow it is, as gold letters
    are. Turning dark to light changed nothing that was read."""
    factor = _SIDE / max(image.shape[:2])
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    sized = cv2.resize(image, None, fx=factor, fy=factor, interpolation=way)
    channels = (cv2.cvtColor(sized, cv2.COLOR_RGB2GRAY), cv2.cvtColor(sized, cv2.COLOR_RGB2LAB)[:, :, 2])
    light = cv2.createCLAHE(2.0, (8, 8))
    return [np.asarray(light.apply(np.ascontiguousarray(channel)), np.uint8) for channel in channels]


def _years(entry: CatalogueEntry) -> tuple[str, ...]:
    """The years written on the pin, else that of its issue."""
    written = [year for text in entry.inscriptions for year in _found(text)]
    issued = [str(year) for year in (entry.year_from, entry.year_to) if year is not None]
    return tuple(sorted(set(written or issued)))


def _found(text: str) -> list[str]:
    return [f"1{year[1:]}" if year[0] == "7" else year for year in _YEAR.findall(text)]


def _words(texts: Iterable[str]) -> list[str]:
    words = [word for text in texts for word in re.findall(r"[^\W\d_]{2,}", text.casefold())]
    return list(dict.fromkeys(words))


def _alike(one: str, other: str) -> bool:
    return difflib.SequenceMatcher(None, one, other).ratio() >= _ALIKE
