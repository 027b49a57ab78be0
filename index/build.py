"""Makes the index of a catalogue: features of photos that have none yet, both FAISS indexes, then what is kin."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from index.assembling import LARGE, assemble
from index.packing import TOGETHER, pack, pack_fresh
from recognizer.catalogue.store import Catalogue
from recognizer.decision import same_drawing
from recognizer.decision.same_drawing import Alike
from recognizer.errors import IndexBusy, IndexError_, IndexMismatch, ModelError, PhotoError
from recognizer.running.teams import Alone, Oneself, Team, together
from recognizer.search import embedder, index
from recognizer.search.embedder import Embedder
from recognizer.search.features import SETTINGS, embedding_settings, reference_of
from recognizer.search.index import Index, Manifest
from recognizer.types import CatalogueImage, Crop, Role
from recognizer.vision.crops import lifted, single
from recognizer.vision.photos import open_photo

BATCH: Final = 16
"""Photos that are decoded and embedded together; a kill loses at most these of each process."""

WORTH: Final = 8
"""Batches a process, at least: it takes some seconds to load its model."""

COMPARED: Final = 16
"""Photos that are compared with the others by one process before another one gets some."""

Batch = Sequence[tuple[str, Path, str]]
"""Pictures by sha256, file, and the name that errors call it by."""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What an index run did: photos by what became of them, `failed` as (picture file, reason), and with which
    model."""

    added: int
    removed: int
    kept: int
    seconds: float
    model: str
    fingerprint: str
    failed: tuple[tuple[str, str], ...] = ()


def build(
    data: Path,
    *,
    model: str | None = None,
    rebuild: bool = False,
    team: Team | None = None,
    progress: Callable[[int, int], None] | None = None,
    comparing: Callable[[int, int], None] | None = None,
) -> IndexReport:
    """Bring the index of a data folder up to its catalogue, doing only what is missing.

    `model` None keeps the index's model, or takes the base that ships; `rebuild` takes all features and kin anew.
    Features of many photos are taken by a `team`, each of its members with a model of its own.
    `progress` is called with the photos done and all that need work for features, `comparing` the same for kin; the old
    index answers until the new one is complete. A picture that cannot be read is left out and named in `failed`. Raises
    CatalogueError, ModelError, or IndexBusy when another run is at it.
    """
    start = time.perf_counter()
    folder = data / "index"
    with Catalogue.open(data) as catalogue, _alone(folder):
        old = _old_manifest(folder, rebuild)
        loaded = embedder.load(model or (old.model if old else None), data / "models")
        images = catalogue.images(role=Role.FACE)
        failed = _take_features(catalogue, images, Place(folder, loaded, rebuild), data / "models", team, progress)
        wanted = {image.image_id: image.sha256 for image in images if image.sha256 not in failed}
        reusable = old is not None and old.fingerprint == loaded.fingerprint and old.settings == SETTINGS
        held = dict(old.images) if old and reusable else {}
        fresh = {image_id: sha256 for image_id, sha256 in wanted.items() if held.get(image_id) != sha256}
        gone = {image_id for image_id, sha256 in held.items() if wanted.get(image_id) != sha256}
        renamed = old is not None and old.model != loaded.name  # the same weights under another name
        if rebuild or not reusable or fresh or gone or renamed:
            assemble(folder, old if reusable and not rebuild else None, loaded, wanted, fresh, gone)
        _find_kin(folder, {image.image_id: image.entry_id for image in images}, rebuild, comparing, team or Alone())
        _pack(folder, loaded, set(wanted.values()))
    files = {image.sha256: image.file for image in images}
    return IndexReport(
        added=len(fresh),
        removed=len(gone),
        kept=len(wanted) - len(fresh),
        seconds=time.perf_counter() - start,
        model=loaded.name,
        fingerprint=loaded.fingerprint,
        failed=tuple((files[sha256], reason) for sha256, reason in failed.items()),
    )


def _pack(folder: Path, model: Embedder, wanted: set[str]) -> None:
    """Put what was taken of single photos together, and let go of that of photos which the catalogue no longer has."""
    manifest = index.read_manifest(folder)
    assert manifest is not None
    pack(folder, SETTINGS, embedding_settings(model.fingerprint), wanted, large=manifest.keypoints > 0)


def _old_manifest(folder: Path, rebuild: bool) -> Manifest | None:
    try:
        return index.read_manifest(folder)
    except IndexMismatch:
        return None  # of another format: the features in it are of no use, and nothing is lost by making it anew
    except IndexError_:
        if rebuild:
            return None
        raise


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder against a second run; the lock ends with the process, also when it is killed."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise IndexBusy(f"{folder}: another `znachki index` is at work; wait for it to end") from error
    try:
        yield
    finally:
        lock.release()


