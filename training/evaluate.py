"""Measures a model on a catalogue's frozen validation queries, the ones that every promotion is decided by.

The queries are of the entries that `data.is_held_out` keeps from training: a drawn photograph of each, always the same
one, and where an entry has several photos, its last photo, which is then kept out of what is searched. They depend on
the entries' names and the photos' content alone, so that a growing catalogue keeps the queries that it has.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.catalogue.store import Catalogue
from recognizer.errors import PhotoError
from recognizer.measuring.metrics import mean_reciprocal_rank, recall_at
from recognizer.search.embedder import Embedder
from recognizer.search.similarity import similarities
from recognizer.types import CatalogueEntry, Status, UInt8Image
from recognizer.vision.photos import open_photo
from training.data import cutout, parted, photos_of
from training.pictures import augment

MOST_SEARCHED: Final = 2000
"""Photos that the queries are searched among: the held-out entries', and others up to this many."""

_QUERY: Final = 256  # pixels of a drawn photograph, and of the pictures that are searched


@dataclass(frozen=True, slots=True)
class Query:
    """A question with a known answer: the photograph, its pin lifted, the true entry, and the groups that it is in."""

    name: str
    image: UInt8Image
    pin: UInt8Image
    entry_id: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exam:
    """Frozen queries and what they are searched among: pictures (whole, lifted) with the entry that each shows."""

    queries: tuple[Query, ...]
    pictures: tuple[tuple[UInt8Image, UInt8Image], ...]
    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Marks:
    """What a model answered: rank of the true entry and best entry by query, in the exam's order."""

    ranks: NDArray[np.int64]
    best: tuple[str, ...]

    def figures(self, exam: Exam) -> dict[str, dict[str, float]]:
        """Return the numbers of queries, recall at 1 and 5 and the mean reciprocal rank: `all`, and by group."""
        groups: dict[str, list[int]] = {"all": list(range(len(exam.queries)))}
        for row, query in enumerate(exam.queries):
            for group in query.groups:
                groups.setdefault(group, []).append(row)
        return {name: _figures(self.ranks[rows]) for name, rows in groups.items()}


def _figures(ranks: NDArray[np.int64]) -> dict[str, float]:
    return {
        "queries": len(ranks),
        "recall_at_1": round(float(recall_at(ranks, 1)), 4),
        "recall_at_5": round(float(recall_at(ranks, 5)), 4),
        "mrr": round(float(mean_reciprocal_rank(ranks)), 4),
    }


def exam_of(data: Path) -> Exam:
    """Make the frozen queries of a data folder's catalogue, and what they are searched among."""
    folder = data / "runs" / "cutouts"
    with Catalogue.open(data) as catalogue:
        entries = [entry for entry in catalogue.entries() if entry.status is Status.ACTIVE]
        photos = photos_of(catalogue)
    entries = [entry for entry in entries if entry.entry_id in photos]
    training, held = parted(entries)
    backdrops = augment.grounds(np.random.default_rng(7), 40, _QUERY)
    queries: list[Query] = []
    pictures: list[tuple[UInt8Image, UInt8Image]] = []
    owners: list[str] = []
    for entry in held:
        *searched, last = photos[entry.entry_id]
        if searched and (both := _pictures(last, folder)):
            queries.append(Query(last.name, *both, entry.entry_id, ("another photo", *_themes(entry))))
        for path in searched or [last]:
            if both := _pictures(path, folder):
                pictures.append(both)
                owners.append(entry.entry_id)
        first = (searched or [last])[0]
        if entry.entry_id in owners:
            drawn = augment.photo_and_pin(cutout(first, folder), _seeded(first.stem), _QUERY, backdrops)
            queries.append(Query(f"{first.stem[:12]} drawn", *drawn, entry.entry_id, ("drawn photo", *_themes(entry))))
    for entry in sorted(training, key=lambda one: hashlib.sha256(one.entry_id.encode()).digest()):
        for path in photos[entry.entry_id]:
            if len(pictures) < MOST_SEARCHED and (both := _pictures(path, folder)):
                pictures.append(both)
                owners.append(entry.entry_id)
    return Exam(tuple(queries), tuple(pictures), tuple(owners))


def marked(model: Embedder, exam: Exam) -> Marks:
    """Ask a model an exam's queries and rank the entries as `index.Index.similar` does."""
    asked = model.embed_zooms([query.image for query in exam.queries], [query.pin for query in exam.queries])
    held = model.embed_zooms([whole for whole, _ in exam.pictures], [pin for _, pin in exam.pictures])
    entries, at = np.unique(np.array(exam.owners), return_inverse=True)
    ranks, best = np.zeros(len(exam.queries), np.int64), []
    for row, query in enumerate(exam.queries):
        scores = np.full(len(entries), -np.inf)
        np.maximum.at(scores, at, similarities(asked[row], held))
        true = scores[np.searchsorted(entries, query.entry_id)]
        ranks[row] = 1 + int((scores > true).sum()) + (int((scores == true).sum()) - 1)
        best.append(str(entries[int(np.argmax(scores))]))
    return Marks(ranks, tuple(best))


def summary(figures: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Return the figures over all queries alone, as a model's card and the history keep them."""
    return dict(figures["all"])


def _pictures(path: Path, folder: Path) -> tuple[UInt8Image, UInt8Image] | None:
    try:
        whole, cut = open_photo(path, max_side=_QUERY).image, cutout(path, folder)
    except PhotoError:
        return None
    pin = np.where(cut[:, :, 3:] > 127, cut[:, :, :3], np.uint8(augment.GREY))
    return np.asarray(whole, np.uint8), np.asarray(pin, np.uint8)


def _themes(entry: CatalogueEntry) -> tuple[str, ...]:
    return (f"theme {entry.theme[0]}",) if entry.theme else ()


def _seeded(name: str) -> np.random.Generator:
    cv2.setNumThreads(0)
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))
