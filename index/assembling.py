"""Assembles an index from what is kept of its photos: both FAISS indexes, from the old ones or anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from index.spread import of_model
from recognizer.errors import IndexError_
from recognizer.search import index
from recognizer.search.embedder import Embedder
from recognizer.search.features import SETTINGS, embedding_settings
from recognizer.search.index import Index, Manifest, making, records
from recognizer.types import Keypoints

LARGE: Final = 2_500
"""Photos of a catalogue past which it is large: its index then has the largest keypoints of a photo, features are coded
and embeddings kept in half precision. Up to here all is kept as it was taken: 250 MB are no burden."""

BESIDE: Final = 20_000
"""Photos at most of the small part beside a large index, with those that left the large one; past them, or past an
eighth of all photos, the large part takes them in."""

_SHARE: Final = 8


def assemble(
    folder: Path,
    old: Manifest | None,
    model: Embedder,
    wanted: Mapping[int, str],
    fresh: Mapping[int, str],
    gone: set[int],
) -> None:
    """Write both FAISS indexes: from the old ones by adding and removing, or from the features of all photos.

    A large index stays as it is for some time: what is new goes into a small part beside it, and what left it is named.
    """
    keypoints, voting = (records.KEPT, records.VOTING) if _is_large(old, wanted) else (0, 0)
    reusable = old if old is not None and (old.keypoints, old.voting) == (keypoints, voting) else None
    if reusable is not None and not _opens(folder):
        reusable = None  # damaged: the features are still there, and the index is made of them anew
    generation = _next_generation(folder)
    names = f"vectors-{generation}.faiss", f"descriptors-{generation}.faiss"
    kind = embedding_settings(model.fingerprint)
    manifest = Manifest(
        model=model.name,
        fingerprint=model.fingerprint,
        settings=SETTINGS,
        generation=generation,
        dim=model.dim,
        images=tuple(sorted(wanted.items())),
        vectors=names[0],
        descriptors=names[1],
        keypoints=keypoints,
        voting=voting,
        scale=old.scale if old is not None else of_model(model),
    )
    if reusable is not None and keypoints and _fits_beside(reusable, wanted, fresh, gone):
        _put_beside(folder, manifest, reusable, model, fresh, gone)
        return
    parts, trained_on = None, 0
    if reusable is not None:
        parts, trained_on = Index.open(folder, to_change=True).joined(), reusable.trained_on
        index.remove_images(*parts, gone)
    vectors, descriptors, trained_on = _filled(folder, parts, trained_on, model, wanted, fresh, manifest)
    manifest = replace(manifest, trained_on=trained_on, embeddings=kind if making.are_coded(vectors) else "")
    index.write(folder, manifest, vectors, descriptors)


def _is_large(old: Manifest | None, wanted: Mapping[int, str]) -> bool:
    """Whether an index is that of many photos; one that was stays so."""
    return len(wanted) > LARGE or (old is not None and old.keypoints > 0)


def _fits_beside(old: Manifest, wanted: Mapping[int, str], fresh: Mapping[int, str], gone: set[int]) -> bool:
    """Whether the large part need not be written anew."""
    beside = len(set(old.fresh) - gone) + len(fresh)
    left = len(set(old.gone) | (gone - set(old.fresh)))
    return old.trained_on > 0 and beside + left <= min(BESIDE, len(wanted) // _SHARE)


def _put_beside(
    folder: Path, manifest: Manifest, old: Manifest, model: Embedder, fresh: Mapping[int, str], gone: set[int]
) -> None:
    """Write the small part alone: that of before without what is gone, and what is new."""
    images = dict(manifest.images)
    beside = {image_id: images[image_id] for image_id in sorted((set(old.fresh) - gone) | set(fresh))}
    own = replace(
        manifest,
        vectors=old.vectors,
        descriptors=old.descriptors,
        trained_on=old.trained_on,
        sums=old.sums,
        fresh=tuple(beside),
        gone=tuple(sorted(set(old.gone) | (gone - set(old.fresh)))),
        embeddings=old.embeddings,
    )
    if not beside:
        index.put(folder, own, {})
        return
    parts = index.read_fresh(folder, old)
    if parts is not None:
        index.remove_images(*parts, gone)
    vectors, descriptors, trained_on = _filled(folder, parts, old.fresh_trained_on, model, beside, fresh, manifest)
    own = replace(
        own,
        fresh_vectors=manifest.vectors,
        fresh_descriptors=manifest.descriptors,
        fresh_trained_on=trained_on,
        embeddings=embedding_settings(model.fingerprint) if making.are_coded(vectors) else old.embeddings,
    )
    index.put(folder, own, {own.fresh_vectors: vectors, own.fresh_descriptors: descriptors})


def _filled(
    folder: Path,
    parts: tuple[Any, Any] | None,
    trained_on: int,
    model: Embedder,
    wanted: Mapping[int, str],
    fresh: Mapping[int, str],
    manifest: Manifest,
) -> tuple[Any, Any, int]:
    """Both FAISS indexes with the `wanted` photos, and what they were trained on: `parts`, which have all but the
    `fresh` ones, or new ones where these are none or have outgrown their lists."""
    keypoints, voting = manifest.keypoints, manifest.voting
    if parts is not None:
        vectors, descriptors = parts
        added = dict(fresh)
        total = int(descriptors.ntotal) + _count(folder, added.values(), voting)
        outgrown = total > (making.REGROWN * trained_on if trained_on else making.FLAT_UP_TO)
        outgrown |= keypoints > 0 and making.outgrown(vectors, len(wanted))
    if parts is None or outgrown:
        added = dict(wanted)
        total = _count(folder, added.values(), voting)
        vectors = _new_vectors(folder, list(added.values()), model, large=keypoints > 0)
        descriptors, trained_on = _new_descriptors(folder, list(added.values()), total, voting)
    for image_id, sha256 in added.items():
        zooms = index.read_embeddings(folder, embedding_settings(model.fingerprint), sha256)
        index.add_image(vectors, descriptors, image_id, zooms, _keypoints(folder, sha256, keypoints), voting)
    return vectors, descriptors, trained_on


def _opens(folder: Path) -> bool:
    try:
        Index.open(folder)
    except IndexError_:
        return False
    return True


def _keypoints(folder: Path, sha256: str, most: int) -> Keypoints:
    points = index.read_features(folder, SETTINGS, sha256).keypoints
    return records.largest(points, most) if most else points


def _count(folder: Path, sums: Iterable[str], most: int) -> int:
    """How many descriptors the index has of these photos."""
    counts = (index.count_features(folder, SETTINGS, sha256) for sha256 in sums)
    return sum(min(count, most) if most else count for count in counts)


def _new_descriptors(folder: Path, sums: Sequence[str], total: int, most: int) -> tuple[Any, int]:
    """An empty descriptor index, trained where it is to hold lists: on rows of photos that lie evenly over the
    catalogue, for one photo's features are all that is held in memory beside the rows."""
    rows = index.training_rows(total)
    if not rows:
        return index.new_descriptors(np.zeros((0, 128), np.float32), total), 0
    step = max(1, total // rows)
    sample = [_keypoints(folder, sha256, most).descriptors[::step] for sha256 in sums]
    return index.new_descriptors(np.concatenate(sample), total), total


def _new_vectors(folder: Path, sums: Sequence[str], model: Embedder, *, large: bool) -> Any:
    """An empty index of embeddings, of a large index with very many photos trained on those that lie evenly over it."""
    rows = making.taught_rows(len(sums)) if large else 0
    if not rows:
        return index.new_vectors(model.dim, half=large)
    kind = embedding_settings(model.fingerprint)
    depth = len(index.read_embeddings(folder, kind, sums[0]))
    step = max(1, len(sums) * depth // rows)
    sample = [index.read_embeddings(folder, kind, sha256) for sha256 in sums[::step]]
    return making.new_coded_vectors(np.concatenate(sample), len(sums))


def _next_generation(folder: Path) -> int:
    taken = [int(path.stem.rsplit("-", 1)[1]) for path in folder.glob("vectors-*.faiss")]
    return max(taken, default=0) + 1
