"""Finds entries by words: the catalogue's full text, what titles mean, and a model's text tower among the pictures.

Full text finds entries that have all the words. Meaning compares every word with the words of the titles, so that
"rocket", "raketa" and "რაკეტა" find "Ракета"; pictures are compared with the words as a whole. The lists are joined by
reciprocal ranks (Cormack, Clarke and Buettcher 2009), which asks nothing of their scores, each with a weight so much
below the one before that what it finds alone comes after, while it orders what both find. The entry of exactly the
title that was asked for is first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from recognizer.catalogue.folding import fold
from recognizer.catalogue.store import Catalogue
from recognizer.search.embedder import Embedder
from recognizer.search.index import Index
from recognizer.types import CatalogueEntry, Status

DAMPING: Final = 60
"""What is added to a rank before it is inverted, the paper's value."""

WEIGHTS: Final = (1.0, 0.5, 0.03)
"""Of the lists by full text, by meaning and by picture: titles were right nearly always and pictures one time in four
(`benchmarks/words.py`), so pictures order what titles say alike, and show what no title says."""

ALIKE: Final = 0.5
"""Cosine of meanings, the mean over the words asked, from which on a title is taken to say the same."""

_SHORTEST: Final = 3  # letters of a word that is compared by its meaning


@dataclass(frozen=True, slots=True)
class Found:
    """An entry that words led to: its place in each list, 0 where that list does not have it."""

    entry: CatalogueEntry
    by_text: int
    by_meaning: int
    by_picture: int


def search(
    catalogue: Catalogue, words: str, *, index: Index | None = None, model: Embedder | None = None, limit: int = 20
) -> list[Found]:
    """Find entries by `words`, best first, at most `limit`; by full text alone without an index or a text tower."""
    by_text = [entry.entry_id for entry in catalogue.search(words, limit=2 * limit)]
    by_meaning: list[str] = []
    by_picture: list[str] = []
    if index is not None and model is not None and model.reads_text and words.strip():
        index.check_model(model.fingerprint, model.name)
        by_picture = _by_picture(catalogue, index, model, words, 2 * limit)
        by_meaning = _by_meaning(catalogue, model, words, 2 * limit) if model.reads_meaning else []
    scores: dict[str, float] = {}
    for weight, ranked in zip(WEIGHTS, (by_text, by_meaning, by_picture), strict=True):
        for place, entry_id in enumerate(ranked, 1):
            scores[entry_id] = scores.get(entry_id, 0.0) + weight / (DAMPING + place)
    entries = catalogue.known(list(scores))
    asked = fold(words)
    exact = {one for one, entry in entries.items() if asked in (fold(entry.title), fold(entry.title_en))}
    best = sorted(entries, key=lambda entry_id: (entry_id not in exact, -scores[entry_id]))[:limit]
    return [Found(entries[one], *(_place(ranked, one) for ranked in (by_text, by_meaning, by_picture))) for one in best]


def _by_picture(catalogue: Catalogue, index: Index, model: Embedder, words: str, limit: int) -> list[str]:
    nearest = index.shows(model.embed_texts([words])[0], 3 * limit)
    owners = {image.image_id: image.entry_id for image in catalogue.images()}
    return list(dict.fromkeys(owners[image_id] for image_id, _ in nearest if image_id in owners))[:limit]


def _by_meaning(catalogue: Catalogue, model: Embedder, words: str, limit: int) -> list[str]:
    """Rank entries by how near the nearest word of their titles is to each word asked, on average.

    Or to all that is asked as one: "coat of arms" is one word elsewhere.
    """
    asked = _words(words)
    titles = {
        entry.entry_id: _words(f"{entry.title} {entry.title_en}")
        for entry in catalogue.entries()
        if entry.status is Status.ACTIVE
    }
    held = [entry_id for entry_id, title in titles.items() if title]
    if not asked or not held:
        return []
    places: dict[str, int] = {}
    flat = [places.setdefault(word, len(places)) for entry_id in held for word in titles[entry_id]]
    starts = np.cumsum([0, *(len(titles[entry_id]) for entry_id in held)])[:-1]
    cosines = model.meanings([*asked, words]) @ model.meanings(list(places)).T
    best = np.maximum.reduceat(cosines[:, flat], starts, axis=1)
    nearest = np.maximum(best[:-1].mean(axis=0), best[-1])
    order = np.argsort(-nearest, kind="stable")[:limit]
    return [held[at] for at in order if nearest[at] >= ALIKE]


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(word for word in fold(text).split() if len(word) >= _SHORTEST))


def _place(ranked: Sequence[str], entry_id: str) -> int:
    return ranked.index(entry_id) + 1 if entry_id in ranked else 0