@dataclass(frozen=True, slots=True)
class Place:
    """Where features go: the index folder, by which model, and whether those that are there are taken anew."""

    folder: Path
    model: Embedder
    rebuild: bool

    def complete(self) -> set[str]:
        """The pictures of which all is there that is kept of one."""
        described = index.held(self.folder, index.FEATURES, index.short(SETTINGS))
        return described & index.held(self.folder, index.EMBEDDINGS, embedding_settings(self.model.fingerprint))

    def take(self, pictures: Batch) -> dict[str, str]:
        """Write the features and embeddings of pictures; return sha256 and reason of those that failed."""
        crops: list[tuple[str, Crop]] = []
        failed = {}
        for sha256, path, name in pictures:
            try:
                crops.append((sha256, single(open_photo(path, name))))
            except PhotoError as error:
                failed[sha256] = str(error)
        embedded = self.model.embed_zooms([crop.whole for _, crop in crops], [lifted(crop) for _, crop in crops])
        for (sha256, crop), zooms in zip(crops, embedded, strict=True):
            if self.rebuild or not index.holds(self.folder, index.FEATURES, index.short(SETTINGS), sha256):
                index.write_features(self.folder, SETTINGS, sha256, reference_of(crop))
            index.write_embeddings(self.folder, embedding_settings(self.model.fingerprint), sha256, zooms)
        return failed


def _take_features(
    catalogue: Catalogue,
    images: Sequence[CatalogueImage],
    place: Place,
    models: Path,
    team: Team | None,
    progress: Callable[[int, int], None] | None,
) -> dict[str, str]:
    """Write the features and embeddings that are missing; return sha256 and reason of the pictures that failed."""
    complete = set() if place.rebuild else place.complete()
    missing = {image.sha256: image for image in images if image.sha256 not in complete}
    waiting = [(image.sha256, catalogue.picture_path(image).absolute(), image.file) for image in missing.values()]
    batches = [tuple(waiting[at : at + BATCH]) for at in range(0, len(waiting), BATCH)]
    done = loose = 0
    large = len(images) > LARGE
    failed: dict[str, str] = {}
    for count, refused in _taken(batches, place, models, (team or Alone()).at_most(len(batches) // WORTH)):
        failed |= refused
        done += count
        loose += count
        if loose >= TOGETHER:
            wanted = {image.sha256 for image in images}
            pack_fresh(place.folder, SETTINGS, embedding_settings(place.model.fingerprint), wanted, large=large)
            loose = 0
        if progress:
            progress(done, len(waiting))
    return {sha256: failed[sha256] for sha256 in missing if sha256 in failed}


def _taken(batches: Sequence[Batch], place: Place, models: Path, team: Team) -> Iterator[tuple[int, dict[str, str]]]:
    """Take the features of batches, here or by a team; yields of each its size and what failed."""
    if team.size == 1 or not batches:
        done = Oneself(place).do(_take, batches)
    else:
        told = (place.folder.absolute(), place.model.name, place.model.fingerprint, models.absolute(), place.rebuild)
        done = together(team, _take, batches, _begin, *told)
    return (taken for _, taken in done)


def _begin(folder: Path, model: str, fingerprint: str, models: Path, rebuild: bool) -> Place:
    loaded = embedder.load(model, models)
    if loaded.fingerprint != fingerprint:
        raise ModelError(f"{model}: another model of this name lies in {models} here; copy the one that is asked for")
    return Place(folder, loaded, rebuild)


def _take(place: Place, batch: Batch) -> tuple[int, dict[str, str]]:
    return len(batch), place.take(batch)


def _find_kin(
    folder: Path, owners: Mapping[int, str], rebuild: bool, progress: Callable[[int, int], None] | None, team: Team
) -> None:
    """Compare the photos that were not compared yet with the others, by a team; the index answers meanwhile."""
    manifest = index.read_manifest(folder)
    assert manifest is not None  # it was just made, or found to be what it should
    held = {sha256 for _, sha256 in manifest.images}
    try:
        known = same_drawing.Kin() if rebuild else same_drawing.read(folder, SETTINGS)
    except IndexError_:
        known = same_drawing.Kin()  # damaged: made anew
    if known.asked == held:
        return

    def save(found: same_drawing.Kin) -> None:
        same_drawing.write(folder, SETTINGS, found)

    if held <= known.asked:  # photos are gone
        save(known.among(held))
        return

    def look(image_ids: Sequence[int]) -> Iterator[tuple[int, Alike]]:
        parts = (image_ids[at : at + COMPARED] for at in range(0, len(image_ids), COMPARED))
        told = (folder.absolute(), dict(owners), len(image_ids))
        for _, found in together(several, _compare, parts, _begin_comparing, *told):
            yield from found

    several = team.at_most(len(held - known.asked) // (COMPARED * WORTH))
    same_drawing.completed(Index.open(folder), owners, known, progress, save, look if several.size > 1 else None)


@dataclass(frozen=True, slots=True)
class _Comparing:
    """The index to ask, and the entry of each of its photos."""

    index: Index
    owners: Mapping[int, str]


def _begin_comparing(folder: Path, owners: Mapping[int, str], count: int) -> _Comparing:
    return _Comparing(same_drawing.ready(Index.open(folder), count), owners)


def _compare(comparing: _Comparing, image_ids: Sequence[int]) -> list[tuple[int, Alike]]:
    return [(one, same_drawing.alike(comparing.index, one, comparing.owners)) for one in image_ids]
