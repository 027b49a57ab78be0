"""Looks for damage in what identification needs beside the catalogue: models and the index, each file with its cure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from recognizer.decision import same_drawing
from recognizer.errors import IndexError_, ModelError
from recognizer.exchange import archive
from recognizer.search.features import embedding_settings
from recognizer.search.index import (
    EMBEDDINGS,
    FEATURES,
    Index,
    Manifest,
    held,
    packs,
    read_embeddings,
    read_features,
    read_manifest,
    short,
)
from recognizer.types import Float32

Progress = Callable[[int, int], None]


def damaged(data: Path, progress: Progress | None = None) -> list[tuple[str, str]]:
    """List (name in the data folder, what is wrong and the cure) of models and of the index's files.

    A folder without models or index has nothing wrong. The features and embeddings of every photo are read, and held
    against what FAISS would compare; a model whose weights are not those that the index was made with is told too.
    """
    found: list[tuple[str, str]] = []
    manifest: Manifest | None = None
    try:
        manifest = read_manifest(data / "index")
    except IndexError_ as error:
        found.append(_told(data, data / "index/index.json", error))
    found += _of_models(data, manifest)
    if manifest is not None:
        found += _of_index(data, manifest, progress)
    return found


def _of_models(data: Path, manifest: Manifest | None) -> Iterator[tuple[str, str]]:
    """What is wrong with the models in the data folder, and with that of the index wherever it lies."""
    folder = data / "models"
    names = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    names = [name for name in names if not name.startswith(".")]
    asked = dict.fromkeys(names)
    if manifest is not None and not manifest.model.startswith("open_clip:"):  # one of a hub is not asked for here
        asked[manifest.model] = None
    if not asked:
        return
    from recognizer.search import embedder  # takes seconds to load

    for name in asked:
        place = f"models/{name}" if name in names else name
        try:
            model = embedder.load(name, models=folder)
        except ModelError as error:
            yield place, str(error)
            continue
        if manifest is not None and name == manifest.model and model.fingerprint != manifest.fingerprint:
            what = f"not the model that the index was made with ({manifest.fingerprint})"
            yield place, f"{what}; restore a backup of it, or run `znachki index` to go on with it"


def _of_index(data: Path, manifest: Manifest, progress: Progress | None) -> Iterator[tuple[str, str]]:
    folder = data / "index"
    index: Index | None = None
    try:
        index = Index.open(folder)
    except IndexError_ as error:
        lost = [name for name in manifest.files if name in str(error)]
        yield _told(data, folder / (lost[0] if lost else ""), error)
    else:
        changed = [name for name, known in manifest.sums.items() if archive.sha256_of(folder / name) != known]
        for name in changed:
            yield f"index/{name}", "damaged: its sha256 is another one; run `znachki index --rebuild`"
        if manifest.vectors in changed:
            index = None  # told already
    try:
        same_drawing.read(folder, manifest.settings)
    except IndexError_ as error:
        yield _told(data, same_drawing.path_of(folder), error)
    yield from _of_photos(data, manifest, index, progress)


def _of_photos(
    data: Path, manifest: Manifest, index: Index | None, progress: Progress | None
) -> Iterator[tuple[str, str]]:
    """What is wrong with what is kept of single photos; a file is told once, however many photos it has."""
    folder, settings = data / "index", embedding_settings(manifest.fingerprint)
    told: set[str] = set()
    for part, kind in ((FEATURES, short(manifest.settings)), (EMBEDDINGS, settings)):
        for path in packs.of_kind(folder / part, kind):
            try:
                packs.opened(path)
            except IndexError_ as error:
                told.add(path.relative_to(data).as_posix())
                yield _told(data, path, error)
    described = held(folder, FEATURES, short(manifest.settings))
    embedded = held(folder, EMBEDDINGS, settings)
    lost = [sha256 for _, sha256 in manifest.images if sha256 not in described]
    if lost and not told:
        yield f"index/{FEATURES}", f"lacks the features of {len(lost)} photos; run `znachki index`"
    for done, (image_id, sha256) in enumerate(manifest.images, 1):
        for names, read in ((described, _read_features), (embedded, _read_embeddings)):
            if sha256 not in names:
                continue
            try:
                rows = read(folder, manifest, sha256)
            except IndexError_ as error:
                name, _, said = str(error).partition(": ")
                name = Path(name).relative_to(data).as_posix()
                if name not in told:
                    told.add(name)
                    yield name, said
                continue
            if index is not None and rows is not None and not _holds(index, image_id, rows):
                what = f"other vectors of photo {image_id} than are kept of it; run `znachki index --rebuild`"
                yield f"index/{manifest.vectors}", what
                index = None  # one photo is enough to tell
        if progress is not None:
            progress(done, len(manifest.images))


def _read_features(folder: Path, manifest: Manifest, sha256: str) -> None:
    read_features(folder, manifest.settings, sha256)


def _read_embeddings(folder: Path, manifest: Manifest, sha256: str) -> Float32:
    return read_embeddings(folder, embedding_settings(manifest.fingerprint), sha256)


def _holds(index: Index, image_id: int, rows: Float32) -> bool:
    """Whether the FAISS index has the embeddings of a photo that lie beside it."""
    try:
        stored = index.zooms([image_id])[0]
    except RuntimeError:
        return False
    if stored.shape != rows.shape:
        return False
    half = rows.astype(np.float16)
    return (
        np.array_equal(stored.astype(np.float16), half) if np.array_equal(half, rows) else np.array_equal(stored, rows)
    )


def _told(data: Path, path: Path, error: Exception) -> tuple[str, str]:
    """A file by its name in the data folder, and what is said of it without that name."""
    return path.relative_to(data).as_posix(), str(error).removeprefix(f"{path}: ")
