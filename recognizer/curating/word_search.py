"""Finds entries by words: the catalogue's full text, and a model's text tower among the pictures.

The two lists are joined by reciprocal ranks (Cormack, Clarke and Buettcher 2009), which asks nothing of their scores.
Pictures weigh `PICTURED`, so little that an entry that has all the words in its texts comes before one that only looks
like them, and pictures order those that have them; the entry of exactly that title is first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from recognizer.catalogue.folding import fold
from recognizer.catalogue.store import Catalogue
from recognizer.search.embedder import Embedder
from recognizer.search.index import Index
from recognizer.types import CatalogueEntry

DAMPING: Final = 60
"""What is added to a rank before it is inverted, the paper's value."""

PICTURED: Final = 0.3
"""Weight of the list by pictures beside that by text."""


@dataclass(frozen=True, slots=True)
class Found:
    """An entry that words led to: its place by full text and by picture, 0 where that list does not have it."""

    entry: CatalogueEntry
    by_text: int
    by_picture: int


def search(
    catalogue: Catalogue, words: str, *, index: Index | None = None, model: Embedder | None = None, limit: int = 20
) -> list[Found]:
    """Find entries by `words`, best first, at most `limit`; by full text alone without an index or a text tower."""
    by_text = [entry.entry_id for entry in catalogue.search(words, limit=2 * limit)]
    by_picture: list[str] = []
    if index is not None and model is not None and model.reads_text and words.strip():
        index.check_model(model.fingerprint, model.name)
        by_picture = _by_picture(catalogue, index, model, words, 2 * limit)
    scores: dict[str, float] = {}
    for weight, ranked in ((1.0, by_text), (PICTURED, by_picture)):
        for place, entry_id in enumerate(ranked, 1):
            scores[entry_id] = scores.get(entry_id, 0.0) + weight / (DAMPING + place)
    entries = catalogue.known(list(scores))
    asked = fold(words)
    exact = {one for one, entry in entries.items() if asked in (fold(entry.title), fold(entry.title_en))}
    best = sorted(scores, key=lambda entry_id: (entry_id not in exact, -scores[entry_id]))[:limit]
    return [Found(entries[one], _place(by_text, one), _place(by_picture, one)) for one in best if one in entries]


def _by_picture(catalogue: Catalogue, index: Index, model: Embedder, words: str, limit: int) -> list[str]:
    nearest = index.shows(model.embed_texts([words])[0], 3 * limit)
    owners = {image.image_id: image.entry_id for image in catalogue.images()}
    return list(dict.fromkeys(owners[image_id] for image_id, _ in nearest if image_id in owners))[:limit]


def _place(ranked: Sequence[str], entry_id: str) -> int:
    return ranked.index(entry_id) + 1 if entry_id in ranked else 0
