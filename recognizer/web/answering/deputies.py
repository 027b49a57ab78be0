"""Deputies: processes beside the service that answer whole photos while its engine answers others.

Each has a recognizer of its own, and shares with the others what the system shares of files that several have mapped.
A deputy is told with every photo which index and which change of the catalogue the service answers by; where that is
another than its own it opens them first, so that nobody is answered by what was before.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from recognizer.catalogue.database import assign, assigned
from recognizer.catalogue.store import Catalogue
from recognizer.decision import calibration
from recognizer.identify import Recognizer
from recognizer.running.workers import Pool, Workers
from recognizer.search import embedder
from recognizer.search.index import Index
from recognizer.types import Photo, Recognition, Role


@dataclass(frozen=True, slots=True)
class Asked:
    """A photo of a face, how many entries a pin, further photos of it, and how many pins it may show."""

    photo: Photo
    k: int
    others: tuple[tuple[Photo, Role], ...]
    most_pins: int | None


@dataclass(frozen=True, slots=True)
class Answered:
    """How many pins a photo shows, and the answers to them, none where they are too many; `error` where it failed."""

    pins: int = 0
    recognitions: tuple[Recognition, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class By:
    """What the service answers by: the state of the index on the disk, and the catalogue's newest change."""

    index: object
    change: object


class Deputy:
    """One process; it is begun with the first photo, and again with the next one after it was killed."""

    def __init__(self, data: Path, model: str | None, false_match_rate: float | None, threads: int) -> None:
        self._told = (data, model, false_match_rate, assigned(data))
        self._team = Workers(1, threads=threads)
        self._held = ExitStack()
        self._pool: Pool | None = None

    def answer(self, by: By, asked: Sequence[Asked]) -> list[Answered]:
        """Return what becomes of photos; raises ZnachkiError where nothing could be opened or the process is lost."""
        if self._pool is None:
            self._pool = self._held.enter_context(self._team.begun(_Desk, *self._told))
        try:
            return self._pool.one(_Desk.answer, (by, asked))
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """End the process, in the middle of a photo if need be."""
        self._pool = None
        self._held.close()


def renewed(
    catalogue: Catalogue,
    data: Path,
    model: str | None,
    false_match_rate: float | None,
    old: Recognizer | None,
    *,
    same_index: bool,
) -> tuple[Recognizer, str]:
    """Return a recognizer of the catalogue as it is now and why the calibration is not used, "" where it is.

    The `old` one's index is taken where that is the same still, and its model where the index asks for no other.
    """
    index = old.index if old is not None and same_index else Index.open(data / "index")
    same_model = old is not None and index.manifest.fingerprint == old.model.fingerprint
    name = model or index.manifest.model
    loaded = old.model if old is not None and same_model else embedder.load(name, data / "models")
    ranking, why = calibration.ranking_for(index.folder, index.manifest, false_match_rate)
    return Recognizer(catalogue, index, loaded, ranking), why


class _Desk:
    """What a deputy's process holds."""

    def __init__(self, data: Path, model: str | None, false_match_rate: float | None, database: str | None) -> None:
        assign(data, database)
        self._data, self._model, self._rate = data, model, false_match_rate
        self._catalogue = Catalogue.open(data)
        self._recognizer: Recognizer | None = None
        self._by: By | None = None

    def answer(self, task: tuple[By, Sequence[Asked]]) -> list[Answered]:
        """Answer photos by what they are to be answered by."""
        by, asked = task
        if self._recognizer is None or by != self._by:
            told = (self._catalogue, self._data, self._model, self._rate, self._recognizer)
            self._recognizer, _ = renewed(*told, same_index=self._by is not None and by.index == self._by.index)
            self._by = by
        return [_answered(self._recognizer, one) for one in asked]


def _answered(recognizer: Recognizer, asked: Asked) -> Answered:
    try:
        crops = recognizer.find(asked.photo, further=asked.others)
        if asked.most_pins is not None and len(crops) > asked.most_pins:
            return Answered(len(crops))
        return Answered(len(crops), tuple(recognizer.answer(crops, k=asked.k)))
    except Exception as error:  # the process serves everybody: whatever it was, only this photo fails
        return Answered(error=repr(error))
